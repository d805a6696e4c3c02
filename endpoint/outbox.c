// SPDX-License-Identifier: BSD-3-Clause
// Cutting, keeping and forgetting.

#include "endpoint/outbox.h"

#include <errno.h>
#include <string.h>

#include "holdfast/wire.h"

enum {
	BUNDLE_LENGTH_BYTES = 2,
	BUNDLE_MESSAGE_MAX = UINT16_MAX,
	SENDS_MAX = UINT8_MAX, // counted no further
};

struct outbox_message {
	uint8_t *bytes; // owned
	uint64_t tag;
	uint32_t len;
	uint32_t frames; // as estimated when queued
};

struct outbox_frame {
	uint64_t sent_us; // last time
	uint64_t message; // ordinal of the message, or of the first of a bundle
	uint32_t offset;  // of the frame's first byte in its message
	uint16_t bytes;   // of messages, without the lengths of a bundle
	uint16_t messages;
	uint8_t flags;
	uint8_t sends;
	bool lost; // meaningless below acked
};

static_assert(WIRE_FRAME_MAX_LIMIT <= UINT16_MAX, "a frame's bytes fit its field");

static struct outbox_message *message_at(const struct outbox *outbox, uint64_t ordinal)
{
	return ring_at(&outbox->messages, (uint32_t)(ordinal - outbox->first_message));
}

// Ordinal that the next message gets.
static uint64_t queued_end(const struct outbox *outbox)
{
	return outbox->first_message + outbox->messages.count;
}

static struct outbox_frame *frame_at(const struct outbox *outbox, uint64_t seq)
{
	return ring_at(&outbox->frames, (uint32_t)(seq - outbox->oldest));
}

void outbox_init(struct outbox *outbox, struct pool *pool, uint64_t first, uint32_t body_max,
		 bool bundle)
{
	memset(outbox, 0, sizeof(*outbox));
	ring_init(&outbox->messages, pool, sizeof(struct outbox_message));
	ring_init(&outbox->frames, pool, sizeof(struct outbox_frame));
	outbox->body_max = body_max;
	outbox->bundle = bundle;
	outbox->oldest = first;
	outbox->acked = first;
	outbox->next = first;
	outbox->lost_from = first;
}

static void message_forget(struct outbox *outbox)
{
	struct outbox_message *message = ring_at(&outbox->messages, 0);

	outbox->queued_frames -= message->frames;
	outbox->queued_bytes -= message->len;
	pool_give(outbox->messages.pool, message->bytes, message->len);
	ring_pop(&outbox->messages);
	outbox->first_message++;
}

void outbox_fini(struct outbox *outbox)
{
	while (outbox->messages.count > 0)
		message_forget(outbox);
	ring_fini(&outbox->messages);
	ring_fini(&outbox->frames);
}

uint32_t outbox_frames_of(const struct outbox *outbox, uint32_t len)
{
	return len == 0 ? 1 : (len + outbox->body_max - 1) / outbox->body_max;
}

int outbox_add(struct outbox *outbox, const void *bytes, uint32_t len, uint64_t tag)
{
	uint8_t *copy = pool_take(outbox->messages.pool, len, NULL);

	if (!copy)
		return -ENOMEM;
	if (len > 0)
		memcpy(copy, bytes, len);

	struct outbox_message *message = ring_push(&outbox->messages);

	if (!message) {
		pool_give(outbox->messages.pool, copy, len);
		return -ENOMEM;
	}
	*message = (struct outbox_message){copy, tag, len, outbox_frames_of(outbox, len)};
	outbox->queued_frames += message->frames;
	outbox->queued_bytes += len;
	return 0;
}

bool outbox_waiting(const struct outbox *outbox)
{
	return outbox->cut_message < queued_end(outbox);
}

// How many whole waiting messages fit one bundle, and their bytes. 1 or less: no bundle.
static uint32_t bundle_fit(const struct outbox *outbox, uint32_t *bytes)
{
	uint32_t room = outbox->body_max;
	uint32_t count = 0;

	*bytes = 0;
	if (!outbox->bundle || outbox->cut_offset > 0)
		return 0;
	for (uint64_t i = outbox->cut_message; i < queued_end(outbox); i++) {
		const uint32_t len = message_at(outbox, i)->len;

		if (len > BUNDLE_MESSAGE_MAX || len + BUNDLE_LENGTH_BYTES > room)
			break;
		room -= len + BUNDLE_LENGTH_BYTES;
		*bytes += len;
		count++;
	}
	return count;
}

static void cut_bundle(struct outbox *outbox, struct outbox_frame *frame, uint32_t count,
		       uint32_t bytes)
{
	frame->bytes = (uint16_t)bytes;
	frame->messages = (uint16_t)count;
	frame->flags = WIRE_FLAG_BUNDLE;
	outbox->cut_message += count;
}

static void cut_piece(struct outbox *outbox, struct outbox_frame *frame)
{
	const uint32_t left = message_at(outbox, outbox->cut_message)->len - outbox->cut_offset;
	const bool more = left > outbox->body_max;

	frame->offset = outbox->cut_offset;
	frame->bytes = (uint16_t)(more ? outbox->body_max : left);
	frame->messages = 1;
	frame->flags = more ? WIRE_FLAG_MORE : 0;
	if (more) {
		outbox->cut_offset += frame->bytes;
	} else {
		outbox->cut_message++;
		outbox->cut_offset = 0;
	}
}

static void view_fill(const struct outbox_frame *frame, uint64_t seq, struct outbox_view *view)
{
	const bool bundle = frame->flags & WIRE_FLAG_BUNDLE;

	view->seq = seq;
	view->flags = frame->flags | (frame->sends > 1 ? WIRE_FLAG_REPLAYED : 0);
	view->body_bytes = frame->bytes + (bundle ? frame->messages * BUNDLE_LENGTH_BYTES : 0u);
}

int outbox_cut(struct outbox *outbox, uint64_t now_us, struct outbox_view *view)
{
	struct outbox_frame *frame = ring_push(&outbox->frames);
	uint32_t bytes;

	if (!frame)
		return -ENOMEM;

	const uint32_t count = bundle_fit(outbox, &bytes);

	frame->message = outbox->cut_message;
	frame->sent_us = now_us;
	frame->sends = 1;
	if (count > 1)
		cut_bundle(outbox, frame, count, bytes);
	else
		cut_piece(outbox, frame);
	view_fill(frame, outbox->next, view);
	outbox->next++;
	outbox->in_flight++;
	return 0;
}

void outbox_resend(struct outbox *outbox, uint64_t now_us, struct outbox_view *view)
{
	assert(outbox->lost > 0);
	while (!frame_at(outbox, outbox->lost_from)->lost)
		outbox->lost_from++;

	struct outbox_frame *frame = frame_at(outbox, outbox->lost_from);

	frame->lost = false;
	frame->sent_us = now_us;
	frame->sends += frame->sends < SENDS_MAX;
	view_fill(frame, outbox->lost_from, view);
	outbox->lost_from++;
	outbox->lost--;
	outbox->in_flight++;
}

static void write_bundle(const struct outbox *outbox, const struct outbox_frame *frame,
			 uint8_t *body)
{
	for (uint32_t i = 0; i < frame->messages; i++) {
		const struct outbox_message *message = message_at(outbox, frame->message + i);

		*body++ = (uint8_t)(message->len >> 8);
		*body++ = (uint8_t)message->len;
		memcpy(body, message->bytes, message->len);
		body += message->len;
	}
}

void outbox_write(const struct outbox *outbox, const struct outbox_view *view, uint8_t *body)
{
	const struct outbox_frame *frame = frame_at(outbox, view->seq);

	if (frame->flags & WIRE_FLAG_BUNDLE)
		write_bundle(outbox, frame, body);
	else
		memcpy(body, message_at(outbox, frame->message)->bytes + frame->offset,
		       frame->bytes);
}

// Drops the frames of whole messages below acked, and the messages.
static uint32_t forget_taken(struct outbox *outbox)
{
	uint64_t end = outbox->acked;
	uint32_t messages = 0;

	while (end > outbox->oldest && frame_at(outbox, end - 1)->flags & WIRE_FLAG_MORE)
		end--;
	for (; outbox->oldest < end; outbox->oldest++) {
		const struct outbox_frame *frame = frame_at(outbox, outbox->oldest);

		if (!(frame->flags & WIRE_FLAG_MORE)) {
			messages += frame->messages;
			for (uint32_t i = 0; i < frame->messages; i++)
				message_forget(outbox);
		}
		ring_pop(&outbox->frames);
	}
	return messages;
}

void outbox_ack(struct outbox *outbox, uint64_t ack, struct outbox_acked *acked)
{
	assert(ack > outbox->acked && ack <= outbox->next);
	*acked =
	    (struct outbox_acked){.frames = (uint32_t)(ack - outbox->acked), .sent_once = true};
	for (uint64_t seq = outbox->acked; seq < ack; seq++) {
		const struct outbox_frame *frame = frame_at(outbox, seq);

		if (frame->lost)
			outbox->lost--;
		else
			outbox->in_flight--;
		if (frame->sends > 1)
			acked->sent_once = false;
		acked->sent_us = frame->sent_us;
	}
	outbox->acked = ack;
	if (outbox->lost_from < ack)
		outbox->lost_from = ack;
	acked->messages = forget_taken(outbox);
}

uint32_t outbox_lose(struct outbox *outbox, uint64_t first, uint64_t count, uint64_t before_us)
{
	const uint64_t end =
	    count < outbox->next && first < outbox->next - count ? first + count : outbox->next;
	uint32_t marked = 0;

	for (uint64_t seq = first > outbox->acked ? first : outbox->acked; seq < end; seq++) {
		struct outbox_frame *frame = frame_at(outbox, seq);

		if (frame->lost || (frame->sends > 1 && frame->sent_us > before_us))
			continue;
		frame->lost = true;
		if (seq < outbox->lost_from)
			outbox->lost_from = seq;
		marked++;
	}
	outbox->lost += marked;
	outbox->in_flight -= marked;
	return marked;
}

uint64_t outbox_hand_back(struct outbox *outbox,
			  void (*give)(void *arg, const struct stream_handed *message), void *arg)
{
	const uint64_t count = outbox->messages.count;

	for (uint64_t i = outbox->first_message; i < queued_end(outbox); i++) {
		const struct outbox_message *message = message_at(outbox, i);
		const bool sent =
		    i < outbox->cut_message || (i == outbox->cut_message && outbox->cut_offset > 0);
		const struct stream_handed handed = {
		    .bytes = message->bytes,
		    .len = message->len,
		    .mark = sent ? STREAM_MAYBE_DELIVERED : STREAM_NOT_SENT,
		    .tag = message->tag,
		};

		give(arg, &handed);
	}
	while (outbox->messages.count > 0)
		message_forget(outbox);
	ring_fini(&outbox->frames);
	outbox->cut_message = outbox->first_message;
	outbox->cut_offset = 0;
	outbox->oldest = outbox->next;
	outbox->acked = outbox->next;
	outbox->lost_from = outbox->next;
	outbox->in_flight = 0;
	outbox->lost = 0;
	return count;
}
