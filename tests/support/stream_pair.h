// SPDX-License-Identifier: BSD-3-Clause
// Two streams and a bad network between them, stepped in one thread from a seed.
//
// Each side's application sends numbered messages of lengths that follow from their numbers, and
// checks every message that it takes against what must come next. The network checks what goes
// over it against the rules that no sender may break. A broken rule fails the test.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/stream.h"

enum { PAIR_CLIENT, PAIR_BACKEND, PAIR_SIDES, PAIR_PACKETS_MAX = 16384 };

struct pair_packet {
	uint64_t at_us;
	uint32_t to;
	uint32_t len;
	uint8_t *bytes;
};

struct pair_side {
	struct stream *stream;
	uint32_t sent;       // messages given to the stream
	uint32_t taken;      // messages taken from it, all of them right
	uint64_t take_us;    // time that the application takes for a message; 0 = none
	uint64_t busy_us;    // until then it takes nothing
	bool deaf;           // the application takes nothing
	uint64_t edge;       // highest ack + window it has told
	uint64_t first_seen; // number of the first DATA since pair_watch()
	uint32_t data_seen;  // DATA frames it has sent since then
	uint32_t acks_seen;
	uint32_t naks_seen;
};

struct stream_pair {
	struct pool pool;
	struct pair_side sides[PAIR_SIDES];
	uint64_t now_us;
	uint64_t random;
	struct pair_packet packets[PAIR_PACKETS_MAX];
	uint32_t packets_count;

	// The network
	uint32_t loss_permille;
	uint32_t double_permille;
	uint64_t delay_us;
	uint64_t jitter_us;
	bool cut; // everything is lost

	// Whether to lose this frame, asked before chance; NULL = no.
	bool (*lose)(struct stream_pair *pair, uint32_t from, const struct frame *frame);
	uint64_t memory; // lose()'s own
};

// Makes a pair on a path of 10 ms each way without loss, both sides thawed at time 1 s.
// settings may be NULL; its pool is replaced; numbers and all apply to both sides.
void pair_init(struct stream_pair *pair, const struct stream_settings *settings, uint64_t seed);

// Frees it, and checks that no block of the pool is missing.
void pair_fini(struct stream_pair *pair);

// Bytes of message `number` of a side: empty, small, one frame, several frames, rarely 64 KiB.
uint32_t pair_message_bytes(uint32_t side, uint32_t number);

// Has a side send its next count messages. Fails the test where the stream refuses one.
void pair_send(struct stream_pair *pair, uint32_t side, uint32_t count);

// Steps until at_us.
void pair_run_until(struct stream_pair *pair, uint64_t at_us);

// Steps until both sides have taken all that the other sent, and both outboxes are empty; fails
// the test if that takes longer than limit_us.
void pair_settle(struct stream_pair *pair, uint64_t limit_us);

// Breaks the path and brings it up again: both sides frozen, everything under way lost, then
// thawed with each other's numbers.
void pair_reconnect(struct stream_pair *pair, uint64_t handle);

// Forgets the counts of frames seen.
void pair_watch(struct stream_pair *pair);
