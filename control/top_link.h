// SPDX-License-Identifier: BSD-3-Clause
// A connection to the control socket that never blocks: requests are queued, answers come when
// poll() says so. For holdfastctl top.
//
// One thread. At most TOP_LINK_WAITING requests wait for their answers; a message has at most
// CONTROL_FRAME_BYTES_MAX bytes. After any error but -EAGAIN of top_link_ask() the link is closed,
// and error has one line.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "control/caller.h"

enum { TOP_LINK_WAITING = 16 };

struct top_link {
	int fd; // -1: closed
	uint32_t last_id;
	msgpack_unpacker in;
	msgpack_sbuffer out;
	size_t sent; // bytes of out
	struct {
		uint32_t id; // 0: free
		int kind;
	} waiting[TOP_LINK_WAITING];
	char error[CALLER_ERROR_BYTES];
};

// What came. kind is that of the request, or TOP_LINK_NOTIFICATION; error is nil for a result.
// All is valid during the call only.
struct top_link_message {
	int kind;
	const msgpack_object *error;
	const msgpack_object *result; // of a notification its map
};

enum { TOP_LINK_NOTIFICATION = -1 };

typedef void top_link_handler(void *context, const struct top_link_message *message);

// A closed link.
void top_link_init(struct top_link *link);

// Takes over a connected socket. Returns 0 or -errno; the socket is taken in both cases.
int top_link_adopt(struct top_link *link, int fd);

// Connects at once or not at all. Returns 0 or -errno.
int top_link_connect(struct top_link *link, const char *path);

// Queues a request with the map that params holds (packed; NULL: none).
// Returns 0, -EAGAIN (too many wait), -ENOTCONN, or what sending met.
int top_link_ask(struct top_link *link, int kind, const char *method,
		 const msgpack_sbuffer *params);

// Whether a request of this kind waits for its answer.
bool top_link_waits(const struct top_link *link, int kind);

// What to ask of poll().
short top_link_events(const struct top_link *link);

// Sends and receives what can be without waiting, and hands on every message. One call reads a
// bounded number of bytes. Returns 0, or -errno: closed.
int top_link_pump(struct top_link *link, top_link_handler *handler, void *context);

// May be called on a closed link.
void top_link_close(struct top_link *link);
