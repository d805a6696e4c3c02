// SPDX-License-Identifier: BSD-3-Clause
// The poll loop.
#include "dataplane/worker.h"

#include <urcu/urcu-qsbr.h>

#include "dataplane/attempt.h"
#include "dataplane/command.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/errand.h"
#include "dataplane/neighbor.h"
#include "dataplane/notice.h"
#include "dataplane/steer.h"

enum { HAND_OVERS_MAX = 3 };

uint32_t worker_path_ms(const struct worker *worker, const struct path *path)
{
	return worker->clock.now_ms[worker->dataplane->settings.addresses[path->local].port];
}

void worker_hand_over(struct worker *worker, struct rte_mbuf *mbuf, uint8_t owner)
{
	struct packet *packet = packet_of(mbuf);

	if (owner == worker->index || ++packet->tries > HAND_OVERS_MAX ||
	    rte_ring_enqueue(worker->handed_out[owner], mbuf) != 0) {
		packet_drop(worker, mbuf, DROP_ring_full);
		return;
	}
	counters_add(&worker->counters, COUNTER_handed_over, 1);
}

// Time goes on: by what has passed since the last pass, but a stall counts as WORKER_STALL_MS.
static void clocks_advance(struct worker *worker, uint64_t now_tsc)
{
	worker->now_tsc = now_tsc;
	worker->now_us = clock_us(&worker->dataplane->clock, now_tsc);

	const uint64_t now_ms = worker->now_us / 1000;
	uint64_t passed_ms = now_ms - worker->last_ms;

	if (likely(passed_ms == 0))
		return;
	if (passed_ms > WORKER_STALL_MS) {
		if (worker->last_ms != 0)
			counters_add(&worker->counters, COUNTER_stalled_ms,
				     passed_ms - WORKER_STALL_MS);
		passed_ms = WORKER_STALL_MS;
	}
	worker->last_ms = now_ms;
	worker->clock.passed_ms += (uint32_t)passed_ms;
	for (uint32_t i = 0; i < worker->ports_count; i++) {
		// Control reads it, relaxed.
		if (__atomic_load_n(&worker->dataplane->ports[i].link_up, __ATOMIC_RELAXED))
			__atomic_store_n(&worker->clock.now_ms[i],
					 worker->clock.now_ms[i] + (uint32_t)passed_ms,
					 __ATOMIC_RELAXED);
	}
}

// The time of a pass is known when the next begins.
static void time_advance(struct worker *worker, uint64_t now_tsc)
{
	const uint64_t before_us = worker->now_us;

	clocks_advance(worker, now_tsc);
	if (worker->busy)
		counters_add(&worker->counters, COUNTER_busy_us,
			     RTE_MIN(worker->now_us - before_us, WORKER_STALL_MS * UINT64_C(1000)));
}

static uint32_t ports_poll(struct worker *worker)
{
	struct rte_mbuf *frames[BURST_MAX];
	uint32_t found = 0;

	for (uint8_t i = 0; i < worker->ports_count; i++) {
		if (!worker->ports[i].receives)
			continue;

		const uint32_t count = packet_receive(worker, i, worker->ports[i].queue, frames);

		if (count > 0)
			steer_burst(worker, frames, count);
		found += count;
	}
	return found;
}

static uint32_t hand_overs_poll(struct worker *worker)
{
	struct rte_mbuf *frames[BURST_MAX];
	uint32_t found = 0;

	for (uint32_t i = 0; i < worker->workers; i++) {
		if (i == worker->index)
			continue;

		const uint32_t count =
		    rte_ring_dequeue_burst(worker->handed_in[i], (void **)frames, BURST_MAX, NULL);

		if (count > 0)
			steer_burst(worker, frames, count);
		found += count;
	}
	return found;
}

static void timers_poll(struct worker *worker)
{
	for (uint32_t i = 0; i < WORKER_TIMERS_MAX; i++) {
		struct wheel_node *node = wheel_due(worker->wheel, worker->clock.passed_ms);

		if (node == NULL)
			return;
		switch ((enum timer_kind)node->kind) {
		case TIMER_ATTEMPT_EXPIRY:
			attempt_expired(worker, caa_container_of(node, struct attempt, expiry));
			break;
		case TIMER_ATTEMPT_OPEN:
			attempt_repeat_open(worker, caa_container_of(node, struct attempt, repeat));
			break;
		case TIMER_ERRAND:
			errand_due(worker, caa_container_of(node, struct errand, timer));
			break;
		}
	}
}

// Once, when the link is there to hear it.
static void addresses_announce(struct worker *worker)
{
	worker->announced = true;
	for (uint8_t i = 0; i < worker->ports_count; i++)
		neighbor_announce(worker, i);
}

uint32_t worker_poll(struct worker *worker, uint64_t now_tsc)
{
	uint32_t found = 0;

	time_advance(worker, now_tsc);
	// Acquire, more than rcu_dereference() gives: lanes, which control started anew before it
	// published, do not hang on this pointer. Pairs with dataplane_publish().
	worker->directory = __atomic_load_n(&worker->dataplane->directory, __ATOMIC_ACQUIRE);
	if (unlikely(worker->index == 0 && !worker->announced))
		addresses_announce(worker);
	found += ports_poll(worker);
	if (worker->workers > 1)
		found += hand_overs_poll(worker);
	found += command_take(worker);
	timers_poll(worker);
	command_walk(worker);
	notice_flush(worker);
	session_table_reclaim(worker);
	packet_flush(worker);
	counters_add(&worker->counters, COUNTER_polls, 1);
	worker->busy = found > 0;
	urcu_qsbr_quiescent_state();
	return found;
}
