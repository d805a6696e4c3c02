// SPDX-License-Identifier: BSD-3-Clause
// What a stream sends and takes, frame by frame, and when.

#include <criterion/criterion.h>
#include <errno.h>

#include "support/stream_solo.h"

enum { TAIL_US = 25000, ACK_US = 25000, HOLE_US = 6000, SECOND_US = 1000000 };

// Settings ----------------------------------------------------------------------------------

Test(stream, settings_out_of_bounds_are_refused)
{
	static const struct {
		uint32_t frame_max;
		uint32_t window;
		uint32_t message_max;
		uint8_t channel;
		bool good;
	} cases[] = {
	    {1200, 256, 65536, 0, true},   {1200, 64, 65536, 7, true},
	    {1200, 4096, 65536, 0, true},  {8192, 256, 65536, 0, true},
	    {280, 256, 65536, 0, true},    {279, 256, 65536, 0, false},
	    {8193, 256, 65536, 0, false},  {1200, 63, 65536, 0, false},
	    {1200, 4097, 65536, 0, false}, {1200, 256, 0, 0, false},
	    {1200, 256, 65536, 8, false},  {1200, 256, UINT32_MAX, 0, false},
	    {1200, 256, 2408448, 0, true}, {1200, 256, 2408449, 0, false},
	};

	pool_init(&solo_pool, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream_settings settings;

		stream_settings_default(&settings, &solo_pool);
		settings.frame_max = cases[i].frame_max;
		settings.window = cases[i].window;
		settings.message_max = cases[i].message_max;
		settings.channel = cases[i].channel;
		errno = 0;

		struct stream *stream = stream_create(&settings);

		cr_expect_eq(stream != NULL, cases[i].good, "case %zu", i);
		cr_expect_eq(errno, cases[i].good ? 0 : EINVAL, "case %zu", i);
		stream_destroy(stream);
	}
}

// Sending -----------------------------------------------------------------------------------

Test(stream, message_that_is_too_long_takes_no_number)
{
	static const uint8_t bytes[WIRE_MESSAGE_MAX_DEFAULT + 1];
	struct stream *stream = solo_start(NULL);
	struct frame_triple own;
	struct frame frame;

	cr_expect_eq(stream_send(stream, bytes, sizeof(bytes), 0), -EMSGSIZE);
	stream_triple(stream, &own);
	cr_expect_eq(own.next, 0);
	cr_expect(stream_flushed(stream));
	cr_expect_eq(stream_send(stream, "x", 1, 0), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.seq, 0);
	solo_end(stream);
}

Test(stream, frame_gets_its_number_when_it_is_first_sent)
{
	struct stream *stream = solo_start(NULL);
	struct frame_triple own;

	solo_send(stream, 3, 1000);
	stream_triple(stream, &own);
	cr_expect_eq(own.next, 0);
	cr_expect_eq(own.oldest, 0);
	cr_expect_eq(solo_drain(stream), 3);
	stream_triple(stream, &own);
	cr_expect_eq(own.next, 3);
	cr_expect_eq(own.oldest, 0);
	solo_end(stream);
}

Test(stream, header_carries_channel_handle_window_and_ack)
{
	struct stream_settings settings;
	struct frame frame;

	stream_settings_default(&settings, NULL);
	settings.channel = 5;
	settings.window = 100;
	settings.first_next = 9;
	settings.first_expected = 4;

	struct stream *stream = solo_start(&settings);

	solo_send(stream, 1, 10);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_DATA);
	cr_expect_eq(frame.flags, 0);
	cr_expect_eq(frame.channel, 5);
	cr_expect_eq(frame.window, 100);
	cr_expect_eq(frame.aux, 0);
	cr_expect_eq(frame.seq, 9);
	cr_expect_eq(frame.ack, 4);
	cr_expect_eq(frame.body_bytes, 10);
	solo_end(stream);
}

Test(stream, long_message_goes_in_more_frames)
{
	static const struct {
		uint32_t len;
		uint32_t frames;
		uint32_t last;
	} cases[] = {
	    {SOLO_BODY_MAX, 1, SOLO_BODY_MAX},
	    {SOLO_BODY_MAX + 1, 2, 1},
	    {2 * SOLO_BODY_MAX, 2, SOLO_BODY_MAX},
	    {5000, 5, 5000 - 4 * SOLO_BODY_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *stream = solo_start(NULL);
		struct frame frame;

		solo_send(stream, 1, cases[i].len);
		for (uint32_t n = 0; n < cases[i].frames; n++) {
			const bool last = n == cases[i].frames - 1;

			cr_assert(solo_next(stream, &frame));
			cr_expect_eq(frame.flags, last ? 0 : WIRE_FLAG_MORE);
			cr_expect_eq(frame.body_bytes, last ? cases[i].last : SOLO_BODY_MAX);
			cr_expect_eq(frame.seq, n);
		}
		cr_expect_not(solo_next(stream, &frame));
		solo_end(stream);
	}
}

Test(stream, small_messages_that_wait_share_a_frame)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 3, 2);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.flags, WIRE_FLAG_BUNDLE);
	cr_expect_eq(frame.body_bytes, 12);
	cr_expect_eq(memcmp(frame.body, "\0\2\0\0\0\2\1\1\0\2\2\2", 12), 0);
	cr_expect_not(solo_next(stream, &frame));
	cr_expect_eq(stream_counters(stream)->bundles_sent, 1);

	cr_expect_eq(solo_ack(stream, 0, 1, 256, 0), 0);
	cr_expect(stream_flushed(stream), "an ack of the bundle is one of all its messages");
	cr_expect_eq(stream_counters(stream)->messages_acked, 3);
	solo_end(stream);
}

Test(stream, bundle_is_filled_to_the_last_byte_and_not_beyond)
{
	static const struct {
		uint32_t second;
		bool bundle;
	} cases[] = {
	    {SOLO_BODY_MAX - 2 - 100 - 2, true},
	    {SOLO_BODY_MAX - 2 - 100 - 1, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *stream = solo_start(NULL);
		struct frame frame;

		solo_send(stream, 1, 100);
		solo_send(stream, 1, cases[i].second);
		cr_assert(solo_next(stream, &frame));
		cr_expect_eq(frame.flags, cases[i].bundle ? WIRE_FLAG_BUNDLE : 0);
		cr_expect_eq(frame.body_bytes, cases[i].bundle ? SOLO_BODY_MAX : 100u);
		cr_expect_neq(solo_next(stream, &frame), cases[i].bundle);
		solo_end(stream);
	}
}

Test(stream, end_of_a_long_message_is_not_bundled)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 1, SOLO_BODY_MAX + 10);
	solo_send(stream, 2, 5);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.flags, WIRE_FLAG_MORE);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.flags, 0);
	cr_expect_eq(frame.body_bytes, 10);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.flags, WIRE_FLAG_BUNDLE);
	solo_end(stream);
}

Test(stream, bundling_can_be_switched_off)
{
	struct stream_settings settings;

	stream_settings_default(&settings, NULL);
	settings.bundle = false;

	struct stream *stream = solo_start(&settings);

	solo_send(stream, 3, 2);
	cr_expect_eq(solo_drain(stream), 3);
	solo_end(stream);
}

Test(stream, soft_mark_tells_and_hard_limit_refuses)
{
	static const struct {
		uint32_t len;
		uint32_t soft; // messages at the soft mark
		uint32_t hard; // messages that fit
	} cases[] = {
	    {1, 10, 20},                // frames are what counts
	    {0, 10, 20},                // for empty ones, too
	    {2 * SOLO_BODY_MAX, 5, 10}, // two frames each
	    {1000, 8, 16},              // bytes are
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream_settings settings;
		static const uint8_t bytes[2 * SOLO_BODY_MAX];

		stream_settings_default(&settings, NULL);
		settings.soft_frames = 10;
		settings.soft_bytes = cases[i].len == 1000 ? 8000 : 1 << 20;
		settings.hard_factor = 2;

		struct stream *stream = solo_start(&settings);

		for (uint32_t n = 0; n < cases[i].hard; n++) {
			cr_expect_eq(stream_above_soft_mark(stream), n >= cases[i].soft,
				     "case %zu message %u", i, n);
			cr_assert_eq(stream_send(stream, bytes, cases[i].len, n), 0,
				     "case %zu message %u", i, n);
		}
		cr_expect_eq(stream_send(stream, bytes, cases[i].len, 0), -EAGAIN, "case %zu", i);
		solo_drain(stream);
		cr_expect_eq(stream_send(stream, bytes, cases[i].len, 0), -EAGAIN,
			     "sent is not acknowledged");

		struct frame_triple own;

		stream_triple(stream, &own);
		cr_expect_eq(solo_ack(stream, 0, own.next, 256, 0), 0);
		cr_expect_eq(stream_send(stream, bytes, cases[i].len, 0), 0, "case %zu", i);
		solo_end(stream);
	}
}

Test(stream, message_above_the_hard_limit_goes_alone)
{
	struct stream_settings settings;
	static const uint8_t bytes[50000];

	stream_settings_default(&settings, NULL);
	settings.soft_bytes = 1000;
	settings.hard_factor = 1;

	struct stream *stream = solo_start(&settings);

	cr_expect_eq(stream_send(stream, bytes, sizeof(bytes), 0), 0);
	cr_expect_eq(stream_send(stream, bytes, 1, 0), -EAGAIN);
	solo_end(stream);
}

// Acknowledgements that arrive --------------------------------------------------------------

Test(stream, ack_beyond_what_was_sent_counts_for_nothing)
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

Test(stream, older_ack_is_ignored_and_the_window_never_moves_back)
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

Test(stream, sender_goes_to_the_edge_of_the_window_and_not_beyond)
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

Test(stream, numbers_of_the_outbox_always_fit_a_triple)
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

Test(stream, round_trip_is_learned_only_from_frames_sent_once_and_not_from_waiting)
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

Test(stream, no_more_than_16_frames_go_at_once_after_a_rest)
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

Test(stream, ack_of_a_part_keeps_the_whole_message)
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

Test(stream, numbers_pass_32_bits)
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

// Acknowledgements that go out --------------------------------------------------------------

Test(stream, message_is_acknowledged_when_the_application_has_taken_it)
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

Test(stream, frames_of_an_unfinished_message_are_acknowledged_as_they_come)
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

Test(stream, bundle_is_acknowledged_with_its_last_message)
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

Test(stream, one_frame_is_acknowledged_after_25_ms)
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

Test(stream, every_second_frame_is_counted_from_the_last_ack)
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

Test(stream, data_carries_the_ack)
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

Test(stream, doubles_and_frames_that_cannot_be_taken_are_acknowledged)
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

Test(stream, acks_and_naks_are_not_acknowledged)
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

Test(stream, question_is_answered_at_once)
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

// Losses ------------------------------------------------------------------------------------

Test(stream, hole_is_asked_for_after_6_ms_and_again_and_told_in_the_next_ack)
{
	struct stream *stream = solo_start(NULL);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame frame;

	cr_expect_eq(solo_data(stream, 3, 0, "d", 1), 0);
	cr_expect_eq(solo_data(stream, 5, 0, "f", 1), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.aux, 0);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(solo_now_us, SOLO_START_US + HOLE_US);
	cr_expect_eq(frame.type, WIRE_NAK);
	cr_expect_eq(frame.ack, 0);
	cr_expect_eq(frame_decode_nak(&frame, pairs), 2);
	cr_expect(pairs[0].first == 0 && pairs[0].count == 3);
	cr_expect(pairs[1].first == 4 && pairs[1].count == 1);

	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.aux, 4 << WIRE_ACK_HOLES_SHIFT);

	for (uint64_t seq = 0; seq < 3; seq++)
		cr_expect_eq(solo_data(stream, seq, WIRE_FLAG_REPLAYED, "x", 1), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_assert(solo_wait(stream, solo_now_us + 2 * SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_NAK, "again, what is still missing");
	cr_expect_eq(frame_decode_nak(&frame, pairs), 1);
	cr_expect(pairs[0].first == 4 && pairs[0].count == 1);
	solo_end(stream);
}

Test(stream, reordering_within_6_ms_is_not_asked_for)
{
	struct stream *stream = solo_start(NULL);

	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	solo_now_us += HOLE_US - 1;
	solo_drain(stream);
	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	solo_now_us += SECOND_US;
	solo_drain(stream);
	cr_expect_eq(stream_counters(stream)->naks_sent, 0);
	cr_expect_eq(stream_counters(stream)->frames_reordered, 1);
	solo_take(stream, 1, 'a');
	solo_take(stream, 1, 'b');
	solo_end(stream);
}

Test(stream, nak_is_answered_oldest_first_with_the_same_numbers)
{
	const struct frame_nak_pair pairs[] = {{7, 2}, {2, 1}, {12, 100}, {5000, 3}};
	const uint32_t numbers[] = {2, 7, 8, 12, 13, 14, 15};
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 20, 1000);
	cr_expect_eq(solo_drain(stream), 16);
	cr_expect_eq(solo_nak(stream, 1, pairs, 4), 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		cr_assert(solo_next(stream, &frame));
		cr_expect_eq(frame.type, WIRE_DATA);
		cr_expect_eq(frame.flags, WIRE_FLAG_REPLAYED);
		cr_expect_eq(frame.seq, numbers[i]);
		cr_expect_eq(frame.body[0], numbers[i]);
	}
	cr_expect_not(solo_next(stream, &frame));
	solo_end(stream);
}

Test(stream, same_nak_twice_is_served_once)
{
	const struct frame_nak_pair pair = {3, 1};
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 10, 1000);
	cr_expect_eq(solo_drain(stream), 10);
	solo_now_us += 40000;
	cr_expect_eq(solo_ack(stream, 0, 3, 256, 0), 0); // a round trip of 40 ms
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 1);
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 0, "within 5 ms");
	solo_now_us += 10000;
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 0, "the copy sent again cannot have arrived yet");
	solo_now_us += 40000;
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 1, "it must be lost, too");
	solo_end(stream);
}

Test(stream, naks_closer_than_5_ms_are_not_served)
{
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 10, 1000);
	cr_expect_eq(solo_drain(stream), 10);
	solo_now_us += 10000;
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){3, 1}, 1), 0);
	cr_expect_eq(solo_drain(stream), 1);
	solo_now_us += 4999;
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){5, 1}, 1), 0);
	cr_expect_eq(solo_drain(stream), 0);
	solo_now_us += 1;
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){5, 1}, 1), 0);
	cr_expect_eq(solo_drain(stream), 1);
	solo_end(stream);
}

Test(stream, nak_of_what_is_not_there_is_no_loss)
{
	const struct frame_nak_pair pairs[] = {{0, 2}, {5, 10}, {UINT32_MAX, 1}};
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 5, 1000);
	cr_expect_eq(solo_drain(stream), 5);
	cr_expect_eq(solo_ack(stream, 0, 2, 256, 0), 0);
	cr_expect_eq(solo_nak(stream, 2, pairs, 3), 0);
	cr_expect_eq(solo_drain(stream), 0);
	cr_expect_eq(stream_counters(stream)->loss_events, 0);
	solo_end(stream);
}

Test(stream, holes_that_a_nak_told_of_are_no_second_loss)
{
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 10, 1000);
	cr_expect_eq(solo_drain(stream), 10);
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){0, 3}, 1), 0);
	solo_now_us += SECOND_US;
	cr_expect_eq(solo_ack(stream, 0, 0, 256, 3 << WIRE_ACK_HOLES_SHIFT), 0);
	cr_expect_eq(stream_counters(stream)->loss_events, 1);
	cr_expect_eq(solo_ack(stream, 0, 0, 256, 2 << WIRE_ACK_HOLES_SHIFT), 0);
	cr_expect_eq(stream_counters(stream)->loss_events, 2, "these the gateway answered");
	solo_end(stream);
}

Test(stream, what_earlier_losses_left_over_is_not_added_to_later_ones)
{
	struct stream *stream = solo_start(NULL);
	struct frame_triple own;

	solo_send(stream, 100, 1000);
	cr_expect_eq(solo_drain(stream), 16);
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);
	cr_expect_eq(solo_drain(stream), 32);
	cr_expect_eq(solo_nak(stream, 16, &(struct frame_nak_pair){16, 32}, 1), 0);
	cr_expect_eq(solo_ack(stream, 0, 47, 256, 0), 0); // they were only late
	cr_expect_eq(solo_ack(stream, 0, 48, 256, 0), 0);
	solo_drain(stream);
	stream_triple(stream, &own);
	cr_assert_geq(own.next, 48 + 16);
	solo_now_us += SECOND_US / 2;
	cr_expect_eq(solo_ack(stream, 0, 64, 256, 0), 0);
	solo_drain(stream);
	stream_triple(stream, &own);
	cr_assert_gt(own.next - own.oldest, 16);
	cr_expect_eq(solo_nak(stream, 64, &(struct frame_nak_pair){64, 64}, 1), 0);
	cr_expect_eq(solo_drain(stream), 16);
	solo_end(stream);
}

Test(stream, naks_keep_6_ms_between_them)
{
	struct stream *stream = solo_start(NULL);
	uint64_t asked_us[2];
	struct frame frame;

	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	solo_now_us += 1000;
	cr_expect_eq(solo_data(stream, 3, 0, "d", 1), 0);
	for (uint32_t i = 0; i < 2; i++) {
		do
			cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
		while (frame.type != WIRE_NAK);
		asked_us[i] = solo_now_us;
	}
	cr_expect_eq(asked_us[0], SOLO_START_US + HOLE_US);
	cr_expect_eq(asked_us[1], SOLO_START_US + 2 * HOLE_US);
	solo_end(stream);
}

Test(stream, holes_are_told_in_an_ack_even_if_data_goes_all_the_time)
{
	struct stream *stream = solo_start(NULL);
	uint32_t told = 0;
	struct frame frame;

	cr_expect_eq(solo_data(stream, 2, 0, "c", 1), 0);
	for (uint32_t i = 0; i < 10; i++) {
		solo_now_us += 5000;
		solo_send(stream, 1, 1000);
		while (solo_next(stream, &frame)) {
			if (frame.type == WIRE_ACK)
				told += frame.aux >> WIRE_ACK_HOLES_SHIFT;
		}
	}
	cr_expect_eq(told, 2);
	solo_end(stream);
}

Test(stream, losses_are_one_event_a_round_trip)
{
	struct stream *stream = solo_start(NULL);
	struct stream_view view;

	solo_send(stream, 32, 1000);
	solo_drain(stream);
	solo_now_us += 100000;
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 32, "slow start");
	solo_drain(stream);

	cr_expect_eq(solo_ack(stream, 0, 16, 256, 5 << WIRE_ACK_HOLES_SHIFT), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 16);
	solo_now_us += 50000;
	cr_expect_eq(solo_nak(stream, 16, &(struct frame_nak_pair){17, 1}, 1), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 16, "half a round trip later");
	solo_now_us += 50000;
	cr_expect_eq(solo_nak(stream, 16, &(struct frame_nak_pair){19, 1}, 1), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 8);
	cr_expect_eq(stream_counters(stream)->loss_events, 2);
	solo_end(stream);
}

Test(stream, quiet_sender_tells_its_next_number_once)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 3, 1000);
	cr_expect_eq(solo_drain(stream), 3);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(solo_now_us, SOLO_START_US + TAIL_US);
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.seq, 3);
	cr_expect_eq(frame.aux, 0);
	cr_expect_gt(stream_deadline_us(stream), solo_now_us + TAIL_US, "only the probe is left");
	solo_end(stream);
}

Test(stream, next_number_of_a_quiet_sender_shows_the_lost_tail)
{
	struct stream *stream = solo_start(NULL);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame frame;

	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	solo_take(stream, 1, 'a');
	cr_expect_eq(solo_ack(stream, 4, 0, 256, 0), 0);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(solo_now_us, SOLO_START_US + HOLE_US);
	cr_expect_eq(frame.type, WIRE_NAK);
	cr_expect_eq(frame_decode_nak(&frame, pairs), 1);
	cr_expect(pairs[0].first == 1 && pairs[0].count == 3);
	solo_end(stream);
}

Test(stream, impossible_next_number_asks_for_no_more_than_the_window)
{
	struct stream *stream = solo_start(NULL);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame frame;

	cr_expect_eq(solo_ack(stream, 1000000, 0, 256, 0), 0);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_NAK);
	cr_expect_eq(frame_decode_nak(&frame, pairs), 1);
	cr_expect(pairs[0].first == 0 && pairs[0].count == 256);
	solo_end(stream);
}

Test(stream, silent_peer_gets_the_oldest_frame_again_with_growing_pauses)
{
	struct stream *stream = solo_start(NULL);
	uint64_t pause_us = 0;
	uint64_t last_us;
	uint32_t probes = 0;
	struct frame frame;

	solo_send(stream, 20, 1000);
	solo_drain(stream);
	solo_now_us += 50000;
	cr_expect_eq(solo_ack(stream, 0, 1, 256, 0), 0); // a round trip of 50 ms
	solo_drain(stream);
	last_us = solo_now_us;
	while (solo_now_us < SOLO_START_US + 10 * SECOND_US) {
		if (!solo_wait(stream, SOLO_START_US + 10 * SECOND_US, &frame))
			break;
		if (frame.type != WIRE_DATA)
			continue;
		cr_expect_eq(frame.seq, 1);
		cr_expect_eq(frame.flags, WIRE_FLAG_REPLAYED);
		cr_expect_geq(solo_now_us - last_us, pause_us);
		cr_expect_leq(solo_now_us - last_us, SECOND_US);
		pause_us = solo_now_us - last_us;
		last_us = solo_now_us;
		probes++;
	}
	cr_expect_eq(pause_us, SECOND_US);
	cr_expect_geq(probes, 9);
	cr_expect_leq(probes, 14);

	struct stream_view view;

	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 2, "nothing comes back at all");
	solo_end(stream);
}

Test(stream, peer_with_a_slow_application_is_asked_rather_than_sent_again)
{
	struct stream *stream = solo_start(NULL);
	uint32_t asks = 0;
	uint32_t data = 0;
	struct frame frame;

	solo_send(stream, 4, 1000);
	solo_drain(stream);
	while (solo_wait(stream, SOLO_START_US + 20 * SECOND_US, &frame)) {
		asks += frame.type == WIRE_ACK && frame.aux == WIRE_ACK_ASKS;
		data += frame.type == WIRE_DATA;
		solo_now_us += 1000;
		cr_expect_eq(solo_ack(stream, 0, 0, 256, 0), 0); // alive, took nothing
	}
	cr_expect_geq(asks, 10);
	cr_expect_leq(asks, 20);
	cr_expect_leq(data, asks / 2);
	cr_expect_geq(data, 1, "now and then, should it deceive");
	solo_end(stream);
}

Test(stream, sender_stopped_by_the_window_asks_up_to_every_second)
{
	struct stream *stream = solo_start(NULL);
	uint64_t last_us = solo_now_us;
	struct frame frame;

	solo_send(stream, 80, 1000);
	for (uint32_t acked = 0; acked < 64; acked += 8) { // the peer told no other window than 64
		solo_drain(stream);
		solo_now_us += 10000;
		cr_expect_eq(solo_ack(stream, 0, acked + 8, 56 - acked, 0), 0);
	}
	cr_expect_eq(solo_drain(stream), 0, "stopped");
	cr_expect_eq(stream_counters(stream)->frames_sent, 64);
	last_us = solo_now_us;
	for (uint32_t i = 0; i < 10; i++) {
		cr_assert(solo_wait(stream, solo_now_us + 2 * SECOND_US, &frame));
		cr_expect_eq(frame.type, WIRE_ACK);
		cr_expect_eq(frame.aux, WIRE_ACK_ASKS);
		cr_expect_eq(frame.seq, 64);
		cr_expect_leq(solo_now_us - last_us, SECOND_US);
		last_us = solo_now_us;
		solo_now_us += 10000;
		cr_expect_eq(solo_ack(stream, 0, 64, 0, 0), 0);
	}
	cr_expect_eq(solo_ack(stream, 0, 64, 256, 0), 0);
	cr_expect_gt(solo_drain(stream), 8, "goes on when the window opens");
	solo_end(stream);
}

Test(stream, sender_asks_though_all_it_sent_was_acknowledged_before_it_was_stopped)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 64, 1000);
	for (uint32_t acked = 16; acked <= 64; acked += 16) {
		solo_drain(stream);
		cr_expect_eq(solo_ack(stream, 0, acked, (uint16_t)(64 - acked), 0), 0);
	}
	cr_expect_not(solo_wait(stream, solo_now_us + 5 * SECOND_US, &frame));
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	solo_send(stream, 1, 1000);
	cr_assert(solo_wait(stream, solo_now_us + 2 * SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.aux, WIRE_ACK_ASKS);
	solo_end(stream);
}

Test(stream, pauses_between_probes_shrink_again_after_an_ack)
{
	struct stream *stream = solo_start(NULL);
	struct stream_view view;

	solo_send(stream, 10, 1000);
	solo_drain(stream);
	solo_now_us += 20000;
	cr_expect_eq(solo_ack(stream, 0, 1, 256, 0), 0);
	solo_drain(stream);
	for (uint32_t i = 0; i < 8; i++) { // nothing comes back
		solo_now_us = stream_deadline_us(stream);
		solo_drain(stream);
	}
	cr_expect_gt(stream_deadline_us(stream), solo_now_us + SECOND_US / 2);
	cr_expect_eq(solo_ack(stream, 0, 5, 256, 0), 0);
	solo_drain(stream);
	stream_view(stream, &view);
	cr_expect_eq(view.rtt_us, 20000);
	cr_expect_leq(stream_deadline_us(stream), solo_now_us + SECOND_US / 10);
	solo_end(stream);
}

Test(stream, gateway_window_bounds_the_sender_whatever_the_peer_tells)
{
	struct stream_settings settings;
	const struct stream_path path = {.handle = SOLO_HANDLE, .window = 64, .peer_window = 4096};
	const struct frame_triple zeros = {0, 0, 0};

	stream_settings_default(&settings, NULL);

	struct stream *stream = solo_start(&settings);

	cr_assert_eq(stream_thaw(stream, &path, &zeros, solo_now_us), 0);
	solo_send(stream, 500, 1000);
	for (uint64_t acked = 0; acked < 128; acked += 16) {
		struct frame_triple own;

		solo_drain(stream);
		stream_triple(stream, &own);
		cr_expect_leq(own.next, acked + 64);
		solo_now_us += 10000;
		cr_expect_eq(solo_ack(stream, 0, acked + 16, 4096, 0), 0);
	}
	solo_end(stream);
}

// Violations --------------------------------------------------------------------------------

Test(stream, message_of_no_bytes_is_a_message)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	cr_expect_eq(stream_send(stream, NULL, 0, 0), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_DATA);
	cr_expect_eq(frame.body_bytes, 0);
	cr_expect_eq(solo_data(stream, 0, 0, NULL, 0), 0);
	solo_take(stream, 0, 0);
	cr_expect_eq(solo_data(stream, 1, WIRE_FLAG_MORE, NULL, 0), 0);
	cr_expect_eq(solo_data(stream, 2, 0, NULL, 0), 0);
	solo_take(stream, 0, 0);
	cr_expect_eq(solo_expected(stream), 3);
	solo_end(stream);
}

Test(stream, broken_bundles_end_the_session)
{
	static const struct {
		const char *body;
		uint32_t len;
		int result;
	} cases[] = {
	    {"", 0, -EPROTO},           // no message at all
	    {"\0", 1, -EPROTO},         // half a length
	    {"\0\2a", 3, -EPROTO},      // a byte is missing
	    {"\0\1a\0", 4, -EPROTO},    // half a second length
	    {"\0\1a\0\2b", 6, -EPROTO}, // the second is short
	    {"\xff\xff"
	     "ab",
	     4, -EPROTO},   // far too long
	    {"\0\0", 2, 0}, // one empty message
	    {"\0\1a\0\1b", 6, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *stream = solo_start(NULL);
		const uint8_t *bytes;
		uint32_t len;

		cr_expect_eq(solo_data(stream, 0, WIRE_FLAG_BUNDLE, cases[i].body, cases[i].len),
			     cases[i].result, "case %zu", i);
		cr_expect_eq(stream_next_message(stream, &bytes, &len), cases[i].result == 0,
			     "case %zu", i);
		cr_expect_eq(solo_data(stream, 9, 0, "x", 1), cases[i].result, "said again");
		solo_end(stream);
	}
}

Test(stream, bundle_within_a_message_ends_the_session)
{
	struct stream *stream = solo_start(NULL);

	cr_expect_eq(solo_data(stream, 0, WIRE_FLAG_MORE, "a", 1), 0);
	cr_expect_eq(solo_data(stream, 1, WIRE_FLAG_BUNDLE, "\0\1a", 3), -EPROTO);
	solo_end(stream);
}

Test(stream, message_above_the_maximum_ends_the_session)
{
	static const uint8_t body[SOLO_BODY_MAX];
	static const struct {
		uint32_t message_max;
		int result;
	} cases[] = {{2 * SOLO_BODY_MAX, 0}, {2 * SOLO_BODY_MAX - 1, -EPROTO}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream_settings settings;

		stream_settings_default(&settings, NULL);
		settings.message_max = cases[i].message_max;

		struct stream *stream = solo_start(&settings);

		cr_expect_eq(solo_data(stream, 0, WIRE_FLAG_MORE, body, sizeof(body)), 0);
		cr_expect_eq(solo_data(stream, 1, 0, body, sizeof(body)), cases[i].result);
		solo_end(stream);
	}
}

Test(stream, maximum_holds_for_messages_of_one_frame_and_of_bundles)
{
	static const struct {
		uint8_t flags;
		const char *body;
		uint32_t len;
		int result;
	} cases[] = {
	    {0, "abc", 3, 0},
	    {0, "abcd", 4, -EPROTO},
	    {WIRE_FLAG_BUNDLE, "\0\3abc\0\3def", 10, 0},
	    {WIRE_FLAG_BUNDLE, "\0\1a\0\4abcd", 9, -EPROTO},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream_settings settings;

		stream_settings_default(&settings, NULL);
		settings.message_max = 3;

		struct stream *stream = solo_start(&settings);

		cr_expect_eq(solo_data(stream, 0, cases[i].flags, cases[i].body, cases[i].len),
			     cases[i].result, "case %zu", i);
		solo_end(stream);
	}
}

Test(stream, messages_before_a_violation_are_taken_first)
{
	struct stream *stream = solo_start(NULL);
	const uint8_t *bytes;
	uint32_t len;

	cr_expect_eq(solo_data(stream, 2, WIRE_FLAG_BUNDLE, "\0", 1), 0);
	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	solo_take(stream, 1, 'a');
	cr_assert(stream_next_message(stream, &bytes, &len));
	cr_expect_eq(bytes[0], 'b');
	cr_expect_eq(stream_take_message(stream, solo_now_us), -EPROTO);
	cr_expect_not(stream_next_message(stream, &bytes, &len));
	solo_end(stream);
}

Test(stream, frames_of_other_types_do_not_count)
{
	struct stream *stream = solo_start(NULL);

	for (uint8_t type = 0; type <= WIRE_TYPE_MAX + 1; type++) {
		const struct frame frame = {.type = type};

		if (type != WIRE_DATA && type != WIRE_ACK && type != WIRE_NAK)
			cr_expect_eq(stream_receive(stream, &frame, solo_now_us), -EBADMSG);
	}
	solo_end(stream);
}
