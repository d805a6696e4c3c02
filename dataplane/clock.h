// SPDX-License-Identifier: BSD-3-Clause
// Monotonic time from the time stamp counter, measured against CLOCK_MONOTONIC at start: EAL's own
// figure of the counter's frequency is rounded to 10 MHz.
#pragma once

#include <stdint.h>

// Never changes after clock_calibrate(); any thread.
struct clock {
	uint64_t tsc;        // at
	uint64_t us;         // this CLOCK_MONOTONIC
	uint64_t us_per_tsc; // fixed point, 32 bits of fraction
};

// Measures for about 20 ms. Control thread.
void clock_calibrate(struct clock *clock);

__extension__ typedef unsigned __int128 clock_wide; // for the product only

// Microseconds of CLOCK_MONOTONIC at tsc, which is not before the calibration.
static inline uint64_t clock_us(const struct clock *clock, uint64_t tsc)
{
	return clock->us + (uint64_t)(((clock_wide)(tsc - clock->tsc) * clock->us_per_tsc) >> 32);
}
