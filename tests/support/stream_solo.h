// SPDX-License-Identifier: BSD-3-Clause
// One stream and a peer that the test plays itself, frame by frame.
#pragma once

#include <criterion/criterion.h>
#include <string.h>

#include "endpoint/stream.h"

enum {
	SOLO_BODY_MAX = WIRE_FRAME_MAX_DEFAULT - WIRE_HEADER_BYTES,
	SOLO_HANDLE = 77,
	SOLO_START_US = 1000000,
};

static struct pool solo_pool;
static uint8_t solo_bytes[WIRE_FRAME_MAX_LIMIT];
static uint64_t solo_now_us = SOLO_START_US;

// A thawed stream; settings may be NULL. Both numbers start where the settings say.
static inline struct stream *solo_start(struct stream_settings *settings)
{
	struct stream_settings own;

	pool_init(&solo_pool, 0);
	if (!settings) {
		stream_settings_default(&own, &solo_pool);
		settings = &own;
	}
	settings->pool = &solo_pool;

	const struct stream_path path = {.handle = SOLO_HANDLE, .window = 256};
	const struct frame_triple peer = {settings->first_expected, settings->first_expected,
					  settings->first_next};
	struct stream *stream = stream_create(settings);

	cr_assert(stream);
	cr_assert_eq(stream_thaw(stream, &path, &peer, solo_now_us), 0);
	return stream;
}

static inline void solo_end(struct stream *stream)
{
	stream_destroy(stream);
	cr_assert_eq(solo_pool.out_bytes, 0);
	pool_fini(&solo_pool);
}

// Takes the next frame that wants to go now; false if there is none.
static inline bool solo_next(struct stream *stream, struct frame *frame)
{
	const uint32_t len =
	    stream_transmit(stream, solo_bytes, WIRE_FRAME_MAX_DEFAULT, solo_now_us);

	if (len == 0)
		return false;
	cr_assert_eq(frame_decode(solo_bytes, len, frame), FRAME_OK);
	cr_assert_eq(frame->handle, SOLO_HANDLE);
	return true;
}

// Takes all that wants to go now. Returns how many DATA frames there were.
static inline uint32_t solo_drain(struct stream *stream)
{
	struct frame frame;
	uint32_t data = 0;

	while (solo_next(stream, &frame))
		data += frame.type == WIRE_DATA;
	return data;
}

// Waits until the stream wants to send, at most until the clock is at_us, and takes that frame.
static inline bool solo_wait(struct stream *stream, uint64_t at_us, struct frame *frame)
{
	for (;;) {
		const uint64_t due_us = stream_deadline_us(stream);

		if (due_us > solo_now_us)
			solo_now_us = due_us < at_us ? due_us : at_us;
		if (solo_next(stream, frame))
			return true;
		if (solo_now_us >= at_us)
			return false;
	}
}

static inline int solo_data(struct stream *stream, uint64_t seq, uint8_t flags, const void *body,
			    uint32_t len)
{
	struct frame_triple own;

	stream_triple(stream, &own);

	// Acknowledges nothing new: what is below `oldest` has been acknowledged already.
	const struct frame frame = {.type = WIRE_DATA,
				    .flags = flags,
				    .window = 256,
				    .handle = SOLO_HANDLE,
				    .seq = (uint32_t)seq,
				    .ack = (uint32_t)own.oldest,
				    .body = body,
				    .body_bytes = len};

	return stream_receive(stream, &frame, solo_now_us);
}

static inline int solo_ack(struct stream *stream, uint64_t next, uint64_t ack, uint16_t window,
			   uint16_t aux)
{
	const struct frame frame = {.type = WIRE_ACK,
				    .window = window,
				    .aux = aux,
				    .handle = SOLO_HANDLE,
				    .seq = (uint32_t)next,
				    .ack = (uint32_t)ack};

	return stream_receive(stream, &frame, solo_now_us);
}

static inline int solo_nak(struct stream *stream, uint64_t ack, const struct frame_nak_pair *pairs,
			   uint32_t count)
{
	uint8_t body[WIRE_NAK_PAIRS_MAX * WIRE_NAK_PAIR_BYTES];
	const struct frame frame = {.type = WIRE_NAK,
				    .handle = SOLO_HANDLE,
				    .ack = (uint32_t)ack,
				    .body = body,
				    .body_bytes = frame_encode_nak(pairs, count, body)};

	return stream_receive(stream, &frame, solo_now_us);
}

// Queues count messages of len bytes, each byte of which is the message's tag, from 0 on.
static inline void solo_send(struct stream *stream, uint32_t count, uint32_t len)
{
	static uint8_t bytes[WIRE_MESSAGE_MAX_DEFAULT];

	for (uint32_t i = 0; i < count; i++) {
		memset(bytes, (int)i, len);
		cr_assert_eq(stream_send(stream, bytes, len, i), 0);
	}
}

// Takes one message, which must be there and be so many bytes, the first of them `first`.
static inline void solo_take(struct stream *stream, uint32_t len, uint8_t first)
{
	const uint8_t *bytes;
	uint32_t got;

	cr_assert(stream_next_message(stream, &bytes, &got), "no message");
	cr_assert_eq(got, len, "%u bytes, not %u", got, len);
	cr_assert(len == 0 || bytes[0] == first);
	cr_assert_eq(stream_take_message(stream, solo_now_us), 0);
}

static inline uint64_t solo_expected(const struct stream *stream)
{
	struct frame_triple own;

	stream_triple(stream, &own);
	return own.expected;
}
