// SPDX-License-Identifier: BSD-3-Clause
// What client and backend need of the world: sockets, a clock, randomness.
//
// They reach it only through struct sockets_io, so that the same code runs on the real world (the
// functions at the end) and on one whose time and network are made up. One object, one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/peer_address.h"

struct sockets_packet {
	uint8_t *bytes;
	uint32_t len; // to receive: room, then what came
};

// The first argument of each is sockets_io.sockets. A socket is a number >= 0.
struct sockets_ops {
	// Opens a UDP socket that sends to peer and hears nobody else; local, if not AF_UNSPEC, is
	// its own address. Returns the socket or -errno.
	int (*open)(void *sockets, const struct peer_address *peer,
		    const struct peer_address *local);
	void (*close)(void *sockets, int socket);

	// Sends count packets (1 or more). Returns how many were taken (some may have been lost
	// already); -EAGAIN where the socket is full; another -errno where this socket can send no
	// more, because its address or route is gone.
	int (*send)(void *sockets, int socket, const struct sockets_packet *packets,
		    uint32_t count);

	// Receives up to count packets. Returns how many; 0 where there are none.
	int (*receive)(void *sockets, int socket, struct sockets_packet *packets, uint32_t count);

	// Whether to be woken when a full socket has room again.
	void (*await_room)(void *sockets, int socket, bool wanted);

	uint64_t (*now_us)(void *sockets); // monotonic, above 0
	void (*random)(void *sockets, void *bytes, uint32_t len);
};

struct sockets_io {
	const struct sockets_ops *ops;
	void *sockets;
};

static inline uint64_t sockets_now_us(const struct sockets_io *io)
{
	return io->ops->now_us(io->sockets);
}

static inline uint32_t sockets_random32(const struct sockets_io *io)
{
	uint32_t value;

	io->ops->random(io->sockets, &value, sizeof(value));
	return value;
}

static inline uint64_t sockets_random64(const struct sockets_io *io)
{
	uint64_t value;

	io->ops->random(io->sockets, &value, sizeof(value));
	return value;
}

// The real world: an epoll descriptor that is readable when any of the sockets is.
struct sockets {
	int epoll;
	uint32_t buffer_bytes; // asked for on each side of each socket; 0: the system's
};

// Returns 0 or -errno.
int sockets_init(struct sockets *sockets, uint32_t buffer_bytes);

// All sockets must have been closed.
void sockets_fini(struct sockets *sockets);

void sockets_bind(struct sockets *sockets, struct sockets_io *io);

// Waits until sockets are readable or timeout_ms (-1: without end) is over. Returns whether they
// are.
bool sockets_wait(const struct sockets *sockets, int timeout_ms);
