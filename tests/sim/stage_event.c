// SPDX-License-Identifier: BSD-3-Clause
// What the events of a plan do.
#include "tests/sim/stage_state.h"

#include "control/gateway.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/session_table.h"
#include "endpoint/client_state.h"
#include "tests/sim/grace.h"
#include "tests/sim/instant.h"
#include "tests/sim/trace.h"
#include "tests/sim/watch.h"

enum { ECHO_LATE_MS = 15000 };

struct caller *stage_caller(struct stage *stage, uint32_t endpoint)
{
	return endpoint < stage->plan->clients ? &stage->callers[endpoint] : NULL;
}

struct server *stage_server(struct stage *stage, uint32_t endpoint)
{
	return endpoint >= stage->plan->clients ? &stage->servers[endpoint - stage->plan->clients]
						: NULL;
}

static void wake(struct stage *stage, uint32_t endpoint)
{
	stage->processes[endpoint].due_us = instant_us();
}

// ---- Endpoints -------------------------------------------------------------------------------

static void endpoint_start(struct stage *stage, uint32_t endpoint)
{
	stage->processes[endpoint].down = false;
	if (stage_caller(stage, endpoint) != NULL)
		caller_start(stage_caller(stage, endpoint));
	else
		server_start(stage_server(stage, endpoint));
	wake(stage, endpoint);
}

static void endpoint_crash(struct stage *stage, uint32_t endpoint)
{
	stage->processes[endpoint].down = true;
	stage->processes[endpoint].stopped_us = 0;
	if (stage_caller(stage, endpoint) != NULL)
		caller_crash(stage_caller(stage, endpoint));
	else
		server_crash(stage_server(stage, endpoint));
}

static void endpoint_hold(struct stage *stage, uint32_t endpoint, bool hold)
{
	if (stage_caller(stage, endpoint) != NULL)
		caller_hold(stage_caller(stage, endpoint), hold);
	else
		server_hold(stage_server(stage, endpoint), hold);
	wake(stage, endpoint);
}

static void caller_event(struct stage *stage, const struct plan_event *event)
{
	struct caller *caller = stage_caller(stage, event->who);

	if (caller->client == NULL)
		return;
	switch ((enum plan_kind)event->kind) {
	case PLAN_SEND:
		caller_send(caller, event->other, event->amount);
		break;
	case PLAN_MOVE:
		caller_move(caller);
		break;
	case PLAN_SLEEP:
		caller_sleep(caller);
		break;
	case PLAN_CLOSE:
		caller_close(caller, event->amount);
		break;
	default:
		break;
	}
	wake(stage, event->who);
}

static void server_event(struct stage *stage, const struct plan_event *event)
{
	struct server *server = stage_server(stage, event->who);

	if (server->backend == NULL)
		return;
	if (event->kind == PLAN_PUSH)
		server_send(server, event->amount);
	else
		server_end_one(server, event->other, event->amount);
	wake(stage, event->who);
}

// ---- Gates -----------------------------------------------------------------------------------

static void sent(void *context, uint32_t gate, const struct ether_datagram *datagram)
{
	struct stage *stage = context;

	net_from_gate(&stage->net, gate, datagram);
}

void stage_gate_start(struct stage *stage, uint32_t gate)
{
	const struct gate_world world = {.context = stage, .sent = sent};

	gate_start(&stage->gates[gate], gate, &stage->plan->gate, &world);
	watch_gate(&stage->gates[gate]);
}

static void gate_stop(struct stage *stage, const struct plan_event *event)
{
	struct gate *gate = &stage->gates[event->who];
	const uint64_t until_us = instant_us() + (uint64_t)event->ms * 1000;

	if (gate->dataplane == NULL)
		return;
	if (event->kind != PLAN_STOP_WORKER)
		gate_stop_control(gate, until_us);
	for (uint32_t i = 0; i < gate->settings.workers; i++) {
		if (event->kind == PLAN_STOP_GATE ||
		    (event->kind == PLAN_STOP_WORKER && event->other == i))
			gate_stop_worker(gate, i, until_us);
	}
	watch_stalled(gate, until_us);
	if (event->kind == PLAN_STOP_GATE) // its control adds the stall to that of its workers
		watch_stalled(gate, until_us);
}

static void evicted(void *context, uint64_t handle, bool done)
{
	trace_line("evicted: %d", done);
}

static void evict(struct stage *stage, const struct plan_event *event)
{
	const struct caller *caller = stage_caller(stage, event->who);
	struct gate *gate = &stage->gates[event->other];

	if (gate->dataplane == NULL || caller->client == NULL ||
	    gate->control_stopped_us > instant_us())
		return;
	grace_enter(gate->index);
	gateway_evict(gate->gateway, dataplane_find(gate->dataplane, caller->session),
		      HOLDFAST_EVICTED, evicted, stage);
}

// ---- Beginning -------------------------------------------------------------------------------

static void weather_change(struct stage *stage, const struct plan_event *event)
{
	struct net_weather *weather = &stage->net.weather;

	if (event->kind == PLAN_STORM)
		weather->lost = event->amount;
	else if (event->kind == PLAN_SHUFFLE)
		weather->jitter_us = event->amount * 1000;
	else
		weather->late = event->amount;
	weather->late_ms = event->kind == PLAN_ECHO ? ECHO_LATE_MS : weather->late_ms;
}

static void cut(struct stage *stage, const struct plan_event *event, bool begins)
{
	uint8_t *cuts = &stage->net.cuts[event->who][event->other];

	*cuts = (uint8_t)(begins ? *cuts | event->amount : *cuts & ~event->amount);
}

static void lasts(struct stage *stage, const struct plan_event *event)
{
	stage->ends[stage->ends_count++] =
	    (struct stage_end){instant_us() + (uint64_t)event->ms * 1000, event};
}

void stage_event_begin(struct stage *stage, const struct plan_event *event)
{
	struct stage_process *process = &stage->processes[event->who];
	char text[128];

	plan_event_print(stage->plan, event, text, sizeof(text));
	trace_line("EVENT: %s", text);
	if (event->ms > 0)
		lasts(stage, event);
	switch ((enum plan_kind)event->kind) {
	case PLAN_SEND:
	case PLAN_MOVE:
	case PLAN_SLEEP:
	case PLAN_CLOSE:
		caller_event(stage, event);
		break;
	case PLAN_PUSH:
	case PLAN_END:
		server_event(stage, event);
		break;
	case PLAN_STORM:
	case PLAN_SHUFFLE:
	case PLAN_ECHO:
		weather_change(stage, event);
		break;
	case PLAN_CUT:
		cut(stage, event, true);
		break;
	case PLAN_REBIND:
		net_rebind(&stage->net, event->who);
		break;
	case PLAN_STOP:
		process->stopped_us = stage->ends[stage->ends_count - 1].at_us;
		break;
	case PLAN_CRASH:
		endpoint_crash(stage, event->who);
		break;
	case PLAN_STOP_GATE:
	case PLAN_STOP_CONTROL:
	case PLAN_STOP_WORKER:
		gate_stop(stage, event);
		break;
	case PLAN_CRASH_GATE:
		gate_crash(&stage->gates[event->who]);
		break;
	case PLAN_HOLD:
		endpoint_hold(stage, event->who, true);
		break;
	case PLAN_EVICT:
		evict(stage, event);
		break;
	case PLAN_KINDS:
		break;
	}
}

// ---- Ending ----------------------------------------------------------------------------------

void stage_event_end(struct stage *stage, const struct plan_event *event)
{
	struct caller *caller;

	switch ((enum plan_kind)event->kind) {
	case PLAN_STORM:
	case PLAN_SHUFFLE:
	case PLAN_ECHO:
		stage->net.weather = stage->plan->weather;
		break;
	case PLAN_CUT:
		cut(stage, event, false);
		break;
	case PLAN_SLEEP:
		caller_wake(stage_caller(stage, event->who));
		wake(stage, event->who);
		break;
	case PLAN_CRASH:
		if (stage->processes[event->who].down)
			endpoint_start(stage, event->who);
		break;
	case PLAN_CLOSE:
		caller = stage_caller(stage, event->who);
		if (caller->client != NULL) {
			endpoint_crash(stage, event->who);
			endpoint_start(stage, event->who);
		}
		break;
	case PLAN_CRASH_GATE:
		if (stage->gates[event->who].dataplane == NULL)
			stage_gate_start(stage, event->who);
		break;
	case PLAN_HOLD:
		endpoint_hold(stage, event->who, false);
		break;
	default:
		break;
	}
}

void stage_event_end_all(struct stage *stage)
{
	while (stage->ends_count > 0)
		stage_event_end(stage, stage->ends[--stage->ends_count].event);
	for (uint32_t i = 0; i < SIM_ENDPOINTS_MAX; i++) {
		stage->processes[i].stopped_us = 0;
		stage->processes[i].due_us = instant_us();
	}
	for (uint32_t i = 0; i < stage->plan->gates; i++)
		gate_go_on(&stage->gates[i]);
	stage->net.weather = (struct net_weather){.delay_us = stage->plan->weather.delay_us};
}
