// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/plan.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/dice.h"

enum who { NOBODY, CLIENT, BACKEND, ENDPOINT, GATE };

// How a kind is drawn. Numbers of a range are spread by their logarithm.
struct kind {
	const char *text; // "%w" who, "%o" other, "%a" amount
	enum who who;
	uint32_t weight;
	uint32_t amount_min, amount_max;
	uint32_t ms_min, ms_max; // 0: it does not last
};

static const struct kind kinds[PLAN_KINDS] = {
    [PLAN_SEND] = {"%w sends %a messages on channel %o", CLIENT, 0, 1, 40, 0, 0},
    [PLAN_PUSH] = {"%w sends %a messages in each session", BACKEND, 0, 1, 12, 0, 0},
    [PLAN_STORM] = {"%a permille are lost", NOBODY, 3, 50, 900, 50, 8000},
    [PLAN_SHUFFLE] = {"packets take up to %a ms more", NOBODY, 3, 1, 600, 50, 8000},
    [PLAN_ECHO] = {"%a permille come again late", NOBODY, 3, 20, 500, 50, 8000},
    [PLAN_CUT] = {"%w and g%o are cut off, way %a", ENDPOINT, 6, 1, 3, 20, 15000},
    [PLAN_REBIND] = {"%w gets another address", ENDPOINT, 4, 0, 0, 0, 0},
    [PLAN_MOVE] = {"%w moves", CLIENT, 4, 0, 0, 0, 0},
    [PLAN_SLEEP] = {"%w sleeps", CLIENT, 2, 0, 0, 20, 12000},
    [PLAN_STOP] = {"%w does not run", ENDPOINT, 4, 0, 0, 5, 15000},
    [PLAN_CRASH] = {"%w is gone", ENDPOINT, 3, 0, 0, 1, 8000},
    [PLAN_STOP_GATE] = {"%w does not run", GATE, 2, 0, 0, 5, 6000},
    [PLAN_STOP_CONTROL] = {"control of %w does not run", GATE, 3, 0, 0, 5, 8000},
    [PLAN_STOP_WORKER] = {"worker %o of %w does not run", GATE, 3, 0, 0, 5, 6000},
    [PLAN_CRASH_GATE] = {"%w is gone", GATE, 1, 0, 0, 1, 6000},
    [PLAN_HOLD] = {"%w takes no messages", ENDPOINT, 3, 0, 0, 20, 8000},
    [PLAN_CLOSE] = {"%w closes, flushing for %a ms", CLIENT, 2, 1, 3000, 20, 4000},
    [PLAN_END] = {"%w ends session %o", BACKEND, 1, 0, 0, 0, 0},
    [PLAN_EVICT] = {"g%o evicts the session of %w", CLIENT, 1, 0, 0, 0, 0},
};

// ---- Drawing ---------------------------------------------------------------------------------

static uint32_t spread(struct dice *dice, uint32_t low, uint32_t high)
{
	uint32_t top = low;

	// Each octave is as likely as the next.
	while (top < high && dice_chance(dice, 750))
		top = top > 0 ? top * 2 : 1;
	top = top < high ? top : high;
	return dice_between(dice, low, top);
}

#define CHOOSE(dice, ...)                                                                          \
	((const uint32_t[]){__VA_ARGS__}[dice_below(                                               \
	    dice, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))])

static void gate_draw(struct dice *dice, struct gate_settings *gate)
{
	*gate = (struct gate_settings){
	    .workers = dice_between(dice, 1, SIM_WORKERS_MAX),
	    .timeout_ms = CHOOSE(dice, 2000, 2000, 3000, 6000),
	    .grace_ms = CHOOSE(dice, 1000, 4000, 15000),
	    .window = CHOOSE(dice, 64, 256),
	    .openings = CHOOSE(dice, 16, 256),
	    .replay_bytes = 1 << CHOOSE(dice, 14, 17, 20),
	    .replay_session_bytes = CHOOSE(dice, 4096, 262144),
	    .poll_us = CHOOSE(dice, 500, 1000, 4000),
	    .ipv6 = dice_chance(dice, 250),
	    .room =
		{
		    .commands = CHOOSE(dice, 16, 64, 1024),
		    .notices = CHOOSE(dice, 128, 1024),
		    .handed = CHOOSE(dice, 16, 256),
		    .packets = CHOOSE(dice, 256, 1024),
		},
	};
	// Flows can all land on one worker, and what crashed clients leave takes room for a while.
	gate->sessions_max = gate->workers * CHOOSE(dice, 8, 20);
}

static void weather_draw(struct dice *dice, struct net_weather *weather)
{
	*weather = (struct net_weather){
	    .delay_us = CHOOSE(dice, 50, 500, 5000, 30000),
	    .jitter_us = CHOOSE(dice, 0, 100, 2000, 20000),
	    .lost = CHOOSE(dice, 0, 0, 5, 30, 100),
	    .doubled = CHOOSE(dice, 0, 0, 20, 200),
	    .late = CHOOSE(dice, 0, 0, 10, 50),
	    .late_ms = CHOOSE(dice, 100, 3000, 12000),
	    .flipped = CHOOSE(dice, 0, 0, 10, 50),
	    .truncated = CHOOSE(dice, 0, 0, 10, 50),
	};
}

static uint32_t who_draw(const struct plan *plan, struct dice *dice, enum who who)
{
	switch (who) {
	case CLIENT:
		return dice_below(dice, plan->clients);
	case BACKEND:
		return plan->clients + dice_below(dice, plan->backends);
	case ENDPOINT:
		return dice_below(dice, plan->clients + plan->backends);
	case GATE:
		return dice_below(dice, plan->gates);
	default:
		return 0;
	}
}

static uint32_t other_draw(const struct plan *plan, struct dice *dice, enum plan_kind kind,
			   uint32_t who)
{
	switch (kind) {
	case PLAN_SEND:
		return dice_below(dice, plan->channels[who]);
	case PLAN_CUT:
	case PLAN_EVICT:
		return dice_below(dice, plan->gates);
	case PLAN_STOP_WORKER:
		return dice_below(dice, plan->gate.workers);
	default:
		return dice_below(dice, 4);
	}
}

static void event_add(struct plan *plan, struct dice *dice, enum plan_kind kind)
{
	const struct kind *how = &kinds[kind];
	const uint32_t run_ms = (uint32_t)(plan->run_us / 1000);
	struct plan_event *event = &plan->events[plan->count++];

	*event = (struct plan_event){
	    .at_us = (uint64_t)dice_below(dice, run_ms) * 1000,
	    .kind = (uint8_t)kind,
	    .who = (uint8_t)who_draw(plan, dice, how->who),
	};
	event->other = (uint8_t)other_draw(plan, dice, kind, event->who);
	event->amount = kind == PLAN_CUT ? dice_between(dice, how->amount_min, how->amount_max)
					 : spread(dice, how->amount_min, how->amount_max);
	event->ms = spread(dice, how->ms_min, how->ms_max);
}

static enum plan_kind kind_draw(struct dice *dice, const uint32_t *weights, uint32_t sum)
{
	uint32_t left = dice_below(dice, sum);
	uint32_t kind = 0;

	while (left >= weights[kind])
		left -= weights[kind++];
	return (enum plan_kind)kind;
}

static void faults_draw(struct plan *plan, struct dice *dice)
{
	const uint32_t count = spread(dice, 2, 40);
	uint32_t weights[PLAN_KINDS];
	uint32_t sum = 0;

	for (uint32_t kind = 0; kind < PLAN_KINDS; kind++) {
		weights[kind] = dice_chance(dice, 450) ? kinds[kind].weight : 0;
		sum += weights[kind];
	}
	for (uint32_t i = 0; i < count && sum > 0; i++)
		event_add(plan, dice, kind_draw(dice, weights, sum));
}

static int by_time(const void *left, const void *right)
{
	const struct plan_event *first = left, *second = right;

	return first->at_us < second->at_us ? -1 : first->at_us > second->at_us;
}

void plan_draw(struct plan *plan, uint64_t seed)
{
	struct dice dice = dice_of(seed, SIM_DICE_PLAN);
	uint32_t sends;

	memset(plan, 0, sizeof(*plan));
	plan->seed = seed;
	// Half of the runs see the 32-bit milliseconds of control's clock wrap.
	plan->start_us =
	    dice_chance(&dice, 500)
		? UINT64_C(1000000000)
		: (UINT64_C(1) << 32) * 1000 - (uint64_t)dice_between(&dice, 1, 20000) * 1000;
	plan->run_us = (uint64_t)spread(&dice, 3000, 24000) * 1000;
	plan->clients = dice_between(&dice, 1, SIM_CLIENTS_MAX);
	plan->backends = dice_between(&dice, 1, SIM_BACKENDS_MAX);
	plan->gates = dice_chance(&dice, 250) ? 2 : 1;
	plan->answers = CHOOSE(&dice, 0, 200, 1000);
	gate_draw(&dice, &plan->gate);
	plan->gate.services = dice_between(&dice, 1, plan->backends);
	weather_draw(&dice, &plan->weather);
	for (uint32_t i = 0; i < plan->clients; i++) {
		plan->channels[i] = dice_between(&dice, 1, SIM_CHANNELS_MAX);
		plan->timeout_ms[i] = CHOOSE(&dice, 0, 0, 2000, 5000);
	}
	sends = dice_between(&dice, 2, 14);
	for (uint32_t i = 0; i < sends; i++)
		event_add(plan, &dice, dice_chance(&dice, 700) ? PLAN_SEND : PLAN_PUSH);
	faults_draw(plan, &dice);
	qsort(plan->events, plan->count, sizeof(plan->events[0]), by_time);
}

// ---- In words --------------------------------------------------------------------------------

static void who_print(const struct plan *plan, const struct kind *how, uint32_t who, char *text)
{
	if (how->who == GATE)
		snprintf(text, SIM_NAME_BYTES, "g%u", who);
	else if (who < plan->clients)
		snprintf(text, SIM_NAME_BYTES, "c%u", who);
	else
		snprintf(text, SIM_NAME_BYTES, "b%u", who - plan->clients);
}

void plan_event_print(const struct plan *plan, const struct plan_event *event, char *text,
		      uint32_t room)
{
	const struct kind *how = &kinds[event->kind];
	char who[SIM_NAME_BYTES];
	uint32_t used = 0;

	who_print(plan, how, event->who, who);
	for (const char *at = how->text; *at != '\0' && used + 1 < room; at++) {
		if (*at != '%') {
			text[used++] = *at;
			continue;
		}
		at++;
		if (*at == 'w')
			used += (uint32_t)snprintf(text + used, room - used, "%s", who);
		else
			used += (uint32_t)snprintf(text + used, room - used, "%u",
						   *at == 'o' ? event->other : event->amount);
	}
	text[used < room ? used : room - 1] = '\0';
	if (how->ms_max > 0 && used < room)
		snprintf(text + used, room - used, ", for %u ms", event->ms);
}

static void size_print(const struct plan *plan, FILE *out)
{
	const struct gate_settings *gate = &plan->gate;
	const struct net_weather *weather = &plan->weather;

	fprintf(
	    out,
	    "seed %llu: %u clients, %u backends, %u services, %u gateways of %u workers, IPv%d\n"
	    "  T %u ms, grace %u ms, window %u, %u sessions, replay %llu bytes (%u a session)\n"
	    "  mailboxes %u commands, %u notices, %u handed over; %u packets a pool\n"
	    "  network: %u us and up to %u more; permille %u lost, %u doubled, %u late by up "
	    "to %u ms, %u flipped, %u truncated\n",
	    (unsigned long long)plan->seed, plan->clients, plan->backends, gate->services,
	    plan->gates, gate->workers, gate->ipv6 ? 6 : 4, gate->timeout_ms, gate->grace_ms,
	    gate->window, gate->sessions_max, (unsigned long long)gate->replay_bytes,
	    gate->replay_session_bytes, gate->room.commands, gate->room.notices, gate->room.handed,
	    gate->room.packets, weather->delay_us, weather->jitter_us, weather->lost,
	    weather->doubled, weather->late, weather->late_ms, weather->flipped,
	    weather->truncated);
	for (uint32_t i = 0; i < plan->clients; i++)
		fprintf(out, "  c%u: %u channels, wishes T %u ms (0: none)\n", i, plan->channels[i],
			plan->timeout_ms[i]);
}

void plan_print(const struct plan *plan, const bool *gone, FILE *out)
{
	char text[128];

	size_print(plan, out);
	for (uint32_t i = 0; i < plan->count; i++) {
		if (gone != NULL && gone[i])
			continue;
		plan_event_print(plan, &plan->events[i], text, sizeof(text));
		fprintf(out, "%10.4f  [%u] %s\n", (double)plan->events[i].at_us / 1e6, i, text);
	}
	fprintf(out, "%10.4f  everything is made whole\n", (double)plan->run_us / 1e6);
}
