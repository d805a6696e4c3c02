// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/quiet.h"

#include <inttypes.h>

#include <rte_mempool.h>
#include <rte_ring.h>

#include "control/courier.h"
#include "control/endings.h"
#include "control/gateway_parts.h"
#include "dataplane/attempt.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/errand.h"
#include "dataplane/session_table.h"
#include "dataplane/worker.h"
#include "tests/sim/gate.h"
#include "tests/sim/grace.h"
#include "tests/sim/trace.h"

struct left {
	int64_t sessions;
	uint64_t attempts, errands, chunks, packets, commands, notices, slots;
};

static uint64_t slots_free(const struct session_table *table, const struct session_range *range)
{
	uint64_t count = range->end - range->fresh;

	// A slot that came back twice makes the list endless.
	for (uint32_t slot = range->free; slot != SESSION_NONE && count <= table->capacity;
	     slot = table->cold[slot].next)
		count++;
	return count;
}

static void left_count(const struct gate *gate, struct left *left)
{
	const struct dataplane *dataplane = gate->dataplane;
	const struct session_table *table = dataplane->sessions;

	*left = (struct left){.packets = rte_mempool_in_use_count(dataplane->control_pool),
			      .commands = courier_waiting(gate->gateway->courier),
			      .slots = table->capacity};
	for (uint32_t i = 0; i < gate->settings.workers; i++) {
		const struct worker *worker = dataplane->workers[i];
		struct dataplane_gauges gauges = {.chunks_used = 0};

		dataplane_gauges(dataplane, i, &gauges);
		for (uint32_t state = SESSION_OPENING; state < SESSION_STATES; state++)
			left->sessions += (int32_t)gauges.sessions[state];
		left->attempts += gauges.attempts;
		left->chunks += gauges.chunks_used;
		left->errands += worker->errands->used;
		left->commands += rte_ring_count(worker->commands);
		left->notices += rte_ring_count(worker->notices);
		left->packets += rte_mempool_in_use_count(dataplane->pools[i]);
		left->slots -= slots_free(table, &table->ranges[i]);
	}
}

bool quiet_reached(const struct gate *gate)
{
	struct left left;

	left_count(gate, &left);
	return left.sessions == 0 && left.attempts == 0 && left.errands == 0 && left.chunks == 0 &&
	       left.packets == 0 && left.commands == 0 && left.notices == 0 && left.slots == 0 &&
	       grace_waiting(gate->index) == 0 && endings_waiting(gate->gateway->endings) == 0;
}

void quiet_check_counters(const struct gate *gate)
{
	struct counters sum = {.count = {0}};
	uint64_t began, ended;

	for (uint32_t i = 0; i < gate->settings.workers; i++) {
		const struct worker *worker = gate->dataplane->workers[i];

		counters_sum(&sum, &worker->counters);
		// What is handed over is on its way still.
		for (uint32_t k = 0; k < worker->workers; k++)
			sum.count[COUNTER_consumed] +=
			    k != i ? rte_ring_count(worker->handed_in[k]) : 0;
	}
	began = sum.count[COUNTER_received] + sum.count[COUNTER_made];
	ended = sum.count[COUNTER_sent] + sum.count[COUNTER_consumed];
	for (uint32_t i = 0; i < DROPS_COUNT; i++)
		ended += sum.drops[i];
	if (began != ended)
		trace_fail("packets of %s are not conserved: %" PRIu64 " began, %" PRIu64 " ended",
			   gate->name, began, ended);
	if (sum.count[COUNTER_illegal_edges] != 0)
		trace_fail("%s was asked for an illegal edge", gate->name);
}

void quiet_check(const struct gate *gate)
{
	struct left left;

	left_count(gate, &left);
	if (quiet_reached(gate))
		return;
	trace_fail("%s is left with %" PRId64 " sessions, %" PRIu64 " slots in use, %" PRIu64
		   " attempts, %" PRIu64 " errands, %" PRIu64 " chunks, %" PRIu64
		   " packets, %" PRIu64 " commands, %" PRIu64 " notices, %u waiting for grace "
		   "periods, %u evictions waiting",
		   gate->name, left.sessions, left.slots, left.attempts, left.errands, left.chunks,
		   left.packets, left.commands, left.notices, grace_waiting(gate->index),
		   endings_waiting(gate->gateway->endings));
}
