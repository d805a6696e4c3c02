// SPDX-License-Identifier: BSD-3-Clause
#include "control/stats.h"

#include <string.h>

struct entry {
	const char *name;
	const char *text;
};

#define ENTRY(name, text) {#name, text},
static const struct entry histograms[STATS_HISTOGRAMS] = {
    HISTOGRAMS(ENTRY){"control_tick_duration", "of one tick of the control thread"}};
#undef ENTRY

const char *stats_histogram_name(uint32_t index)
{
	return histograms[index].name;
}

const char *stats_histogram_text(uint32_t index)
{
	return histograms[index].text;
}

// Adds a worker's gauges; what all workers share is taken from the last.
static void gauges_add(struct dataplane_gauges *sum, const struct dataplane_gauges *gauges)
{
	for (int i = 0; i < SESSION_STATES; i++)
		sum->sessions[i] += gauges->sessions[i];
	sum->attempts += gauges->attempts;
	sum->packets_free += gauges->packets_free;
	sum->packets_max += gauges->packets_max;
	sum->chunks_used = gauges->chunks_used;
	sum->chunks_max = gauges->chunks_max;
	sum->chunk_bytes = gauges->chunk_bytes;
}

void stats_take(struct gateway *gateway, struct stats *stats)
{
	const struct settings *settings = gateway_settings(gateway);
	struct dataplane *dataplane = gateway_dataplane(gateway);

	memset(stats, 0, sizeof(*stats));
	stats->workers = settings->gateway.workers;
	for (uint32_t i = 0; i < stats->workers; i++) {
		dataplane_counters(dataplane, i, &stats->counters[i]);
		dataplane_gauges(dataplane, i, &stats->gauges[i]);
		dataplane_histograms(dataplane, i, stats->histograms);
		counters_sum(&stats->counters_sum, &stats->counters[i]);
		gauges_add(&stats->gauges_sum, &stats->gauges[i]);
	}
	stats->histograms[STATS_CONTROL_TICK] = *gateway_ticks(gateway);
	stats->ports_count = dataplane_ports(dataplane, stats->ports, DATAPLANE_PORTS_MAX);
	stats->tally = *gateway_tally(gateway);
	gateway_gauges(gateway, &stats->own);
	stats->state = gateway_state(gateway);
	stats->started_ms = gateway_started_ms(gateway);
	stats->sessions_max = settings->session.max;
	stats->gateway = settings->gateway.name;
}
