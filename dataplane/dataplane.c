// SPDX-License-Identifier: BSD-3-Clause
// Start and stop of the data plane.
#include "dataplane/dataplane.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_pdump.h>
#include <sodium.h>
#include <urcu/urcu-qsbr.h>

#include "dataplane/attempt.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/eal.h"
#include "dataplane/errand.h"
#include "dataplane/limiter.h"
#include "dataplane/memory.h"
#include "dataplane/packet_pool.h"
#include "dataplane/telemetry.h"
#include "dataplane/wheel.h"
#include "dataplane/worker.h"

enum {
	PACKETS_OF_WORKER = 8191, // a pool of 2^n - 1 wastes least
	PACKETS_OF_CONTROL = 1023,
	PACKETS_CACHE = 256,
	MIN_DATA_BYTES = 2048,
	RESERVE_MIB = 96, // for the devices and EAL itself
	UNKNOWN_INTERVAL_MS = 100,
	SOON_INTERVAL_MS = 5, // between ACKs for duplicates, between NAKs served
};

static uint32_t data_bytes(const struct dataplane_settings *settings)
{
	uint32_t bytes = MIN_DATA_BYTES;

	for (uint32_t i = 0; i < settings->ports_count; i++)
		bytes = RTE_MAX(bytes, (uint32_t)settings->ports[i].mtu + PACKET_HEADROOM_BYTES);
	bytes = RTE_MAX(bytes, settings->frame_max + PACKET_HEADROOM_BYTES);
	return bytes + RTE_PKTMBUF_HEADROOM;
}

static uint32_t memory_mib(const struct dataplane_settings *settings)
{
	const uint64_t packet =
	    sizeof(struct rte_mbuf) + PACKET_PRIVATE_BYTES + 128 + data_bytes(settings);
	const uint64_t packets =
	    (uint64_t)settings->workers * (PACKETS_OF_WORKER + 1) + PACKETS_OF_CONTROL + 1;
	const uint64_t slots = (uint64_t)settings->sessions_max * 2 * sizeof(void *);
	const uint64_t mailboxes = (uint64_t)settings->workers *
				   (DATAPLANE_COMMANDS_QUEUE * sizeof(struct command) +
				    DATAPLANE_NOTICES_QUEUE * sizeof(struct notice) +
				    settings->workers * WORKER_RING_PACKETS * sizeof(void *));

	return (uint32_t)((packet * packets + slots + mailboxes) >> 20) + RESERVE_MIB;
}

// Whether all ports are sockets of the kernel, so that no device reaches packets by itself.
static bool sockets_only(const struct dataplane_settings *settings)
{
	for (uint32_t i = 0; i < settings->ports_count; i++) {
		if (strncmp(settings->ports[i].device, "net_af_", 7) != 0)
			return false;
	}
	return true;
}

static int pools_create(struct dataplane *dataplane)
{
	const uint16_t bytes = (uint16_t)data_bytes(&dataplane->settings);
	const bool even = sockets_only(&dataplane->settings);
	char name[RTE_MEMPOOL_NAMESIZE];

	for (uint32_t i = 0; i < dataplane->settings.workers; i++) {
		snprintf(name, sizeof(name), "packets%u", i);
		dataplane->pools[i] =
		    packet_pool_create(name, PACKETS_OF_WORKER, PACKETS_CACHE, bytes, even);
		if (dataplane->pools[i] == NULL)
			return -ENOMEM;
	}
	dataplane->control_pool =
	    packet_pool_create("packets_control", PACKETS_OF_CONTROL, 0, bytes, even);
	return dataplane->control_pool != NULL ? 0 : -ENOMEM;
}

static struct rte_ring *mailbox(const char *name, uint32_t from, uint32_t to, uint32_t bytes,
				uint32_t count)
{
	char whole[RTE_RING_NAMESIZE];

	snprintf(whole, sizeof(whole), "%s%u_%u", name, from, to);
	return rte_ring_create_elem(whole, bytes, count, SOCKET_ID_ANY,
				    RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static struct limiter *limiter_create(uint32_t interval_ms)
{
	struct limiter *limiter = calloc(1, sizeof(*limiter));

	if (limiter != NULL)
		limiter->interval_ms = interval_ms;
	return limiter;
}

static void worker_ports_set(struct worker *worker)
{
	const struct dataplane *dataplane = worker->dataplane;

	worker->ports_count = (uint16_t)dataplane->settings.ports_count;
	for (uint32_t i = 0; i < worker->ports_count; i++) {
		const struct port *port = &dataplane->ports[i];

		worker->ports[i].port_id = port->id;
		worker->ports[i].receives = worker->index < port->queues;
		// A worker beyond the device's queues hands its packets to a queue's owner.
		worker->ports[i].queue = worker->index < port->queues ? worker->index : 0;
	}
}

static int worker_create(struct dataplane *dataplane, uint32_t index)
{
	const uint32_t workers = dataplane->settings.workers;
	const uint32_t attempts = RTE_MAX(dataplane->settings.attempts_max / workers, 16u);
	struct worker *worker = aligned_alloc(64, (sizeof(*worker) + 63) / 64 * 64);

	if (worker == NULL)
		return -ENOMEM;
	memset(worker, 0, sizeof(*worker));
	dataplane->workers[index] = worker;
	worker->index = (uint16_t)index;
	worker->workers = (uint16_t)workers;
	worker->yield_when_idle = dataplane->settings.yield_when_idle;
	worker->dataplane = dataplane;
	worker->sessions = dataplane->sessions;
	worker->packets = dataplane->pools[index];
	worker->notices_head = worker->notices_tail = SESSION_NONE;
	worker->replay = calloc(1, sizeof(*worker->replay));
	worker->attempts = calloc(1, sizeof(*worker->attempts));
	worker->errands = calloc(1, sizeof(*worker->errands));
	worker->wheel = calloc(1, sizeof(*worker->wheel));
	worker->unknown_limit = limiter_create(UNKNOWN_INTERVAL_MS);
	worker->ack_limit = limiter_create(SOON_INTERVAL_MS);
	worker->nak_limit = limiter_create(SOON_INTERVAL_MS);
	worker->lanes =
	    calloc((size_t)DIRECTORY_BACKENDS_MAX * DIRECTORY_LANES_MAX, sizeof(*worker->lanes));
	worker->commands =
	    mailbox("commands", 0, index, sizeof(struct command), DATAPLANE_COMMANDS_QUEUE);
	worker->notices =
	    mailbox("notices", index, 0, sizeof(struct notice), DATAPLANE_NOTICES_QUEUE);
	if (worker->replay == NULL || worker->attempts == NULL || worker->errands == NULL ||
	    worker->wheel == NULL || worker->unknown_limit == NULL || worker->ack_limit == NULL ||
	    worker->nak_limit == NULL || worker->lanes == NULL || worker->commands == NULL ||
	    worker->notices == NULL || attempt_pool_init(worker->attempts, attempts) != 0 ||
	    errand_pool_init(worker->errands,
			     RTE_MAX(dataplane->settings.sessions_max / workers, 16u)) != 0)
		return -ENOMEM;
	replay_cache_init(worker->replay, dataplane->arena);
	wheel_init(worker->wheel, 0);
	return 0;
}

static int hand_overs_create(struct dataplane *dataplane)
{
	const uint32_t workers = dataplane->settings.workers;

	for (uint32_t from = 0; from < workers; from++) {
		for (uint32_t to = 0; to < workers; to++) {
			struct rte_ring *ring;

			if (from == to)
				continue;
			ring = mailbox("handed", from, to, sizeof(void *), WORKER_RING_PACKETS);
			if (ring == NULL)
				return -ENOMEM;
			dataplane->workers[from]->handed_out[to] = ring;
			dataplane->workers[to]->handed_in[from] = ring;
		}
	}
	return 0;
}

static int worker_main(void *argument)
{
	struct worker *worker = argument;

	urcu_qsbr_register_thread();
	urcu_qsbr_set_thread_call_rcu_data(worker->dataplane->reclaimer);
	while (!__atomic_load_n(&worker->stop, __ATOMIC_RELAXED)) {
		if (worker_poll(worker, rte_rdtsc()) == 0 && worker->yield_when_idle)
			sched_yield();
	}
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	urcu_qsbr_unregister_thread();
	return 0;
}

static int tables_create(struct dataplane *dataplane)
{
	const struct dataplane_settings *settings = &dataplane->settings;

	dataplane->sessions =
	    session_table_create(settings->sessions_max, settings->workers, settings->sides_max);
	dataplane->arena = replay_arena_create(settings->replay_bytes);
	if (dataplane->sessions == NULL || dataplane->arena == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < settings->workers; i++) {
		if (worker_create(dataplane, i) != 0)
			return -ENOMEM;
	}
	return hand_overs_create(dataplane);
}

static void worker_destroy(struct worker *worker)
{
	if (worker == NULL)
		return;
	rte_ring_free(worker->commands);
	rte_ring_free(worker->notices);
	for (uint32_t i = 0; i < worker->workers; i++)
		rte_ring_free(worker->handed_out[i]);
	if (worker->attempts != NULL)
		attempt_pool_fini(worker->attempts);
	if (worker->errands != NULL)
		errand_pool_fini(worker->errands);
	free(worker->replay);
	free(worker->attempts);
	free(worker->errands);
	free(worker->wheel);
	free(worker->unknown_limit);
	free(worker->ack_limit);
	free(worker->nak_limit);
	free(worker->lanes);
	free(worker);
}

static void directory_free(const struct directory *directory)
{
	if (directory == NULL)
		return;
	free(directory->backends);
	free((void *)(uintptr_t)directory);
}

static void dataplane_free(struct dataplane *dataplane)
{
	for (uint32_t i = 0; i < DATAPLANE_PORTS_MAX; i++)
		port_stop(&dataplane->ports[i]);
	for (uint32_t i = 0; i < DIRECTORY_WORKERS_MAX; i++)
		worker_destroy(dataplane->workers[i]);
	session_table_destroy(dataplane->sessions);
	replay_arena_destroy(dataplane->arena);
	for (uint32_t i = 0; i < DIRECTORY_WORKERS_MAX; i++)
		rte_mempool_free(dataplane->pools[i]);
	rte_mempool_free(dataplane->control_pool);
	directory_free(dataplane->directory);
	free(dataplane);
}

static int ports_start(struct dataplane *dataplane, char error[static DATAPLANE_ERROR_BYTES])
{
	const struct dataplane_settings *settings = &dataplane->settings;

	for (uint32_t i = 0; i < settings->ports_count; i++) {
		const int rc = port_start(&dataplane->ports[i], &settings->ports[i],
					  settings->workers, dataplane->pools, error);

		if (rc != 0)
			return rc;
	}
	for (uint32_t i = 0; i < settings->workers; i++)
		worker_ports_set(dataplane->workers[i]);
	return 0;
}

struct dataplane *dataplane_start(const struct dataplane_settings *settings, bool *huge,
				  char error[static DATAPLANE_ERROR_BYTES])
{
	struct dataplane *dataplane = aligned_alloc(64, (sizeof(*dataplane) + 63) / 64 * 64);
	int rc = -ENOMEM;

	error[0] = '\0';
	if (dataplane == NULL || sodium_init() < 0) {
		free(dataplane);
		snprintf(error, DATAPLANE_ERROR_BYTES, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	memset(dataplane, 0, sizeof(*dataplane));
	dataplane->settings = *settings;
	dataplane->udp_port = rte_cpu_to_be_16(settings->udp_port);
	rc = eal_start(settings, memory_mib(settings), dataplane->lcores, huge, error);
	if (rc != 0)
		goto no_eal;
	dataplane->huge = *huge;
	clock_calibrate(&dataplane->clock);
	urcu_qsbr_register_thread();
	rc = pools_create(dataplane);
	if (rc == 0)
		rc = tables_create(dataplane);
	if (rc != 0) {
		snprintf(
		    error, DATAPLANE_ERROR_BYTES,
		    "out of memory: lower [session] max, [replay] memory or [gateway] workers");
		goto fail;
	}
	rc = ports_start(dataplane, error);
	if (rc != 0)
		goto fail;
	// Woken without a system call of the worker that asks; it floats like the main lcore.
	dataplane->reclaimer = urcu_qsbr_create_call_rcu_data(URCU_CALL_RCU_RT, -1);
	if (dataplane->reclaimer == NULL) {
		snprintf(error, DATAPLANE_ERROR_BYTES, "out of memory");
		rc = -ENOMEM;
		goto fail;
	}
	if (settings->telemetry)
		telemetry_start(dataplane);
	// For dpdk-dumpcap. Costs nothing until that captures; DPDK tells of a failure itself.
	rte_pdump_init();
	return dataplane;
fail:
	dataplane_free(dataplane);
	urcu_qsbr_unregister_thread();
	eal_stop();
	errno = -rc;
	return NULL;
no_eal:
	free(dataplane);
	errno = -rc;
	return NULL;
}

// Workers begin with the first directory: before it they would have nothing to go by.
static void workers_launch(struct dataplane *dataplane)
{
	dataplane->launched = true;
	for (uint32_t i = 0; i < dataplane->settings.workers; i++)
		rte_eal_remote_launch(worker_main, dataplane->workers[i], dataplane->lcores[i]);
}

void dataplane_publish(struct dataplane *dataplane, struct directory *directory)
{
	const struct directory *before = dataplane->directory;

	// Pairs with the acquire loads in worker_poll() and session_copy().
	__atomic_store_n(&dataplane->directory, directory, __ATOMIC_RELEASE);
	if (before == NULL) {
		if (!dataplane->settings.stepped)
			workers_launch(dataplane);
		return;
	}
	urcu_qsbr_synchronize_rcu();
	directory_free(before);
}

// Packets that nobody will take any more.
static void leftovers_drop(struct dataplane *dataplane)
{
	for (uint32_t i = 0; i < dataplane->settings.workers; i++) {
		struct worker *worker = dataplane->workers[i];
		struct command command;
		struct notice notice;
		void *packet;

		for (uint32_t k = 0; k < worker->workers; k++) {
			while (worker->handed_in[k] != NULL &&
			       rte_ring_dequeue(worker->handed_in[k], &packet) == 0)
				packet_drop(worker, packet, DROP_stopped);
		}
		while (rte_ring_dequeue_elem(worker->commands, &command, sizeof(command)) == 0) {
			if (command.kind == COMMAND_CREATE || command.kind == COMMAND_SEND)
				rte_pktmbuf_free(command.packet);
		}
		while (rte_ring_dequeue_elem(worker->notices, &notice, sizeof(notice)) == 0)
			rte_pktmbuf_free(notice.packet);
	}
}

void dataplane_stop(struct dataplane *dataplane)
{
	for (uint32_t i = 0; i < dataplane->settings.workers; i++)
		__atomic_store_n(&dataplane->workers[i]->stop, true, __ATOMIC_RELAXED);
	urcu_qsbr_thread_offline();
	rte_pdump_uninit();
	telemetry_stop();
	if (dataplane->launched)
		rte_eal_mp_wait_lcore();
	urcu_qsbr_barrier();
	urcu_qsbr_call_rcu_data_free(dataplane->reclaimer);
	urcu_qsbr_thread_online();
	leftovers_drop(dataplane);
	dataplane_free(dataplane);
	urcu_qsbr_unregister_thread();
	eal_stop();
}
