// SPDX-License-Identifier: BSD-3-Clause
// What a lost path, a new one, and a session that cannot go on do to a stream.

#include <criterion/criterion.h>
#include <errno.h>

#include "support/stream_solo.h"

enum { SECOND_US = 1000000, REPLAY_FRAMES = 16 };

static const struct stream_path new_path = {.handle = SOLO_HANDLE, .window = 256};

static int thaw(struct stream *stream, uint64_t oldest, uint64_t next, uint64_t expected)
{
	const struct frame_triple peer = {oldest, next, expected};

	return stream_thaw(stream, &new_path, &peer, solo_now_us);
}

// Takes count DATA frames and checks that they are first, first + 1 ... with the flags.
static void expect_data(struct stream *stream, uint32_t first, uint32_t count, uint8_t flags)
{
	struct frame frame;

	for (uint32_t i = 0; i < count; i++) {
		cr_assert(solo_next(stream, &frame), "frame %u", first + i);
		cr_assert_eq(frame.type, WIRE_DATA);
		cr_expect_eq(frame.seq, first + i);
		cr_expect_eq(frame.flags, flags);
	}
}

Test(stream_path, new_stream_is_frozen)
{
	struct stream_settings settings;
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];
	struct frame_triple own;

	pool_init(&solo_pool, 0);
	stream_settings_default(&settings, &solo_pool);

	struct stream *stream = stream_create(&settings);

	solo_send(stream, 2, 10);
	cr_expect_eq(stream_transmit(stream, bytes, sizeof(bytes), solo_now_us), 0);
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), -ENOTCONN);
	stream_wake(stream, solo_now_us);
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER, "no path to wake up on");
	stream_triple(stream, &own);
	cr_expect(own.oldest == 0 && own.next == 0 && own.expected == 0);
	cr_expect_eq(thaw(stream, 0, 0, 0), 0);
	cr_expect_eq(solo_drain(stream), 1);
	solo_end(stream);
}

Test(stream_path, frozen_stream_sends_nothing_takes_nothing_and_gives_no_number)
{
	struct stream *stream = solo_start(NULL);
	struct frame_triple before;
	struct frame_triple after;

	solo_send(stream, 3, 1000);
	solo_drain(stream);
	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	cr_expect_eq(solo_data(stream, 2, 0, "c", 1), 0);
	stream_triple(stream, &before);
	stream_freeze(stream);
	stream_freeze(stream);
	solo_send(stream, 3, 1000);
	cr_expect_eq(solo_ack(stream, 0, 3, 256, WIRE_ACK_ASKS), -ENOTCONN);
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	solo_now_us += 100 * (uint64_t)SECOND_US;
	cr_expect_eq(solo_drain(stream), 0);
	stream_triple(stream, &after);
	cr_expect_eq(memcmp(&before, &after, sizeof(before)), 0);
	solo_take(stream, 1, 'a'); // what had arrived can still be taken
	cr_expect_eq(solo_expected(stream), 1);
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	solo_end(stream);
}

Test(stream_path, replay_is_oldest_first_then_as_acks_free_and_before_what_is_new)
{
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 50, 1000);
	expect_data(stream, 0, 16, 0);
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);
	expect_data(stream, 16, 32, 0);
	solo_send(stream, 5, 1000);

	cr_expect_eq(thaw(stream, 0, 0, 20), 0); // 20 were taken, 28 are sent again
	expect_data(stream, 20, REPLAY_FRAMES, WIRE_FLAG_REPLAYED);
	cr_expect_eq(solo_drain(stream), 0, "no more before an ack");
	cr_expect_eq(solo_ack(stream, 0, 23, 256, 0), 0);
	expect_data(stream, 36, 3, WIRE_FLAG_REPLAYED);
	cr_expect_eq(solo_drain(stream), 0, "one for each that was acknowledged");
	cr_expect_eq(solo_ack(stream, 0, 39, 256, 0), 0);
	expect_data(stream, 39, 9, WIRE_FLAG_REPLAYED);
	expect_data(stream, 48, 7, 0);
	solo_end(stream);
}

Test(stream_path, nak_during_the_replay_frees_nothing_that_was_not_sent_on_this_path)
{
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 48, 1000);
	solo_drain(stream);
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);
	solo_drain(stream);
	cr_expect_eq(thaw(stream, 0, 0, 16), 0);
	expect_data(stream, 16, REPLAY_FRAMES, WIRE_FLAG_REPLAYED);
	solo_now_us += 10000;
	cr_expect_eq(solo_nak(stream, 16, &(struct frame_nak_pair){32, 16}, 1), 0);
	cr_expect_eq(solo_drain(stream), 0);
	solo_end(stream);
}

Test(stream_path, numbers_that_do_not_fit_are_refused_and_change_nothing)
{
	static const struct {
		struct frame_triple peer;
		int result;
	} cases[] = {
	    {{0, 9, 4}, -EPROTO}, // took what was never sent
	    {{3, 9, 0}, -EPROTO}, // forgot what was never taken here
	    {{2, 9, 3}, 0},
	    {{0, 0, 0}, 0}, // an OPEN behind the frames around it
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *stream = solo_start(NULL);
		struct frame_triple own;

		solo_send(stream, 3, 1000);
		solo_drain(stream);
		cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
		cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
		solo_take(stream, 1, 'a');
		solo_take(stream, 1, 'b');
		stream_freeze(stream);
		cr_expect_eq(stream_thaw(stream, &new_path, &cases[i].peer, solo_now_us),
			     cases[i].result, "case %zu", i);
		stream_triple(stream, &own);
		cr_expect_eq(own.oldest, cases[i].result == 0 ? cases[i].peer.expected : 0);
		cr_expect_eq(solo_drain(stream) > 0,
			     cases[i].result == 0 && cases[i].peer.expected < 3, "case %zu", i);
		solo_end(stream);
	}
}

Test(stream_path, frame_max_of_the_path_is_for_frames_not_yet_cut)
{
	struct stream *stream = solo_start(NULL);
	const struct stream_path small = {.handle = SOLO_HANDLE, .window = 256, .frame_max = 600};
	const struct stream_path tiny = {.handle = SOLO_HANDLE, .window = 256, .frame_max = 279};
	const struct frame_triple peer = {0, 0, 0};
	struct frame frame;

	solo_send(stream, 1, 1000);
	solo_drain(stream);
	solo_send(stream, 1, 1000);
	cr_expect_eq(stream_thaw(stream, &tiny, &peer, solo_now_us), -EINVAL);
	cr_expect_eq(stream_thaw(stream, &small, &peer, solo_now_us), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.body_bytes, 1000, "a number stands for the same bytes for ever");
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.flags, WIRE_FLAG_MORE);
	cr_expect_eq(frame.body_bytes, 600 - WIRE_HEADER_BYTES);
	solo_end(stream);
}

Test(stream_path, larger_frames_do_not_bundle_the_rest_of_a_message)
{
	struct stream_settings settings;
	const struct frame_triple peer = {0, 0, 0};
	struct frame frame;

	stream_settings_default(&settings, NULL);
	settings.frame_max = 600;

	struct stream *stream = solo_start(&settings);

	// Sixteen frames go at once: ten messages, and all but the last piece of a long one.
	solo_send(stream, 10, 600 - WIRE_HEADER_BYTES);
	solo_send(stream, 1, 7 * (600 - WIRE_HEADER_BYTES));
	solo_send(stream, 2, 10);
	expect_data(stream, 0, 10, 0);
	expect_data(stream, 10, 6, WIRE_FLAG_MORE);

	const struct stream_path large = {
	    .handle = SOLO_HANDLE, .window = 256, .frame_max = WIRE_FRAME_MAX_LIMIT};

	cr_expect_eq(stream_thaw(stream, &large, &peer, solo_now_us), 0);
	expect_data(stream, 0, 10, WIRE_FLAG_REPLAYED);
	expect_data(stream, 10, 6, WIRE_FLAG_MORE | WIRE_FLAG_REPLAYED);
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);

	const uint32_t len = stream_transmit(stream, solo_bytes, sizeof(solo_bytes), solo_now_us);

	cr_assert_eq(frame_decode(solo_bytes, len, &frame), FRAME_OK);
	cr_expect_eq(frame.flags, 0);
	cr_expect_eq(frame.seq, 16);
	cr_expect_eq(frame.body_bytes, 600 - WIRE_HEADER_BYTES);
	solo_end(stream);
}

Test(stream_path, window_that_an_open_tells_is_taken)
{
	static const struct {
		uint32_t window;
		uint32_t sent; // beyond the 64 that are acknowledged
	} cases[] = {{0, 64}, {10, 10}, {100, 100}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *stream = solo_start(NULL);
		const struct stream_path path = {
		    .handle = SOLO_HANDLE, .window = 256, .peer_window = cases[i].window};
		const struct frame_triple peer = {0, 0, 64};
		struct frame_triple own;

		solo_send(stream, 300, 1000);
		for (uint32_t acked = 16; acked <= 64; acked += 16) {
			solo_drain(stream);
			cr_expect_eq(solo_ack(stream, 0, acked, 0, 0), 0);
		}
		cr_expect_eq(solo_drain(stream), 0);
		cr_expect_eq(stream_thaw(stream, &path, &peer, solo_now_us), 0);
		for (uint64_t acked = 64; acked < 64 + cases[i].sent; acked += 2) {
			solo_drain(stream);
			cr_expect_eq(solo_ack(stream, 0, acked + 2, 0, 0), 0);
		}
		solo_drain(stream);
		stream_triple(stream, &own);
		cr_expect_eq(own.next, 64 + cases[i].sent, "case %zu: %lu", i, own.next);
		solo_end(stream);
	}
}

Test(stream_path, what_was_taken_during_the_handshake_is_acknowledged_after_it)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	stream_freeze(stream);
	solo_take(stream, 1, 'a');
	cr_expect_eq(thaw(stream, 0, 1, 0), 0);
	cr_assert(solo_wait(stream, solo_now_us + 25000, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.ack, 1);
	solo_end(stream);
}

Test(stream_path, round_trip_and_congestion_are_learned_anew)
{
	struct stream *stream = solo_start(NULL);
	struct stream_view view;

	solo_send(stream, 100, 1000);
	solo_drain(stream);
	solo_now_us += 5000;
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.rtt_us, 5000);
	cr_expect_eq(view.congestion_frames, 32);
	cr_expect_eq(thaw(stream, 0, 0, 16), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.rtt_us, 0);
	cr_expect_eq(view.congestion_frames, 16);
	cr_expect_eq(view.frames_in_flight, 0);
	solo_end(stream);
}

Test(stream_path, paused_stream_answers_and_goes_on_but_runs_no_timer)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 2, 1000);
	solo_drain(stream);
	cr_expect_eq(solo_data(stream, 3, 0, "d", 1), 0);
	stream_pause(stream);
	cr_expect_not(solo_wait(stream, solo_now_us + 24000, &frame), "no NAK");
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_ACK, "what came is acknowledged");
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);

	solo_send(stream, 1, 1000);
	cr_expect_eq(solo_drain(stream), 1, "what is new goes");
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	solo_now_us += SECOND_US;
	cr_expect_eq(solo_nak(stream, 1, &(struct frame_nak_pair){1, 1}, 1), 0);
	expect_data(stream, 1, 1, WIRE_FLAG_REPLAYED);
	cr_expect_eq(solo_drain(stream), 0);
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);

	stream_wake(stream, solo_now_us);
	cr_expect_eq(solo_drain(stream), 0, "nothing is sent again because of that");
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_ACK, "the next number is told");
	cr_expect_eq(frame.seq, 3);
	cr_assert(solo_wait(stream, solo_now_us + 2 * SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_NAK, "and the hole is asked for");
	solo_end(stream);
}

Test(stream_path, pause_does_not_end_a_freeze_and_waking_does)
{
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 1, 1000);
	stream_freeze(stream);
	stream_pause(stream);
	cr_expect_eq(solo_drain(stream), 0);
	stream_wake(stream, solo_now_us);
	expect_data(stream, 0, 1, 0);
	solo_end(stream);
}

Test(stream_path, peer_sends_again_by_itself_and_is_asked_only_later)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	stream_freeze(stream);
	cr_expect_eq(thaw(stream, 0, 2, 0), 0);
	cr_expect_not(solo_wait(stream, solo_now_us + 100000, &frame));
	cr_expect_eq(solo_data(stream, 0, WIRE_FLAG_REPLAYED, "a", 1), 0);
	solo_take(stream, 1, 'a');
	solo_take(stream, 1, 'b');
	solo_now_us += 10 * SECOND_US;
	solo_drain(stream);
	cr_expect_eq(stream_counters(stream)->naks_sent, 0);
	solo_end(stream);
}

// Handing back ------------------------------------------------------------------------------

struct returned {
	uint32_t count;
	uint32_t maybe;
	uint64_t next_tag;
	uint32_t len;
};

static void returned_take(void *arg, const struct stream_handed *message)
{
	struct returned *returned = arg;

	cr_expect_eq(message->tag, returned->next_tag++);
	cr_expect_eq(message->len, returned->len);
	cr_expect(message->len == 0 || (message->bytes[0] == (uint8_t)message->tag &&
					message->bytes[message->len - 1] == (uint8_t)message->tag));
	if (message->mark == STREAM_MAYBE_DELIVERED)
		cr_expect_eq(returned->count, returned->maybe++, "after one that was not sent");
	returned->count++;
}

Test(stream_path, unacknowledged_messages_come_back_in_order_with_their_marks)
{
	static const struct {
		uint32_t len;
		uint32_t messages;
		uint64_t acked; // frames
		uint32_t count;
		uint32_t maybe;
	} cases[] = {
	    {1000, 20, 0, 20, 16},             // 16 frames were sent
	    {1000, 20, 5, 15, 15},             // and after the ack all
	    {3 * SOLO_BODY_MAX, 10, 0, 10, 6}, // 5 whole ones and one frame of a sixth
	    {3 * SOLO_BODY_MAX, 30, 2, 30, 7}, // part of the first was taken: 2 + 18 frames went
	    {3, 10, 0, 10, 10},                // one bundle
	    {0, 10, 0, 10, 10},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *stream = solo_start(NULL);
		struct returned returned = {.len = cases[i].len};
		struct frame_triple own;

		solo_send(stream, cases[i].messages, cases[i].len);
		solo_drain(stream);
		if (cases[i].acked > 0) {
			cr_expect_eq(solo_ack(stream, 0, cases[i].acked, 256, 0), 0);
			solo_drain(stream);
		}
		returned.next_tag = cases[i].messages - cases[i].count;
		cr_expect_eq(stream_hand_back(stream, returned_take, &returned), cases[i].count);
		cr_expect_eq(returned.count, cases[i].count, "case %zu", i);
		cr_expect_eq(returned.maybe, cases[i].maybe, "case %zu: %u", i, returned.maybe);
		cr_expect(stream_flushed(stream));
		cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
		stream_triple(stream, &own);
		cr_expect_eq(own.oldest, own.next);
		cr_expect_eq(solo_pool.out_bytes, 0);
		solo_end(stream);
	}
}

Test(stream_path, nothing_of_an_old_session_is_in_a_restarted_stream)
{
	struct stream_settings settings;
	struct returned returned = {.len = 1000};
	struct frame_triple own;
	const uint8_t *bytes;
	uint32_t len;

	stream_settings_default(&settings, NULL);
	settings.first_next = 40;
	settings.first_expected = 7;

	struct stream *stream = solo_start(&settings);

	solo_send(stream, 3, 1000);
	solo_drain(stream);
	cr_expect_eq(solo_data(stream, 7, WIRE_FLAG_MORE, "ab", 2), 0);
	cr_expect_eq(solo_data(stream, 8, 0, "c", 1), 0);
	cr_expect_eq(solo_data(stream, 10, 0, "d", 1), 0);
	cr_expect_eq(stream_hand_back(stream, returned_take, &returned), 3);
	cr_expect(stream_next_message(stream, &bytes, &len), "what came can be taken until then");
	cr_expect_eq(stream_restart(stream, returned_take, &returned), 0);
	cr_expect_not(stream_next_message(stream, &bytes, &len));
	cr_expect_eq(solo_pool.out_bytes, 0);
	stream_triple(stream, &own);
	cr_expect(own.oldest == 40 && own.next == 40 && own.expected == 7);

	solo_send(stream, 1, 5);
	cr_expect_eq(solo_drain(stream), 0, "frozen");
	cr_expect_eq(thaw(stream, 7, 7, 40), 0);
	expect_data(stream, 40, 1, 0);
	cr_expect_eq(solo_data(stream, 7, 0, "x", 1), 0);
	solo_take(stream, 1, 'x');
	solo_end(stream);
}
