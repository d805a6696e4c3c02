// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { SOCKET_BUFFER_BYTES = 1 << 20 };

static int ipv4_parse(const char *ip, uint16_t port, struct udp_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;

	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	address->length = sizeof(*in);
	return inet_pton(AF_INET, ip, &in->sin_addr) == 1 ? 0 : -EINVAL;
}

static int ipv6_parse(const char *ip, uint16_t port, struct udp_address *address)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&address->storage;

	*in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	address->length = sizeof(*in);
	return inet_pton(AF_INET6, ip, &in->sin6_addr) == 1 ? 0 : -EINVAL;
}

int udp_address_parse(const char *text, uint16_t port, struct udp_address *address)
{
	char ip[INET6_ADDRSTRLEN + 2];
	const bool bracket = text[0] == '[';
	const char *colon = strrchr(text, ':');
	const char *end = bracket ? strchr(text, ']') : NULL;
	const bool ipv6 = bracket || (colon != NULL && strchr(text, ':') != colon);
	char *rest;

	memset(address, 0, sizeof(*address));
	if (bracket && end == NULL)
		return -EINVAL;
	if (!ipv6 || bracket)
		colon = bracket ? (end[1] == ':' ? end + 1 : NULL) : colon;
	else
		colon = NULL;
	if (colon != NULL) {
		const unsigned long number = strtoul(colon + 1, &rest, 10);

		if (*rest != '\0' || rest == colon + 1 || number == 0 || number > UINT16_MAX)
			return -EINVAL;
		port = (uint16_t)number;
	}

	const char *first = bracket ? text + 1 : text;
	const char *last = bracket ? end : colon != NULL ? colon : text + strlen(text);

	if ((size_t)(last - first) >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, first, (size_t)(last - first));
	ip[last - first] = '\0';
	return ipv6 ? ipv6_parse(ip, port, address) : ipv4_parse(ip, port, address);
}

int udp_open(const struct udp_address *own, const struct udp_address *peer)
{
	const int bytes = SOCKET_BUFFER_BYTES;
	const int fd =
	    socket(peer->storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if ((own->length != 0 &&
	     bind(fd, (const struct sockaddr *)&own->storage, own->length) != 0) ||
	    connect(fd, (const struct sockaddr *)&peer->storage, peer->length) != 0) {
		const int reason = errno;

		close(fd);
		return -reason;
	}
	return fd;
}

bool udp_error_moved(int error)
{
	return error == -EADDRNOTAVAIL || error == -ENETUNREACH || error == -EHOSTUNREACH ||
	       error == -ENETDOWN || error == -EINVAL;
}

uint32_t udp_receive(int fd, struct udp_batch *batch)
{
	struct mmsghdr messages[UDP_BATCH] = {0};
	struct iovec parts[UDP_BATCH];

	for (uint32_t i = 0; i < UDP_BATCH; i++) {
		parts[i] = (struct iovec){batch->frames[i], UDP_FRAME_BYTES};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}

	const int count = recvmmsg(fd, messages, UDP_BATCH, MSG_DONTWAIT, NULL);

	batch->count = count > 0 ? (uint32_t)count : 0;
	for (uint32_t i = 0; i < batch->count; i++)
		batch->bytes[i] = messages[i].msg_len;
	return batch->count;
}

int udp_send(int fd, struct udp_batch *batch)
{
	struct mmsghdr messages[UDP_BATCH] = {0};
	struct iovec parts[UDP_BATCH];
	uint32_t sent = 0;
	int rc = 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		parts[i] = (struct iovec){batch->frames[i], batch->bytes[i]};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (sent < batch->count) {
		const int count = sendmmsg(fd, messages + sent, batch->count - sent, MSG_DONTWAIT);

		if (count > 0) {
			sent += (uint32_t)count;
		} else if (errno == ECONNREFUSED) {
			continue; // an old answer of the network; it is told once
		} else {
			if (errno != EAGAIN && errno != ENOBUFS)
				rc = -errno;
			break;
		}
	}
	batch->count = 0;
	return rc;
}

uint64_t udp_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void udp_random_bytes(void *bytes, uint32_t count)
{
	while (getrandom(bytes, count, 0) != (ssize_t)count)
		;
}

uint32_t udp_random(void)
{
	uint32_t random;

	udp_random_bytes(&random, sizeof(random));
	return random;
}
