// SPDX-License-Identifier: BSD-3-Clause
// Two whole streams over a bad network: whatever it does, every message arrives once, in order.

#include <criterion/criterion.h>

#include "support/stream_pair.h"

enum { MINUTE_US = 60 * 1000 * 1000 };

// One test at a time in a process of its own.
static struct stream_pair pair;

static void settings_at(struct stream_settings *settings, uint64_t first)
{
	stream_settings_default(settings, &pair.pool);
	settings->first_next = first;
	settings->first_expected = first;
}

// Feeds both sides in slices, below the hard limit, until each has sent count messages.
static void exchange(uint32_t count, uint64_t limit_us)
{
	const uint64_t end_us = pair.now_us + limit_us;

	while (pair.sides[0].sent < count || pair.sides[1].sent < count) {
		cr_assert(pair.now_us < end_us, "too slow: %u and %u sent", pair.sides[0].sent,
			  pair.sides[1].sent);
		for (uint32_t side = 0; side < PAIR_SIDES; side++) {
			while (pair.sides[side].sent < count &&
			       !stream_above_soft_mark(pair.sides[side].stream))
				pair_send(&pair, side, 1);
		}
		pair_run_until(&pair, pair.now_us + 5000);
	}
	pair_settle(&pair, limit_us);
}

Test(stream_pair, every_message_arrives_once_in_order_over_a_bad_network)
{
	static const struct {
		uint32_t loss_permille;
		uint32_t double_permille;
		uint64_t delay_us;
		uint64_t jitter_us;
		uint64_t first;
		uint32_t messages;
	} cases[] = {
	    {0, 0, 10000, 0, 0, 3000},
	    {100, 50, 10000, 5000, 0, 3000},
	    {150, 200, 500, 40000, 0, 2000},
	    {300, 100, 20000, 20000, 0, 1000},
	    {100, 100, 30000, 3000, UINT32_MAX - 700, 2000},
	    {10, 1000, 100, 100, (UINT64_C(5) << 32) - 1, 3000},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream_settings settings;

		settings_at(&settings, cases[i].first);
		pair_init(&pair, &settings, i + 1);
		pair.loss_permille = cases[i].loss_permille;
		pair.double_permille = cases[i].double_permille;
		pair.delay_us = cases[i].delay_us;
		pair.jitter_us = cases[i].jitter_us;
		exchange(cases[i].messages, 30 * (uint64_t)MINUTE_US);
		pair_fini(&pair);
	}
}

// Losing -----------------------------------------------------------------------------------

// Loses the first copy of the client's DATA frame whose number is in memory.
static bool lose_first_copy(struct stream_pair *the_pair, uint32_t from, const struct frame *frame)
{
	return from == PAIR_CLIENT && frame->type == WIRE_DATA &&
	       frame->seq == (uint32_t)the_pair->memory && !(frame->flags & WIRE_FLAG_REPLAYED);
}

static void send_bytes(uint32_t side, uint32_t len)
{
	static uint8_t bytes[WIRE_MESSAGE_MAX_DEFAULT];

	cr_assert_eq(stream_send(pair.sides[side].stream, bytes, len, 0), 0);
}

// What one side has taken of messages that send_bytes() made.
static bool takes_bytes(uint32_t side, uint32_t len)
{
	const uint8_t *bytes;
	uint32_t got;

	if (!stream_next_message(pair.sides[side].stream, &bytes, &got))
		return false;
	cr_assert_eq(got, len);
	return stream_take_message(pair.sides[side].stream, pair.now_us) == 0;
}

Test(stream_pair, message_of_many_frames_with_one_lost_is_whole_after_one_more_round_trip)
{
	for (uint32_t lost = 0; lost < 56; lost++) {
		pair_init(&pair, NULL, 1);
		pair.lose = lose_first_copy;
		pair.memory = lost;
		pair.sides[PAIR_BACKEND].deaf = true; // these are not the numbered messages
		send_bytes(PAIR_CLIENT, WIRE_MESSAGE_MAX_DEFAULT);
		while (!takes_bytes(PAIR_BACKEND, WIRE_MESSAGE_MAX_DEFAULT)) {
			// 56 frames are three round trips of slow start, a lost tail waits 25 ms.
			cr_assert(pair.now_us < 1000000 + 200000, "number %u lost", lost);
			pair_run_until(&pair, pair.now_us + 1000);
		}
		cr_expect_eq(stream_counters(pair.sides[PAIR_CLIENT].stream)->frames_resent, 1,
			     "number %u lost", lost);
		pair_fini(&pair);
	}
}

Test(stream_pair, lost_tail_is_found_without_waiting_for_a_probe)
{
	pair_init(&pair, NULL, 1);
	pair.lose = lose_first_copy;
	pair.memory = 2;
	pair.sides[PAIR_BACKEND].deaf = true;
	for (uint32_t i = 0; i < 3; i++)
		send_bytes(PAIR_CLIENT, 1000);
	pair_run_until(&pair, pair.now_us + 25000 + 10000 + 6000 + 20000 + 1000);
	for (uint32_t i = 0; i < 3; i++)
		cr_assert(takes_bytes(PAIR_BACKEND, 1000), "message %u", i);
	cr_expect_eq(stream_counters(pair.sides[PAIR_CLIENT].stream)->probes, 0);
	pair_fini(&pair);
}

// Loses everything that goes before the time in memory.
static bool lose_until(struct stream_pair *the_pair, uint32_t from, const struct frame *frame)
{
	(void)from;
	(void)frame;
	return the_pair->now_us < the_pair->memory;
}

Test(stream_pair, tail_of_which_every_trace_is_lost_is_sent_again_by_the_probe)
{
	pair_init(&pair, NULL, 1);
	pair.lose = lose_until;
	pair.memory = pair.now_us + 500000;
	pair_send(&pair, PAIR_CLIENT, 3);
	pair_settle(&pair, 3000000);
	cr_expect_geq(stream_counters(pair.sides[PAIR_CLIENT].stream)->probes, 1);
	pair_fini(&pair);
}

Test(stream_pair, outage_is_survived_without_a_handshake)
{
	pair_init(&pair, NULL, 1);
	for (uint32_t i = 0; i < 10; i++) {
		pair.cut = i % 2 == 1;
		pair_send(&pair, PAIR_CLIENT, 50);
		pair_send(&pair, PAIR_BACKEND, 50);
		pair_run_until(&pair, pair.now_us + 700000);
	}
	pair.cut = false;
	pair_settle(&pair, 20000000);
	pair_fini(&pair);
}

// Slow and silent applications -------------------------------------------------------------

Test(stream_pair, slow_application_slows_its_peer_and_loses_nothing)
{
	struct stream_settings settings;

	stream_settings_default(&settings, &pair.pool);
	settings.window = 64;
	pair_init(&pair, &settings, 1);
	pair.loss_permille = 20;
	pair.sides[PAIR_BACKEND].take_us = 20000;
	pair_send(&pair, PAIR_CLIENT, 500);
	pair_send(&pair, PAIR_BACKEND, 500);
	pair_settle(&pair, (uint64_t)MINUTE_US);
	pair_fini(&pair);
}

Test(stream_pair, peer_that_takes_nothing_holds_no_more_than_its_window)
{
	struct stream_settings settings;
	struct frame_triple own;
	struct frame_triple peer;

	stream_settings_default(&settings, &pair.pool);
	settings.window = 64;
	pair_init(&pair, &settings, 1);
	pair_send(&pair, PAIR_CLIENT, 200); // opens the congestion window
	pair_settle(&pair, (uint64_t)MINUTE_US);
	pair.sides[PAIR_BACKEND].deaf = true;
	pair_send(&pair, PAIR_CLIENT, 300);
	pair_run_until(&pair, pair.now_us + 10 * 1000000);
	stream_triple(pair.sides[PAIR_CLIENT].stream, &own);
	stream_triple(pair.sides[PAIR_BACKEND].stream, &peer);
	cr_expect_leq(own.next, peer.expected + 64);
	pair_watch(&pair);
	pair_run_until(&pair, pair.now_us + 10 * 1000000);
	cr_expect_leq(pair.sides[PAIR_CLIENT].data_seen, 5);
	cr_expect_leq(pair.sides[PAIR_CLIENT].acks_seen, 15);
	pair.sides[PAIR_BACKEND].deaf = false;
	pair_settle(&pair, 10 * 1000000);
	pair_fini(&pair);
}

// Reconnecting -----------------------------------------------------------------------------

Test(stream_pair, nothing_is_lost_or_doubled_over_many_reconnects)
{
	for (uint32_t seed = 1; seed <= 5; seed++) {
		pair_init(&pair, NULL, seed);
		pair.loss_permille = 100;
		pair.double_permille = 50;
		pair.jitter_us = 8000;
		for (uint32_t i = 0; i < 60; i++) {
			pair_send(&pair, PAIR_CLIENT, 20);
			pair_send(&pair, PAIR_BACKEND, 10);
			pair_run_until(&pair, pair.now_us + 7000 * (1 + i % 13));
			pair_reconnect(&pair, 2 + i);
		}
		pair_settle(&pair, 10 * (uint64_t)MINUTE_US);
		pair_fini(&pair);
	}
}

Test(stream_pair, replay_after_a_reconnect_starts_with_16_frames)
{
	pair_init(&pair, NULL, 1);
	pair_send(&pair, PAIR_CLIENT, 150);
	pair_settle(&pair, (uint64_t)MINUTE_US);
	pair.cut = true;
	pair_send(&pair, PAIR_CLIENT, 150);
	pair_run_until(&pair, pair.now_us + 1000);

	struct frame_triple own;

	stream_triple(pair.sides[PAIR_CLIENT].stream, &own);
	cr_assert_gt(own.next - own.oldest, 32, "much was under way");
	pair.cut = false;
	pair_watch(&pair);
	pair_reconnect(&pair, 2);
	pair_run_until(&pair, pair.now_us + 15000); // no ack can have come back
	cr_expect_eq(pair.sides[PAIR_CLIENT].data_seen, 16);
	cr_expect_eq(pair.sides[PAIR_CLIENT].first_seen, own.oldest);
	pair_settle(&pair, (uint64_t)MINUTE_US);
	pair_fini(&pair);
}

// Memory -----------------------------------------------------------------------------------

Test(stream_pair, idle_streams_hold_no_memory)
{
	pair_init(&pair, NULL, 1);
	pair.loss_permille = 50;
	for (uint32_t i = 0; i < 5; i++) {
		pair_send(&pair, PAIR_CLIENT, 100);
		pair_send(&pair, PAIR_BACKEND, 100);
		pair_settle(&pair, (uint64_t)MINUTE_US);
		pair_run_until(&pair, pair.now_us + 10 * 1000000);
		cr_expect_eq(pair.pool.out_bytes, 0);
		cr_expect_eq(stream_deadline_us(pair.sides[PAIR_CLIENT].stream), STREAM_NEVER);
		cr_expect_eq(stream_deadline_us(pair.sides[PAIR_BACKEND].stream), STREAM_NEVER);
	}
	pair_fini(&pair);
}

Test(stream_pair, busy_streams_allocate_nothing_in_their_steady_state)
{
	size_t most_bytes = 0;

	pair_init(&pair, NULL, 1);
	pair.pool.kept_bytes_max = POOL_KEPT_BYTES_DEFAULT;
	for (uint32_t i = 0; i < 20; i++) {
		pair_send(&pair, PAIR_CLIENT, 300);
		pair_send(&pair, PAIR_BACKEND, 300);
		pair_settle(&pair, (uint64_t)MINUTE_US);
		if (i == 9)
			most_bytes = pair.pool.kept_bytes;
	}
	cr_expect_eq(pair.pool.out_bytes, 0);
	cr_expect_gt(most_bytes, 0);
	cr_expect_leq(pair.pool.kept_bytes, most_bytes + most_bytes / 10);
	pair_fini(&pair);
}

Test(stream_pair, want_of_memory_slows_and_loses_nothing)
{
	for (uint32_t seed = 1; seed <= 3; seed++) {
		pair_init(&pair, NULL, seed);
		pair.loss_permille = 50;
		pair_send(&pair, PAIR_CLIENT, 400);
		pair_send(&pair, PAIR_BACKEND, 400);
		for (uint32_t i = 0; i < 200; i++) {
			// Nothing more than now, or some kilobytes, or enough.
			const size_t more_bytes = (size_t)(i % 3) * (i % 7) * 3000;

			pair.pool.out_bytes_max = pair.pool.out_bytes + more_bytes;
			pair_run_until(&pair, pair.now_us + 20000);
		}
		pair.pool.out_bytes_max = SIZE_MAX;
		pair_settle(&pair, 10 * (uint64_t)MINUTE_US);
		pair_fini(&pair);
	}
}
