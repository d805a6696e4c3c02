// SPDX-License-Identifier: BSD-3-Clause
// Runs in a process of their own, so that one that crashes or never ends is a result like others.
//
// One thread; the calls wait.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/plan.h"

enum { CHILD_TEXT_BYTES = 512 };

// Seeds one after the other.
struct child_task {
	uint64_t first, last;
	bool twice;        // each, and both runs must be the same
	uint64_t until_ms; // of the real monotonic clock: none begins after it; 0: no such limit
};

struct child_result {
	uint64_t seed;  // the last one that began
	uint64_t seeds; // that were good
	uint64_t messages;
	uint64_t virtual_us;
	bool failed; // the last one
	char text[CHILD_TEXT_BYTES];
};

// Runs seeds until one fails or all are done.
void child_run(const struct child_task *task, struct child_result *result);

// Runs one plan; events whose `gone` is true are left out. With lines > 0 its trace is printed to
// stdout, but only so many lines at its end.
void child_run_plan(const struct plan *plan, const bool *gone, uint32_t lines,
		    struct child_result *result);
