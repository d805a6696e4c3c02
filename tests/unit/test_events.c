// SPDX-License-Identifier: BSD-3-Clause
// The ring of events: offsets, what is overwritten, refusals in moderation.
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "control/events.h"

static struct tally tally;

static struct events *some(uint32_t count)
{
	struct events *events = events_create(EVENTS_MIN, &tally);

	for (uint32_t i = 0; i < count; i++) {
		const struct event_session session = {.handle = i};

		events_clock(events, 1000 + i, i);
		events_add_session(events, EVENT_SESSION_CREATED, &session);
	}
	return events;
}

Test(events, offsets_grow_and_the_oldest_is_overwritten_and_counted)
{
	static const struct {
		uint32_t added;
		uint64_t first, overwritten;
	} cases[] = {
	    {0, 0, 0},
	    {1, 0, 0},
	    {EVENTS_MIN, 0, 0},
	    {EVENTS_MIN + 1, 1, 1},
	    {3 * EVENTS_MIN + 7, 2 * EVENTS_MIN + 7, 2 * EVENTS_MIN + 7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tally = (struct tally){0};

		struct events *events = some(cases[i].added);

		cr_expect_eq(events_first(events), cases[i].first, "case %zu", i);
		cr_expect_eq(events_next(events), cases[i].added, "case %zu", i);
		cr_expect_eq(tally.events, cases[i].added, "case %zu", i);
		cr_expect_eq(tally.events_overwritten, cases[i].overwritten, "case %zu", i);
		for (uint64_t at = events_first(events); at < events_next(events); at++) {
			cr_expect_eq(events_get(events, at)->session.handle, at);
			cr_expect_eq(events_get(events, at)->time_ms, 1000 + at);
		}
		events_destroy(events);
	}
}

Test(events, refuses_sizes_out_of_bounds)
{
	cr_expect_null(events_create(EVENTS_MIN - 1, &tally));
	cr_expect_eq(errno, EINVAL);
	cr_expect_null(events_create(EVENTS_MAX + 1, &tally));
	cr_expect_eq(errno, EINVAL);
}

Test(events, refusals_are_told_in_moderation_and_the_rest_counted_in_the_next)
{
	struct events *events = events_create(EVENTS_MIN, &tally);
	const struct address from = {.port = 1};

	events_clock(events, 0, 5000);
	for (int i = 0; i < EVENTS_REFUSALS_PER_SECOND + 100; i++)
		events_add_refusal(events, &from, 3, false);
	cr_expect_eq(events_next(events), EVENTS_REFUSALS_PER_SECOND);
	events_clock(events, 0, 5999);
	events_add_refusal(events, &from, 3, false);
	cr_expect_eq(events_next(events), EVENTS_REFUSALS_PER_SECOND);
	events_clock(events, 0, 6000);
	events_add_refusal(events, &from, 4, true);
	cr_assert_eq(events_next(events), EVENTS_REFUSALS_PER_SECOND + 1);

	const struct event *last = events_get(events, EVENTS_REFUSALS_PER_SECOND);

	cr_expect_eq(last->kind, EVENT_REFUSED);
	cr_expect_eq(last->refusal.more, 101);
	cr_expect_eq(last->refusal.code, 4);
	cr_expect(last->refusal.backend);
	events_add_refusal(events, &from, 4, true);
	cr_expect_eq(events_get(events, EVENTS_REFUSALS_PER_SECOND + 1)->refusal.more, 0);
	events_destroy(events);
}

Test(events, names_longer_than_the_place_for_them_are_cut)
{
	struct events *events = events_create(EVENTS_MIN, &tally);
	char name[300];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	events_add_config(events, name);
	events_add_backend(events, EVENT_BACKEND_LOST, name, name);
	cr_expect_eq(strlen(events_get(events, 0)->key), EVENTS_KEY_BYTES - 1);
	cr_expect_eq(strlen(events_get(events, 1)->backend.name), WIRE_NAME_MAX);
	events_destroy(events);
}

Test(events, kinds_are_found_one_by_one_and_by_group)
{
	for (int i = 0; i < EVENT_KINDS; i++) {
		const char *name = events_name((enum event_kind)i);

		cr_expect_eq(events_mask(name, (uint32_t)strlen(name)), UINT32_C(1) << i, "%s",
			     name);
	}
	cr_expect_eq(events_mask("gateway", 7), UINT32_C(1) << EVENT_GATEWAY_STATE);
	cr_expect_eq(__builtin_popcount(events_mask("session", 7)), 6);
	cr_expect_eq(events_mask("sess", 4), 0);
	cr_expect_eq(events_mask("session.", 8), 0);
	cr_expect_eq(events_mask("", 0), 0);
	cr_expect_str_eq(events_name(EVENT_KINDS), "?");
}

Test(events, nobody_may_keep_them)
{
	const struct address from = {.port = 1};

	events_add(NULL, &(struct event){.kind = EVENT_REFUSED});
	events_add_refusal(NULL, &from, 1, false);
	events_add_backend(NULL, EVENT_BACKEND_LOST, "a", "b");
}
