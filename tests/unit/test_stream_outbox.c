// SPDX-License-Identifier: BSD-3-Clause
// What the outbox keeps, gives out again, and forgets.

#include <criterion/criterion.h>
#include <string.h>

#include "endpoint/outbox.h"
#include "holdfast/wire.h"

enum { BODY_MAX = 100 };

static struct pool pool;
static struct outbox outbox;

static void begin(uint64_t first)
{
	pool_init(&pool, 0);
	outbox_init(&outbox, &pool, first, BODY_MAX, true);
}

static void end(void)
{
	outbox_fini(&outbox);
	cr_assert_eq(pool.out_bytes, 0);
	pool_fini(&pool);
}

// Queues a message of len bytes that count up from tag.
static void add(uint32_t len, uint64_t tag)
{
	uint8_t bytes[1000];

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(tag + i);
	cr_assert_eq(outbox_add(&outbox, bytes, len, tag), 0);
}

static struct outbox_view cut(uint64_t now_us)
{
	struct outbox_view view;

	cr_assert(outbox_waiting(&outbox));
	cr_assert_eq(outbox_cut(&outbox, now_us, &view), 0);
	return view;
}

static struct outbox_acked ack(uint64_t number)
{
	struct outbox_acked acked;

	outbox_ack(&outbox, number, &acked);
	return acked;
}

Test(stream_outbox, frames_join_to_the_message_that_was_queued)
{
	static const uint32_t lens[] = {0,  1, BODY_MAX - 1, BODY_MAX, BODY_MAX + 1, 3 * BODY_MAX,
					999};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t body[BODY_MAX];
		uint32_t got = 0;
		uint32_t frames = 0;

		begin(0);
		add(lens[i], 5);
		while (outbox_waiting(&outbox)) {
			const struct outbox_view view = cut(1);

			outbox_write(&outbox, &view, body);
			for (uint32_t n = 0; n < view.body_bytes; n++, got++)
				cr_assert_eq(body[n], (uint8_t)(5 + got));
			frames++;
			cr_expect_eq(view.flags, got < lens[i] ? WIRE_FLAG_MORE : 0);
		}
		cr_expect_eq(got, lens[i]);
		cr_expect_eq(frames, outbox_frames_of(&outbox, lens[i]));
		end();
	}
}

Test(stream_outbox, frame_sent_again_is_the_same_but_for_its_mark)
{
	uint8_t before[BODY_MAX];
	uint8_t after[BODY_MAX];
	struct outbox_view again;

	begin(7);
	add(10, 1);
	add(0, 2);
	add(20, 3);

	const struct outbox_view view = cut(1);

	cr_expect_eq(view.seq, 7);
	cr_expect_eq(view.flags, WIRE_FLAG_BUNDLE);
	cr_expect_eq(view.body_bytes, 36);
	outbox_write(&outbox, &view, before);
	add(30, 4); // what comes later does not change it
	cr_expect_eq(outbox_lose(&outbox, 7, 1, UINT64_MAX), 1);
	outbox_resend(&outbox, 2, &again);
	cr_expect_eq(again.seq, 7);
	cr_expect_eq(again.flags, WIRE_FLAG_BUNDLE | WIRE_FLAG_REPLAYED);
	cr_assert_eq(again.body_bytes, view.body_bytes);
	outbox_write(&outbox, &again, after);
	cr_expect_eq(memcmp(before, after, view.body_bytes), 0);
	end();
}

Test(stream_outbox, whole_messages_are_forgotten_with_their_last_frame)
{
	begin(0);
	add(250, 1); // 0 1 2
	add(250, 2); // 3 4 5
	for (uint32_t i = 0; i < 6; i++)
		cut(1);
	cr_expect_eq(ack(2).messages, 0);
	cr_expect_eq(outbox.oldest, 0);
	cr_expect_eq(outbox.queued_bytes, 500);
	cr_expect_eq(ack(4).messages, 1);
	cr_expect_eq(outbox.oldest, 3);
	cr_expect_eq(outbox.queued_bytes, 250);
	cr_expect_eq(outbox.queued_frames, 3);
	cr_expect_eq(outbox.in_flight, 2);
	cr_expect_eq(ack(6).messages, 1);
	cr_expect_eq(outbox.oldest, 6);
	cr_expect_eq(outbox.queued_frames, 0);
	cr_expect_eq(pool.out_bytes, 0);
	end();
}

Test(stream_outbox, ack_tells_when_its_last_frame_was_sent_unless_one_was_sent_again)
{
	struct outbox_view view;
	struct outbox_acked acked;

	begin(0);
	for (uint32_t i = 0; i < 6; i++) {
		add(BODY_MAX, i);
		cut(10 + i);
	}
	acked = ack(2);
	cr_expect(acked.sent_once && acked.sent_us == 11 && acked.frames == 2);
	outbox_lose(&outbox, 2, 1, UINT64_MAX);
	outbox_resend(&outbox, 30, &view);
	acked = ack(4);
	cr_expect(!acked.sent_once && acked.frames == 2);
	acked = ack(6);
	cr_expect(acked.sent_once && acked.sent_us == 15);
	end();
}

Test(stream_outbox, only_frames_in_flight_are_lost_and_they_go_again_lowest_first)
{
	static const struct {
		uint64_t first;
		uint64_t count;
		uint32_t marked;
	} cases[] = {
	    {6, 2, 2},              // 6 7
	    {4, 4, 2},              // 4 5, and those that are lost already
	    {0, 2, 0},              // acknowledged
	    {0, 4, 1},              // 3, the first that is not
	    {9, 100, 1},            // 9, the last that there is
	    {10, 1, 0},             // never sent
	    {UINT64_MAX - 1, 5, 0}, // would wrap
	    {8, UINT32_MAX, 1},     // 8
	    {0, 0, 0},
	};
	static const uint64_t order[] = {3, 4, 5, 6, 7, 8, 9};
	struct outbox_view view;

	begin(0);
	for (uint32_t i = 0; i < 10; i++) {
		add(BODY_MAX, i);
		cut(1);
	}
	ack(3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(outbox_lose(&outbox, cases[i].first, cases[i].count, UINT64_MAX),
			     cases[i].marked, "case %zu", i);
	cr_expect_eq(outbox.in_flight, 0);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		outbox_resend(&outbox, 2, &view);
		cr_expect_eq(view.seq, order[i]);
	}
	cr_expect_eq(outbox.lost, 0);
	cr_expect_eq(outbox.in_flight, 7);
	end();
}

Test(stream_outbox, frame_sent_again_lately_is_not_lost_again)
{
	struct outbox_view view;

	begin(0);
	add(BODY_MAX, 0);
	cut(100);
	cr_expect_eq(outbox_lose(&outbox, 0, 1, 50), 1,
		     "the first time a report is always about it");
	outbox_resend(&outbox, 200, &view);
	cr_expect_eq(outbox_lose(&outbox, 0, 1, 199), 0);
	cr_expect_eq(outbox_lose(&outbox, 0, 1, 200), 1);
	end();
}

Test(stream_outbox, ack_of_a_lost_frame_ends_its_waiting)
{
	struct outbox_view view;

	begin(0);
	for (uint32_t i = 0; i < 4; i++) {
		add(BODY_MAX, i);
		cut(1);
	}
	outbox_lose(&outbox, 0, 4, UINT64_MAX);
	ack(2);
	cr_expect_eq(outbox.lost, 2);
	cr_expect_eq(outbox.in_flight, 0);
	outbox_resend(&outbox, 2, &view);
	cr_expect_eq(view.seq, 2);
	end();
}
