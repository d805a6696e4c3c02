// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/eal.h"
#include "dataplane/packet.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "tests/sim/bounds.h"
#include "tests/sim/trace.h"

enum {
	MEMORY_MIB = 192,
	WIRE_PACKETS = 4095,
	CACHE = 16,
	SIZES_MAX = 4, // of pools, in all runs
	POOLS_MAX = SIM_GATES_MAX * (DIRECTORY_WORKERS_MAX + 1) * SIZES_MAX,
};

// A pool that waits for the next data plane that wants one of its name and size: making one costs
// more than a whole run.
struct kept_pool {
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t packets;
	uint16_t bytes;
	bool used;
};

int __wrap_eal_start(const struct dataplane_settings *settings, uint32_t memory_mib,
		     unsigned int *lcores, bool *huge, char error[static DATAPLANE_ERROR_BYTES]);
int __real_eal_start(const struct dataplane_settings *settings, uint32_t memory_mib,
		     unsigned int *lcores, bool *huge, char error[static DATAPLANE_ERROR_BYTES]);
void __wrap_eal_stop(void);
void __real_eal_stop(void);
void __wrap_port_stop(struct port *port);
void *__wrap_memory_take(size_t bytes, bool *huge);
void __wrap_memory_give_back(void *memory, size_t bytes);
int __wrap_rte_pdump_init(void);
int __wrap_rte_pdump_uninit(void);
struct rte_mempool *__wrap_packet_pool_create(const char *name, uint32_t packets, uint32_t cache,
					      uint16_t bytes, bool even);
struct rte_mempool *__real_packet_pool_create(const char *name, uint32_t packets, uint32_t cache,
					      uint16_t bytes, bool even);
void __wrap_rte_mempool_free(struct rte_mempool *pool);
void __real_rte_mempool_free(struct rte_mempool *pool);
struct rte_ring *__wrap_rte_ring_create(const char *name, unsigned int count, int socket,
					unsigned int flags);
struct rte_ring *__real_rte_ring_create(const char *name, unsigned int count, int socket,
					unsigned int flags);
struct rte_ring *__wrap_rte_ring_create_elem(const char *name, unsigned int bytes,
					     unsigned int count, int socket, unsigned int flags);
struct rte_ring *__real_rte_ring_create_elem(const char *name, unsigned int bytes,
					     unsigned int count, int socket, unsigned int flags);

static bool started;
static uint32_t current;
static struct machine_room current_room;
static struct rte_mempool *wire_packets;
static struct kept_pool pools[POOLS_MAX];

void machine_enter(uint32_t gate, const struct machine_room *room)
{
	current = gate;
	current_room = *room;
}

struct rte_ring *machine_wire(uint32_t gate, uint32_t queue)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring%u", queue, gate);
	return rte_ring_lookup(name);
}

struct rte_mempool *machine_packets(void)
{
	return wire_packets;
}

void machine_stop(void)
{
	if (started)
		__real_eal_stop();
	started = false;
}

// ---- EAL and devices -------------------------------------------------------------------------

static int devices_make(const struct dataplane_settings *settings)
{
	uint16_t port;

	for (uint32_t i = 0; i < settings->ports_count; i++) {
		const char *device = settings->ports[i].device;

		if (rte_eth_dev_get_port_by_name(device, &port) != 0 &&
		    rte_vdev_init(device, NULL) != 0)
			return -ENODEV;
	}
	return 0;
}

int __wrap_eal_start(const struct dataplane_settings *settings, uint32_t memory_mib,
		     unsigned int *lcores, bool *huge, char error[static DATAPLANE_ERROR_BYTES])
{
	static struct dataplane_settings bare;
	int rc = 0;

	*huge = false;
	bare.workers = 1;
	if (!started)
		rc = __real_eal_start(&bare, MEMORY_MIB, lcores, huge, error);
	if (rc != 0)
		return rc;
	if (!started)
		wire_packets =
		    rte_pktmbuf_pool_create("wire", WIRE_PACKETS, CACHE, PACKET_PRIVATE_BYTES,
					    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	started = true;
	for (uint32_t i = 0; i < settings->workers; i++)
		lcores[i] = i;
	return wire_packets != NULL ? devices_make(settings) : -ENOMEM;
}

void __wrap_eal_stop(void)
{
}

// The device stays for the next data plane.
void __wrap_port_stop(struct port *port)
{
	if (port->started)
		rte_eth_dev_stop(port->id);
	port->started = false;
}

int __wrap_rte_pdump_init(void)
{
	return 0;
}

int __wrap_rte_pdump_uninit(void)
{
	return 0;
}

// ---- Memory ----------------------------------------------------------------------------------

void *__wrap_memory_take(size_t bytes, bool *huge)
{
	const size_t whole = (bytes + 63) / 64 * 64;
	void *memory = aligned_alloc(64, whole);

	*huge = false;
	if (memory != NULL)
		memset(memory, 0, whole);
	return memory;
}

void __wrap_memory_give_back(void *memory, size_t bytes)
{
	free(memory);
}

static struct rte_mempool *pool_kept(const char *name, uint32_t packets, uint16_t bytes)
{
	for (uint32_t i = 0; i < POOLS_MAX; i++) {
		struct kept_pool *kept = &pools[i];

		if (kept->pool == NULL || kept->used || kept->packets != packets ||
		    kept->bytes != bytes || strcmp(kept->name, name) != 0)
			continue;
		kept->used = true;
		return kept->pool;
	}
	return NULL;
}

static void pool_keep(struct rte_mempool *pool, const char *name, uint32_t packets, uint16_t bytes)
{
	for (uint32_t i = 0; i < POOLS_MAX; i++) {
		if (pools[i].pool != NULL)
			continue;
		pools[i] = (struct kept_pool){
		    .pool = pool, .packets = packets, .bytes = bytes, .used = true};
		snprintf(pools[i].name, sizeof(pools[i].name), "%s", name);
		return;
	}
}

struct rte_mempool *__wrap_packet_pool_create(const char *name, uint32_t packets, uint32_t cache,
					      uint16_t bytes, bool even)
{
	char whole[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(whole, sizeof(whole), "g%u_%s_%u", current, name, current_room.packets);
	pool = pool_kept(whole, current_room.packets, bytes);
	if (pool != NULL)
		return pool;
	pool = __real_packet_pool_create(whole, current_room.packets - 1, CACHE, bytes, even);
	if (pool != NULL)
		pool_keep(pool, whole, current_room.packets, bytes);
	return pool;
}

// A pool that is not whole, as after a crash, is not used again.
void __wrap_rte_mempool_free(struct rte_mempool *pool)
{
	for (uint32_t i = 0; i < POOLS_MAX && pool != NULL; i++) {
		if (pools[i].pool != pool)
			continue;
		pools[i].used = false;
		if (rte_mempool_in_use_count(pool) == 0)
			return;
		pools[i].pool = NULL;
	}
	__real_rte_mempool_free(pool);
}

// ---- Rings -----------------------------------------------------------------------------------

static unsigned int room_of(const char *name, unsigned int count)
{
	if (strncmp(name, "commands", strlen("commands")) == 0)
		return current_room.commands;
	if (strncmp(name, "notices", strlen("notices")) == 0)
		return current_room.notices;
	if (strncmp(name, "handed", strlen("handed")) == 0)
		return current_room.handed;
	return count;
}

struct rte_ring *__wrap_rte_ring_create(const char *name, unsigned int count, int socket,
					unsigned int flags)
{
	char whole[RTE_RING_NAMESIZE];

	snprintf(whole, sizeof(whole), "g%u_%s", current, name);
	return __real_rte_ring_create(whole, count, socket, flags);
}

struct rte_ring *__wrap_rte_ring_create_elem(const char *name, unsigned int bytes,
					     unsigned int count, int socket, unsigned int flags)
{
	char whole[RTE_RING_NAMESIZE];

	snprintf(whole, sizeof(whole), "g%u_%s", current, name);
	return __real_rte_ring_create_elem(whole, bytes, room_of(name, count), socket, flags);
}
