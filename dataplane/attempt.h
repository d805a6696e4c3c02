// SPDX-License-Identifier: BSD-3-Clause
// Attempts: what a worker keeps of a handshake beyond the session itself, from an accepted HELLO
// until it is confirmed, announced to every backend, and the replay that follows it is done.
//
// A fixed pool at each worker; a session has at most one. An attempt has up to three lives at
// once, and goes back to the pool when all are over:
//   pending    WELCOME may be repeated, CONFIRM is awaited
//   announcing OPEN is repeated to the backends in `open_wanted`
//   replaying  frames still go to the client from `replay_next` on
// Worker only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"
#include "dataplane/session.h"
#include "dataplane/wheel.h"
#include "protocol/handshake.h"
#include "protocol/options.h"

enum {
	ATTEMPT_OPEN_REPEAT_MS = 200, // the first; then it doubles
	ATTEMPT_OPEN_REPEAT_MAX_MS = 3200,
	ATTEMPT_REPLAY_FRAMES = 16, // in flight during a replay
	ATTEMPT_HELLO_BYTES =
	    WIRE_HANDSHAKE_BYTES + WIRE_CHANNELS_MAX * WIRE_TRIPLE_BYTES + WIRE_OPTIONS_BYTES_MAX,
};

struct worker;

enum timer_kind { TIMER_ATTEMPT_EXPIRY, TIMER_ATTEMPT_OPEN, TIMER_ERRAND };

struct attempt {
	struct wheel_node expiry;
	struct wheel_node repeat;
	uint32_t next_free;
	uint32_t slot; // of its session
	uint32_t epoch;
	uint64_t heard_us; // of worker->now_us: when the first HELLO of the attempt came in
	struct path path;  // where the HELLO came from
	uint16_t repeat_ms;
	uint8_t landed; // worker on which the HELLO came in
	uint8_t channels;
	bool used;
	bool pending;
	bool opening;        // the session is new: WELCOME waits for the OPEN_ACKs
	bool welcomed;       // WELCOME has been sent
	bool resume;         // the client's flag
	uint8_t open_wanted; // bit k: channel k's backend has not answered yet
	uint8_t accepted;    // bit k: it has, and accepted
	uint8_t replaying;   // bit k: channel k
	uint32_t open_epoch; // that the OPENs carry
	uint64_t replay_next[WIRE_CHANNELS_MAX];
	struct frame_triple client[WIRE_CHANNELS_MAX];  // as in HELLO
	struct frame_triple backend[WIRE_CHANNELS_MAX]; // as in WELCOME
	uint16_t options_at;                            // in hello
	uint16_t hello_bytes;
	uint8_t hello[ATTEMPT_HELLO_BYTES]; // block and options as the client sent them, no padding
};

struct attempts {
	struct attempt *pool;
	uint32_t max;
	uint32_t free;
	uint32_t used; // control reads it, relaxed
};

// max attempts. Returns 0 or -ENOMEM.
int attempt_pool_init(struct attempts *attempts, uint32_t max);
void attempt_pool_fini(struct attempts *attempts);

// A clean attempt for the session in slot, or NULL: the pool is empty.
struct attempt *attempt_take(struct worker *worker, uint32_t slot);

// The attempt of a session, or NULL.
struct attempt *attempt_of(struct worker *worker, uint32_t slot);

// Gives the attempt back if nothing of it is alive any more.
void attempt_settle(struct worker *worker, struct attempt *attempt);

// Gives it back whatever is alive.
void attempt_give_back(struct worker *worker, struct attempt *attempt);

// Keeps the HELLO's block, triples and options. Returns 0, or -EBADMSG: options too long.
int attempt_keep_hello(struct attempt *attempt, const struct handshake *hello,
		       const struct frame *frame);

// Options of the kept HELLO; they decoded once and do so again.
void attempt_options(const struct attempt *attempt, struct options *options);

// Session id and triples are in the kept HELLO as well.
const uint8_t *attempt_session_id(const struct attempt *attempt);

// Timers.
void attempt_expired(struct worker *worker, struct attempt *attempt);
void attempt_repeat_open(struct worker *worker, struct attempt *attempt);
