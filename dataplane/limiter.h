// SPDX-License-Identifier: BSD-3-Clause
// "At most one each so many milliseconds", for many keys, in a fixed table.
//
// Two keys that meet in one place share it: then one of them waits longer than it must, never
// shorter. Worker only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LIMITER_PLACES = 4096 };

struct limiter {
	uint32_t interval_ms;
	uint32_t last_ms[LIMITER_PLACES]; // plus 1; 0: never
};

// Whether something may happen for key at now_ms (a clock that does not fall); if so it counts as
// done.
static inline bool limiter_pass(struct limiter *limiter, uint64_t key, uint32_t now_ms)
{
	uint32_t *last_ms =
	    &limiter->last_ms[key * UINT64_C(0x9e3779b97f4a7c15) >> 52]; // top 12 bits

	// Both sides are one more than they mean, so that a pass at the clock's last value before
	// it wraps, which counts as one at 0, is not in the far past at that value.
	if (*last_ms != 0 && now_ms - *last_ms + 2 <= limiter->interval_ms)
		return false;
	*last_ms = now_ms + 1 != 0 ? now_ms + 1 : 1;
	return true;
}
