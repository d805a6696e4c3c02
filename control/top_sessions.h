// SPDX-License-Identifier: BSD-3-Clause
// Sessions as holdfastctl top lists them: rates from two looks at the same ones, and their order.
//
// Pure but for memory: no socket, no terminal, no clock. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/top_model.h"

enum {
	TOP_SESSIONS_MAX = 1000, // looked at in one go: a page of session.list
	TOP_CHANNELS_MAX = 8,
	TOP_ID_BYTES = 33,
	TOP_STATE_BYTES = 16,
	TOP_PATH_BYTES = 64,
};

struct top_direction {
	uint64_t acked, next, cached_frames, cached_bytes;
};

struct top_channel {
	char service[TOP_NAME_BYTES];
	char backend[TOP_NAME_BYTES]; // empty: none
	struct top_direction up, down;
};

struct top_session {
	char id[TOP_ID_BYTES]; // hex digits
	uint64_t handle;
	char state[TOP_STATE_BYTES];
	char client[TOP_NAME_BYTES];
	char path[TOP_PATH_BYTES];
	uint64_t epoch, generation, owner;
	uint64_t age_ms, heard_ms, detached_ms, timeout_ms, grace_ms, heartbeat_ms;
	uint32_t channels_count;
	struct top_channel first;                  // of its channels; all zero where there is none
	uint64_t up_next, down_next, cached_bytes; // over all channels
	bool rated;      // whether it was looked at before, and up and down are known
	double up, down; // frames a second
};

// One look at sessions, in the order of the gateway's slots (the upper half of a handle) until
// they are sorted.
struct top_sessions {
	uint64_t taken_us;
	uint32_t count;
	struct top_session *rows; // owned
};

enum top_sessions_order {
	TOP_SESSIONS_BY_TRAFFIC,
	TOP_SESSIONS_BY_HEARD, // silent ones first
	TOP_SESSIONS_BY_AGE,   // young ones first
	TOP_SESSIONS_BY_STATE,
	TOP_SESSIONS_BY_ID,
	TOP_SESSIONS_ORDERS,
};

void top_sessions_fini(struct top_sessions *sessions);

// Frames a second of one session between two looks; 0 where it is another one or its numbers went
// back.
void top_session_rate(struct top_session *now, const struct top_session *before, double seconds);

// The same for all that stand in both; reorders before.
void top_sessions_rate(struct top_sessions *now, struct top_sessions *before);

// Sorts; equal ones by id.
void top_sessions_sort(struct top_sessions *sessions, enum top_sessions_order order);
const char *top_sessions_order_name(enum top_sessions_order order);

// Where the session of a handle stands, or -1.
int top_sessions_find(const struct top_sessions *sessions, uint64_t handle);
