// SPDX-License-Identifier: BSD-3-Clause
// The plan of a run: its size, its settings and the schedule of what happens, all drawn from the
// seed before the run begins, so that it can be printed, and made smaller.
//
// Plain value; one thread. Every seed uses some kinds of events and not others: what is rare
// together with everything else is common somewhere.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/sim/bounds.h"
#include "tests/sim/gate.h"
#include "tests/sim/net.h"

enum { PLAN_EVENTS_MAX = 96 };

enum plan_kind {
	PLAN_SEND,         // client `who` sends `amount` messages on channel `other`
	PLAN_PUSH,         // backend `who` sends `amount` in each of its sessions
	PLAN_STORM,        // `amount` permille are lost
	PLAN_SHUFFLE,      // packets take up to `amount` ms more
	PLAN_ECHO,         // `amount` permille come again, up to 15 s later
	PLAN_CUT,          // endpoint `who` and gate `other`: `amount` is enum net_cut
	PLAN_REBIND,       // endpoint `who` gets another address, without knowing
	PLAN_MOVE,         // client `who` takes another socket
	PLAN_SLEEP,        // client `who` sleeps
	PLAN_STOP,         // endpoint `who` does not run
	PLAN_CRASH,        // endpoint `who` is gone, and starts anew
	PLAN_STOP_GATE,    // gate `who` does not run
	PLAN_STOP_CONTROL, // its control thread
	PLAN_STOP_WORKER,  // its worker `other`
	PLAN_CRASH_GATE,   // it is gone, and starts anew
	PLAN_HOLD,         // endpoint `who` takes no messages
	PLAN_CLOSE,        // client `who` closes with `amount` ms to flush, and starts anew
	PLAN_END,          // backend `who` ends its session number `other`
	PLAN_EVICT,        // gate `other` evicts the session of client `who`
	PLAN_KINDS,
};

// `ms` is how long it lasts, where it lasts.
struct plan_event {
	uint64_t at_us; // since the start
	uint8_t kind;
	uint8_t who;
	uint8_t other;
	uint32_t amount;
	uint32_t ms;
};

struct plan {
	uint64_t seed;
	uint64_t start_us; // of every clock
	uint64_t run_us;   // then everything is made whole
	uint32_t clients, backends, gates;
	uint32_t channels[SIM_CLIENTS_MAX];
	uint32_t timeout_ms[SIM_CLIENTS_MAX]; // wishes; 0: none
	uint32_t answers;                     // permille of messages that backends answer
	struct gate_settings gate;
	struct net_weather weather;
	uint32_t count;
	struct plan_event events[PLAN_EVENTS_MAX]; // by time
};

void plan_draw(struct plan *plan, uint64_t seed);

// An event in words.
void plan_event_print(const struct plan *plan, const struct plan_event *event, char *text,
		      uint32_t room);

// Settings and schedule; events whose bit in `gone` (may be NULL) is true are left out.
void plan_print(const struct plan *plan, const bool *gone, FILE *out);
