// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/real_time.h"

#include <sys/random.h>
#include <time.h>

int __real_clock_gettime(clockid_t clock, struct timespec *now);

uint64_t real_time_ms(void)
{
	struct timespec now;

	__real_clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t real_time_seed(void)
{
	uint32_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint32_t)real_time_ms();
	return seed;
}
