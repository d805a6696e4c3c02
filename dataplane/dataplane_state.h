// SPDX-License-Identifier: BSD-3-Clause
// What all workers share. Made by dataplane_start(), read by workers; who writes stands at each
// field that changes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/clock.h"
#include "dataplane/dataplane.h"
#include "dataplane/port.h"
#include "dataplane/replay_cache.h"
#include "dataplane/session_table.h"

struct rte_mempool;
struct worker;

struct dataplane {
	struct dataplane_settings settings;
	uint16_t udp_port; // network order
	struct clock clock;
	struct port ports[DATAPLANE_PORTS_MAX];
	struct session_table *sessions;
	struct replay_arena *arena;
	const struct directory *directory; // RCU: published by control
	struct worker *workers[DIRECTORY_WORKERS_MAX];
	struct rte_mempool *pools[DIRECTORY_WORKERS_MAX]; // of packets, one for each worker
	struct rte_mempool *control_pool;
	unsigned int lcores[DIRECTORY_WORKERS_MAX];
	uint32_t last_polled;            // by dataplane_notices(); control's
	struct call_rcu_data *reclaimer; // gives slots back when their grace period is over
	bool launched;
	bool huge;
};
