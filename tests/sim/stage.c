// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/stage_state.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tests/sim/grace.h"
#include "tests/sim/instant.h"
#include "tests/sim/quiet.h"
#include "tests/sim/trace.h"
#include "tests/sim/watch.h"

enum {
	SETTLE_US = 240000000, // the longest waits of reconnecting, several times over
	CLOSE_US = 240000000,
	FLUSH_MS = 20000,
	LOOK_US = 200000,
	TURNS_MAX = 2000, // of the loop, in one instant
};

static struct dice gate_dice; // randomness of all gates

// ---- Randomness of the gates' process ----------------------------------------------------------

static const char *random_name(void)
{
	return "dice";
}

static uint32_t random_next(void)
{
	return (uint32_t)dice_next(&gate_dice);
}

static void random_fill(void *const bytes, const size_t count)
{
	for (size_t i = 0; i < count; i++)
		((uint8_t *)bytes)[i] = (uint8_t)dice_next(&gate_dice);
}

static void random_begin(uint64_t seed)
{
	static struct randombytes_implementation implementation = {
	    .implementation_name = random_name, .random = random_next, .buf = random_fill};

	if (sodium_init() < 0) // draws the first time
		trace_fail("libsodium does not start");
	gate_dice = dice_of(seed, SIM_DICE_GATE);
	randombytes_set_implementation(&implementation);
}

// ---- Beginning and end -------------------------------------------------------------------------

static void gate_hears(void *context, uint32_t gate, uint32_t worker, const struct address *from,
		       const uint8_t *frame, uint32_t len)
{
	struct stage *stage = context;

	watch_heard(&stage->gates[gate], worker, from, frame, len);
}

static void endpoint_hears(void *context, uint32_t endpoint)
{
	struct stage *stage = context;

	stage->processes[endpoint].heard = true;
}

static void endpoints_begin(struct stage *stage)
{
	const struct plan *plan = stage->plan;

	for (uint32_t i = 0; i < plan->clients; i++) {
		stage->callers[i] = (struct caller){
		    .net = &stage->net,
		    .ledger = &stage->ledger,
		    .endpoint = i,
		    .channels = plan->channels[i],
		    .gates = plan->gates,
		    .services = plan->gate.services,
		    .timeout_ms = plan->timeout_ms[i],
		    .grace_ms = -1,
		};
		caller_start(&stage->callers[i]);
	}
	for (uint32_t i = 0; i < plan->backends; i++) {
		stage->servers[i] = (struct server){
		    .net = &stage->net,
		    .ledger = &stage->ledger,
		    .endpoint = plan->clients + i,
		    .gates = plan->gates,
		    .service = i % plan->gate.services,
		    .answers = plan->answers,
		    .dice = dice_of(plan->seed, SIM_DICE_ENDPOINTS + i),
		};
		server_start(&stage->servers[i]);
	}
}

static void begin(struct stage *stage, const struct plan *plan, const bool *gone)
{
	const struct net_world world = {
	    .context = stage, .gate_hears = gate_hears, .endpoint_hears = endpoint_hears};

	memset(stage, 0, sizeof(*stage));
	stage->plan = plan;
	stage->gone = gone;
	stage->part_us = plan->start_us;
	instant_set(plan->start_us);
	random_begin(plan->seed);
	grace_begin(plan->seed);
	watch_begin();
	ledger_begin(&stage->ledger);
	net_begin(&stage->net, plan->seed, plan->clients, stage->gates, plan->gate.ipv6, &world);
	stage->net.weather = plan->weather;
	for (uint32_t i = 0; i < plan->gates && trace_failure() == NULL; i++)
		stage_gate_start(stage, i);
	if (trace_failure() == NULL)
		endpoints_begin(stage);
}

static void end(struct stage *stage)
{
	for (uint32_t i = 0; i < stage->plan->clients; i++)
		caller_crash(&stage->callers[i]);
	for (uint32_t i = 0; i < stage->plan->backends; i++)
		server_crash(&stage->servers[i]);
	for (uint32_t i = 0; i < stage->plan->gates; i++)
		gate_crash(&stage->gates[i]);
	net_end(&stage->net);
	ledger_end(&stage->ledger);
}

// ---- The parts of a run ------------------------------------------------------------------------

static void part_begin(struct stage *stage, enum stage_part part)
{
	static const char *const names[] = {"playing", "settling", "closing", "over"};

	stage->part = part;
	stage->part_us = instant_us();
	trace_line("---- %s", names[part]);
}

static bool settled(const struct stage *stage)
{
	for (uint32_t i = 0; i < stage->plan->clients; i++) {
		if (!caller_settled(&stage->callers[i]))
			return false;
	}
	return ledger_settled(&stage->ledger);
}

static bool all_gone(const struct stage *stage)
{
	for (uint32_t i = 0; i < stage->plan->clients; i++) {
		if (!stage->callers[i].over)
			return false;
	}
	for (uint32_t i = 0; i < stage->plan->backends; i++) {
		if (stage->servers[i].visits != NULL)
			return false;
	}
	for (uint32_t i = 0; i < stage->plan->gates; i++) {
		if (!quiet_reached(&stage->gates[i]))
			return false;
	}
	return true;
}

static void unsettled_tell(const struct stage *stage)
{
	for (uint32_t i = 0; i < stage->plan->clients; i++) {
		const struct caller *caller = &stage->callers[i];
		struct holdfast_client_stats stats;

		if (caller_settled(caller))
			continue;
		holdfast_client_stats(caller->client, &stats, sizeof(stats));
		trace_fail("%s does not come to rest: %s, %u frames unacknowledged", caller->name,
			   holdfast_client_state_name(stats.state), stats.queued_frames);
	}
	trace_fail("messages are not delivered although everything is whole");
}

static void gone_check(const struct stage *stage)
{
	for (uint32_t i = 0; i < stage->plan->clients; i++) {
		if (!stage->callers[i].over)
			trace_fail("%s does not close", stage->callers[i].name);
	}
	for (uint32_t i = 0; i < stage->plan->gates; i++)
		quiet_check(&stage->gates[i]);
	for (uint32_t i = 0; i < stage->plan->backends; i++) {
		if (stage->servers[i].visits != NULL)
			trace_fail("%s has a session left", stage->servers[i].name);
	}
	ledger_check_over(&stage->ledger);
}

static void whole(struct stage *stage)
{
	stage_event_end_all(stage);
	part_begin(stage, STAGE_SETTLING);
}

static void closing(struct stage *stage)
{
	for (uint32_t i = 0; i < stage->plan->clients; i++) {
		caller_close(&stage->callers[i], FLUSH_MS);
		stage->processes[i].due_us = instant_us();
	}
	part_begin(stage, STAGE_CLOSING);
}

static void part_look(struct stage *stage)
{
	const uint64_t part_us = instant_us() - stage->part_us;

	if (stage->part == STAGE_PLAYING && part_us >= stage->plan->run_us) {
		whole(stage);
	} else if (stage->part == STAGE_SETTLING && settled(stage)) {
		closing(stage);
	} else if (stage->part == STAGE_SETTLING && part_us > SETTLE_US) {
		unsettled_tell(stage);
	} else if (stage->part == STAGE_CLOSING && (all_gone(stage) || part_us > CLOSE_US)) {
		gone_check(stage);
		part_begin(stage, STAGE_OVER);
	}
}

// ---- The loop ----------------------------------------------------------------------------------

static uint64_t sooner(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

static uint64_t later(uint64_t left, uint64_t right)
{
	return left > right ? left : right;
}

static uint64_t process_due_us(const struct stage_process *process)
{
	return later(process->heard ? 0 : process->due_us, process->stopped_us);
}

static uint64_t next_us(const struct stage *stage)
{
	const struct plan *plan = stage->plan;
	uint64_t next = sooner(net_due_us(&stage->net), stage->look_us);

	if (stage->part == STAGE_PLAYING) {
		next = sooner(next, plan->start_us + plan->run_us);
		if (stage->event < plan->count)
			next = sooner(next, plan->start_us + plan->events[stage->event].at_us);
	}
	for (uint32_t i = 0; i < stage->ends_count; i++)
		next = sooner(next, stage->ends[i].at_us);
	for (uint32_t i = 0; i < plan->gates; i++)
		next = sooner(next, gate_due_us(&stage->gates[i]));
	for (uint32_t i = 0; i < plan->clients + plan->backends; i++) {
		if (!stage->processes[i].down)
			next = sooner(next, process_due_us(&stage->processes[i]));
	}
	return next;
}

static void events_due(struct stage *stage)
{
	const struct plan *plan = stage->plan;

	for (uint32_t i = 0; i < stage->ends_count;) {
		const struct plan_event *event = stage->ends[i].event;

		if (stage->ends[i].at_us > instant_us()) {
			i++;
			continue;
		}
		stage->ends_count--;
		memmove(&stage->ends[i], &stage->ends[i + 1],
			(stage->ends_count - i) * sizeof(stage->ends[0]));
		stage_event_end(stage, event);
	}
	while (stage->part == STAGE_PLAYING && stage->event < plan->count &&
	       plan->start_us + plan->events[stage->event].at_us <= instant_us()) {
		const uint32_t event = stage->event++;

		if (stage->gone == NULL || !stage->gone[event])
			stage_event_begin(stage, &plan->events[event]);
	}
}

static void endpoints_turn(struct stage *stage)
{
	for (uint32_t i = 0; i < stage->plan->clients + stage->plan->backends; i++) {
		struct stage_process *process = &stage->processes[i];
		struct caller *caller = stage_caller(stage, i);

		if (process->down || process_due_us(process) > instant_us())
			continue;
		process->heard = false;
		process->due_us =
		    caller != NULL ? caller_turn(caller) : server_turn(stage_server(stage, i));
	}
}

static void watch_turn(struct stage *stage)
{
	if (stage->look_us > instant_us())
		return;
	stage->look_us = instant_us() + LOOK_US;
	for (uint32_t i = 0; i < stage->plan->gates; i++) {
		if (stage->gates[i].dataplane == NULL)
			continue;
		watch_look(&stage->gates[i]);
		quiet_check_counters(&stage->gates[i]);
	}
}

static void turn(struct stage *stage)
{
	stage->steps++;
	events_due(stage);
	net_step(&stage->net);
	for (uint32_t i = 0; i < stage->plan->gates; i++)
		gate_step(&stage->gates[i]);
	endpoints_turn(stage);
	grace_run();
	watch_turn(stage);
	part_look(stage);
}

static void play(struct stage *stage)
{
	uint32_t turns = 0;

	while (stage->part != STAGE_OVER && trace_failure() == NULL) {
		const uint64_t next = next_us(stage);

		turns = next > instant_us() ? 0 : turns + 1;
		if (turns > TURNS_MAX) {
			trace_fail("something acts again and again in one instant");
			return;
		}
		instant_set(later(next, instant_us()));
		turn(stage);
	}
}

const char *stage_run(const struct plan *plan, const bool *gone, bool trace,
		      struct stage_report *report)
{
	static struct stage stage; // too large for a stack

	trace_begin(trace, plan->start_us);
	begin(&stage, plan, gone);
	play(&stage);
	*report = (struct stage_report){.virtual_us = instant_us() - plan->start_us,
					.steps = stage.steps,
					.digest = stage.net.digest};
	for (uint32_t i = 0; i < stage.ledger.count; i++)
		report->messages += stage.ledger.lines[i].sent;
	end(&stage);
	return trace_failure();
}
