// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/clock.h"

#include <time.h>

#include <rte_cycles.h>

enum { CALIBRATE_NS = 20000000 };

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void clock_calibrate(struct clock *clock)
{
	const struct timespec pause = {.tv_nsec = CALIBRATE_NS};
	const uint64_t ns = monotonic_ns();
	const uint64_t tsc = rte_rdtsc();

	nanosleep(&pause, NULL);

	const uint64_t passed_ns = monotonic_ns() - ns;
	const uint64_t passed_tsc = rte_rdtsc() - tsc;

	clock->tsc = tsc;
	clock->us = ns / 1000;
	clock->us_per_tsc = (uint64_t)((((clock_wide)passed_ns << 32) / 1000) / passed_tsc);
}
