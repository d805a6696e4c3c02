// SPDX-License-Identifier: BSD-3-Clause
// The way to the end: running, draining, stopping, stopped, each with its deadline.
//
// Pure; control thread. Time is a parameter: monotonic milliseconds. It tells what to do next;
// the gateway does it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/gateway.h"

enum {
	DRAIN_STOP_MS = 2000, // for sessions to be let go, where no deadline is named
};

struct drain {
	enum gateway_state state;
	uint64_t deadline_ms; // of this state, while DRAINING or STOPPING
};

enum drain_step {
	DRAIN_NOTHING,
	DRAIN_LET_GO, // let go of all sessions: STOPPING has begun
	DRAIN_STOP,   // STOPPED: leave the loop
};

// DRAINING until now_ms + wait_ms. Returns whether this call began it; while draining it can only
// bring the deadline nearer.
bool drain_begin(struct drain *drain, uint64_t wait_ms, uint64_t now_ms);

// STOPPING, for wait_ms at most. Returns whether this call began it; the caller lets go.
bool drain_stop(struct drain *drain, uint64_t wait_ms, uint64_t now_ms);

// STOPPED, at once.
void drain_force(struct drain *drain);

// What has become due, with this many sessions and commands left.
enum drain_step drain_tick(struct drain *drain, uint32_t sessions, uint32_t commands,
			   uint64_t now_ms);
