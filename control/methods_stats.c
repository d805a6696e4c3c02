// SPDX-License-Identifier: BSD-3-Clause
// stats.get, metrics.get.
#include "control/methods.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#include "control/metrics.h"
#include "holdfast/errors.h"
#include "protocol/session_state.h"

static void pack_tally(msgpack_packer *packer, const struct tally *tally)
{
#define TALLY_PACK(name, text) rpc_pack_key_uint(packer, "control_" #name, tally->name);
	TALLY(TALLY_PACK)
#undef TALLY_PACK
}

#define TALLY_ONE(name, text) +1
enum { TALLY_COUNT = 0 TALLY(TALLY_ONE) };
#undef TALLY_ONE

// Packs the maps counters and drops; the control thread's own counters where tally is not NULL.
static void pack_counters(msgpack_packer *packer, const struct counters *counters,
			  const struct tally *tally)
{
	rpc_pack_text(packer, "counters");
	msgpack_pack_map(packer, COUNTERS_COUNT + (tally != NULL ? TALLY_COUNT : 0));
	for (int i = 0; i < COUNTERS_COUNT; i++)
		rpc_pack_key_uint(packer, counters_name((enum counter)i), counters->count[i]);
	if (tally != NULL)
		pack_tally(packer, tally);
	rpc_pack_text(packer, "drops");
	msgpack_pack_map(packer, DROPS_COUNT);
	for (int i = 0; i < DROPS_COUNT; i++)
		rpc_pack_key_uint(packer, counters_drop_name((enum drop)i), counters->drops[i]);
}

enum { GAUGES_OF_WORKER = SESSION_STATES - 1 + 1, GAUGES_OF_GATEWAY = 11 };

// What each worker has of its own.
static void pack_worker_gauges(msgpack_packer *packer, const struct dataplane_gauges *gauges)
{
	char name[48];

	for (int i = SESSION_FREE + 1; i < SESSION_STATES; i++) {
		snprintf(name, sizeof(name), "sessions_%s",
			 session_state_name((enum session_state)i));
		for (char *c = name; *c != '\0'; c++)
			*c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
		rpc_pack_key_uint(packer, name, gauges->sessions[i]);
	}
	rpc_pack_key_uint(packer, "attempts", gauges->attempts);
}

static void pack_gateway_gauges(msgpack_packer *packer, const struct stats *stats)
{
	const struct dataplane_gauges *sum = &stats->gauges_sum;
	const struct gateway_gauges *own = &stats->own;

	rpc_pack_key_uint(packer, "chunks_used", sum->chunks_used);
	rpc_pack_key_uint(packer, "chunks_max", sum->chunks_max);
	rpc_pack_key_uint(packer, "chunk_bytes", sum->chunk_bytes);
	rpc_pack_key_uint(packer, "packets_free", sum->packets_free);
	rpc_pack_key_uint(packer, "packets_max", sum->packets_max);
	rpc_pack_key_uint(packer, "ends_kept", own->ends_kept);
	rpc_pack_key_uint(packer, "ends_max", own->ends_max);
	rpc_pack_key_uint(packer, "commands_waiting", own->commands_waiting);
	rpc_pack_key_uint(packer, "evictions_waiting", own->evictions_waiting);
	rpc_pack_key_uint(packer, "backends_connected", own->backends_connected);
	rpc_pack_key_uint(packer, "lanes_live", own->lanes_live);
}

static void pack_refused(msgpack_packer *packer, const struct tally *tally)
{
	rpc_pack_text(packer, "refused");
	msgpack_pack_map(packer, HOLDFAST_CODE_END - 1);
	for (uint16_t code = 1; code < HOLDFAST_CODE_END; code++)
		rpc_pack_key_uint(packer, holdfast_code_name(code), tally->refused[code]);
}

static void pack_histogram(msgpack_packer *packer, const struct histogram *histogram)
{
	msgpack_pack_map(packer, 3);
	rpc_pack_text(packer, "bounds_us");
	msgpack_pack_array(packer, HISTOGRAM_BOUNDS);
	for (uint32_t i = 0; i < HISTOGRAM_BOUNDS; i++)
		msgpack_pack_uint32(packer, histogram_bounds_us[i]);
	rpc_pack_text(packer, "counts"); // one more: those beyond all bounds
	msgpack_pack_array(packer, HISTOGRAM_BUCKETS);
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		msgpack_pack_uint64(packer, histogram->counts[i]);
	rpc_pack_key_uint(packer, "sum_us", histogram->sum_us);
}

static void pack_histograms(msgpack_packer *packer, const struct stats *stats)
{
	rpc_pack_text(packer, "histograms");
	msgpack_pack_map(packer, STATS_HISTOGRAMS);
	for (uint32_t i = 0; i < STATS_HISTOGRAMS; i++) {
		rpc_pack_text(packer, stats_histogram_name(i));
		pack_histogram(packer, &stats->histograms[i]);
	}
}

void methods_stats_get(const struct methods_call *call)
{
	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, METHODS_STATS_KEYS);
	methods_stats_pack(call->methods->gateway, call->packer);
}

void methods_stats_pack(struct gateway *gateway, msgpack_packer *packer)
{
	struct stats stats;

	stats_take(gateway, &stats);
	pack_counters(packer, &stats.counters_sum, &stats.tally);
	pack_refused(packer, &stats.tally);
	rpc_pack_text(packer, "gauges");
	msgpack_pack_map(packer, GAUGES_OF_WORKER + GAUGES_OF_GATEWAY);
	pack_worker_gauges(packer, &stats.gauges_sum);
	pack_gateway_gauges(packer, &stats);
	pack_histograms(packer, &stats);
	rpc_pack_text(packer, "workers");
	msgpack_pack_array(packer, stats.workers);
	for (uint32_t i = 0; i < stats.workers; i++) {
		msgpack_pack_map(packer, 3);
		pack_counters(packer, &stats.counters[i], NULL);
		rpc_pack_text(packer, "gauges");
		msgpack_pack_map(packer, GAUGES_OF_WORKER);
		pack_worker_gauges(packer, &stats.gauges[i]);
	}
}

void methods_metrics_get(const struct methods_call *call)
{
	struct evbuffer *buffer = evbuffer_new();
	struct stats stats;

	stats_take(call->methods->gateway, &stats);
	if (buffer == NULL || metrics_render(&stats, buffer) != 0) {
		rpc_error(call->packer, call->request->id, CONTROL_ERROR_UNAVAILABLE,
			  "no memory for the text");
	} else {
		const size_t bytes = evbuffer_get_length(buffer);

		rpc_answer(call->packer, call->call->id);
		msgpack_pack_map(call->packer, 1);
		rpc_pack_text(call->packer, "text");
		msgpack_pack_str(call->packer, bytes);
		msgpack_pack_str_body(call->packer, evbuffer_pullup(buffer, -1), bytes);
	}
	if (buffer != NULL)
		evbuffer_free(buffer);
}
