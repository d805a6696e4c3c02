// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double US_PER_SECOND = 1e6;

void top_rows_fini(struct top_rows *rows)
{
	free(rows->rows);
	*rows = (struct top_rows){.count = 0};
}

void top_sample_fini(struct top_sample *sample)
{
	top_rows_fini(&sample->drops);
}

void top_figures_fini(struct top_figures *figures)
{
	top_rows_fini(&figures->drops);
}

static int compare_names(const void *left, const void *right)
{
	const struct top_row *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int compare_totals(const void *left, const void *right)
{
	const struct top_row *a = left, *b = right;

	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	return compare_names(left, right);
}

static int compare_rates(const void *left, const void *right)
{
	const struct top_row *a = left, *b = right;
	const double first = fabs(a->rate), second = fabs(b->rate);

	if (first < second || first > second)
		return first < second ? 1 : -1;
	return compare_totals(left, right);
}

void top_rows_sort(struct top_rows *rows, enum top_order order)
{
	static int (*const compare[TOP_ORDERS])(const void *, const void *) = {
	    [TOP_BY_RATE] = compare_rates,
	    [TOP_BY_TOTAL] = compare_totals,
	    [TOP_BY_NAME] = compare_names,
	};

	if (rows->count > 1)
		qsort(rows->rows, rows->count, sizeof(*rows->rows), compare[order]);
}

void top_rows_rate(struct top_rows *now, const struct top_rows *before, double seconds)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < now->count; i++) {
		struct top_row *row = &now->rows[i];

		row->rate = 0;
		if (before == NULL || seconds <= 0)
			continue;
		while (at < before->count && compare_names(&before->rows[at], row) < 0)
			at++;
		if (at < before->count && compare_names(&before->rows[at], row) == 0)
			row->rate = ((double)row->total - (double)before->rows[at].total) / seconds;
	}
}

// Whether a drop reason counts less than before, or is not there any more.
static bool drops_went_back(const struct top_rows *before, const struct top_rows *now)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < before->count; i++) {
		while (at < now->count && compare_names(&now->rows[at], &before->rows[i]) < 0)
			at++;
		if (at == now->count || compare_names(&now->rows[at], &before->rows[i]) != 0 ||
		    now->rows[at].total < before->rows[i].total)
			return true;
	}
	return false;
}

static bool another_run(const struct top_sample *before, const struct top_sample *now)
{
	if (now->taken_us <= before->taken_us || now->workers_count != before->workers_count)
		return true;
	for (int i = 0; i < TOP_TOTALS_COUNT; i++) {
		if (now->totals[i] < before->totals[i])
			return true;
	}
	for (uint32_t i = 0; i < now->workers_count; i++) {
		if (now->workers[i].polls < before->workers[i].polls ||
		    now->workers[i].busy_us < before->workers[i].busy_us ||
		    now->workers[i].received < before->workers[i].received ||
		    now->workers[i].handed_over < before->workers[i].handed_over ||
		    now->workers[i].stalled_ms < before->workers[i].stalled_ms)
			return true;
	}
	return drops_went_back(&before->drops, &now->drops);
}

// A part of a whole, 0 where there is no whole. Counters are read one after the other: a part may
// be ahead of its whole by a little.
static double share(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return 0;
	return part < whole ? (double)part / (double)whole : 1;
}

static struct top_worker worker_of(const struct top_worker_sample *before,
				   const struct top_worker_sample *now, double seconds)
{
	const uint64_t polls = now->polls - before->polls;
	const uint64_t received = now->received - before->received;

	return (struct top_worker){
	    .running = polls > 0,
	    .busy = share(now->busy_us - before->busy_us, (uint64_t)(seconds * US_PER_SECOND)),
	    .received = (double)received / seconds,
	    .handed_over = share(now->handed_over - before->handed_over, received),
	    .stalled_ms = now->stalled_ms - before->stalled_ms,
	    .sessions = now->sessions,
	};
}

static void rates_fill(struct top_figures *figures, const struct top_sample *before,
		       const struct top_sample *now)
{
	const double seconds = (double)(now->taken_us - before->taken_us) / US_PER_SECOND;

	figures->rates = true;
	for (int i = 0; i < TOP_TOTALS_COUNT; i++)
		figures->per_second[i] = (double)(now->totals[i] - before->totals[i]) / seconds;
	figures->handed_over = share(now->totals[TOP_handed_over] - before->totals[TOP_handed_over],
				     now->totals[TOP_received] - before->totals[TOP_received]);
	for (uint32_t i = 0; i < now->workers_count; i++)
		figures->workers[i] = worker_of(&before->workers[i], &now->workers[i], seconds);
	top_rows_rate(&figures->drops, &before->drops, seconds);
	for (uint32_t i = 0; i < figures->drops.count; i++)
		figures->drops_rate += figures->drops.rows[i].rate;
}

int top_figures_init(struct top_figures *figures, const struct top_sample *before,
		     const struct top_sample *now)
{
	memset(figures, 0, sizeof(*figures));
	if (now->drops.count > 0) {
		figures->drops.rows = calloc(now->drops.count, sizeof(*now->drops.rows));
		if (figures->drops.rows == NULL)
			return -ENOMEM;
		memcpy(figures->drops.rows, now->drops.rows,
		       now->drops.count * sizeof(*now->drops.rows));
		figures->drops.count = now->drops.count;
	}
	figures->workers_count = now->workers_count;
	for (uint32_t i = 0; i < now->workers_count; i++)
		figures->workers[i].sessions = now->workers[i].sessions;
	for (int i = 0; i < TOP_STATES; i++) {
		figures->states[i] = now->states[i];
		figures->sessions += now->states[i];
	}
	for (uint32_t i = 0; i < now->drops.count; i++)
		figures->drops_total += now->drops.rows[i].total;
	figures->began_anew = before != NULL && another_run(before, now);
	if (before != NULL && !figures->began_anew)
		rates_fill(figures, before, now);
	return 0;
}
