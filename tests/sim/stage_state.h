// SPDX-License-Identifier: BSD-3-Clause
// What the stage's files share.
#pragma once

#include "tests/sim/caller.h"
#include "tests/sim/gate.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "tests/sim/plan.h"
#include "tests/sim/server.h"
#include "tests/sim/stage.h"

enum { STAGE_ENDS_MAX = 2 * PLAN_EVENTS_MAX };

enum stage_part {
	STAGE_PLAYING,  // the plan
	STAGE_SETTLING, // everything is whole: it must come to rest
	STAGE_CLOSING,  // clients close: everything must go
	STAGE_OVER,
};

// What an event has begun ends then.
struct stage_end {
	uint64_t at_us;
	const struct plan_event *event;
};

// When an endpoint runs.
struct stage_process {
	uint64_t due_us;     // its next turn
	uint64_t stopped_us; // does not run before
	bool heard;          // something waits for it
	bool down;           // crashed, or closed: another process follows
};

struct stage {
	const struct plan *plan;
	const bool *gone;
	enum stage_part part;
	uint64_t part_us; // when that part began
	uint32_t event;   // next of the plan
	uint32_t ends_count;
	struct stage_end ends[STAGE_ENDS_MAX];
	uint64_t look_us; // when the watch looks next
	uint64_t steps;
	struct ledger ledger;
	struct net net;
	struct gate gates[SIM_GATES_MAX];
	struct caller callers[SIM_CLIENTS_MAX];
	struct server servers[SIM_BACKENDS_MAX];
	struct stage_process processes[SIM_ENDPOINTS_MAX];
};

// ---- what happens (stage_event.c)
void stage_event_begin(struct stage *stage, const struct plan_event *event);
void stage_event_end(struct stage *stage, const struct plan_event *event);
// Ends whatever lasts still.
void stage_event_end_all(struct stage *stage);
// Starts the process of a gate.
void stage_gate_start(struct stage *stage, uint32_t gate);

// Who an endpoint is; NULL where it is the other kind.
struct caller *stage_caller(struct stage *stage, uint32_t endpoint);
struct server *stage_server(struct stage *stage, uint32_t endpoint);
