// SPDX-License-Identifier: BSD-3-Clause
// The sweep over sessions: cadence, verdicts, batches, and that no stall kills anybody.
#include <criterion/criterion.h>

#include <string.h>

#include "control/liveness_sweep.h"
#include "tests/support/fake_dataplane.h"

enum { WORKERS = 3, SLOTS = 600 };

static struct settings settings;
static struct tally tally;
static struct dataplane *dataplane;
static struct courier *courier;
static struct backends *backends;
static struct liveness_sweep *sweep;
static uint64_t now_ms = 100000;
static uint32_t worker_ms = 5000; // clock of all workers

static void start(void)
{
	settings_defaults(&settings);
	settings.gateway.workers = WORKERS;
	dataplane = fake_create(WORKERS, SLOTS);
	courier = courier_create(dataplane, WORKERS, &tally);
	const struct answerer answerer = {
	    .dataplane = dataplane, .courier = courier, .tally = &tally};

	backends = backends_create(&settings, &answerer, 1);
	sweep = liveness_sweep_create(&settings, dataplane, courier, backends, &tally);
}

static void stop(void)
{
	liveness_sweep_destroy(sweep);
	backends_destroy(backends);
	courier_destroy(courier);
	fake_destroy(dataplane);
}

TestSuite(liveness_sweep, .init = start, .fini = stop);

static struct dataplane_judged *add_session(uint32_t slot, uint8_t owner)
{
	struct dataplane_judged *judged = &fake_session(dataplane, slot, owner)->judged;

	judged->now_ms = worker_ms;
	judged->liveness.heard_ms = worker_ms;
	judged->liveness.sent_ms = worker_ms;
	return judged;
}

static void detach(struct dataplane_judged *judged, uint32_t ago_ms)
{
	judged->state = SESSION_DETACHED;
	judged->detached_ms = worker_ms - ago_ms;
}

// One millisecond for everybody; workers do what they are told.
static void tick(void)
{
	fake_clock(dataplane, ++worker_ms);
	liveness_sweep_tick(sweep, ++now_ms);
	fake_work(dataplane, worker_ms);
}

// Whole turns over the sessions, without any worker at work.
static void turns(uint32_t count)
{
	for (const uint64_t until = tally.sweeps + count; tally.sweeps < until;)
		liveness_sweep_tick(sweep, ++now_ms);
}

Test(liveness_sweep, looks_at_everybody_once_in_a_sixteenth_of_the_interval)
{
	static const struct {
		uint32_t timeout_ms, heartbeat_ms, period_ms;
	} cases[] = {
	    {10000, 0, 124}, // T of 2000 can be wished for: its interval is 1999
	    {2000, 0, 124},  {30000, 0, 124}, {10000, 5000, 312}, {200, 50, 3}, {100, 10, 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		settings.session.timeout_ms = cases[i].timeout_ms;
		settings.session.heartbeat_ms = cases[i].heartbeat_ms;
		cr_expect_eq(liveness_sweep_period_ms(&settings), cases[i].period_ms, "case %zu",
			     i);
	}
}

Test(liveness_sweep, asks_the_idle_within_their_interval_and_loses_none)
{
	static const struct {
		uint32_t timeout_ms, interval_ms;
	} cases[] = {{2000, 1999}, {5000, 2000}, {10000, 2000}, {30000, 3000}, {300000, 15000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(dataplane->sessions, 0, SLOTS * sizeof(*dataplane->sessions));
		struct dataplane_judged *judged = add_session(5, 1);
		uint32_t asked = 0, longest_ms = 0, last_ms = worker_ms;

		judged->timeout_ms = cases[i].timeout_ms;
		for (uint32_t ms = 0; ms < 60000; ms++) {
			tick();
			if (!judged->liveness.asked)
				continue;
			longest_ms =
			    worker_ms - last_ms > longest_ms ? worker_ms - last_ms : longest_ms;
			last_ms = worker_ms;
			asked++;
			judged->liveness.asked = false;
			judged->liveness.heard_ms = worker_ms;
		}
		cr_expect_eq(judged->state, SESSION_CONNECTED, "case %zu", i);
		cr_expect_leq(longest_ms, cases[i].interval_ms, "case %zu", i);
		cr_expect_geq(asked, 60000 / cases[i].interval_ms, "case %zu: %u", i, asked);
		// For T of 2 s the questions must leave time to be unanswered: see T + interval.
		cr_expect_leq(asked, 60000 / (cases[i].interval_ms * 3 / 5), "case %zu: %u", i,
			      asked);
	}
}

Test(liveness_sweep, finds_the_silent_within_T_and_T_plus_interval_and_once)
{
	static const struct {
		uint32_t timeout_ms, interval_ms;
	} cases[] = {{2000, 1999}, {3000, 2000}, {10000, 2000}, {30000, 3000}, {300000, 15000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		// Many, since each has a phase of its own.
		memset(dataplane->sessions, 0, SLOTS * sizeof(*dataplane->sessions));
		const uint64_t silent_before = tally.sweep_silent;
		const uint32_t from_ms = worker_ms;

		for (uint32_t slot = 0; slot < 100; slot++)
			add_session(slot, (uint8_t)(slot % WORKERS))->timeout_ms =
			    cases[i].timeout_ms;
		while (tally.sweep_silent - silent_before < 100) {
			tick();
			cr_assert(tally.sweep_silent == silent_before ||
				      worker_ms - from_ms >= cases[i].timeout_ms,
				  "case %zu: at %u ms", i, worker_ms - from_ms);
			cr_assert_leq(worker_ms - from_ms,
				      cases[i].timeout_ms + cases[i].interval_ms, "case %zu", i);
		}
		for (uint32_t slot = 0; slot < 100; slot++)
			cr_assert_eq(dataplane->sessions[slot].judged.state, SESSION_DETACHED);
		for (uint32_t ms = 0; ms < 1000; ms++)
			tick();
		cr_expect_eq(tally.sweep_silent - silent_before, 100, "case %zu", i);
	}
}

Test(liveness_sweep, does_not_let_sessions_beat_in_step)
{
	uint32_t most = 0;

	for (uint32_t slot = 0; slot < 500; slot++)
		add_session(slot, 0);
	// All were heard in the same millisecond. Some heartbeats later they are spread.
	for (uint32_t ms = 0; ms < 20000; ms++) {
		uint32_t asked = 0;

		tick();
		for (uint32_t slot = 0; slot < 500; slot++) {
			struct liveness *liveness = &dataplane->sessions[slot].judged.liveness;

			asked += liveness->asked;
			if (liveness->asked)
				liveness->heard_ms = worker_ms;
			liveness->asked = false;
		}
		if (ms > 10000 && asked > most)
			most = asked;
	}
	// 500 in 1812 ms and a look at all each 124 ms: 34 a turn, were they spread evenly.
	cr_expect_gt(most, 0);
	cr_expect_leq(most, 120, "%u asked in one millisecond", most);
}

// Handles of END commands that all workers got; fails where a command has too many.
static uint32_t ends_ordered(void)
{
	struct command command;
	uint32_t handles = 0;

	for (uint32_t worker = 0; worker < WORKERS; worker++) {
		while (fake_command(dataplane, worker, &command)) {
			cr_assert_eq(command.kind, COMMAND_END);
			cr_assert_leq(command.count, DATAPLANE_HANDLES_MAX);
			handles += command.count;
		}
	}
	return handles;
}

Test(liveness_sweep, takes_the_mass_expired_in_rounds_of_128)
{
	turns(1);
	for (uint32_t slot = 0; slot < 2 * 128 + 10; slot++)
		detach(add_session(slot, (uint8_t)(slot % WORKERS)), LIVENESS_GRACE_DEFAULT_MS);
	// Ticks as far apart as they may be: only the bound of a round stops a slice.
	for (uint32_t rest_ms = 50; rest_ms < liveness_sweep_period_ms(&settings); rest_ms += 50) {
		liveness_sweep_tick(sweep, now_ms += 50);
		cr_assert_eq(ends_ordered(), 0);
	}
	liveness_sweep_tick(sweep, now_ms += 50);
	cr_expect_eq(ends_ordered(), 128);
	liveness_sweep_tick(sweep, now_ms += 50);
	cr_expect_eq(ends_ordered(), 128);
	liveness_sweep_tick(sweep, now_ms += 50);
	cr_expect_eq(ends_ordered(), 10);
	cr_expect_eq(tally.sweep_expired, 266);
	cr_expect_eq(tally.stalls, 0);
}

Test(liveness_sweep, ends_the_expired_with_their_code_and_not_before)
{
	struct dataplane_judged *judged = add_session(7, 2);
	struct command command;

	judged->grace_ms = 1000;
	detach(judged, 999);
	turns(2);
	cr_expect_not(fake_command(dataplane, 2, &command));
	detach(judged, 1000);
	turns(1);
	cr_assert(fake_command(dataplane, 2, &command));
	cr_expect_eq(command.kind, COMMAND_END);
	cr_expect_eq(command.code, HOLDFAST_EXPIRED);
	cr_expect_eq(command.reason, SESSION_EXPIRED);
	cr_expect_eq(command.count, 1);
	cr_expect_eq(command.handles[0], judged->handle);
	cr_expect_eq(command.token, 0);
}

Test(liveness_sweep, adds_its_own_stalls_to_grace)
{
	struct dataplane_judged *judged = add_session(7, 0);
	struct command command;

	judged->grace_ms = 5000;
	detach(judged, 100);
	turns(1);
	// Control does not run for 8 s; the worker does, and the grace would be over.
	now_ms += 8000;
	worker_ms += 8000;
	fake_clock(dataplane, worker_ms);
	turns(2);
	cr_expect_eq(tally.stalls, 1);
	cr_expect_geq(tally.stalled_ms, 8000);
	cr_expect_not(fake_command(dataplane, 0, &command));
	for (uint32_t ms = 0; ms < 4500; ms++)
		tick();
	cr_expect_eq(judged->state, SESSION_DETACHED);
	for (uint32_t ms = 0; ms < 1000; ms++)
		tick();
	cr_expect_eq(judged->state, SESSION_CLOSING);
	// One that is detached after the stall has no part in it.
	struct dataplane_judged *later = add_session(8, 0);

	later->grace_ms = 500;
	detach(later, 0);
	for (uint32_t ms = 0; ms < 800; ms++)
		tick();
	cr_expect_eq(later->state, SESSION_CLOSING);
}

Test(liveness_sweep, remembers_more_stalls_than_it_has_room_for)
{
	struct dataplane_judged *judged = add_session(7, 0);

	judged->grace_ms = 1000;
	detach(judged, 0);
	for (uint32_t i = 0; i < 40; i++) {
		now_ms += 100;
		worker_ms += 100;
		fake_clock(dataplane, worker_ms);
		liveness_sweep_tick(sweep, now_ms);
		fake_work(dataplane, worker_ms);
	}
	cr_expect_eq(tally.stalls, 39);
	cr_expect_eq(judged->state, SESSION_DETACHED);
}

Test(liveness_sweep, that_was_stalled_kills_nobody)
{
	for (uint32_t slot = 0; slot < 300; slot++)
		add_session(slot, (uint8_t)(slot % WORKERS));
	tick();
	// Nobody was asked for a minute, so nobody can be called silent.
	now_ms += 60000;
	worker_ms += 60000;
	for (uint32_t ms = 0; ms < 500; ms++) {
		tick();
		for (uint32_t slot = 0; slot < 300; slot++) {
			struct liveness *liveness = &dataplane->sessions[slot].judged.liveness;

			if (liveness->asked)
				liveness->heard_ms = worker_ms;
			liveness->asked = false;
		}
	}
	cr_expect_eq(tally.sweep_silent, 0);
	cr_expect_geq(tally.sweep_asked, 300);
}

Test(liveness_sweep, kills_nobody_while_a_worker_is_stalled)
{
	const struct dataplane_judged *judged = add_session(1, 0);

	dataplane->mailboxes[0].room = 2;
	// The worker's clock stands still and its mailbox fills: it is left alone.
	for (uint32_t ms = 0; ms < 60000; ms++)
		liveness_sweep_tick(sweep, ++now_ms);
	cr_expect_eq(judged->state, SESSION_CONNECTED);
	cr_expect_eq(tally.sweep_silent, 0);
	cr_expect_leq(courier_waiting(courier), 1);
}

Test(liveness_sweep, asks_no_more_of_a_worker_that_is_behind)
{
	add_session(1, 0);
	add_session(2, 1);
	dataplane->mailboxes[0].room = 0;
	worker_ms += 5000;
	fake_clock(dataplane, worker_ms);
	turns(2); // that look at everybody; who is due is looked at in those between as well
	cr_expect_eq(courier_waiting(courier), 1);
	cr_expect_eq(tally.sweep_skipped, LIVENESS_SWEEP_FULL_TURN);
	cr_expect_eq(fake_discard(dataplane, 1, COMMAND_HEARTBEAT), LIVENESS_SWEEP_FULL_TURN + 1);
}

Test(liveness_sweep, finds_in_time_who_took_the_slot_of_one_that_could_wait)
{
	struct dataplane_judged *judged = add_session(4, 0);

	judged->timeout_ms = 300000; // not to be looked at for many seconds
	for (uint32_t ms = 0; ms < 3000; ms++)
		tick();
	memset(&dataplane->sessions[4], 0, sizeof(dataplane->sessions[4]));
	judged = add_session(4, 1);
	judged->timeout_ms = 2000;
	for (uint32_t ms = 0; ms < 1999 && !judged->liveness.asked; ms++)
		tick();
	cr_expect(judged->liveness.asked);
}

Test(liveness_sweep, spreads_what_is_due_after_a_stall)
{
	uint64_t before;
	uint32_t most = 0;

	for (uint32_t slot = 0; slot < SLOTS; slot++)
		add_session(slot, (uint8_t)(slot % WORKERS));
	turns(1);
	now_ms += 30000;
	worker_ms += 30000;
	for (uint32_t ms = 0; ms < 1000; ms++) {
		before = tally.sweep_asked;
		tick();
		if (tally.sweep_asked - before > most)
			most = (uint32_t)(tally.sweep_asked - before);
	}
	cr_expect_eq(tally.sweep_asked, SLOTS);
	cr_expect_leq(most, LIVENESS_SWEEP_ASKS_MIN + 1, "%u asked in one millisecond", most);
	cr_expect_gt(tally.sweep_paced, 0);
	cr_expect_eq(tally.sweep_silent, 0);
}

Test(liveness_sweep, leaves_sessions_that_open_or_close_to_their_owner)
{
	struct dataplane_judged *opening = add_session(1, 0);
	struct dataplane_judged *closing = add_session(2, 0);

	opening->state = SESSION_OPENING;
	closing->state = SESSION_CLOSING;
	worker_ms += 400000;
	fake_clock(dataplane, worker_ms);
	turns(3);
	cr_expect_eq(dataplane->mailboxes[0].count, 0);
}

Test(liveness_sweep, counts_the_channels_of_each_backend)
{
	struct dataplane_judged *judged;

	for (uint32_t i = 0; i < 3; i++)
		backends_add(backends, 0, i == 0 ? "a" : i == 1 ? "b" : "c", 1, 0);
	for (uint32_t slot = 0; slot < 10; slot++) {
		judged = add_session(slot, 0);
		judged->channels = 2;
		judged->backends[0] = 1;
		judged->backends[1] = slot < 4 ? 2 : DIRECTORY_NONE;
	}
	turns(2);
	cr_expect_eq(backends->entries[0].sessions, 0);
	cr_expect_eq(backends->entries[1].sessions, 10);
	cr_expect_eq(backends->entries[2].sessions, 4);
	memset(dataplane->sessions, 0, SLOTS * sizeof(*dataplane->sessions));
	turns(2);
	cr_expect_eq(backends->entries[1].sessions, 0);
}

Test(liveness_sweep, survives_clocks_that_wrap)
{
	struct dataplane_judged *judged;

	worker_ms = UINT32_MAX - 1000;
	judged = add_session(3, 0);
	for (uint32_t ms = 0; ms < 30000; ms++) {
		tick();
		if (judged->liveness.asked)
			judged->liveness.heard_ms = worker_ms;
		judged->liveness.asked = false;
	}
	cr_expect_eq(judged->state, SESSION_CONNECTED);
	worker_ms = UINT32_MAX - 100;
	judged->grace_ms = 1000;
	detach(judged, 0);
	for (uint32_t ms = 0; ms < 900; ms++)
		tick();
	cr_expect_eq(judged->state, SESSION_DETACHED);
	for (uint32_t ms = 0; ms < 500; ms++)
		tick();
	cr_expect_eq(judged->state, SESSION_CLOSING);
}
