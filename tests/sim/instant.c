// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/instant.h"

#include <time.h>

#include "dataplane/clock.h"

enum { US_PER_S = 1000000 };

// The day on which a run begins, for what is shown to people.
static const uint64_t utc_s = 1800000000;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
void __wrap_clock_calibrate(struct clock *clock);

static uint64_t current_us;

uint64_t instant_us(void)
{
	return current_us;
}

void instant_set(uint64_t us)
{
	current_us = us;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	const uint64_t base_s = clock == CLOCK_REALTIME ? utc_s : 0;

	now->tv_sec = (time_t)(base_s + current_us / US_PER_S);
	now->tv_nsec = (long)(current_us % US_PER_S * 1000);
	return 0;
}

// One tick of the time stamp counter is a microsecond.
void __wrap_clock_calibrate(struct clock *clock)
{
	*clock = (struct clock){
	    .tsc = current_us,
	    .us = current_us,
	    .us_per_tsc = UINT64_C(1) << 32,
	};
}
