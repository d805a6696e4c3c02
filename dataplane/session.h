// SPDX-License-Identifier: BSD-3-Clause
// A session in the gateway's memory: two cache lines that frames touch, and a cold part.
//
// Invariants:
//  I1  Only the owner (line 0) writes a session. It gives it away by storing another owner with
//      release; from then on it writes nothing. The new owner loads the owner with acquire.
//  I2  tag is 0 exactly while the slot is free. A reader loads tag with acquire, compares, and
//      uses the slot within its RCU read section only; a slot is used again only after a grace
//      period, with another tag.
//  I3  Path, epoch and backends change only between two increments of `version`, odd while they
//      change, so that a reader on another thread can copy them and try again.
//  I4  For each direction acked <= acked + span = next, span <= window. The cached frames lie in
//      [acked, next), in ascending order.
//  I5  What another thread may read while the tag stands is stored by relaxed atomics, or by
//      release where a comment says so; the owner itself loads it plainly. What is stored before
//      the tag is stored plainly: who sees the tag sees it.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu/urcu-qsbr.h> // before the others: it names their flavour

#include <urcu/call-rcu.h>
#include <urcu/rculfhash.h>

#include "dataplane/address.h"
#include "holdfast/wire.h"
#include "protocol/session_state.h"

enum { SESSION_LINE_BYTES = 64 };

#define SESSION_NONE UINT32_MAX // no slot, no chunk, no attempt

enum session_flag {
	SESSION_FLAG_ASKED = 0x01,         // a HEARTBEAT has left since heard_ms
	SESSION_FLAG_CLIENT_CLOSED = 0x02, // the client said CLOSE itself
	SESSION_FLAG_END_WANTED = 0x04,    // control has been asked to end it
	SESSION_FLAG_REPLAYING = 0x08,     // its attempt has a replay under way
	SESSION_FLAG_MOVE = 0x10,          // goes to the worker where its client's frames land now
};

// One direction of one channel. Writer: the owner. Others read all but head and tail, word by word:
// acked and span may be of two moments.
struct session_direction {
	uint64_t acked;  // lowest number that the receiving endpoint has not taken
	uint16_t span;   // next = acked + span
	uint16_t frames; // in the replay cache
	uint32_t bytes;  // payload of those frames
	uint32_t head;   // chunk of the oldest cached frame, or SESSION_NONE
	uint32_t tail;   // first chunk of the newest cached frame, or SESSION_NONE
};

// Sets the lowest number that is not acknowledged, and next.
static inline void session_direction_set(struct session_direction *direction, uint64_t acked,
					 uint64_t next)
{
	__atomic_store_n(&direction->span, (uint16_t)(next - acked), __ATOMIC_RELAXED);
	__atomic_store_n(&direction->acked, acked, __ATOMIC_RELAXED);
}

// Sets what the replay cache holds of it.
static inline void session_direction_set_cached(struct session_direction *direction,
						uint32_t frames, uint32_t bytes)
{
	__atomic_store_n(&direction->frames, (uint16_t)frames, __ATOMIC_RELAXED);
	__atomic_store_n(&direction->bytes, bytes, __ATOMIC_RELAXED);
}

struct session_channel {
	struct session_direction up;   // client to backend
	struct session_direction down; // backend to client
};

struct session {
	// Line 0: read for every frame, written by the owner when a path, state or owner changes.
	alignas(SESSION_LINE_BYTES) uint32_t tag; // atomic: I2
	uint8_t owner;                            // atomic: I1; index of a worker
	uint8_t state;      // atomic store by the owner, read by anyone; enum session_state
	uint8_t channels;   // 1 to 8
	uint8_t flags;      // enum session_flag; control reads SESSION_FLAG_ASKED
	struct path path;   // the client's
	uint16_t backend;   // of channel 0: index in the directory, or DIRECTORY_NONE
	uint16_t version;   // I3
	uint16_t asks;      // HEARTBEATs before the last, since heard_ms, if SESSION_FLAG_ASKED
	uint32_t epoch;     // of the last confirmed attempt
	uint32_t announced; // highest epoch of any accepted attempt: what backends were told
	uint32_t attempt;   // index of the pending attempt at the owner, or SESSION_NONE
	uint32_t timeout_ms;
	uint32_t detached_ms; // worker clock when it was detached
	uint32_t errand;      // index of what is to be repeated to its endpoints, or SESSION_NONE

	// Line 1: written for every frame by the owner. Stamps are of the owner's clock for the
	// path's port (struct worker_clock); control reads them, relaxed, to judge.
	alignas(SESSION_LINE_BYTES) struct session_channel channel; // channel 0
	uint32_t heard_ms;
	uint32_t sent_ms;
	uint32_t asked_ms;       // last HEARTBEAT that left, if SESSION_FLAG_ASKED
	uint32_t asked_first_ms; // first one since heard_ms, likewise
};

static_assert(offsetof(struct session, channel) == 1 * SESSION_LINE_BYTES, "line 1 moved");
static_assert(sizeof(struct session) == 2 * SESSION_LINE_BYTES, "a session must stay two lines");

// Channels 1 to 7 of a session that has more than one.
struct session_side {
	uint32_t next; // while free: the next free one
	struct session_channel channels[WIRE_CHANNELS_MAX - 1];
	uint16_t backends[WIRE_CHANNELS_MAX - 1];
	uint16_t services[WIRE_CHANNELS_MAX - 1];
};

struct session_table;

// What no frame touches. Writer: the owner, before publication or between version increments.
struct session_cold {
	uint8_t id[WIRE_SESSION_ID_BYTES];
	struct cds_lfht_node node; // in the index
	union {
		char client[WIRE_CLIENT_LABEL_MAX]; // zero-padded, not terminated at full length
		struct rcu_head retired;            // from removal until the grace period is over
	};
	union {
		uint64_t created_ms;         // monotonic
		struct session_table *table; // from removal on
	};
	uint32_t side; // index of a struct session_side, or SESSION_NONE
	uint32_t
	    next; // in the owner's list of what to tell control; while free, the next free slot
	uint16_t notices;        // what there is to tell: bits of enum notice_mark
	uint16_t service;        // of channel 0: index in the directory
	uint16_t events_client;  // number of the last event to the client
	uint16_t events_backend; // and to the backend of channel 0
	uint16_t end_code;       // with which it ends, once it is to end
	uint8_t end_reason;      // enum session_reason, likewise
	uint8_t pad;
	uint32_t end_token; // of the command that ends it; while free, the tag it had last
	uint32_t grace_ms;
};

static_assert(sizeof(struct session_cold) <= 104, "cold part grew: an idle session is 256 bytes");
