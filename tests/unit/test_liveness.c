// SPDX-License-Identifier: BSD-3-Clause
// Liveness rules: cadence, when to ask, when silence is certain. Time is a parameter.
#include <criterion/criterion.h>

#include "protocol/liveness.h"

enum { NEVER = UINT32_MAX };

Test(liveness, timeouts_are_from_two_seconds_to_five_minutes)
{
	static const struct {
		uint32_t timeout_ms;
		bool valid;
	} cases[] = {
	    {0, false},    {1, false},     {1999, false},   {2000, true},
	    {10000, true}, {300000, true}, {300001, false}, {UINT32_MAX, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(liveness_timeout_valid(cases[i].timeout_ms), cases[i].valid,
			     "case %zu", i);
}

Test(liveness, cadence)
{
	static const struct {
		uint32_t timeout_ms, configured_ms, interval_ms;
	} cases[] = {
	    {30000, 0, 3000},
	    {10000, 0, 2000},
	    {2000, 0, 1999},
	    {2001, 0, 2000},
	    {2002, 0, 2000},
	    {19999, 0, 2000},
	    {20000, 0, 2000},
	    {20010, 0, 2001},
	    {149999, 0, 14999},
	    {150000, 0, 15000},
	    {150010, 0, 15000},
	    {300000, 0, 15000},
	    {10000, 1, 1},
	    {10000, 500, 500},
	    {10000, 9999, 9999},
	    {2000, 100, 100},
	    {300000, 299999, 299999},
	    {400, 100, 100},
	    {400, 399, 399},
	    {2, 1, 1},
	    // No interval: not in (0, T), or a short T that names none.
	    {10000, 10000, 0},
	    {10000, 10001, 0},
	    {10000, UINT32_MAX, 0},
	    {1999, 0, 0},
	    {400, 0, 0},
	    {0, 0, 0},
	    {0, 1, 0},
	    {1, 1, 0},
	    {400, 400, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(liveness_interval_ms(cases[i].timeout_ms, cases[i].configured_ms),
			     cases[i].interval_ms, "case %zu: %u", i,
			     liveness_interval_ms(cases[i].timeout_ms, cases[i].configured_ms));
}

// T = 10000, interval 2000: repeats every 1250 from 5000 on.
Test(liveness, edges_of_the_verdict)
{
	static const struct {
		struct liveness liveness; // heard, sent, asked, first asked, asked at all
		uint32_t now_ms;
		enum liveness_verdict verdict;
	} cases[] = {
	    // Nothing heard, or nothing sent, for an interval.
	    {{0, 0, 0, 0, false}, 0, LIVENESS_REST},
	    {{0, 0, 0, 0, false}, 1999, LIVENESS_REST},
	    {{0, 1999, 0, 0, false}, 2000, LIVENESS_ASK},
	    {{1999, 0, 0, 0, false}, 2000, LIVENESS_ASK},
	    {{1999, 1999, 0, 0, false}, 3998, LIVENESS_REST},
	    {{1999, 1999, 0, 0, false}, 3999, LIVENESS_ASK},
	    // Asked: nothing more before the last T/2, then every T/8.
	    {{0, 2000, 2000, 2000, true}, 2000, LIVENESS_REST},
	    {{0, 2000, 2000, 2000, true}, 4999, LIVENESS_REST},
	    {{0, 2000, 2000, 2000, true}, 5000, LIVENESS_ASK},
	    {{0, 5000, 5000, 2000, true}, 6249, LIVENESS_REST},
	    {{0, 5000, 5000, 2000, true}, 6250, LIVENESS_ASK},
	    {{0, 4000, 4000, 4000, true}, 5000, LIVENESS_REST},
	    {{0, 4000, 4000, 4000, true}, 5250, LIVENESS_ASK},
	    // Silent after T, if the first question left an interval ago.
	    {{0, 9000, 9000, 2000, true}, 9999, LIVENESS_REST},
	    {{0, 9000, 9000, 2000, true}, 10000, LIVENESS_SILENT},
	    {{0, 9000, 9000, 8000, true}, 10000, LIVENESS_SILENT},
	    {{0, 9000, 9000, 8001, true}, 10000, LIVENESS_REST},
	    {{0, 9000, 9000, 8001, true}, 10001, LIVENESS_SILENT},
	    {{0, 50000, 50000, 2000, true}, 50000, LIVENESS_SILENT},
	    // Never asked: however long it was silent, it is asked first.
	    {{0, 0, 0, 0, false}, 10000, LIVENESS_ASK},
	    {{0, 0, 0, 0, false}, 1000000000, LIVENESS_ASK},
	    {{0, 60000, 60000, 60000, true}, 60000, LIVENESS_REST},
	    {{0, 60000, 60000, 60000, true}, 61250, LIVENESS_ASK},
	    {{0, 61250, 61250, 60000, true}, 61999, LIVENESS_REST},
	    {{0, 61250, 61250, 60000, true}, 62000, LIVENESS_SILENT},
	    // A stamp later than the judge's clock is no silence.
	    {{1001, 900, 0, 0, false}, 1000, LIVENESS_REST},
	    {{1500, 1500, 1200, 1200, true}, 1000, LIVENESS_REST},
	    {{3000, 900, 0, 0, false}, 2899, LIVENESS_REST},
	    {{3000, 900, 0, 0, false}, 2900, LIVENESS_ASK},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const uint32_t bases_ms[] = {0, 0xfffff000}; // the second wraps

		for (size_t j = 0; j < sizeof(bases_ms) / sizeof(bases_ms[0]); j++) {
			const uint32_t base_ms = bases_ms[j];
			struct liveness liveness = cases[i].liveness;

			liveness.heard_ms += base_ms;
			liveness.sent_ms += base_ms;
			liveness.asked_ms += base_ms;
			liveness.asked_first_ms += base_ms;
			cr_expect_eq(
			    liveness_judge(&liveness, 10000, 2000, base_ms + cases[i].now_ms),
			    cases[i].verdict, "case %zu at %x", i, base_ms);
		}
	}
}

static uint32_t dice(uint32_t *state, uint32_t sides)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % sides;
}

Test(liveness, the_wait_ends_exactly_when_the_verdict_changes)
{
	uint32_t state = 20241;

	for (uint32_t round = 0; round < 200000; round++) {
		const uint32_t timeout_ms = 2 + dice(&state, round % 2 ? 50 : 300000);
		const uint32_t interval_ms = 1 + dice(&state, timeout_ms - 1);
		const uint32_t now_ms = round % 3 ? dice(&state, NEVER) : dice(&state, 1000);
		const uint32_t span_ms = 3 * timeout_ms;
		const struct liveness liveness = {
		    .heard_ms = now_ms + 20 - dice(&state, span_ms),
		    .sent_ms = now_ms + 20 - dice(&state, span_ms),
		    .asked_ms = now_ms + 20 - dice(&state, span_ms),
		    .asked_first_ms = now_ms + 20 - dice(&state, span_ms),
		    .asked = dice(&state, 2) == 1,
		};
		const uint32_t wait_ms =
		    liveness_wait_ms(&liveness, timeout_ms, interval_ms, now_ms);

		cr_assert_neq(liveness_judge(&liveness, timeout_ms, interval_ms, now_ms + wait_ms),
			      LIVENESS_REST, "round %u", round);
		if (wait_ms > 0) {
			cr_assert_eq(liveness_judge(&liveness, timeout_ms, interval_ms, now_ms),
				     LIVENESS_REST, "round %u", round);
			cr_assert_eq(liveness_judge(&liveness, timeout_ms, interval_ms,
						    now_ms + wait_ms - 1),
				     LIVENESS_REST, "round %u", round);
		}
	}
}

// One endpoint under the rules, judged when the wait says so.
struct watch {
	struct liveness liveness;
	uint32_t now_ms;
	uint32_t asked; // how often
};

// Runs until the verdict is silent or end_ms; a question is answered answer_ms later unless NEVER.
// Returns when silence was found, or NEVER.
static uint32_t watch_run(struct watch *watch, uint32_t timeout_ms, uint32_t interval_ms,
			  uint32_t answer_ms, uint32_t end_ms)
{
	while (watch->now_ms < end_ms) {
		watch->now_ms +=
		    liveness_wait_ms(&watch->liveness, timeout_ms, interval_ms, watch->now_ms);
		switch (liveness_judge(&watch->liveness, timeout_ms, interval_ms, watch->now_ms)) {
		case LIVENESS_SILENT:
			return watch->now_ms;
		case LIVENESS_ASK:
			watch->asked++;
			if (!watch->liveness.asked)
				watch->liveness.asked_first_ms = watch->now_ms;
			watch->liveness.asked = true;
			watch->liveness.asked_ms = watch->now_ms;
			watch->liveness.sent_ms = watch->now_ms;
			break;
		case LIVENESS_REST:
			cr_assert_fail("woken for nothing at %u", watch->now_ms);
		}
		if (answer_ms != NEVER) {
			watch->now_ms += answer_ms;
			watch->liveness.heard_ms = watch->now_ms;
			watch->liveness.asked = false;
		}
	}
	return NEVER;
}

Test(liveness, a_silent_endpoint_is_found_between_the_timeout_and_an_interval_later)
{
	static const uint32_t timeouts[] = {2,    100,   400,   1999,   2000,
					    2001, 10000, 30000, 149990, 300000};

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		const uint32_t timeout_ms = timeouts[i];
		const uint32_t intervals[] = {1, liveness_interval_ms(timeout_ms, 0),
					      timeout_ms / 10, timeout_ms / 2, timeout_ms - 1};

		for (size_t j = 0; j < sizeof(intervals) / sizeof(intervals[0]); j++) {
			struct watch watch = {0};

			if (intervals[j] == 0)
				continue;

			const uint32_t found_ms =
			    watch_run(&watch, timeout_ms, intervals[j], NEVER, NEVER);

			cr_expect_geq(found_ms, timeout_ms);
			cr_expect_leq(found_ms, timeout_ms + intervals[j], "T %u, interval %u: %u",
				      timeout_ms, intervals[j], found_ms);
			cr_expect_geq(watch.asked, 1);
		}
	}
}

Test(liveness, an_idle_endpoint_that_answers_stays_and_is_asked_once_an_interval)
{
	struct watch watch = {0};

	cr_expect_eq(watch_run(&watch, 10000, 2000, 50, 3600 * 1000), NEVER);
	cr_expect_geq(watch.asked, 3600 * 1000 / 2050 - 1);
	cr_expect_leq(watch.asked, 3600 * 1000 / 2000 + 1);
}

Test(liveness, an_answer_just_before_the_timeout_rescues)
{
	struct watch watch = {0};

	cr_expect_eq(watch_run(&watch, 10000, 2000, NEVER, 8750), NEVER);
	watch.now_ms = 9999;
	watch.liveness.heard_ms = 9999;
	watch.liveness.asked = false;
	cr_expect_eq(liveness_judge(&watch.liveness, 10000, 2000, 10000), LIVENESS_REST);
	cr_expect_geq(watch_run(&watch, 10000, 2000, NEVER, NEVER), 19999);
}
