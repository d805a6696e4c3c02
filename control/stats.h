// SPDX-License-Identifier: BSD-3-Clause
// Everything that is counted, read once: what stats.get and Prometheus both show, so that neither
// has figures of its own.
//
// Control thread, online for RCU or not: counters are no pointers. Nothing is reset by reading.
#pragma once

#include <stdint.h>

#include "control/gateway.h"

enum {
	STATS_CONTROL_TICK = HISTOGRAMS_COUNT, // the control thread's own, behind those of workers
	STATS_HISTOGRAMS,
};

struct stats {
	uint32_t workers;
	struct counters counters[DIRECTORY_WORKERS_MAX];
	struct counters counters_sum;
	struct dataplane_gauges gauges[DIRECTORY_WORKERS_MAX];
	struct dataplane_gauges gauges_sum;
	struct gateway_gauges own;
	struct tally tally;
	struct histogram histograms[STATS_HISTOGRAMS]; // over all workers
	enum gateway_state state;
	uint64_t started_ms; // UTC
	uint32_t sessions_max;
	uint32_t ports_count;
	struct dataplane_port_view ports[DATAPLANE_PORTS_MAX];
	const char *gateway; // name; the settings'
};

void stats_take(struct gateway *gateway, struct stats *stats);

// Static name and text of a histogram, index below STATS_HISTOGRAMS.
const char *stats_histogram_name(uint32_t index);
const char *stats_histogram_text(uint32_t index);
