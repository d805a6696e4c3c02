// SPDX-License-Identifier: BSD-3-Clause
// lossy-link: a bridge between two interfaces that loses, doubles and reorders UDP packets, by a
// seed. Everything else passes untouched. Ends at SIGTERM with one JSON line of counts.
//
// usage: lossy-link LEFT RIGHT DROP DOUBLE REORDER SEED   (percent of packets, each direction)
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_BYTES = 2048, HELD_MAX = 64, BURST = 64, HOLD_US = 4000, IPPROTO_AT_V4 = 23 };

struct held {
	bool used;
	int out;
	uint64_t until_us;
	uint32_t bytes;
	uint8_t packet[PACKET_BYTES];
};

struct counts {
	uint64_t received, dropped, doubled, reordered, forwarded;
};

static volatile sig_atomic_t stopping;
static struct held held[HELD_MAX];
static struct counts counts[2];
static uint64_t seed;
static unsigned int drop, twice, reorder; // percent

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

// A percentage, 0 to 99 (xorshift64*).
static unsigned int dice(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned int)((seed * UINT64_C(2685821657736338717)) >> 33) % 100;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int open_at(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
	const int bytes = 16 << 20;

	address.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || address.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fprintf(stderr, "lossy-link: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

static bool is_udp(const uint8_t *packet, ssize_t bytes)
{
	const uint16_t type = (uint16_t)(packet[12] << 8 | packet[13]);

	return bytes > 42 && ((type == ETHERTYPE_IP && packet[IPPROTO_AT_V4] == IPPROTO_UDP) ||
			      (type == ETHERTYPE_IPV6 && packet[20] == IPPROTO_UDP));
}

static void pass(int out, const uint8_t *packet, uint32_t bytes, struct counts *count)
{
	if (send(out, packet, bytes, 0) >= 0)
		count->forwarded++;
}

// Holds a packet back. Returns false where there is no place.
static bool hold(int out, const uint8_t *packet, uint32_t bytes)
{
	for (int i = 0; i < HELD_MAX; i++) {
		if (held[i].used)
			continue;
		held[i].used = true;
		held[i].out = out;
		held[i].until_us = now_us() + 500 + dice() * (HOLD_US / 100);
		held[i].bytes = bytes;
		memcpy(held[i].packet, packet, bytes);
		return true;
	}
	return false;
}

static void release(const int fds[2])
{
	const uint64_t now = now_us();

	for (int i = 0; i < HELD_MAX; i++) {
		if (!held[i].used || held[i].until_us > now)
			continue;
		held[i].used = false;
		pass(held[i].out, held[i].packet, held[i].bytes, &counts[held[i].out == fds[0]]);
	}
}

static void take(int in, int out, struct counts *count)
{
	for (int i = 0; i < BURST; i++) {
		uint8_t packet[PACKET_BYTES];
		struct sockaddr_ll from;
		socklen_t length = sizeof(from);
		const ssize_t bytes =
		    recvfrom(in, packet, sizeof(packet), 0, (struct sockaddr *)&from, &length);

		if (bytes <= 0)
			return;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		count->received++;
		if (!is_udp(packet, bytes)) {
			pass(out, packet, (uint32_t)bytes, count);
		} else if (dice() < drop) {
			count->dropped++;
		} else if (dice() < reorder && hold(out, packet, (uint32_t)bytes)) {
			count->reordered++;
		} else {
			pass(out, packet, (uint32_t)bytes, count);
			if (dice() < twice) {
				count->doubled++;
				pass(out, packet, (uint32_t)bytes, count);
			}
		}
	}
}

static void print(const char *name, const struct counts *count, const char *end)
{
	printf("\"%s\": {\"received\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"doubled\": %" PRIu64
	       ", \"reordered\": %" PRIu64 ", \"forwarded\": %" PRIu64 "}%s",
	       name, count->received, count->dropped, count->doubled, count->reordered,
	       count->forwarded, end);
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = stop};
	int fds[2];

	if (argc != 7) {
		fputs("usage: lossy-link LEFT RIGHT DROP DOUBLE REORDER SEED\n", stderr);
		return 2;
	}
	fds[0] = open_at(argv[1]);
	fds[1] = open_at(argv[2]);
	drop = (unsigned int)strtoul(argv[3], NULL, 10);
	twice = (unsigned int)strtoul(argv[4], NULL, 10);
	reorder = (unsigned int)strtoul(argv[5], NULL, 10);
	seed = strtoull(argv[6], NULL, 10) * 2 + 1;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	while (!stopping) {
		struct pollfd ready[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};

		poll(ready, 2, 1);
		take(fds[0], fds[1], &counts[0]);
		take(fds[1], fds[0], &counts[1]);
		release(fds);
	}
	putchar('{');
	print("right", &counts[0], ", ");
	print("left", &counts[1], "}\n");
	return 0;
}
