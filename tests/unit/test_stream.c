// SPDX-License-Identifier: BSD-3-Clause
// What a stream takes over from the application, and the frames that it makes of it.

#include <criterion/criterion.h>
#include <errno.h>

#include "support/stream_solo.h"

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
