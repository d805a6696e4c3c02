// SPDX-License-Identifier: BSD-3-Clause
// Order, holes, windows and messages on the receiving side.

#include <criterion/criterion.h>
#include <string.h>

#include "endpoint/assembly.h"
#include "holdfast/wire.h"

enum { WINDOW = 64, MESSAGE_MAX = 300 };

static struct pool pool;
static struct assembly assembly;
static struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];

static void begin(uint64_t expected)
{
	pool_init(&pool, 0);
	assembly_init(&assembly, &pool, expected, WINDOW, MESSAGE_MAX);
}

static void end(void)
{
	assembly_fini(&assembly);
	cr_assert_eq(pool.out_bytes, 0);
	pool_fini(&pool);
}

static enum assembly_verdict accept(uint64_t seq, uint8_t flags, const char *body, uint64_t due_us)
{
	const struct frame frame = {.type = WIRE_DATA,
				    .flags = flags,
				    .body = (const uint8_t *)body,
				    .body_bytes = (uint32_t)strlen(body)};
	uint64_t asked_us;
	const enum assembly_verdict verdict =
	    assembly_accept(&assembly, seq, &frame, due_us, &asked_us);

	assembly_advance(&assembly);
	return verdict;
}

static void expect_message(const char *text)
{
	cr_assert(assembly.ready, "no \"%s\"", text);
	cr_assert_eq(assembly.message_bytes, strlen(text));
	cr_assert_eq(memcmp(assembly.message, text, strlen(text)), 0);
	assembly_take(&assembly);
}

Test(assembly, verdicts_at_the_edges_of_the_window)
{
	static const struct {
		uint64_t seq;
		enum assembly_verdict verdict;
	} cases[] = {
	    {99, ASSEMBLY_DOUBLED},
	    {100 + WINDOW, ASSEMBLY_REFUSED},
	    {100 + WINDOW - 1, ASSEMBLY_EARLY},
	    {100 + WINDOW - 1, ASSEMBLY_DOUBLED},
	    {101, ASSEMBLY_LATE},
	    {100, ASSEMBLY_LATE},
	    {100, ASSEMBLY_DOUBLED}, // there, and not taken
	    {0, ASSEMBLY_DOUBLED},
	    {UINT64_MAX, ASSEMBLY_REFUSED},
	};

	begin(100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(accept(cases[i].seq, 0, "x", 0), cases[i].verdict, "case %zu", i);
	cr_expect_eq(assembly.missing, WINDOW - 3);
	end();
}

Test(assembly, window_moves_with_what_the_application_takes)
{
	begin(0);
	for (uint64_t seq = 0; seq < WINDOW; seq++)
		cr_assert_eq(accept(seq, 0, "x", 0), ASSEMBLY_IN_ORDER);
	cr_expect_eq(accept(WINDOW, 0, "x", 0), ASSEMBLY_REFUSED);
	expect_message("x");
	cr_expect_eq(accept(WINDOW, 0, "x", 0), ASSEMBLY_IN_ORDER);
	cr_expect_eq(accept(WINDOW + 1, 0, "x", 0), ASSEMBLY_REFUSED);
	end();
}

Test(assembly, any_order_of_arrival_gives_the_same_messages)
{
	static const struct {
		uint8_t flags;
		const char *body;
	} frames[] = {
	    {0, "one"},  {WIRE_FLAG_MORE, "tw"}, {WIRE_FLAG_MORE, ""}, {0, "o"}, {0, ""},
	    {0, "four"},
	};
	enum { FRAMES = sizeof(frames) / sizeof(frames[0]), ORDERS = 720 };

	for (uint32_t order = 0; order < ORDERS; order++) {
		uint64_t left[FRAMES] = {0, 1, 2, 3, 4, 5};
		uint32_t rest = order;

		begin(0);
		for (uint32_t n = FRAMES; n > 0; n--) {
			const uint32_t pick = rest % n;
			const uint64_t seq = left[pick];

			rest /= n;
			memmove(&left[pick], &left[pick + 1], (n - 1 - pick) * sizeof(left[0]));
			accept(seq, frames[seq].flags, frames[seq].body, 0);
		}
		expect_message("one");
		expect_message("two");
		expect_message("");
		expect_message("four");
		cr_expect_not(assembly.ready);
		cr_expect_eq(assembly.expected, FRAMES);
		cr_expect_eq(assembly.missing, 0);
		end();
	}
}

Test(assembly, holes_are_merged_into_pairs_and_asked_for_with_growing_pauses)
{
	static const struct {
		uint64_t now_us;
		uint32_t pairs;
	} cases[] = {
	    {99, 0},  {100, 2}, {100, 0}, {109, 0},
	    {110, 2}, {129, 0}, {130, 2}, {160, 2}, // at most 30
	    {189, 0}, {190, 2},
	};
	uint32_t asked;

	begin(0);
	accept(2, 0, "x", 100);
	accept(6, 0, "x", 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(assembly_holes(&assembly, cases[i].now_us, 10, 30, pairs, &asked),
			     cases[i].pairs, "case %zu", i);
		cr_expect_eq(asked, cases[i].pairs ? 5 : 0, "case %zu", i);
	}
	cr_expect(pairs[0].first == 0 && pairs[0].count == 2);
	cr_expect(pairs[1].first == 3 && pairs[1].count == 3);
	cr_expect_eq(assembly.due_us, 220);
	end();
}

Test(assembly, postponed_holes_are_asked_for_as_if_new)
{
	uint32_t asked;

	begin(0);
	accept(1, 0, "x", 100);
	for (uint64_t now_us = 100; now_us < 1000; now_us += 100)
		cr_expect_eq(assembly_holes(&assembly, now_us, 10, 100, pairs, &asked), 1);
	assembly_postpone(&assembly, 2000);
	cr_expect_eq(assembly.due_us, 2000);
	cr_expect_eq(assembly_holes(&assembly, 1999, 10, 100, pairs, &asked), 0);
	cr_expect_eq(assembly_holes(&assembly, 2000, 10, 100, pairs, &asked), 1);
	cr_expect_eq(assembly.due_us, 2010);
	accept(0, 0, "x", 100);
	assembly_postpone(&assembly, 3000);
	cr_expect_eq(assembly.due_us, UINT64_MAX, "nothing is missing");
	end();
}

Test(assembly, oldest_hole_sets_the_time)
{
	begin(0);
	accept(1, 0, "x", 100);
	accept(3, 0, "x", 200);
	cr_expect_eq(assembly.due_us, 100);
	end();
}

Test(assembly, holes_beyond_what_a_nak_holds_stay_due)
{
	uint32_t asked;

	pool_init(&pool, 0);
	assembly_init(&assembly, &pool, 0, 256, MESSAGE_MAX);
	for (uint64_t seq = 1; seq < 100; seq += 2)
		accept(seq, 0, "x", 5);
	cr_expect_eq(assembly_holes(&assembly, 5, 1000, 1000, pairs, &asked), WIRE_NAK_PAIRS_MAX);
	cr_expect_eq(asked, WIRE_NAK_PAIRS_MAX);
	cr_expect_eq(assembly.due_us, 5);
	cr_expect_eq(assembly_holes(&assembly, 5, 1000, 1000, pairs, &asked),
		     50 - WIRE_NAK_PAIRS_MAX);
	cr_expect_eq(pairs[0].first, 2 * WIRE_NAK_PAIRS_MAX);
	cr_expect_eq(assembly.due_us, 1005);
	end();
}

Test(assembly, round_trip_is_told_for_a_hole_that_was_asked_for_once)
{
	const struct frame frame = {
	    .type = WIRE_DATA, .body = (const uint8_t *)"x", .body_bytes = 1};
	uint64_t asked_us;
	uint32_t asked;

	begin(0);
	accept(3, 0, "x", 10);
	assembly_accept(&assembly, 0, &frame, 0, &asked_us);
	cr_expect_eq(asked_us, 0, "never");
	assembly_holes(&assembly, 10, 5, 100, pairs, &asked);
	assembly_accept(&assembly, 1, &frame, 0, &asked_us);
	cr_expect_eq(asked_us, 10);
	assembly_holes(&assembly, 15, 5, 100, pairs, &asked);
	assembly_accept(&assembly, 2, &frame, 0, &asked_us);
	cr_expect_eq(asked_us, 0, "twice");
	end();
}

Test(assembly, learning_of_a_lost_tail_makes_holes_within_the_window)
{
	static const struct {
		uint64_t next;
		uint32_t missing;
	} cases[] = {{0, 0},
		     {50, 0},
		     {100, 0},
		     {103, 3},
		     {102, 3},
		     {100 + WINDOW, WINDOW},
		     {UINT64_MAX, WINDOW}};

	begin(100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assembly_learn(&assembly, cases[i].next, 77);
		cr_expect_eq(assembly.missing, cases[i].missing, "case %zu", i);
		cr_expect_eq(assembly.due_us, cases[i].missing ? 77 : UINT64_MAX, "case %zu", i);
	}
	end();
}

Test(assembly, message_may_be_as_long_as_the_maximum_and_no_longer)
{
	static const struct {
		uint32_t len; // three times
		bool broken;
	} cases[] = {{MESSAGE_MAX / 3, false}, {MESSAGE_MAX / 3 + 1, true}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char body[MESSAGE_MAX] = {0};

		memset(body, 'm', cases[i].len);
		begin(0);
		accept(0, WIRE_FLAG_MORE, body, 0);
		accept(1, WIRE_FLAG_MORE, body, 0);
		cr_expect_not(assembly.broken);
		accept(2, 0, body, 0);
		cr_expect_eq(assembly.broken, cases[i].broken);
		cr_expect_eq(assembly.ready, !cases[i].broken);
		end();
	}
}

Test(assembly, endless_message_is_stopped_at_the_maximum)
{
	char body[101] = {0};
	uint64_t seq = 0;

	memset(body, 'm', 100);
	begin(0);
	for (; seq < 10 && !assembly.broken; seq++)
		accept(seq, WIRE_FLAG_MORE, body, 0);
	cr_expect_eq(seq, 4);
	end();
}
