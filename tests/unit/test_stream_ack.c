// SPDX-License-Identifier: BSD-3-Clause
// Acknowledgements: what those that arrive do, and when those of a stream go out.

#include <criterion/criterion.h>
#include <errno.h>

#include "support/stream_solo.h"

enum { ACK_US = 25000, SECOND_US = 1000000 };

Test(stream_ack, ack_beyond_what_was_sent_counts_for_nothing)
{
	struct stream *stream = solo_start(NULL);
	const struct frame data = {.type = WIRE_DATA,
				   .window = 256,
				   .ack = 4,
				   .body = (const uint8_t *)"x",
				   .body_bytes = 1};
	const uint8_t *bytes;
	uint32_t len;

	solo_send(stream, 3, 1000);
	cr_expect_eq(solo_drain(stream), 3);
	cr_expect_eq(stream_receive(stream, &data, solo_now_us), -EBADMSG);
	cr_expect_not(stream_next_message(stream, &bytes, &len), "its DATA does not count");
	cr_expect_eq(stream_counters(stream)->messages_acked, 0);
	cr_expect_eq(stream_counters(stream)->frames_ignored, 1);
	cr_expect_eq(solo_ack(stream, 0, 4, 4096, WIRE_ACK_ASKS), -EBADMSG);
	cr_expect_eq(solo_ack(stream, 0, UINT32_MAX, 256, 0), -EBADMSG, "below 0 is beyond");
	cr_expect_eq(solo_drain(stream), 0, "its question does not count");
	cr_expect_eq(solo_ack(stream, 0, 3, 256, 0), 0);
	cr_expect(stream_flushed(stream));
	solo_end(stream);
}

Test(stream_ack, older_ack_is_ignored_and_the_window_never_moves_back)
{
	struct stream *stream = solo_start(NULL);
	struct frame_triple own;

	solo_send(stream, 64, 1000);
	cr_expect_eq(solo_drain(stream), 16);
	cr_expect_eq(solo_ack(stream, 0, 10, 20, 0), 0); // may send below 30
	cr_expect_eq(solo_ack(stream, 0, 4, 5, 0), 0);   // old in both
	stream_triple(stream, &own);
	cr_expect_eq(own.oldest, 10);
	cr_expect_eq(solo_ack(stream, 0, 10, 3, 0), 0); // would be 13
	solo_drain(stream);
	stream_triple(stream, &own);
	cr_expect_gt(own.next, 26);
	cr_expect_leq(own.next, 64);
	solo_end(stream);
}

Test(stream_ack, sender_goes_to_the_edge_of_the_window_and_not_beyond)
{
	struct stream *stream = solo_start(NULL);
	uint64_t next = 64;

	solo_send(stream, 300, 1000);
	for (uint64_t acked = 16; acked <= 64; acked += 16) {
		solo_drain(stream);
		cr_expect_eq(solo_ack(stream, 0, acked, 0, 0), 0);
	}
	for (uint16_t window = 1; window < 20; window++) {
		cr_expect_eq(solo_ack(stream, 0, next, window, 0), 0);
		cr_expect_eq(solo_drain(stream), window);
		next += window;
	}
	solo_end(stream);
}

Test(stream_ack, numbers_of_the_outbox_always_fit_a_triple)
{
	struct stream_settings settings;
	const struct stream_path path = {
	    .handle = SOLO_HANDLE, .window = 4096, .peer_window = 4096};
	const struct frame_triple zeros = {0, 0, 0};
	static const uint8_t bytes[2000 * SOLO_BODY_MAX];
	struct frame_triple own = {0, 0, 0};

	stream_settings_default(&settings, NULL);
	settings.message_max = sizeof(bytes);
	settings.soft_frames = 100000;
	settings.soft_bytes = 100 << 20;

	struct stream *stream = solo_start(&settings);

	cr_assert_eq(stream_thaw(stream, &path, &zeros, solo_now_us), 0);
	// Opens the congestion window.
	solo_send(stream, 4096, 1000);
	while (!stream_flushed(stream)) {
		solo_drain(stream);
		stream_triple(stream, &own);
		cr_assert_eq(solo_ack(stream, 0, own.next, 4096, 0), 0);
	}

	// All of the long message but its end is acknowledged, so all of it is kept.
	const uint64_t last = own.next + 1999;

	cr_assert_eq(stream_send(stream, bytes, sizeof(bytes), 0), 0);
	solo_send(stream, 5000, 1000);
	for (uint32_t i = 0; i < 10; i++) {
		solo_drain(stream);
		stream_triple(stream, &own);
		cr_assert(frame_triple_valid(&own), "next %lu", own.next);
		cr_assert_eq(solo_ack(stream, 0, own.next < last ? own.next : last, 4096, 0), 0);
	}
	cr_expect_eq(own.oldest, 4096);
	cr_expect_eq(own.next, 4096 + 4096);
	cr_expect_eq(solo_ack(stream, 0, last + 1, 4096, 0), 0);
	cr_expect_gt(solo_drain(stream), 0);
	solo_end(stream);
}

Test(stream_ack, round_trip_is_learned_only_from_frames_sent_once_and_not_from_waiting)
{
	enum { SENT_AGAIN, HOLES_TOLD, PAUSED, WOKEN, CLEAN, CASES };

	for (uint32_t i = 0; i < CASES; i++) {
		struct stream *stream = solo_start(NULL);
		struct stream_view view;

		solo_send(stream, 2, 1000);
		solo_drain(stream);
		solo_now_us += 30000;
		if (i == SENT_AGAIN)
			cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){0, 1}, 1), 0);
		if (i == PAUSED || i == WOKEN)
			stream_pause(stream);
		if (i == WOKEN)
			stream_wake(stream, solo_now_us);
		solo_drain(stream);
		cr_expect_eq(
		    solo_ack(stream, 0, 2, 256, i == HOLES_TOLD ? 1 << WIRE_ACK_HOLES_SHIFT : 0),
		    0);
		stream_view(stream, &view);
		cr_expect_eq(view.rtt_us, i == CLEAN ? 30000u : 0u, "case %u", i);
		solo_end(stream);
	}
}

Test(stream_ack, no_more_than_16_frames_go_at_once_after_a_rest)
{
	struct stream *stream = solo_start(NULL);
	struct frame_triple own;

	solo_send(stream, 100, 1000);
	while (!stream_flushed(stream)) {
		solo_drain(stream);
		stream_triple(stream, &own);
		solo_now_us += 10000;
		cr_expect_eq(solo_ack(stream, 0, own.next, 256, 0), 0);
	}
	solo_send(stream, 64, 1000);
	cr_expect_eq(solo_drain(stream), 64, "at once, it goes on");
	cr_expect_eq(solo_ack(stream, 0, own.next + 64, 256, 0), 0);
	solo_now_us += SECOND_US;
	solo_send(stream, 64, 1000);
	cr_expect_eq(solo_drain(stream), 16);
	solo_end(stream);
}

Test(stream_ack, ack_of_a_part_keeps_the_whole_message)
{
	struct stream *stream = solo_start(NULL);
	struct frame_triple own;

	solo_send(stream, 1, 3 * SOLO_BODY_MAX);
	cr_expect_eq(solo_drain(stream), 3);
	cr_expect_eq(solo_ack(stream, 0, 2, 256, 0), 0);
	stream_triple(stream, &own);
	cr_expect_eq(own.oldest, 0);
	cr_expect_not(stream_flushed(stream));
	cr_expect_eq(solo_ack(stream, 0, 3, 256, 0), 0);
	stream_triple(stream, &own);
	cr_expect_eq(own.oldest, 3);
	cr_expect(stream_flushed(stream));
	solo_end(stream);
}

Test(stream_ack, numbers_pass_32_bits)
{
	struct stream_settings settings;
	const uint64_t first = UINT32_MAX - 1;
	struct frame frame;

	stream_settings_default(&settings, NULL);
	settings.first_next = first;
	settings.first_expected = first;

	struct stream *stream = solo_start(&settings);

	solo_send(stream, 4, 1000);
	cr_expect_eq(solo_drain(stream), 4);
	cr_expect_eq(solo_ack(stream, first, first + 3, 256, 0), 0);
	cr_expect_eq(stream_counters(stream)->messages_acked, 3);
	for (uint32_t i = 0; i < 4; i++)
		cr_expect_eq(solo_data(stream, first + i, 0, &(uint8_t){(uint8_t)i}, 1), 0);
	for (uint32_t i = 0; i < 4; i++)
		solo_take(stream, 1, (uint8_t)i);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.ack, 2);
	cr_expect_eq(solo_expected(stream), first + 4);
	solo_end(stream);
}

Test(stream_ack, message_is_acknowledged_when_the_application_has_taken_it)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;
	const uint8_t *bytes;
	uint32_t len;

	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_ACK, "every second frame is acknowledged at once");
	cr_expect_eq(frame.ack, 0, "but none was taken");
	cr_expect(stream_next_message(stream, &bytes, &len));
	cr_expect_eq(solo_expected(stream), 0, "a look is not taking");
	solo_take(stream, 1, 'a');
	cr_expect_eq(solo_expected(stream), 1);
	solo_take(stream, 1, 'b');
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.ack, 2);
	solo_end(stream);
}

Test(stream_ack, frames_of_an_unfinished_message_are_acknowledged_as_they_come)
{
	struct stream *stream = solo_start(NULL);

	cr_expect_eq(solo_data(stream, 0, WIRE_FLAG_MORE, "ab", 2), 0);
	cr_expect_eq(solo_expected(stream), 1);
	cr_expect_eq(solo_data(stream, 1, WIRE_FLAG_MORE, "cd", 2), 0);
	cr_expect_eq(solo_expected(stream), 2);
	cr_expect_eq(solo_data(stream, 2, 0, "e", 1), 0);
	cr_expect_eq(solo_expected(stream), 2, "the last one waits for the application");
	solo_take(stream, 5, 'a');
	cr_expect_eq(solo_expected(stream), 3);
	solo_end(stream);
}

Test(stream_ack, bundle_is_acknowledged_with_its_last_message)
{
	struct stream *stream = solo_start(NULL);

	cr_expect_eq(solo_data(stream, 0, WIRE_FLAG_BUNDLE, "\0\1a\0\0\0\2bc", 9), 0);
	solo_take(stream, 1, 'a');
	cr_expect_eq(solo_expected(stream), 0);
	solo_take(stream, 0, 0);
	cr_expect_eq(solo_expected(stream), 0);
	solo_take(stream, 2, 'b');
	cr_expect_eq(solo_expected(stream), 1);
	solo_end(stream);
}

Test(stream_ack, one_frame_is_acknowledged_after_25_ms)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	solo_take(stream, 1, 'a');
	cr_expect_not(solo_next(stream, &frame));
	cr_expect_eq(stream_deadline_us(stream), SOLO_START_US + ACK_US);
	cr_assert(solo_wait(stream, SOLO_START_US + SECOND_US, &frame));
	cr_expect_eq(solo_now_us, SOLO_START_US + ACK_US);
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.ack, 1);
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	solo_end(stream);
}

Test(stream_ack, every_second_frame_is_counted_from_the_last_ack)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	for (uint64_t seq = 0; seq < 10; seq += 2) {
		cr_expect_eq(solo_data(stream, seq, 0, "a", 1), 0);
		solo_take(stream, 1, 'a');
		cr_expect_eq(stream_deadline_us(stream), solo_now_us + ACK_US);
		cr_expect_eq(solo_data(stream, seq + 1, 0, "b", 1), 0);
		solo_take(stream, 1, 'b');
		cr_assert(solo_next(stream, &frame));
		cr_expect_eq(frame.ack, seq + 2);
		cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	}
	solo_end(stream);
}

Test(stream_ack, data_carries_the_ack)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	solo_take(stream, 1, 'a');
	solo_take(stream, 1, 'b');
	solo_send(stream, 1, 10);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_DATA);
	cr_expect_eq(frame.ack, 2);
	cr_expect_not(solo_next(stream, &frame), "no ACK of its own");
	solo_end(stream);
}

Test(stream_ack, doubles_and_frames_that_cannot_be_taken_are_acknowledged)
{
	static const uint64_t numbers[] = {0, 256 + 1, 5000, UINT32_MAX};
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	solo_take(stream, 1, 'a');
	cr_assert(solo_wait(stream, solo_now_us + ACK_US, &frame));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		cr_expect_eq(solo_data(stream, numbers[i], 0, "x", 1), 0);
		cr_assert(solo_wait(stream, solo_now_us + ACK_US, &frame), "number %lu",
			  numbers[i]);
		cr_expect_eq(frame.type, WIRE_ACK);
		cr_expect_eq(frame.ack, 1);
	}
	cr_expect_eq(stream_counters(stream)->frames_doubled, 1);
	cr_expect_eq(stream_counters(stream)->frames_refused, 3);
	cr_expect_eq(stream_counters(stream)->naks_sent, 0);
	solo_end(stream);
}

Test(stream_ack, acks_and_naks_are_not_acknowledged)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 1, 1);
	cr_expect_eq(solo_drain(stream), 1);
	cr_expect_eq(solo_ack(stream, 0, 1, 256, 0), 0);
	cr_expect_eq(solo_nak(stream, 1, &(struct frame_nak_pair){0, 1}, 1), 0);
	cr_expect_not(solo_wait(stream, solo_now_us + 10 * SECOND_US, &frame));
	solo_end(stream);
}

Test(stream_ack, question_is_answered_at_once)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	cr_expect_eq(solo_ack(stream, 0, 0, 256, WIRE_ACK_ASKS), 0);
	cr_expect_eq(stream_deadline_us(stream), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.aux, 0);
	cr_expect_eq(frame.window, 256);
	cr_expect_not(solo_next(stream, &frame));
	solo_end(stream);
}
