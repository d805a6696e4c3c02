// SPDX-License-Identifier: BSD-3-Clause
// A peer that sends anything at all: nothing breaks, and what a stream holds stays bounded.

#include <criterion/criterion.h>
#include <errno.h>

#include "support/stream_solo.h"

enum { FRAMES = 30000, SEEDS = 6, ANSWERS_MAX = 64 };

static uint64_t state;

static uint32_t any(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 33) % below;
}

// A number near the one that would be right, or any.
static uint32_t any_near(uint64_t right)
{
	return any(20) ? (uint32_t)right + any(40) - 8 : any(UINT32_MAX);
}

static void any_frame(const struct stream *stream, struct frame *frame, uint8_t *body)
{
	static const uint8_t types[] = {WIRE_DATA, WIRE_DATA, WIRE_ACK, WIRE_NAK};
	static const uint8_t flags[] = {0, 0, WIRE_FLAG_MORE, WIRE_FLAG_REPLAYED};
	struct frame_triple own;

	stream_triple(stream, &own);
	*frame = (struct frame){
	    .type = types[any(4)],
	    .window = (uint16_t)any(any(2) ? 300 : UINT16_MAX),
	    .ack = any(3) ? (uint32_t)own.oldest : any_near(own.next),
	    .body = body,
	};
	frame->seq = any_near(own.expected);
	for (uint32_t i = 0; i < SOLO_BODY_MAX; i++)
		body[i] = (uint8_t)any(any(2) ? 3 : 256);
	if (frame->type == WIRE_DATA) {
		frame->flags = flags[any(4)];
		frame->body_bytes = any(any(2) ? 20 : SOLO_BODY_MAX + 1);
	} else if (frame->type == WIRE_ACK) {
		frame->aux = (uint16_t)any(any(2) ? 4 : UINT16_MAX);
	} else {
		struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
		const uint32_t count = 1 + any(WIRE_NAK_PAIRS_MAX);

		for (uint32_t i = 0; i < count; i++)
			pairs[i] = (struct frame_nak_pair){any_near(own.oldest),
							   any(any(2) ? 5 : UINT32_MAX)};
		frame->body_bytes = frame_encode_nak(pairs, count, body);
	}
}

static void application(struct stream *stream)
{
	const uint8_t *bytes;
	uint32_t sum = 0;
	uint32_t len;

	while (any(4) && stream_next_message(stream, &bytes, &len)) {
		cr_assert_leq(len, WIRE_MESSAGE_MAX_DEFAULT);
		for (uint32_t i = 0; i < len; i++)
			sum += bytes[i];
		(void)stream_take_message(stream, solo_now_us);
	}
	if (any(3) == 0)
		(void)stream_send(stream, "hold fast", any(9), sum);
}

// Everything must be decodable, and one frame must not call forth more than so many.
static void answers(struct stream *stream)
{
	struct frame_triple own;
	struct frame frame;
	uint32_t count = 0;

	while (solo_next(stream, &frame))
		cr_assert_lt(++count, ANSWERS_MAX);
	cr_assert_gt(stream_deadline_us(stream), solo_now_us);
	stream_triple(stream, &own);
	cr_assert(frame_triple_valid(&own));
	cr_assert_leq(solo_pool.out_bytes, (size_t)4 << 20);
}

Test(stream_hostile, any_frames_in_any_order_break_nothing)
{
	static uint8_t body[SOLO_BODY_MAX];

	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct stream *stream = solo_start(NULL);
		uint64_t messages = 0;

		state = seed;
		for (uint32_t i = 0; i < FRAMES; i++) {
			struct frame frame;

			any_frame(stream, &frame, body);

			const int result = stream_receive(stream, &frame, solo_now_us);

			cr_assert(result == 0 || result == -EBADMSG, "%d", result);
			application(stream);
			answers(stream);
			solo_now_us += any(any(10) ? 2000 : 500000);
		}
		messages = stream_counters(stream)->messages_received;
		cr_expect_gt(messages, FRAMES / 100, "only %lu messages got through", messages);
		cr_expect_gt(stream_counters(stream)->messages_acked, FRAMES / 100);
		solo_end(stream);
	}
}
