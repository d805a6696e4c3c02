// SPDX-License-Identifier: BSD-3-Clause
#include "control/liveness_sweep.h"

#include <stdlib.h>
#include <string.h>

#include "control/log.h"

enum {
	PERIODS_IN_INTERVAL = 16,
	PERIOD_MIN_MS = 2,
	JITTERS_IN_INTERVAL = 8,
	STALLS_KEPT = 16,
	AHEAD = 8,             // slots, for which memory is asked while others are judged
	LOOK_MAX_MS = 1 << 30, // farther than any full turn, nearer than stamps wrap
	KINDS = 3,             // of batches
};

// When control did not run. Writer: the sweep.
struct stall {
	uint64_t end_ms;
	uint64_t length_ms;
};

struct liveness_sweep {
	const struct settings *settings;
	struct dataplane *dataplane;
	struct courier *courier;
	struct backends *backends;
	struct tally *tally;
	uint32_t period_ms;
	uint32_t *due_ms;   // by slot: low bits of the time when it is to be looked at
	uint32_t slot;      // next to be looked at
	uint32_t run_end;   // slots below it, from slot on, may be in use
	uint32_t turn;      // counts turns
	uint32_t seen;      // sessions, in the last turn that looked at everybody
	uint32_t counted;   // likewise, in this one so far
	uint32_t asks_left; // of this tick
	bool resting;       // the turn is done; the next one starts a period after this one did
	uint64_t turn_ms;   // when the turn began
	uint64_t ticked_ms; // 0: never
	uint32_t verdicts;  // of this tick
	uint32_t stalls_count;
	struct stall stalls[STALLS_KEPT]; // oldest first
	struct command batches[DIRECTORY_WORKERS_MAX][KINDS];
};

static const uint8_t batch_kinds[KINDS] = {COMMAND_HEARTBEAT, COMMAND_DETACH, COMMAND_END};

struct liveness_sweep *liveness_sweep_create(const struct settings *settings,
					     struct dataplane *dataplane, struct courier *courier,
					     struct backends *backends, struct tally *tally)
{
	struct liveness_sweep *sweep = calloc(1, sizeof(*sweep));

	if (sweep == NULL)
		return NULL;
	sweep->due_ms = calloc(dataplane_slots(dataplane), sizeof(*sweep->due_ms));
	if (sweep->due_ms == NULL) {
		free(sweep);
		return NULL;
	}
	sweep->settings = settings;
	sweep->dataplane = dataplane;
	sweep->courier = courier;
	sweep->backends = backends;
	sweep->tally = tally;
	sweep->period_ms = liveness_sweep_period_ms(settings);
	sweep->resting = true;
	for (uint32_t worker = 0; worker < DIRECTORY_WORKERS_MAX; worker++) {
		for (uint32_t kind = 0; kind < KINDS; kind++) {
			struct command *batch = &sweep->batches[worker][kind];

			batch->kind = batch_kinds[kind];
			batch->backend = DIRECTORY_NONE;
			if (batch->kind == COMMAND_DETACH) {
				batch->reason = SESSION_SILENT;
			} else if (batch->kind == COMMAND_END) {
				batch->reason = SESSION_EXPIRED;
				batch->code = HOLDFAST_EXPIRED;
			}
		}
	}
	return sweep;
}

void liveness_sweep_destroy(struct liveness_sweep *sweep)
{
	if (sweep != NULL)
		free(sweep->due_ms);
	free(sweep);
}

static uint32_t least(uint32_t left, uint32_t right)
{
	return left < right ? left : right;
}

uint32_t liveness_sweep_period_ms(const struct settings *settings)
{
	const uint32_t shortest_ms = least(
	    liveness_interval_ms(settings->session.timeout_ms, settings->session.heartbeat_ms),
	    settings->session.heartbeat_ms > 0 ? settings->session.heartbeat_ms
					       : LIVENESS_INTERVAL_FLOOR_MS - 1);
	const uint32_t period_ms = shortest_ms / PERIODS_IN_INTERVAL;

	return period_ms > PERIOD_MIN_MS ? period_ms : PERIOD_MIN_MS;
}

void liveness_sweep_retime(struct liveness_sweep *sweep)
{
	sweep->period_ms = liveness_sweep_period_ms(sweep->settings);
}

// A number that differs from session to session and from one heartbeat to the next.
static uint32_t scatter(uint64_t handle, uint32_t heard_ms)
{
	uint64_t value = (handle ^ heard_ms) * UINT64_C(0x9e3779b97f4a7c15);

	value ^= value >> 29;
	return (uint32_t)((value * UINT64_C(0xbf58476d1ce4e5b9)) >> 32);
}

// The interval after which to ask, so that the question has left when the interval of the rule
// and, with it, its time to be answered before T + interval, is over.
static uint32_t ask_interval_ms(const struct dataplane_judged *judged, uint32_t interval_ms,
				uint32_t period_ms)
{
	uint32_t ask_ms = interval_ms;

	if (judged->timeout_ms > 2 * period_ms)
		ask_ms = least(ask_ms, judged->timeout_ms - 2 * period_ms);
	const uint32_t early_ms = period_ms + scatter(judged->handle, judged->liveness.heard_ms) %
						  (interval_ms / JITTERS_IN_INTERVAL + 1);

	return ask_ms > early_ms ? ask_ms - early_ms : 1;
}

// The verdict, and in *wait_ms how long it stands if nothing happens: 0 where it is not REST.
static enum liveness_verdict judge(const struct dataplane_judged *judged, uint32_t heartbeat_ms,
				   uint32_t period_ms, uint32_t *wait_ms)
{
	const uint32_t interval_ms = liveness_interval_kept_ms(judged->timeout_ms, heartbeat_ms);
	const uint32_t ask_ms =
	    judged->liveness.asked ? interval_ms : ask_interval_ms(judged, interval_ms, period_ms);
	const enum liveness_verdict verdict =
	    liveness_judge(&judged->liveness, judged->timeout_ms, interval_ms, judged->now_ms);

	*wait_ms = 0;
	if (verdict != LIVENESS_REST)
		return verdict;
	*wait_ms = liveness_wait_ms(&judged->liveness, judged->timeout_ms, ask_ms, judged->now_ms);
	return *wait_ms > 0
		   ? LIVENESS_REST
		   : liveness_judge(&judged->liveness, judged->timeout_ms, ask_ms, judged->now_ms);
}

enum liveness_verdict liveness_sweep_judge(const struct dataplane_judged *judged,
					   const struct settings *settings)
{
	uint32_t wait_ms;

	return judge(judged, settings->session.heartbeat_ms, liveness_sweep_period_ms(settings),
		     &wait_ms);
}

// ---- Stalls of control itself ---------------------------------------------------------------

// Remembers a stall; where there is no room the two oldest become one, which can only make grace
// longer.
static void stall_add(struct liveness_sweep *sweep, uint64_t length_ms, uint64_t now_ms)
{
	struct stall *stalls = sweep->stalls;

	if (sweep->stalls_count == STALLS_KEPT) {
		stalls[1].length_ms += stalls[0].length_ms;
		memmove(&stalls[0], &stalls[1], (STALLS_KEPT - 1) * sizeof(stalls[0]));
		sweep->stalls_count--;
	}
	stalls[sweep->stalls_count++] = (struct stall){.end_ms = now_ms, .length_ms = length_ms};
	sweep->tally->stalls++;
	sweep->tally->stalled_ms += length_ms;
}

static uint64_t stalled_since_ms(const struct liveness_sweep *sweep, uint64_t since_ms)
{
	uint64_t sum_ms = 0;

	for (uint32_t i = sweep->stalls_count; i-- > 0;) {
		if (sweep->stalls[i].end_ms < since_ms)
			break;
		sum_ms += sweep->stalls[i].length_ms;
	}
	return sum_ms;
}

// ---- One session ---------------------------------------------------------------------------

static void batch_flush(struct liveness_sweep *sweep, uint32_t worker, uint32_t kind)
{
	struct command *batch = &sweep->batches[worker][kind];

	if (batch->count > 0 && courier_offer(sweep->courier, worker, batch) != 0)
		sweep->tally->sweep_skipped += batch->count;
	batch->count = 0;
}

static void batch_add(struct liveness_sweep *sweep, const struct dataplane_judged *judged,
		      uint32_t kind)
{
	struct command *batch = &sweep->batches[judged->owner][kind];

	batch->handles[batch->count++] = judged->handle;
	if (batch->count == DATAPLANE_HANDLES_MAX)
		batch_flush(sweep, judged->owner, kind);
}

// Each of these returns after how long to look again; 0: in the next turn.
static uint32_t judge_connected(struct liveness_sweep *sweep, const struct dataplane_judged *judged)
{
	uint32_t wait_ms;

	switch (judge(judged, sweep->settings->session.heartbeat_ms, sweep->period_ms, &wait_ms)) {
	case LIVENESS_SILENT:
		sweep->tally->sweep_silent++;
		sweep->verdicts++;
		batch_add(sweep, judged, 1);
		break;
	case LIVENESS_ASK:
		if (sweep->asks_left == 0) {
			sweep->tally->sweep_paced++;
			break;
		}
		sweep->asks_left--;
		sweep->tally->sweep_asked++;
		batch_add(sweep, judged, 0);
		break;
	case LIVENESS_REST:
		break;
	}
	return wait_ms;
}

static uint32_t judge_detached(struct liveness_sweep *sweep, const struct dataplane_judged *judged,
			       uint64_t now_ms)
{
	const uint32_t away_ms = judged->now_ms - judged->detached_ms;

	if ((int32_t)away_ms < 0) // the owner is a moment ahead of what was read of its clock
		return judged->grace_ms;
	if (away_ms < judged->grace_ms)
		return judged->grace_ms - away_ms;

	const uint64_t since_ms = now_ms > away_ms ? now_ms - away_ms : 0;
	const uint64_t stalled_ms = stalled_since_ms(sweep, since_ms);

	if (away_ms < judged->grace_ms + stalled_ms)
		return least((uint32_t)(judged->grace_ms + stalled_ms - away_ms), LOOK_MAX_MS);
	sweep->tally->sweep_expired++;
	sweep->verdicts++;
	batch_add(sweep, judged, 2);
	return 0;
}

static bool full_turn(const struct liveness_sweep *sweep)
{
	return sweep->turn % LIVENESS_SWEEP_FULL_TURN == 0;
}

static uint32_t judge_slot(struct liveness_sweep *sweep, uint32_t slot, uint64_t now_ms)
{
	struct dataplane_judged judged;

	// Where nobody is now, or nothing is to be done, the full turns find out what becomes.
	if (!dataplane_judge(sweep->dataplane, slot, &judged))
		return LOOK_MAX_MS;
	if (full_turn(sweep)) {
		sweep->counted++;
		for (uint32_t i = 0; i < judged.channels; i++)
			backends_count_channel(sweep->backends, judged.services[i],
					       judged.backends[i]);
	}
	if (judged.state != SESSION_CONNECTED && judged.state != SESSION_DETACHED)
		return LOOK_MAX_MS;
	// What this worker was told before it has not even seen yet.
	if (!courier_empty(sweep->courier, judged.owner)) {
		sweep->tally->sweep_skipped++;
		return 0;
	}
	return judged.state == SESSION_CONNECTED ? judge_connected(sweep, &judged)
						 : judge_detached(sweep, &judged, now_ms);
}

// ---- The turn ------------------------------------------------------------------------------

static void turn_end(struct liveness_sweep *sweep)
{
	sweep->slot = sweep->run_end = 0;
	sweep->resting = true;
	if (full_turn(sweep)) {
		sweep->tally->sweeps++;
		sweep->seen = sweep->counted;
		sweep->counted = 0;
		backends_count_end(sweep->backends);
	}
	sweep->turn++;
}

// How many slots belong to the time that has passed.
static uint32_t slice(const struct liveness_sweep *sweep, uint32_t slots, uint64_t passed_ms)
{
	const uint64_t wanted = (slots * passed_ms + sweep->period_ms - 1) / sweep->period_ms;

	return wanted < LIVENESS_SWEEP_SLOTS_MAX ? (uint32_t)wanted : LIVENESS_SWEEP_SLOTS_MAX;
}

static void look_around(struct liveness_sweep *sweep, uint64_t passed_ms, uint64_t now_ms)
{
	const uint32_t slots = dataplane_slots(sweep->dataplane);
	const bool everybody = full_turn(sweep);
	const uint32_t now = (uint32_t)now_ms;

	for (uint32_t left = slice(sweep, slots, passed_ms);
	     left > 0 && sweep->verdicts < LIVENESS_SWEEP_VERDICTS_MAX; left--) {
		if (sweep->slot >= sweep->run_end) {
			sweep->slot =
			    dataplane_slot_run(sweep->dataplane, sweep->slot, &sweep->run_end);
			if (sweep->slot >= slots) {
				turn_end(sweep);
				return;
			}
		}

		const uint32_t slot = sweep->slot++;

		if (slot + AHEAD < sweep->run_end &&
		    (everybody || (int32_t)(sweep->due_ms[slot + AHEAD] - now) <= 0))
			dataplane_judge_prefetch(sweep->dataplane, slot + AHEAD);
		if (everybody || (int32_t)(sweep->due_ms[slot] - now) <= 0)
			sweep->due_ms[slot] =
			    now + least(judge_slot(sweep, slot, now_ms), LOOK_MAX_MS);
	}
}

// An even spread over the shortest interval, several times over: after a stall, or where many
// opened at once, HEARTBEATs still do not leave all together.
static uint32_t asks_of(const struct liveness_sweep *sweep, uint64_t passed_ms)
{
	const uint64_t even = sweep->seen * passed_ms / (sweep->period_ms * PERIODS_IN_INTERVAL);

	return LIVENESS_SWEEP_ASKS_MIN + (uint32_t)(LIVENESS_SWEEP_ASKS_FACTOR * even);
}

void liveness_sweep_tick(struct liveness_sweep *sweep, uint64_t now_ms)
{
	static struct log_limit limit;
	uint64_t passed_ms = sweep->ticked_ms > 0 ? now_ms - sweep->ticked_ms : 1;
	const bool stalled = passed_ms > LIVENESS_SWEEP_STALL_MS;

	sweep->ticked_ms = now_ms;
	if (stalled) {
		stall_add(sweep, passed_ms, now_ms);
		log_limited(&limit, LOG_LEVEL_WARNING, "the control thread did not run for %llu ms",
			    (unsigned long long)passed_ms);
		passed_ms = LIVENESS_SWEEP_STALL_MS;
	}
	if (sweep->resting) {
		if (now_ms - sweep->turn_ms < sweep->period_ms)
			return;
		sweep->resting = false;
		sweep->turn_ms = now_ms;
	}
	sweep->verdicts = 0;
	sweep->asks_left = asks_of(sweep, stalled ? 1 : passed_ms);
	look_around(sweep, passed_ms, now_ms);
	for (uint32_t worker = 0; worker < sweep->settings->gateway.workers; worker++) {
		for (uint32_t kind = 0; kind < KINDS; kind++)
			batch_flush(sweep, worker, kind);
	}
}
