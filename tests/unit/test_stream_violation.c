// SPDX-License-Identifier: BSD-3-Clause
// Empty messages, and peers that break the protocol.

#include <criterion/criterion.h>
#include <errno.h>

#include "support/stream_solo.h"

Test(stream_violation, message_of_no_bytes_is_a_message)
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

Test(stream_violation, broken_bundles_end_the_session)
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

Test(stream_violation, bundle_within_a_message_ends_the_session)
{
	struct stream *stream = solo_start(NULL);

	cr_expect_eq(solo_data(stream, 0, WIRE_FLAG_MORE, "a", 1), 0);
	cr_expect_eq(solo_data(stream, 1, WIRE_FLAG_BUNDLE, "\0\1a", 3), -EPROTO);
	solo_end(stream);
}

Test(stream_violation, message_above_the_maximum_ends_the_session)
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

Test(stream_violation, maximum_holds_for_messages_of_one_frame_and_of_bundles)
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

Test(stream_violation, messages_before_a_violation_are_taken_first)
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

Test(stream_violation, frames_of_other_types_do_not_count)
{
	struct stream *stream = solo_start(NULL);

	for (uint8_t type = 0; type <= WIRE_TYPE_MAX + 1; type++) {
		const struct frame frame = {.type = type};

		if (type != WIRE_DATA && type != WIRE_ACK && type != WIRE_NAK)
			cr_expect_eq(stream_receive(stream, &frame, solo_now_us), -EBADMSG);
	}
	solo_end(stream);
}
