// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_sessions.h"

#include <stdlib.h>
#include <string.h>

static const double US_PER_SECOND = 1e6;

void top_sessions_fini(struct top_sessions *sessions)
{
	free(sessions->rows);
	*sessions = (struct top_sessions){.count = 0};
}

void top_session_rate(struct top_session *now, const struct top_session *before, double seconds)
{
	now->rated = false;
	now->up = now->down = 0;
	if (seconds <= 0 || before->handle != now->handle || strcmp(before->id, now->id) != 0 ||
	    now->up_next < before->up_next || now->down_next < before->down_next)
		return;
	now->rated = true;
	now->up = (double)(now->up_next - before->up_next) / seconds;
	now->down = (double)(now->down_next - before->down_next) / seconds;
}

static int compare_handles(const void *left, const void *right)
{
	const struct top_session *a = left, *b = right;

	return (a->handle > b->handle) - (a->handle < b->handle);
}

void top_sessions_rate(struct top_sessions *now, struct top_sessions *before)
{
	const double seconds = ((double)now->taken_us - (double)before->taken_us) / US_PER_SECOND;

	if (before->count > 1)
		qsort(before->rows, before->count, sizeof(*before->rows), compare_handles);
	for (uint32_t i = 0; i < now->count; i++) {
		struct top_session *row = &now->rows[i];
		const struct top_session *old =
		    before->count == 0
			? NULL
			: bsearch(row, before->rows, before->count, sizeof(*row), compare_handles);

		row->up = row->down = 0;
		if (old != NULL)
			top_session_rate(row, old, seconds);
	}
}

static int compare_ids(const void *left, const void *right)
{
	const struct top_session *a = left, *b = right;

	return strcmp(a->id, b->id);
}

static int compare_traffic(const void *left, const void *right)
{
	const struct top_session *a = left, *b = right;
	const double first = a->up + a->down, second = b->up + b->down;

	if (first < second || first > second)
		return first < second ? 1 : -1;
	return compare_ids(left, right);
}

static int compare_heard(const void *left, const void *right)
{
	const struct top_session *a = left, *b = right;

	if (a->heard_ms != b->heard_ms)
		return a->heard_ms < b->heard_ms ? 1 : -1;
	return compare_ids(left, right);
}

static int compare_age(const void *left, const void *right)
{
	const struct top_session *a = left, *b = right;

	if (a->age_ms != b->age_ms)
		return a->age_ms > b->age_ms ? 1 : -1;
	return compare_ids(left, right);
}

static int compare_states(const void *left, const void *right)
{
	const struct top_session *a = left, *b = right;
	const int states = strcmp(a->state, b->state);

	return states != 0 ? -states : compare_ids(left, right);
}

static const struct {
	const char *name;
	int (*compare)(const void *left, const void *right);
} orders[TOP_SESSIONS_ORDERS] = {
    [TOP_SESSIONS_BY_TRAFFIC] = {"traffic", compare_traffic},
    [TOP_SESSIONS_BY_HEARD] = {"silence", compare_heard},
    [TOP_SESSIONS_BY_AGE] = {"age", compare_age},
    [TOP_SESSIONS_BY_STATE] = {"state", compare_states},
    [TOP_SESSIONS_BY_ID] = {"id", compare_ids},
};

void top_sessions_sort(struct top_sessions *sessions, enum top_sessions_order order)
{
	if (sessions->count > 1)
		qsort(sessions->rows, sessions->count, sizeof(*sessions->rows),
		      orders[order].compare);
}

const char *top_sessions_order_name(enum top_sessions_order order)
{
	return orders[order].name;
}

int top_sessions_find(const struct top_sessions *sessions, uint64_t handle)
{
	for (uint32_t i = 0; i < sessions->count; i++) {
		if (sessions->rows[i].handle == handle)
			return (int)i;
	}
	return -1;
}
