// SPDX-License-Identifier: BSD-3-Clause
// Errands: what a worker repeats to the endpoints of a session until they answer. EVENTs, one at
// a time for each endpoint, and CLOSE at the end.
//
// A fixed pool at each worker; a session has at most one errand, which holds both. Empty pool: an
// EVENT is not sent, counted as events_lost; a CLOSE is sent once and the session goes at once.
// Worker only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wheel.h"
#include "protocol/frame.h"

struct worker;

enum {
	ERRAND_REPEAT_MS = 200,
	ERRAND_CLOSES_MAX = 5, // CLOSE is repeated for a second
};

// EVENTs; the order is that in which they are sent.
enum errand_event {
	ERRAND_CHANNEL_DOWN,
	ERRAND_CHANNEL_UP,
	ERRAND_CHANNEL_RESET,
	ERRAND_PEER_DETACHED,
	ERRAND_DRAINING,
	ERRAND_EVENTS,
};

enum { ERRAND_CLIENT = FRAME_FROM_CLIENT, ERRAND_BACKEND = FRAME_FROM_BACKEND, ERRAND_SIDES };

struct errand_side {
	uint8_t waiting;  // bits of enum errand_event
	bool outstanding; // `event` is sent, with `number`
	uint8_t event;
	uint16_t number;
};

struct errand {
	struct wheel_node timer;
	uint32_t next_free;
	uint32_t slot;
	struct errand_side sides[ERRAND_SIDES];
	uint8_t closing; // bit: this side has not answered CLOSE yet
	uint8_t closes;  // sent so far
};

// Places from `fresh` on were never used: a pool for every session costs no memory until it is
// needed.
struct errands {
	struct errand *pool;
	uint32_t max;
	uint32_t fresh;
	uint32_t free; // list of those that came back
	uint32_t used;
};

int errand_pool_init(struct errands *errands, uint32_t max);
void errand_pool_fini(struct errands *errands);

// Tells an endpoint of a session something. CHANNEL_* replace each other.
void errand_event(struct worker *worker, uint32_t slot, enum frame_side to,
		  enum errand_event event);

// The client is back: what waited for it goes on; what told the backend that it was away is over.
void errand_resumed(struct worker *worker, uint32_t slot);

// EVENT_ACK of a number came. Returns false where it fits nothing.
bool errand_event_ack(struct worker *worker, uint32_t slot, enum frame_side from, uint16_t number);

// Begins to repeat CLOSE to the sides whose bits are set. Returns false where the pool is empty.
bool errand_close(struct worker *worker, uint32_t slot, uint8_t sides);

// CLOSE_ACK or UNKNOWN came from a side. Returns whether that was the last.
bool errand_close_answered(struct worker *worker, uint32_t slot, enum frame_side from);

// Ends whatever is under way.
void errand_drop(struct worker *worker, uint32_t slot);

// Timer.
void errand_due(struct worker *worker, struct errand *errand);
