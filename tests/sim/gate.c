// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "control/courier.h"
#include "control/gateway_parts.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/notice.h"
#include "dataplane/worker.h"
#include "tests/sim/grace.h"
#include "tests/sim/instant.h"
#include "tests/sim/trace.h"

enum {
	ROUNDS_MAX = 64, // of all workers, in one instant
	EVENTS_KEPT = 64,
	RATE = 1000000, // a second: no limit of this kind is what a run is about
};

static void enter(struct gate *gate)
{
	grace_enter(gate->index);
	machine_enter(gate->index, &gate->settings.room);
}

void gate_address(uint32_t index, bool ipv6, struct address *at)
{
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 10};
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 10};

	memcpy(at->ip, ipv6 ? v6 : v4, sizeof(at->ip));
	at->ip[15] = (uint8_t)(at->ip[15] + index);
	at->port = rte_cpu_to_be_16(GATE_PORT);
}

// ---- Start and end ---------------------------------------------------------------------------

static void config_fill(struct gate *gate)
{
	const struct gate_settings *wants = &gate->settings;
	struct settings *config = gate->config;

	settings_defaults(config);
	snprintf(config->gateway.name, sizeof(config->gateway.name), "%s", gate->name);
	config->gateway.workers = wants->workers;
	config->addresses_count = 1;
	memcpy(config->addresses[0].ip, gate->at.ip, sizeof(gate->at.ip));
	config->backend.listen_count = config->backend.from_count = 1; // everybody
	memcpy(config->backend.listen[0], gate->at.ip, sizeof(gate->at.ip));
	config->session.max = wants->sessions_max;
	config->session.timeout_ms = wants->timeout_ms;
	config->session.grace_ms = wants->grace_ms;
	config->session.window = wants->window;
	config->replay.memory_bytes = wants->replay_bytes;
	config->replay.per_session_bytes = wants->replay_session_bytes;
	config->limits.new_per_second = config->limits.new_per_source = RATE;
	config->limits.openings = wants->openings;
	config->limits.events = EVENTS_KEPT;
	config->services_count = wants->services;
	for (uint32_t i = 0; i < wants->services; i++) {
		snprintf(config->services[i].name, sizeof(config->services[i].name), "s%u", i);
		config->services[i].any = true;
	}
}

static void wants_fill(const struct gate *gate, struct dataplane_settings *wants)
{
	const struct settings *config = gate->config;

	*wants = (struct dataplane_settings){
	    .workers = config->gateway.workers,
	    .ports_count = 1,
	    .addresses_count = 1,
	    .udp_port = GATE_PORT,
	    .sessions_max = config->session.max,
	    .sides_max = config->session.max,
	    .attempts_max = config->limits.openings,
	    .replay_bytes = config->replay.memory_bytes,
	    .frame_max = WIRE_FRAME_MAX_DEFAULT,
	    .stepped = true,
	};
	wants->addresses[0] = config->addresses[0];
	wants->addresses[0].prefix_bits = gate->settings.ipv6 ? 64 : 120;
	snprintf(wants->ports[0].name, sizeof(wants->ports[0].name), "p0");
	snprintf(wants->ports[0].device, sizeof(wants->ports[0].device), "net_ring%u", gate->index);
}

static void wire_drain(struct rte_ring *wire)
{
	void *mbuf;

	while (rte_ring_dequeue(wire, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
}

void gate_start(struct gate *gate, uint32_t index, const struct gate_settings *settings,
		const struct gate_world *world)
{
	struct dataplane_settings wants;
	char error[GATEWAY_ERROR_BYTES] = "";
	bool huge;

	*gate = (struct gate){.index = index, .settings = *settings, .world = *world};
	snprintf(gate->name, sizeof(gate->name), "g%u", index);
	gate_address(index, settings->ipv6, &gate->at);
	gate->config = malloc(sizeof(*gate->config));
	enter(gate);
	config_fill(gate);
	wants_fill(gate, &wants);
	gate->dataplane = dataplane_start(&wants, &huge, error);
	if (gate->dataplane != NULL)
		gate->gateway = gateway_create(gate->config, gate->dataplane, error);
	if (gate->gateway == NULL) {
		trace_fail("%s does not start: %s", gate->name, error);
		return;
	}
	for (uint32_t i = 0; i < settings->workers; i++) {
		gate->workers[i].wire = machine_wire(index, i);
		gate->workers[i].next_us = instant_us();
	}
	gate->tick_us = instant_us();
	trace_line("%s starts, %u workers", gate->name, settings->workers);
}

void gate_crash(struct gate *gate)
{
	if (gate->dataplane == NULL)
		return;
	enter(gate);
	gateway_destroy(gate->gateway);
	dataplane_stop(gate->dataplane);
	gate->gateway = NULL;
	gate->dataplane = NULL;
	for (uint32_t i = 0; i < gate->settings.workers; i++) {
		struct gate_worker *worker = &gate->workers[i];

		while (worker->queued > 0)
			rte_pktmbuf_free(worker->queue[--worker->queued]);
		wire_drain(worker->wire);
	}
	free(gate->config);
	gate->config = NULL;
}

// ---- Packets ---------------------------------------------------------------------------------

bool gate_receive(struct gate *gate, uint32_t queue, const uint8_t *packet, uint32_t bytes)
{
	struct gate_worker *worker = &gate->workers[queue];
	struct rte_mbuf *mbuf;

	if (gate->dataplane == NULL || worker->queued == GATE_QUEUE_MAX)
		return false;
	mbuf = rte_pktmbuf_alloc(machine_packets());
	if (mbuf == NULL) {
		trace_fail("the simulator has no buffer left");
		return false;
	}
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)bytes), packet, bytes);
	worker->queue[worker->queued++] = mbuf;
	worker->next_us = instant_us();
	return true;
}

static void wire_collect(struct gate *gate, struct gate_worker *worker)
{
	void *taken;

	while (rte_ring_dequeue(worker->wire, &taken) == 0) {
		struct rte_mbuf *mbuf = taken;
		struct ether_datagram datagram;

		if (ether_unwrap(rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len, &datagram)) {
			if (!datagram.sound)
				trace_fail("%s sends a packet with wrong lengths or checksums",
					   gate->name);
			gate->world.sent(gate->world.context, gate->index, &datagram);
		}
		rte_pktmbuf_free(mbuf);
	}
}

// At most a burst comes in with a pass, so that what goes out then stands alone on the wire.
static void wire_feed(struct gate_worker *worker)
{
	const uint32_t count = worker->queued < BURST_MAX ? worker->queued : BURST_MAX;

	rte_ring_enqueue_bulk(worker->wire, (void *const *)worker->queue, count, NULL);
	worker->queued -= count;
	memmove(worker->queue, worker->queue + count, worker->queued * sizeof(worker->queue[0]));
}

// ---- Steps -----------------------------------------------------------------------------------

static uint64_t later(uint64_t left, uint64_t right)
{
	return left > right ? left : right;
}

static uint64_t worker_due_us(const struct gate_worker *worker)
{
	return later(worker->next_us, worker->stopped_us);
}

static void worker_step(struct gate *gate, uint32_t index)
{
	struct gate_worker *worker = &gate->workers[index];
	const uint64_t now_us = instant_us();
	uint32_t found;

	if (worker->queued > 0)
		wire_feed(worker);
	found = worker_poll(gate->dataplane->workers[index], now_us);
	grace_passed(gate->index, index);
	wire_collect(gate, worker);
	if (found > 0)
		gate->active_us = now_us;
	worker->next_us = worker->queued > 0 || found > 0 ? now_us
			  : now_us - gate->active_us < GATE_ACTIVE_US
			      ? now_us + gate->settings.poll_us
			      : now_us + GATE_REST_US;
}

// Whether something in its mailboxes waits for a worker, and can be taken.
static bool mail_waits(const struct gate *gate, uint32_t index)
{
	const struct worker *worker = gate->dataplane->workers[index];

	if (!rte_ring_empty(worker->commands) && notice_room(worker))
		return true;
	for (uint32_t i = 0; i < worker->workers; i++) {
		if (i != index && !rte_ring_empty(worker->handed_in[i]))
			return true;
	}
	return false;
}

static bool notices_wait(const struct gate *gate)
{
	for (uint32_t i = 0; i < gate->settings.workers; i++) {
		if (!rte_ring_empty(gate->dataplane->workers[i]->notices))
			return true;
	}
	return courier_waiting(gate->gateway->courier) > 0;
}

// Returns whether a worker was stepped.
static bool workers_round(struct gate *gate)
{
	bool stepped = false;

	for (uint32_t i = 0; i < gate->settings.workers; i++) {
		struct gate_worker *worker = &gate->workers[i];

		if (mail_waits(gate, i))
			worker->next_us = instant_us();
		if (worker_due_us(worker) > instant_us())
			continue;
		worker_step(gate, i);
		stepped = true;
	}
	return stepped;
}

// Control that waited for a grace period had to wait for a worker that does not run.
static void control_wait(struct gate *gate)
{
	if (!grace_awaited(gate->index))
		return;
	for (uint32_t i = 0; i < gate->settings.workers; i++)
		gate->control_stopped_us =
		    later(gate->control_stopped_us, gate->workers[i].stopped_us);
}

static void control_step(struct gate *gate)
{
	gate->ticked_us = instant_us();
	gate->tick_us = gate->ticked_us + GATE_REST_US;
	gateway_tick(gate->gateway, gate->ticked_us / 1000);
	control_wait(gate);
}

uint64_t gate_due_us(const struct gate *gate)
{
	uint64_t due_us = UINT64_MAX;

	if (gate->dataplane == NULL)
		return due_us;
	due_us = later(gate->tick_us, gate->control_stopped_us);
	for (uint32_t i = 0; i < gate->settings.workers; i++) {
		const uint64_t worker_us = worker_due_us(&gate->workers[i]);

		due_us = worker_us < due_us ? worker_us : due_us;
	}
	return due_us;
}

void gate_step(struct gate *gate)
{
	uint32_t rounds = 0;

	if (gate->dataplane == NULL)
		return;
	enter(gate);
	while (workers_round(gate)) {
		if (++rounds == ROUNDS_MAX) {
			trace_fail("the workers of %s do not come to rest", gate->name);
			return;
		}
	}
	if (notices_wait(gate) && gate->tick_us > gate->ticked_us + GATE_TICK_US)
		gate->tick_us = gate->ticked_us + GATE_TICK_US;
	if (later(gate->tick_us, gate->control_stopped_us) > instant_us())
		return;
	control_step(gate);
	for (rounds = 0; rounds < ROUNDS_MAX && workers_round(gate); rounds++)
		;
}

void gate_stop_worker(struct gate *gate, uint32_t worker, uint64_t until_us)
{
	worker %= gate->settings.workers;
	gate->workers[worker].stopped_us = later(gate->workers[worker].stopped_us, until_us);
}

void gate_stop_control(struct gate *gate, uint64_t until_us)
{
	gate->control_stopped_us = later(gate->control_stopped_us, until_us);
}

void gate_go_on(struct gate *gate)
{
	gate->control_stopped_us = 0;
	for (uint32_t i = 0; i < gate->settings.workers; i++)
		gate->workers[i].stopped_us = 0;
}
