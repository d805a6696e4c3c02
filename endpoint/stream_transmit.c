// SPDX-License-Identifier: BSD-3-Clause
// Frames that go out: which one is next, and when the next one will be.

#include "endpoint/stream_state.h"

static uint32_t header_write(struct stream *stream, struct frame *frame, uint8_t *bytes)
{
	frame->channel = stream->settings.channel;
	frame->handle = stream->path.handle;
	frame->ack = (uint32_t)stream->assembly.expected;
	frame_encode_header(frame, bytes);
	return WIRE_HEADER_BYTES + frame->body_bytes;
}

// The frame tells this side's ack and window.
static void ack_told(struct stream *stream, struct frame *frame)
{
	frame->window = (uint16_t)stream->assembly.window;
	stream->acked = stream->assembly.expected;
	stream->unacked_frames = 0;
	stream->ack_due_us = STREAM_NEVER;
}

static uint64_t nak_due_us(const struct stream *stream)
{
	const uint64_t due_us = stream->assembly.due_us;

	if (stream->paused || stream->assembly.missing == 0)
		return STREAM_NEVER;
	return due_us > stream->nak_next_us ? due_us : stream->nak_next_us;
}

// Returns 0 where no hole is due after all.
static uint32_t nak_write(struct stream *stream, uint8_t *bytes, uint64_t now_us)
{
	const struct recovery *rtt = stream->asking.sampled ? &stream->asking : &stream->recovery;
	uint64_t repeat_us = recovery_timeout_us(rtt, 0, 0);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame frame = {.type = WIRE_NAK};
	uint32_t asked;

	if (repeat_us < 2 * STREAM_NAK_GAP_US)
		repeat_us = 2 * STREAM_NAK_GAP_US;

	const uint32_t count =
	    assembly_holes(&stream->assembly, now_us, repeat_us, RECOVERY_CAP_US, pairs, &asked);

	if (count == 0)
		return 0;
	frame.body_bytes = frame_encode_nak(pairs, count, bytes + WIRE_HEADER_BYTES);
	stream->nak_next_us = now_us + STREAM_NAK_GAP_US;
	stream->holes_untold += asked;
	// The sender has to hear of the loss even if all that follows from here is DATA.
	stream_ack_by(stream, now_us + STREAM_ACK_DELAY_US);
	stream->counters.naks_sent++;
	stream->counters.holes_asked += asked;
	return header_write(stream, &frame, bytes);
}

static uint32_t ack_write(struct stream *stream, uint8_t *bytes)
{
	const uint32_t holes =
	    stream->holes_untold < WIRE_ACK_HOLES_MAX ? stream->holes_untold : WIRE_ACK_HOLES_MAX;
	struct frame frame = {
	    .type = WIRE_ACK,
	    .aux =
		(uint16_t)(holes << WIRE_ACK_HOLES_SHIFT | (stream->probe_ask ? WIRE_ACK_ASKS : 0)),
	    .seq = (uint32_t)stream->outbox.next,
	};

	ack_told(stream, &frame);
	stream->counters.acks_sent++;
	stream->counters.asks_sent += stream->probe_ask;
	stream->holes_untold = 0;
	stream->ack_asked = false;
	stream->probe_ask = false;
	return header_write(stream, &frame, bytes);
}

static uint32_t data_write(struct stream *stream, const struct outbox_view *view, uint8_t *bytes,
			   uint32_t room, uint64_t now_us)
{
	struct frame frame = {
	    .type = WIRE_DATA,
	    .flags = view->flags,
	    .seq = (uint32_t)view->seq,
	    .body_bytes = view->body_bytes,
	};

	const uint64_t ack_due_us = stream->ack_due_us;

	assert(WIRE_HEADER_BYTES + view->body_bytes <= room);
	outbox_write(&stream->outbox, view, bytes + WIRE_HEADER_BYTES);
	ack_told(stream, &frame);
	if (stream->holes_untold > 0) // only an ACK can tell them
		stream->ack_due_us = ack_due_us;
	stream->data_sent_us = now_us;
	if (!stream->paused)
		stream->tail_due_us = now_us + STREAM_TAIL_DELAY_US;
	stream_probe_arm(stream, now_us);
	return header_write(stream, &frame, bytes);
}

static bool can_resend(const struct stream *stream)
{
	return stream->outbox.lost > 0 && stream->replay_frames > 0;
}

// New frames go only behind everything that must go again.
static bool can_send(const struct stream *stream)
{
	return stream->outbox.lost == 0 && outbox_waiting(&stream->outbox) &&
	       stream->outbox.in_flight < stream->congestion.window_frames &&
	       stream->outbox.next < stream_limit(stream);
}

static uint32_t resend(struct stream *stream, uint8_t *bytes, uint32_t room, uint64_t now_us)
{
	struct outbox_view view;

	outbox_resend(&stream->outbox, now_us, &view);
	stream->replay_frames--;
	stream->counters.frames_resent++;
	return data_write(stream, &view, bytes, room, now_us);
}

static uint32_t send_new(struct stream *stream, uint8_t *bytes, uint32_t room, uint64_t now_us)
{
	const uint64_t rest_us = recovery_timeout_us(&stream->recovery, RECOVERY_ACK_DELAY_US, 0);
	struct outbox_view view;

	if (stream->outbox.in_flight == 0 && now_us - stream->data_sent_us > rest_us)
		congestion_rest(&stream->congestion);
	if (outbox_cut(&stream->outbox, now_us, &view)) {
		stream->memory_us = now_us + STREAM_MEMORY_RETRY_US;
		return 0;
	}
	stream->counters.frames_sent++;
	stream->counters.bundles_sent += (view.flags & WIRE_FLAG_BUNDLE) != 0;
	return data_write(stream, &view, bytes, room, now_us);
}

// Stopped by the window since the timer was last looked at: stream_send() knows no time.
static bool probe_unarmed(const struct stream *stream)
{
	return stream->probe_due_us == STREAM_NEVER && !stream->paused &&
	       stream_outstanding(stream);
}

// A probe time-out. A peer that was heard since the last DATA either holds what was sent, for an
// application that is slow, or asks for it when it is told the next number: an ACK that asks is
// enough, most times. A silent one gets the oldest frame again.
static void probe(struct stream *stream, uint64_t now_us)
{
	const uint32_t backoff = stream->recovery.backoff;
	const bool answered = stream->heard_us > stream->data_sent_us;

	stream->counters.probes++;
	stream->recovery.backoff++;
	if (!answered && backoff + 1 == STREAM_COLLAPSE_PROBES)
		congestion_collapse(&stream->congestion);
	if (stream_stopped(stream) || (answered && backoff % 4 != 3)) {
		stream->probe_ask = true;
	} else {
		const bool first = stream->outbox.lost == 0;

		outbox_lose(&stream->outbox, stream->outbox.acked, 1, STREAM_NEVER);
		stream_replay_allow(stream, first, STREAM_PROBE_FRAMES);
	}
	stream_probe_arm(stream, now_us);
}

uint32_t stream_transmit(struct stream *stream, uint8_t *bytes, uint32_t room, uint64_t now_us)
{
	uint32_t len = 0;

	if (stream->frozen)
		return 0;
	if (probe_unarmed(stream))
		stream_probe_arm(stream, now_us);
	if (now_us >= stream->probe_due_us)
		probe(stream, now_us);
	if (now_us >= nak_due_us(stream))
		len = nak_write(stream, bytes, now_us);
	if (len == 0 && (stream->ack_asked || stream->probe_ask))
		len = ack_write(stream, bytes);
	if (len == 0 && can_resend(stream))
		len = resend(stream, bytes, room, now_us);
	if (len == 0 && can_send(stream) && now_us >= stream->memory_us)
		len = send_new(stream, bytes, room, now_us);
	if (len == 0 && now_us >= stream->tail_due_us) {
		stream->tail_due_us = STREAM_NEVER;
		if (stream->outbox.acked < stream->outbox.next)
			len = ack_write(stream, bytes);
	}
	if (len == 0 && now_us >= stream->ack_due_us)
		len = ack_write(stream, bytes);
	return len;
}

uint64_t stream_deadline_us(const struct stream *stream)
{
	const uint64_t due_us[] = {
	    stream->probe_due_us,
	    stream->tail_due_us,
	    stream->ack_due_us,
	    nak_due_us(stream),
	    can_send(stream) ? stream->memory_us : STREAM_NEVER,
	};
	uint64_t first_us = STREAM_NEVER;

	if (stream->frozen)
		return STREAM_NEVER;
	if (stream->ack_asked || stream->probe_ask || can_resend(stream) || probe_unarmed(stream))
		return 0;
	for (uint32_t i = 0; i < sizeof(due_us) / sizeof(due_us[0]); i++) {
		if (due_us[i] < first_us)
			first_us = due_us[i];
	}
	return first_us;
}
