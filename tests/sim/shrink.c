// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/shrink.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/child.h"

static bool fails(const struct plan *plan, const bool *gone)
{
	struct child_result result;

	child_run_plan(plan, gone, 0, &result);
	return result.failed;
}

// Takes a piece of the schedule away where it fails without, too.
static bool piece_take(const struct plan *plan, bool *gone, uint32_t first, uint32_t count)
{
	bool without[PLAN_EVENTS_MAX];
	bool any = false;

	memcpy(without, gone, sizeof(without));
	for (uint32_t i = first; i < first + count && i < plan->count; i++) {
		any |= !without[i];
		without[i] = true;
	}
	if (!any || !fails(plan, without))
		return false;
	memcpy(gone, without, sizeof(without));
	return true;
}

bool shrink_plan(const struct plan *plan, bool gone[static PLAN_EVENTS_MAX])
{
	uint32_t count = (plan->count + 1) / 2;
	bool taken = true;

	memset(gone, 0, PLAN_EVENTS_MAX * sizeof(gone[0]));
	if (!fails(plan, gone))
		return false;
	// Halves, quarters, and in the end single events, again and again.
	while (count > 1 || taken) {
		taken = false;
		for (uint32_t first = 0; first < plan->count; first += count)
			taken |= piece_take(plan, gone, first, count);
		fprintf(stderr, "sim: pieces of %u events tried\n", count);
		count = count > 1 ? (count + 1) / 2 : 1;
		taken |= count > 1;
	}
	return true;
}
