// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "endpoint/reconnect.h"

enum { START_US = 1000000 };

static struct reconnect fresh(void)
{
	struct reconnect reconnect;

	reconnect_reset(&reconnect);
	return reconnect;
}

// Begins attempts until so much of the budget is used.
static struct reconnect after(uint32_t attempts)
{
	struct reconnect reconnect = fresh();

	for (uint32_t i = 0; i < attempts; i++)
		reconnect_begin(&reconnect, START_US);
	return reconnect;
}

Test(reconnect, the_first_attempt_does_not_wait)
{
	struct reconnect reconnect = fresh();

	cr_expect_eq(reconnect_used(&reconnect, START_US), 0);
	cr_expect_eq(reconnect_delay_us(&reconnect, START_US, 0), 0);
	cr_expect_eq(reconnect_delay_us(&reconnect, START_US, UINT32_MAX), 0);
}

Test(reconnect, the_delay_doubles_up_to_its_cap)
{
	static const struct {
		uint32_t used;
		uint64_t delay_us;
	} cases[] = {
	    {0, 0},         {1, 150000},    {2, 300000},
	    {3, 600000},    {4, 1200000},   {8, 19200000},
	    {9, 32000000}, // 38.4 s without the cap
	    {10, 32000000}, {64, 32000000}, {UINT32_MAX, 32000000},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(reconnect_base_us(cases[i].used), cases[i].delay_us, "case %zu", i);
}

Test(reconnect, jitter_adds_up_to_200_ms_and_takes_nothing)
{
	struct reconnect reconnect = after(1);

	cr_expect_eq(reconnect_delay_us(&reconnect, START_US, 0), 150000);
	cr_expect_eq(reconnect_delay_us(&reconnect, START_US, UINT32_MAX), 350000);
	for (uint32_t i = 0; i < 1000; i++) {
		const uint64_t delay_us =
		    reconnect_delay_us(&reconnect, START_US, i * UINT32_C(4294967));

		cr_expect(delay_us >= 150000 && delay_us <= 350000);
	}
}

Test(reconnect, each_attempt_costs_one_until_nothing_is_left)
{
	struct reconnect reconnect = fresh();

	for (uint32_t n = 1; n <= RECONNECT_BUDGET + 3; n++) {
		const uint32_t used = n < RECONNECT_BUDGET ? n : RECONNECT_BUDGET;

		reconnect_begin(&reconnect, START_US + n);
		cr_expect_eq(reconnect_used(&reconnect, START_US + n), used);
		cr_expect_eq(reconnect_exhausted(&reconnect, START_US + n), n >= RECONNECT_BUDGET);
	}
}

Test(reconnect, an_exhausted_budget_goes_on_at_the_longest_delay)
{
	struct reconnect reconnect = after(RECONNECT_BUDGET);

	cr_expect_eq(reconnect_delay_us(&reconnect, START_US, 0), RECONNECT_DELAY_MAX_US);
	cr_expect_eq(reconnect_delay_us(&reconnect, START_US, UINT32_MAX),
		     RECONNECT_DELAY_MAX_US + RECONNECT_JITTER_US);
	// Time alone gives nothing back: nobody has confirmed.
	cr_expect(reconnect_exhausted(&reconnect, START_US + UINT64_C(3600000000)));
}

Test(reconnect, a_confirmed_attempt_brings_one_back_each_200_ms_but_never_the_last)
{
	static const struct {
		uint64_t later_us;
		uint32_t used;
	} cases[] = {
	    {0, 4},      {199999, 4}, {200000, 3},  {399999, 3},   {400000, 2},
	    {600000, 1}, {800000, 1}, {1000000, 1}, {10000000, 1}, {UINT64_C(86400000000), 1},
	};
	struct reconnect reconnect = after(4);

	reconnect_confirm(&reconnect, START_US);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(reconnect_used(&reconnect, START_US + cases[i].later_us),
			     cases[i].used, "case %zu", i);
}

Test(reconnect, whoever_accepts_and_drops_is_never_tried_without_a_pause)
{
	struct reconnect reconnect = fresh();
	uint64_t now_us = START_US;
	uint32_t attempts = 0;

	while (now_us < START_US + UINT64_C(60000000)) {
		const uint64_t delay_us = reconnect_delay_us(&reconnect, now_us, 0);

		cr_expect(attempts == 0 ? delay_us == 0 : delay_us >= RECONNECT_DELAY_US);
		now_us += delay_us;
		reconnect_begin(&reconnect, now_us);
		reconnect_confirm(&reconnect, now_us); // and dropped at once
		attempts++;
	}
	cr_expect(attempts < 250, "%u in a minute", attempts);
}

Test(reconnect, a_reset_gives_the_whole_budget_back)
{
	struct reconnect reconnect = after(RECONNECT_BUDGET);

	reconnect_time_out(&reconnect);
	reconnect_reset(&reconnect);
	cr_expect_eq(reconnect_delay_us(&reconnect, START_US, UINT32_MAX), 0);
	cr_expect_eq(reconnect_timeout_us(&reconnect), RECONNECT_TIMEOUT_US);
}

Test(reconnect, an_attempt_that_did_not_leave_costs_nothing)
{
	for (uint32_t attempts = 1; attempts <= RECONNECT_BUDGET + 1; attempts++) {
		struct reconnect reconnect = after(attempts);
		const uint32_t used = reconnect_used(&reconnect, START_US);

		reconnect_begin(&reconnect, START_US);
		reconnect_refund(&reconnect);
		cr_expect_eq(reconnect_used(&reconnect, START_US), used, "%u attempts", attempts);
		reconnect_refund(&reconnect);
		cr_expect_eq(reconnect_used(&reconnect, START_US), used, "refunded once");
	}
	cr_expect_eq(reconnect_local_us(0), RECONNECT_LOCAL_US);
	cr_expect_eq(reconnect_local_us(UINT32_MAX), 2 * RECONNECT_LOCAL_US);
}

Test(reconnect, patience_grows_with_time_outs_in_a_row)
{
	struct reconnect reconnect = fresh();

	for (uint32_t n = 1; n <= 7; n++) {
		cr_expect_eq(reconnect_timeout_us(&reconnect), (n < 5 ? n : 5) * UINT64_C(1000000),
			     "%u", n);
		reconnect_time_out(&reconnect);
	}
	reconnect_confirm(&reconnect, START_US);
	cr_expect_eq(reconnect_timeout_us(&reconnect), RECONNECT_TIMEOUT_US);
}

Test(reconnect, a_refusal_is_waited_out_as_long_as_it_says)
{
	static const struct {
		uint32_t retry_after_ms;
		uint64_t delay_us;
	} cases[] = {
	    {1, 1000},
	    {2500, 2500000},
	    {300000, RECONNECT_SLOW_MAX_US},
	    {UINT32_MAX, RECONNECT_SLOW_MAX_US},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reconnect reconnect = fresh();

		cr_expect_eq(reconnect_refused_us(&reconnect, cases[i].retry_after_ms, 77),
			     cases[i].delay_us, "case %zu", i);
	}
}

Test(reconnect, refusals_that_name_no_time_are_waited_out_ever_longer)
{
	struct reconnect reconnect = fresh();

	for (uint32_t n = 0; n < 9; n++) {
		const uint64_t most_us = UINT64_C(1000000) << (n < 6 ? n : 6);
		struct reconnect same = reconnect;

		cr_expect_eq(reconnect_refused_us(&same, 0, UINT32_MAX), most_us, "%u", n);
		cr_expect_eq(reconnect_refused_us(&reconnect, 0, 0), most_us / 2, "%u", n);
	}
	reconnect_confirm(&reconnect, START_US);
	cr_expect_eq(reconnect_refused_us(&reconnect, 0, UINT32_MAX), 1000000);
}
