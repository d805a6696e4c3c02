// SPDX-License-Identifier: BSD-3-Clause
// A gateway of a run: the real data plane on a wire of rings, its workers stepped, and the real
// control thread, ticked, all in virtual time.
//
// One thread. Every gate is an object with its own address; a process that is not there (crashed,
// or not started yet) has neither data plane nor control thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/settings.h"
#include "dataplane/address.h"
#include "dataplane/dataplane.h"
#include "tests/sim/bounds.h"
#include "tests/sim/ether.h"
#include "tests/sim/machine.h"

struct gateway;
struct rte_mbuf;

enum {
	GATE_PORT = 7400,
	GATE_QUEUE_MAX = 512,   // packets that a device keeps for a worker
	GATE_TICK_US = 1000,    // of a control thread that has something to do
	GATE_REST_US = 20000,   // of one that has not; far below what counts as a stall
	GATE_ACTIVE_US = 20000, // so long after the last packet workers are stepped often
};

struct gate_settings {
	uint32_t workers;
	uint32_t services;
	uint32_t timeout_ms, grace_ms;
	uint32_t window;
	uint32_t sessions_max, openings;
	uint64_t replay_bytes;
	uint32_t replay_session_bytes;
	uint32_t poll_us; // between two passes of a worker that has nothing to do
	bool ipv6;
	struct machine_room room;
};

struct gate_worker {
	struct rte_ring *wire;
	uint64_t next_us;
	uint64_t stopped_us; // does not run before
	uint32_t queued;
	struct rte_mbuf *queue[GATE_QUEUE_MAX]; // oldest first
};

// What a gate does with the world; context is the gate's.
struct gate_world {
	void *context;
	// A packet leaves. The datagram is good during the call.
	void (*sent)(void *context, uint32_t gate, const struct ether_datagram *datagram);
};

struct gate {
	uint32_t index;
	char name[SIM_NAME_BYTES];
	struct address at;
	struct gate_settings settings;
	struct gate_world world;
	struct settings *config;
	struct dataplane *dataplane; // NULL: the process is not there
	struct gateway *gateway;
	struct gate_worker workers[SIM_WORKERS_MAX];
	uint64_t active_us; // when a packet was last taken
	uint64_t tick_us;   // of control's next tick
	uint64_t ticked_us; // of its last
	uint64_t control_stopped_us;
};

// Address of a gate, started or not.
void gate_address(uint32_t index, bool ipv6, struct address *at);

// Starts the process. A failure is told by trace_fail().
void gate_start(struct gate *gate, uint32_t index, const struct gate_settings *settings,
		const struct gate_world *world);

// The process is gone, without a word; what it had is gone with it.
void gate_crash(struct gate *gate);

// A packet of the wire comes in for the queue of a worker. Returns false where the device has no
// room.
bool gate_receive(struct gate *gate, uint32_t queue, const uint8_t *packet, uint32_t bytes);

// When it wants to be stepped; UINT64_MAX where nobody is there.
uint64_t gate_due_us(const struct gate *gate);

// Steps what is due now.
void gate_step(struct gate *gate);

// Does not run until then.
void gate_stop_worker(struct gate *gate, uint32_t worker, uint64_t until_us);
void gate_stop_control(struct gate *gate, uint64_t until_us);

// Lets everything run again that was stopped.
void gate_go_on(struct gate *gate);
