// SPDX-License-Identifier: BSD-3-Clause
// Histograms of durations, with buckets that are the same for all and never change.
//
// One writer for each struct histogram, with relaxed stores; anyone reads, relaxed. A duration is
// counted in the one bucket whose bound is the first not below it; how many there were in all is
// the sum over the buckets, so that a reader's figures always fit together. Only for what is rare:
// adding looks at every bound.
#pragma once

#include <stdint.h>

// X(name, text), of what workers measure. Names never change their meaning.
#define HISTOGRAMS(X)                                                                              \
	X(handshake_duration, "from the HELLO of a new session to its CONFIRM")                    \
	X(resume_duration, "from the HELLO of a resume to its CONFIRM")                            \
	X(heartbeat_round_trip, "from HEARTBEAT to HEARTBEAT_ACK, clients")                        \
	X(lane_round_trip, "from HEARTBEAT to HEARTBEAT_ACK, lanes of backends")

#define HISTOGRAMS_ENUM(name, text) HISTOGRAM_##name,
enum histogram_name { HISTOGRAMS(HISTOGRAMS_ENUM) HISTOGRAMS_COUNT };
#undef HISTOGRAMS_ENUM

// Upper bounds of the buckets but the last, which has none.
static const uint32_t histogram_bounds_us[] = {
    50,    100,   250,    500,    1000,   2500,    5000,    10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000,
};

enum {
	HISTOGRAM_BOUNDS = sizeof(histogram_bounds_us) / sizeof(histogram_bounds_us[0]),
	HISTOGRAM_BUCKETS = HISTOGRAM_BOUNDS + 1,
	HISTOGRAM_STAMP_MAX_US = 600000000, // an older stamp than 10 min is none
};

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t sum_us;
};

// The writer's alone.
static inline void histogram_add(struct histogram *histogram, uint64_t us)
{
	uint32_t bucket = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BOUNDS; i++)
		bucket += us > histogram_bounds_us[i];
	__atomic_store_n(&histogram->counts[bucket], histogram->counts[bucket] + 1,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&histogram->sum_us, histogram->sum_us + us, __ATOMIC_RELAXED);
}

// Adds what has passed since a stamp that an endpoint sent back. One from the future, or too old,
// is none of ours and is not counted.
static inline void histogram_add_stamp(struct histogram *histogram, uint64_t stamp_us,
				       uint64_t now_us)
{
	if (stamp_us <= now_us && now_us - stamp_us <= HISTOGRAM_STAMP_MAX_US)
		histogram_add(histogram, now_us - stamp_us);
}

// Adds every bucket of *from to *sum. Any thread.
static inline void histogram_sum(struct histogram *sum, const struct histogram *from)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum->counts[i] += __atomic_load_n(&from->counts[i], __ATOMIC_RELAXED);
	sum->sum_us += __atomic_load_n(&from->sum_us, __ATOMIC_RELAXED);
}

// Durations in all.
static inline uint64_t histogram_count(const struct histogram *histogram)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += histogram->counts[i];
	return count;
}
