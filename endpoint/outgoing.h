// SPDX-License-Identifier: BSD-3-Clause
// Frames on their way to a socket: collected, sent together, kept while the socket is full.
//
// Belongs to one socket of one client or backend. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/sockets.h"
#include "holdfast/wire.h"

enum { OUTGOING_FRAMES_MAX = 32 };

struct outgoing {
	struct sockets_packet packets[OUTGOING_FRAMES_MAX];
	uint8_t *bytes;
	uint32_t room;
	uint32_t used;  // bytes
	uint32_t count; // frames
	bool full;      // the socket had no room; being woken is arranged
	int trouble;    // -errno that ended the socket, or 0
};

// Takes memory for bytes_max bytes of frames, WIRE_FRAME_MAX_LIMIT at least.
//
// Returns 0 or -ENOMEM.
int outgoing_init(struct outgoing *outgoing, uint32_t bytes_max);

void outgoing_fini(struct outgoing *outgoing);

// Forgets what is kept: the socket is another one now.
void outgoing_reset(struct outgoing *outgoing);

// Where the next frame goes, room bytes at least; sends what is collected if it must.
//
// Returns NULL while the socket is full or in trouble.
uint8_t *outgoing_place(struct outgoing *outgoing, const struct sockets_io *io, int socket,
			uint32_t room);

// A frame of len bytes was written at outgoing_place().
void outgoing_add(struct outgoing *outgoing, uint32_t len);

// Sends what is collected, as far as the socket takes it.
void outgoing_flush(struct outgoing *outgoing, const struct sockets_io *io, int socket);

// The socket may have room again: sends what was kept.
void outgoing_retry(struct outgoing *outgoing, const struct sockets_io *io, int socket);
