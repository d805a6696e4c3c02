// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_MAX = 64 };

int sockets_init(struct sockets *sockets, uint32_t buffer_bytes)
{
	sockets->buffer_bytes = buffer_bytes;
	sockets->epoll = epoll_create1(EPOLL_CLOEXEC);
	return sockets->epoll >= 0 ? 0 : -errno;
}

void sockets_fini(struct sockets *sockets)
{
	close(sockets->epoll);
}

bool sockets_wait(const struct sockets *sockets, int timeout_ms)
{
	struct pollfd ready = {.fd = sockets->epoll, .events = POLLIN};

	return poll(&ready, 1, timeout_ms) > 0;
}

static void options_set(const struct sockets *sockets, int fd, sa_family_t family)
{
	const int bytes = (int)sockets->buffer_bytes;
	const int discover = IP_PMTUDISC_PROBE; // never fragment, never shrink: handshakes find out

	// All of them are wishes; nothing breaks without them.
	if (bytes > 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof(discover));
}

static int watch(const struct sockets *sockets, int fd, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.fd = fd}};

	return epoll_ctl(sockets->epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

static int sockets_open(void *context, const struct peer_address *peer,
			const struct peer_address *local)
{
	const struct sockets *sockets = context;
	const sa_family_t family = peer->any.sa_family;
	const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int error = 0;

	if (fd < 0)
		return -errno;
	options_set(sockets, fd, family);
	if (local->any.sa_family != AF_UNSPEC &&
	    bind(fd, &local->any, peer_address_bytes(local)) != 0)
		error = -errno;
	else if (connect(fd, &peer->any, peer_address_bytes(peer)) != 0)
		error = -errno;
	else
		error = watch(sockets, fd, EPOLL_CTL_ADD, EPOLLIN);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static void sockets_close(void *context, int fd)
{
	close(fd); // which also ends watching it
}

// Errors that cost the packet and nothing else: a peer's ICMP, a full queue below, a filter, a
// packet too long for the path.
static bool passing(int error)
{
	return error == ECONNREFUSED || error == ENOBUFS || error == EPERM || error == EMSGSIZE ||
	       error == EINTR || error == ENOMEM;
}

static int sockets_send(void *context, int fd, const struct sockets_packet *packets, uint32_t count)
{
	struct mmsghdr messages[BATCH_MAX];
	struct iovec vectors[BATCH_MAX];

	if (count > BATCH_MAX)
		count = BATCH_MAX;
	memset(messages, 0, count * sizeof(messages[0]));
	for (uint32_t i = 0; i < count; i++) {
		vectors[i] = (struct iovec){packets[i].bytes, packets[i].len};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}

	const int sent = sendmmsg(fd, messages, count, MSG_NOSIGNAL);

	if (sent >= 0)
		return sent;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return -EAGAIN;
	return passing(errno) ? 1 : -errno;
}

static int sockets_receive(void *context, int fd, struct sockets_packet *packets, uint32_t count)
{
	struct mmsghdr messages[BATCH_MAX];
	struct iovec vectors[BATCH_MAX];
	int received;

	if (count > BATCH_MAX)
		count = BATCH_MAX;
	memset(messages, 0, count * sizeof(messages[0]));
	for (uint32_t i = 0; i < count; i++) {
		vectors[i] = (struct iovec){packets[i].bytes, packets[i].len};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	received = recvmmsg(fd, messages, count, MSG_DONTWAIT, NULL);
	// An error that an ICMP left behind is told once, instead of a packet.
	if (received < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		received = recvmmsg(fd, messages, count, MSG_DONTWAIT, NULL);
	if (received < 0)
		return 0;
	// What was cut short is longer than any frame: it will not decode.
	for (int i = 0; i < received; i++)
		packets[i].len =
		    messages[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : messages[i].msg_len;
	return received;
}

static void sockets_await_room(void *context, int fd, bool wanted)
{
	const struct sockets *sockets = context;

	watch(sockets, fd, EPOLL_CTL_MOD, EPOLLIN | (wanted ? EPOLLOUT : 0u));
}

static uint64_t sockets_clock_us(void *context)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u + 1;
}

static void sockets_random(void *context, void *bytes, uint32_t len)
{
	uint8_t *at = bytes;

	while (len > 0) {
		const ssize_t got = getrandom(at, len, 0);

		if (got <= 0)
			continue; // interrupted: getrandom() fails for no other reason here
		at += got;
		len -= (uint32_t)got;
	}
}

void sockets_bind(struct sockets *sockets, struct sockets_io *io)
{
	static const struct sockets_ops ops = {
	    .open = sockets_open,
	    .close = sockets_close,
	    .send = sockets_send,
	    .receive = sockets_receive,
	    .await_room = sockets_await_room,
	    .now_us = sockets_clock_us,
	    .random = sockets_random,
	};

	io->ops = &ops;
	io->sockets = sockets;
}
