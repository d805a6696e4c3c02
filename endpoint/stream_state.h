// SPDX-License-Identifier: BSD-3-Clause
// What a stream is made of. Only for the files of the stream itself; others see stream.h.
#pragma once

#include "endpoint/assembly.h"
#include "endpoint/congestion.h"
#include "endpoint/outbox.h"
#include "endpoint/recovery.h"
#include "endpoint/stream.h"

enum {
	STREAM_ACK_EVERY_FRAMES = 2,
	STREAM_ACK_DELAY_US = RECOVERY_ACK_DELAY_US,
	STREAM_TAIL_DELAY_US = 25000, // after the last DATA: tell the next number
	STREAM_HOLE_DELAY_US = 6000,  // a hole younger than this may be mere reordering
	STREAM_NAK_GAP_US = 6000,     // between two NAKs; a gateway serves one in 5 ms
	STREAM_NAK_SERVED_US = 5000,  // between two NAKs that are answered
	STREAM_REPLAY_FRAMES = 16,    // sent again at first, then as many as acks free
	STREAM_PROBE_FRAMES = 2,      // that a probe time-out frees
	STREAM_COLLAPSE_PROBES = 3,   // unanswered probes in a row that mean persistent congestion
	STREAM_MEMORY_RETRY_US = 25000,
	STREAM_SPAN_FRAMES = WIRE_WINDOW_MAX, // largest next - oldest that a triple may show
};

struct stream {
	struct stream_settings settings;
	struct stream_path path;
	struct outbox outbox;
	struct assembly assembly;
	struct recovery recovery; // round trip of frames that were acknowledged
	struct recovery asking;   // round trip of holes that were asked for
	struct congestion congestion;
	struct stream_counters counters;
	bool frozen;
	bool paused;
	bool thawed; // there is a path

	// Sending
	uint64_t edge;          // highest ack + window of the peer: frames below it may be sent
	uint32_t replay_frames; // lost frames that may be sent again now
	uint64_t memory_us;     // nothing new is cut before, for want of memory
	uint64_t nak_heard_us;  // when a NAK was last answered
	uint32_t holes_known;   // that NAKs told of, and no ACK yet
	uint64_t woken_us;      // what was sent before says nothing of the round trip
	uint64_t data_sent_us;
	uint64_t heard_us;     // when the peer last said what it has
	uint64_t tail_due_us;  // STREAM_NEVER = not armed, as all below
	uint64_t probe_due_us; // armed while anything is outstanding or stopped by the window
	bool probe_ask;        // the probe is an ACK that asks

	// Acknowledging
	uint32_t unacked_frames; // DATA that arrived since this side last told its ack
	uint64_t acked;          // that this side last told
	uint64_t ack_due_us;
	bool ack_asked;        // the peer asks for an ACK
	uint32_t holes_untold; // asked for since the last ACK
	uint64_t nak_next_us;  // no NAK before
};

// Numbers below it may be sent: by the peer's window, the gateway's, and what a triple can show.
static inline uint64_t stream_limit(const struct stream *stream)
{
	const uint64_t gateway = stream->outbox.acked + stream->path.window;
	const uint64_t span = stream->outbox.oldest + STREAM_SPAN_FRAMES;
	const uint64_t limit = stream->edge < gateway ? stream->edge : gateway;

	return limit < span ? limit : span;
}

// Whether something new waits that only a window keeps from being sent.
static inline bool stream_stopped(const struct stream *stream)
{
	return outbox_waiting(&stream->outbox) && stream->outbox.next >= stream_limit(stream);
}

// Whether the peer has something to say about what was sent.
static inline bool stream_outstanding(const struct stream *stream)
{
	return stream->outbox.acked < stream->outbox.next || stream_stopped(stream);
}

static inline void stream_probe_arm(struct stream *stream, uint64_t now_us)
{
	const uint64_t wait_us =
	    recovery_timeout_us(&stream->recovery, RECOVERY_ACK_DELAY_US, stream->recovery.backoff);

	stream->probe_due_us =
	    stream_outstanding(stream) && !stream->paused ? now_us + wait_us : STREAM_NEVER;
}

// At least frames may be sent again now; first: nothing was waiting to be sent again before, and
// what earlier losses left over does not count.
static inline void stream_replay_allow(struct stream *stream, bool first, uint32_t frames)
{
	if (first || stream->replay_frames < frames)
		stream->replay_frames = frames;
}

// An ACK must go by due_us.
static inline void stream_ack_by(struct stream *stream, uint64_t due_us)
{
	if (due_us < stream->ack_due_us)
		stream->ack_due_us = due_us;
}
