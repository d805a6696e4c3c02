// SPDX-License-Identifier: BSD-3-Clause
// Rates and rows of holdfastctl top, from samples made up here.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/top_model.h"

enum { SECOND_US = 1000000 };

static void drops_set(struct top_sample *sample, uint32_t count, const struct top_row *rows)
{
	sample->drops.rows = calloc(count, sizeof(*rows));
	cr_assert_not_null(sample->drops.rows);
	memcpy(sample->drops.rows, rows, count * sizeof(*rows));
	sample->drops.count = count;
}

// A gateway of two workers after so many seconds: 1000 packets a second in, of 125 bytes; worker 0
// is busy for a quarter of its time; every fourth packet of worker 1 is handed over.
static struct top_sample sample_at(uint64_t seconds)
{
	struct top_sample sample = {.taken_us = 77 + seconds * SECOND_US, .workers_count = 2};
	const struct top_row drops[] = {{.name = "duplicate", .total = 3 * seconds},
					{.name = "not_ours", .total = 5}};

	sample.totals[TOP_received] = 1000 * seconds;
	sample.totals[TOP_received_bytes] = 125000 * seconds;
	sample.totals[TOP_handed_over] = 100 * seconds;
	sample.states[1] = 40;
	sample.states[2] = 2;
	sample.workers[0] = (struct top_worker_sample){
	    .received = 600 * seconds, .polls = 3000 * seconds, .busy_us = 250000 * seconds};
	sample.workers[1] = (struct top_worker_sample){.received = 400 * seconds,
						       .handed_over = 100 * seconds,
						       .polls = 10 * seconds,
						       .stalled_ms = 20 * seconds,
						       .sessions = 42};
	drops_set(&sample, 2, drops);
	return sample;
}

// Compares and frees all three.
static void expect_anew(struct top_sample before, struct top_sample now, const char *what)
{
	struct top_figures figures;

	cr_assert_eq(top_figures_init(&figures, &before, &now), 0);
	cr_expect(figures.began_anew, "%s", what);
	cr_expect_not(figures.rates, "%s", what);
	cr_expect_eq(figures.per_second[TOP_received], 0, "%s", what);
	cr_expect_eq(figures.drops_rate, 0, "%s", what);
	cr_expect_eq(figures.workers[0].received, 0, "%s", what);
	top_figures_fini(&figures);
	top_sample_fini(&before);
	top_sample_fini(&now);
}

Test(top_model, two_samples_give_rates_a_second)
{
	struct top_sample before = sample_at(10), now = sample_at(14);
	struct top_figures figures;

	cr_assert_eq(top_figures_init(&figures, &before, &now), 0);
	cr_expect(figures.rates);
	cr_expect_not(figures.began_anew);
	cr_expect_float_eq(figures.per_second[TOP_received], 1000, 1e-6);
	cr_expect_float_eq(figures.per_second[TOP_received_bytes], 125000, 1e-6);
	cr_expect_eq(figures.per_second[TOP_sent], 0);
	cr_expect_float_eq(figures.handed_over, 0.1, 1e-9);
	cr_expect_eq(figures.sessions, 42);
	cr_expect_eq(figures.states[2], 2);
	cr_expect_eq(figures.drops_total, 3 * 14 + 5);
	cr_expect_float_eq(figures.drops_rate, 3, 1e-9);
	cr_expect_float_eq(figures.drops.rows[0].rate, 3, 1e-9);
	cr_expect_eq(figures.drops.rows[1].rate, 0);
	top_figures_fini(&figures);
	top_sample_fini(&before);
	top_sample_fini(&now);
}

Test(top_model, a_worker_has_its_own_load)
{
	struct top_sample before = sample_at(1), now = sample_at(2);
	struct top_figures figures;

	now.workers[0].polls = before.workers[0].polls;
	now.workers[0].busy_us = before.workers[0].busy_us;
	cr_assert_eq(top_figures_init(&figures, &before, &now), 0);
	cr_expect_not(figures.workers[0].running, "no poll between the samples");
	cr_expect_eq(figures.workers[0].busy, 0);
	cr_expect(figures.workers[1].running);
	cr_expect_float_eq(figures.workers[1].received, 400, 1e-6);
	cr_expect_float_eq(figures.workers[1].handed_over, 0.25, 1e-9);
	cr_expect_eq(figures.workers[1].stalled_ms, 20);
	cr_expect_eq(figures.workers[1].sessions, 42);
	top_figures_fini(&figures);
	top_sample_fini(&before);
	top_sample_fini(&now);
}

Test(top_model, busy_time_is_a_share_of_the_time_between_the_samples)
{
	static const struct {
		uint64_t busy_us;
		double share;
	} cases[] = {
	    {0, 0}, {SECOND_US / 4, 0.25}, {SECOND_US, 1}, {SECOND_US + 7, 1}, {UINT64_MAX / 2, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct top_sample before = {.taken_us = 0, .workers_count = 1};
		struct top_sample now = {.taken_us = SECOND_US, .workers_count = 1};
		struct top_figures figures;

		now.workers[0].busy_us = cases[i].busy_us;
		cr_assert_eq(top_figures_init(&figures, &before, &now), 0);
		cr_expect_float_eq(figures.workers[0].busy, cases[i].share, 1e-9, "case %zu", i);
		top_figures_fini(&figures);
	}
}

Test(top_model, one_sample_gives_totals_and_no_rate)
{
	struct top_sample now = sample_at(9);
	struct top_figures figures;

	cr_assert_eq(top_figures_init(&figures, NULL, &now), 0);
	cr_expect_not(figures.rates);
	cr_expect_not(figures.began_anew);
	cr_expect_eq(figures.sessions, 42);
	cr_expect_eq(figures.drops.count, 2);
	cr_expect_eq(figures.drops.rows[0].total, 27);
	cr_expect_eq(figures.per_second[TOP_received], 0);
	cr_expect_eq(figures.workers[1].sessions, 42);
	top_figures_fini(&figures);
	top_sample_fini(&now);
}

Test(top_model, an_empty_sample_has_no_rows)
{
	struct top_sample before = {.taken_us = 0}, now = {.taken_us = SECOND_US};
	struct top_figures figures;

	cr_assert_eq(top_figures_init(&figures, &before, &now), 0);
	cr_expect(figures.rates);
	cr_expect_eq(figures.drops.count, 0);
	cr_expect_eq(figures.workers_count, 0);
	cr_expect_eq(figures.handed_over, 0);
	top_rows_sort(&figures.drops, TOP_BY_RATE);
	top_figures_fini(&figures);
}

Test(top_model, a_counter_that_went_back_is_another_run)
{
	struct top_sample before, now;

	expect_anew(sample_at(10), sample_at(3), "all of them");
	expect_anew(sample_at(10), sample_at(10), "no time between");
	before = sample_at(10);
	before.totals[TOP_sent] = 1;
	now = sample_at(11);
	expect_anew(before, now, "one total");
	now = sample_at(11);
	now.workers[1].polls = 99;
	expect_anew(sample_at(10), now, "polls of one worker");
	now = sample_at(11);
	now.workers_count = 1;
	expect_anew(sample_at(10), now, "a worker less");
	now = sample_at(11);
	now.drops.rows[1].total = 4;
	expect_anew(sample_at(10), now, "one drop");
	now = sample_at(11);
	now.drops.count = 1;
	expect_anew(sample_at(10), now, "a drop reason less");
}

Test(top_model, rates_return_one_sample_after_a_restart)
{
	struct top_sample first = sample_at(2), second = sample_at(3);
	struct top_figures figures;

	first.taken_us += 100 * SECOND_US;
	second.taken_us += 100 * SECOND_US;
	cr_assert_eq(top_figures_init(&figures, &first, &second), 0);
	cr_expect(figures.rates);
	cr_expect_float_eq(figures.per_second[TOP_received], 1000, 1e-6);
	top_figures_fini(&figures);
	top_sample_fini(&first);
	top_sample_fini(&second);
}

// ---- Rows --------------------------------------------------------------------------------------

enum { MANY = 5000 };

// Services "s00000" to "s04999", sorted by name; service i has i * factor sessions.
static struct top_rows many(uint64_t factor)
{
	struct top_rows rows = {.count = MANY, .rows = calloc(MANY, sizeof(struct top_row))};

	cr_assert_not_null(rows.rows);
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(rows.rows[i].name, sizeof(rows.rows[i].name), "s%05u", i);
		rows.rows[i].total = i * factor;
	}
	return rows;
}

Test(top_model, thousands_of_services_are_matched_by_name_and_sorted)
{
	struct top_rows before = many(1), now = many(3);

	top_rows_rate(&now, &before, 2);
	top_rows_sort(&now, TOP_BY_RATE);
	for (uint32_t i = 0; i < MANY; i++)
		cr_assert_float_eq(now.rows[i].rate, MANY - 1 - i, 1e-9, "row %u", i);
	top_rows_sort(&now, TOP_BY_NAME);
	cr_expect_str_eq(now.rows[0].name, "s00000");
	cr_expect_str_eq(now.rows[MANY - 1].name, "s04999");
	top_rows_sort(&now, TOP_BY_TOTAL);
	cr_expect_str_eq(now.rows[0].name, "s04999");
	top_rows_fini(&before);
	top_rows_fini(&now);
	cr_expect_eq(now.count, 0);
}

Test(top_model, rows_that_come_and_go_leave_the_others_their_rates)
{
	struct top_row old_rows[] = {{.name = "a", .total = 10}, {.name = "c", .total = 30}};
	struct top_row new_rows[] = {{.name = "b", .total = 7},
				     {.name = "c", .total = 20},
				     {.name = "d", .total = 1, .rate = 9}};
	struct top_rows before = {.count = 2, .rows = old_rows};
	struct top_rows now = {.count = 3, .rows = new_rows};

	top_rows_rate(&now, &before, 5);
	cr_expect_eq(new_rows[0].rate, 0, "b is new");
	cr_expect_float_eq(new_rows[1].rate, -2, 1e-9, "c lost ten");
	cr_expect_eq(new_rows[2].rate, 0, "d is new");
	top_rows_rate(&now, NULL, 5);
	cr_expect_eq(new_rows[1].rate, 0, "nothing to compare with");
}

Test(top_model, equal_rows_stand_in_the_order_of_their_names)
{
	struct top_row list[] = {{.name = "z", .total = 1},
				 {.name = "m", .total = 1},
				 {.name = "k", .rate = -5},
				 {.name = "a", .total = 1}};
	struct top_rows rows = {.count = 4, .rows = list};

	top_rows_sort(&rows, TOP_BY_TOTAL);
	cr_expect_str_eq(list[0].name, "a");
	cr_expect_str_eq(list[1].name, "m");
	cr_expect_str_eq(list[2].name, "z");
	top_rows_sort(&rows, TOP_BY_RATE);
	cr_expect_str_eq(list[0].name, "k", "what shrinks moves, too");
	cr_expect_str_eq(list[1].name, "a");
}
