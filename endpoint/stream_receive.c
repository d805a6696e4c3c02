// SPDX-License-Identifier: BSD-3-Clause
// Frames that arrive: what they acknowledge, what they bring, what they ask for.

#include <errno.h>

#include "endpoint/stream_state.h"
#include "protocol/sequence.h"

static void loss_note(struct stream *stream, uint64_t now_us)
{
	if (congestion_lost(&stream->congestion, stream->recovery.smoothed_us, now_us))
		stream->counters.loss_events++;
}

// Takes an ack that acknowledges something new. told_holes: the peer asked for holes since its
// last ACK, so that the frames may have waited for one and say nothing of the round trip.
static void ack_new(struct stream *stream, uint64_t ack, bool told_holes, uint64_t now_us)
{
	const uint32_t in_flight = stream->outbox.in_flight;
	struct outbox_acked acked;

	outbox_ack(&stream->outbox, ack, &acked);
	stream->counters.messages_acked += acked.messages;
	if (acked.sent_once && !told_holes && !stream->paused && acked.sent_us >= stream->woken_us)
		recovery_sample(&stream->recovery, now_us - acked.sent_us);
	stream->recovery.backoff = 0;
	if (stream->outbox.lost > 0)
		stream->replay_frames += acked.frames;
	congestion_acked(&stream->congestion, acked.frames,
			 2 * in_flight >= stream->congestion.window_frames, now_us);
	stream_probe_arm(stream, now_us);
}

// Judges the ack of any frame. Returns whether the frame counts.
static bool ack_take(struct stream *stream, const struct frame *frame, uint64_t now_us)
{
	struct outbox *outbox = &stream->outbox;
	const uint64_t ack = sequence_extend(outbox->acked, frame->ack);
	const bool told_holes = frame->type == WIRE_ACK && frame->aux >> WIRE_ACK_HOLES_SHIFT != 0;

	switch (sequence_ack(outbox->acked, outbox->next, ack)) {
	case SEQUENCE_ACK_BEYOND:
		return false;
	case SEQUENCE_ACK_NEW:
		ack_new(stream, ack, told_holes, now_us);
		break;
	case SEQUENCE_ACK_SAME:
	case SEQUENCE_ACK_OLD:
		break;
	}
	if (frame->type != WIRE_NAK && ack + frame->window > stream->edge) {
		const bool stopped = stream_stopped(stream);

		stream->edge = ack + frame->window;
		if (stopped && !stream_stopped(stream))
			stream_probe_arm(stream, now_us);
	}
	stream->heard_us = now_us;
	return true;
}

static void data_count(struct stream *stream, enum assembly_verdict verdict)
{
	struct stream_counters *counters = &stream->counters;

	switch (verdict) {
	case ASSEMBLY_EARLY:
		counters->frames_reordered++;
		counters->frames_received++;
		break;
	case ASSEMBLY_IN_ORDER:
	case ASSEMBLY_LATE:
		counters->frames_received++;
		break;
	case ASSEMBLY_DOUBLED:
		counters->frames_doubled++;
		break;
	case ASSEMBLY_REFUSED:
		counters->frames_refused++;
		break;
	}
}

static void data_take(struct stream *stream, const struct frame *frame, uint64_t now_us)
{
	struct assembly *assembly = &stream->assembly;
	const uint64_t seq = sequence_extend(assembly->expected, frame->seq);
	uint64_t asked_us;
	const enum assembly_verdict verdict =
	    assembly_accept(assembly, seq, frame, now_us + STREAM_HOLE_DELAY_US, &asked_us);

	data_count(stream, verdict);
	if (asked_us > 0)
		recovery_sample(&stream->asking, now_us - asked_us);
	if (verdict == ASSEMBLY_IN_ORDER || verdict == ASSEMBLY_LATE)
		assembly_advance(assembly);

	stream->unacked_frames++;
	stream_ack_by(stream, stream->unacked_frames >= STREAM_ACK_EVERY_FRAMES
				  ? now_us
				  : now_us + STREAM_ACK_DELAY_US);
}

// Takes the count of holes in an ACK. Those whose NAK came here have been noted already; the
// others were answered by the gateway.
static void holes_take(struct stream *stream, uint32_t holes, uint64_t now_us)
{
	if (holes == 0)
		return;
	if (holes > stream->holes_known) {
		stream->counters.holes_told += holes - stream->holes_known;
		loss_note(stream, now_us);
	}
	stream->holes_known = 0;
}

static void ack_frame_take(struct stream *stream, const struct frame *frame, uint64_t now_us)
{
	const uint32_t holes = frame->aux >> WIRE_ACK_HOLES_SHIFT;
	const uint64_t next = sequence_extend(stream->assembly.expected, frame->seq);

	stream->counters.acks_received++;
	if (frame->aux & WIRE_ACK_ASKS)
		stream->ack_asked = true;
	holes_take(stream, holes, now_us);
	assembly_learn(&stream->assembly, next, now_us + STREAM_HOLE_DELAY_US);
}

// Marks what a NAK names. Returns how many frames that are.
static uint32_t nak_mark(struct stream *stream, const struct frame *frame, uint64_t now_us)
{
	const uint64_t delay_us = recovery_loss_delay_us(&stream->recovery);
	const uint64_t before_us = now_us > delay_us ? now_us - delay_us : 0;
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	const uint32_t count = frame_decode_nak(frame, pairs);
	uint32_t marked = 0;

	for (uint32_t i = 0; i < count; i++) {
		const uint64_t first = sequence_extend(stream->outbox.acked, pairs[i].first);

		if (pairs[i].count <= WIRE_WINDOW_MAX)
			stream->holes_known += pairs[i].count;
		marked += outbox_lose(&stream->outbox, first, pairs[i].count, before_us);
	}
	stream->counters.holes_told += marked;
	return marked;
}

static void nak_take(struct stream *stream, const struct frame *frame, uint64_t now_us)
{
	stream->counters.naks_received++;
	if (stream->nak_heard_us > 0 && now_us - stream->nak_heard_us < STREAM_NAK_SERVED_US)
		return;
	stream->nak_heard_us = now_us;

	const bool first = stream->outbox.lost == 0;
	const uint32_t marked = nak_mark(stream, frame, now_us);

	if (marked == 0)
		return;
	// What waits to be sent again anyway frees nothing: only what was sent and got lost does.
	stream_replay_allow(stream, first,
			    marked < STREAM_REPLAY_FRAMES ? marked : STREAM_REPLAY_FRAMES);
	loss_note(stream, now_us);
}

int stream_receive(struct stream *stream, const struct frame *frame, uint64_t now_us)
{
	const bool known =
	    frame->type == WIRE_DATA || frame->type == WIRE_ACK || frame->type == WIRE_NAK;

	if (stream->frozen) {
		stream->counters.frames_ignored++;
		return -ENOTCONN;
	}
	if (!known || !ack_take(stream, frame, now_us)) {
		stream->counters.frames_ignored++;
		return -EBADMSG;
	}
	if (frame->type == WIRE_DATA)
		data_take(stream, frame, now_us);
	else if (frame->type == WIRE_ACK)
		ack_frame_take(stream, frame, now_us);
	else
		nak_take(stream, frame, now_us);
	return stream->assembly.broken ? -EPROTO : 0;
}
