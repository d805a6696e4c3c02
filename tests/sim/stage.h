// SPDX-License-Identifier: BSD-3-Clause
// The stage of a run: gates, endpoints and the network between them, stepped in virtual time by a
// plan.
//
// One thread, one stage at a time. A run goes through four parts: the plan; then everything is made
// whole and must come to rest, every message taken or handed back; then the clients close and
// everything must go; then nothing may be left.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/plan.h"

// What a run was.
struct stage_report {
	uint64_t virtual_us;
	uint64_t messages; // sent
	uint64_t steps;
	uint64_t digest; // of every frame that was sent, and when
};

// Runs a plan without the events whose `gone` is true (NULL: with all). Returns NULL, or what was
// wrong first, good until the next run.
const char *stage_run(const struct plan *plan, const bool *gone, bool trace,
		      struct stage_report *report);
