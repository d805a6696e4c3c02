// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/rig_threads.h"

#include <sched.h>
#include <stdio.h>

#include <rte_ethdev.h>

#include "tests/support/rig.h"

enum {
	ROUNDS = 4, // a packet lands, is handed over, is answered, and what that moved is handed on
	PASSES = 2, // of each worker in a round: one may have begun before it
	RING_PACKETS = 1024,
};

static uint16_t arrive(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count,
		       uint16_t max, void *ring)
{
	return (uint16_t)rte_ring_dequeue_burst(ring, (void **)packets, max, NULL);
}

// The device frees what it is given: the rig gets another hold of it.
static uint16_t leave(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count,
		      void *ring)
{
	for (uint16_t i = 0; i < count; i++) {
		rte_pktmbuf_refcnt_update(packets[i], 1);
		RIG_CHECK(rte_ring_enqueue(ring, packets[i]) == 0, "nobody takes what leaves");
	}
	return count;
}

static struct rte_ring *ring_make(const char *name, uint32_t queue)
{
	char whole[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(whole, sizeof(whole), "%s%u", name, queue);
	ring = rte_ring_create(whole, RING_PACKETS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	RIG_CHECK(ring != NULL, "%s", whole);
	return ring;
}

void rig_threads_wire(struct rig *rig)
{
	const uint16_t port = rig->dataplane->ports[0].id;

	for (uint16_t i = 0; i < rig->settings.workers; i++) {
		rig->arrivals[i] = ring_make("rig_arrivals", i);
		rig->wires[i] = ring_make("rig_wires", i);
		RIG_CHECK(rte_eth_add_rx_callback(port, i, arrive, rig->arrivals[i]) != NULL,
			  "no callback");
		RIG_CHECK(rte_eth_add_tx_callback(port, i, leave, rig->wires[i]) != NULL,
			  "no callback");
	}
}

static uint64_t polls(const struct rig *rig, uint32_t worker)
{
	return __atomic_load_n(&rig->dataplane->workers[worker]->counters.count[COUNTER_polls],
			       __ATOMIC_RELAXED);
}

static void round_wait(const struct rig *rig)
{
	uint64_t begin[DIRECTORY_WORKERS_MAX];

	for (uint32_t i = 0; i < rig->settings.workers; i++)
		begin[i] = polls(rig, i);
	for (uint32_t i = 0; i < rig->settings.workers; i++) {
		while (polls(rig, i) - begin[i] < PASSES)
			sched_yield();
	}
}

void rig_threads_pass(struct rig *rig)
{
	urcu_qsbr_thread_offline();
	for (uint32_t i = 0; i < ROUNDS; i++)
		round_wait(rig);
	urcu_qsbr_thread_online();
}

void rig_threads_stop(struct rig *rig)
{
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	dataplane_stop(rig->dataplane);
	free(rig->inbox);
}
