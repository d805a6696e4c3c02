// SPDX-License-Identifier: BSD-3-Clause
// The life of a stream: settings, queueing, the path, handing back.

#include "endpoint/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "endpoint/stream_state.h"

void stream_settings_default(struct stream_settings *settings, struct pool *pool)
{
	*settings = (struct stream_settings){
	    .pool = pool,
	    .bundle = true,
	    .frame_max = WIRE_FRAME_MAX_DEFAULT,
	    .window = WIRE_WINDOW_DEFAULT,
	    .message_max = WIRE_MESSAGE_MAX_DEFAULT,
	    .soft_frames = STREAM_SOFT_FRAMES_DEFAULT,
	    .soft_bytes = STREAM_SOFT_BYTES_DEFAULT,
	    .hard_factor = STREAM_HARD_FACTOR_DEFAULT,
	};
}

// Every frame that a stream writes must fit, and a message must be small against the span of
// numbers that can be kept, or it could never be sent to its end.
static bool frame_max_valid(uint32_t frame_max, uint32_t message_max)
{
	const uint32_t frames_max = STREAM_SPAN_FRAMES / 2;

	return frame_max >= WIRE_HEADER_BYTES + WIRE_NAK_PAIRS_MAX * WIRE_NAK_PAIR_BYTES &&
	       frame_max <= WIRE_FRAME_MAX_LIMIT && message_max > 0 &&
	       message_max <= frames_max * (frame_max - WIRE_HEADER_BYTES);
}

bool stream_settings_valid(const struct stream_settings *settings)
{
	return settings->pool && settings->channel < WIRE_CHANNELS_MAX &&
	       frame_max_valid(settings->frame_max, settings->message_max) &&
	       settings->window >= WIRE_WINDOW_MIN && settings->window <= WIRE_WINDOW_MAX &&
	       settings->soft_frames > 0 && settings->soft_bytes > 0 && settings->hard_factor > 0;
}

// Everything that numbers, path and queues hold, as at the start.
static void stream_begin(struct stream *stream)
{
	const struct stream_settings *settings = &stream->settings;

	outbox_init(&stream->outbox, settings->pool, settings->first_next,
		    settings->frame_max - WIRE_HEADER_BYTES, settings->bundle);
	assembly_init(&stream->assembly, settings->pool, settings->first_expected, settings->window,
		      settings->message_max);
	recovery_init(&stream->recovery, 0);
	recovery_init(&stream->asking, 0);
	congestion_init(&stream->congestion);
	stream->path = (struct stream_path){.window = WIRE_WINDOW_MIN};
	stream->thawed = false;
	stream->edge = settings->first_next + WIRE_WINDOW_MIN;
	stream->acked = settings->first_expected;
	stream->memory_us = 0;
	stream->nak_heard_us = 0;
	stream->nak_next_us = 0;
	stream_freeze(stream);
}

struct stream *stream_create(const struct stream_settings *settings)
{
	if (!stream_settings_valid(settings)) {
		errno = EINVAL;
		return NULL;
	}

	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->settings = *settings;
	stream_begin(stream);
	return stream;
}

void stream_destroy(struct stream *stream)
{
	if (!stream)
		return;
	outbox_fini(&stream->outbox);
	assembly_fini(&stream->assembly);
	free(stream);
}

// Whether frames and bytes more would be beyond factor soft marks.
static bool beyond(const struct stream *stream, uint32_t factor, uint32_t frames, uint32_t bytes)
{
	const struct stream_settings *settings = &stream->settings;

	return stream->outbox.queued_frames + frames > (uint64_t)settings->soft_frames * factor ||
	       stream->outbox.queued_bytes + bytes > settings->soft_bytes * factor;
}

int stream_send(struct stream *stream, const void *bytes, uint32_t len, uint64_t tag)
{
	struct outbox *outbox = &stream->outbox;

	if (len > stream->settings.message_max)
		return -EMSGSIZE;
	// A message larger than the limit itself can still go alone.
	if (outbox->queued_frames > 0 &&
	    beyond(stream, stream->settings.hard_factor, outbox_frames_of(outbox, len), len))
		return -EAGAIN;

	const int error = outbox_add(outbox, bytes, len, tag);

	if (error)
		return error;
	stream->counters.messages_sent++;
	return 0;
}

bool stream_above_soft_mark(const struct stream *stream)
{
	return stream->outbox.queued_frames >= stream->settings.soft_frames ||
	       stream->outbox.queued_bytes >= stream->settings.soft_bytes;
}

bool stream_flushed(const struct stream *stream)
{
	return stream->outbox.messages.count == 0;
}

bool stream_next_message(struct stream *stream, const uint8_t **bytes, uint32_t *len)
{
	const struct assembly *assembly = &stream->assembly;

	assembly_advance(&stream->assembly); // where memory was short before
	if (!assembly->ready)
		return false;
	*bytes = assembly->message;
	*len = assembly->message_bytes;
	return true;
}

int stream_take_message(struct stream *stream, uint64_t now_us)
{
	struct assembly *assembly = &stream->assembly;
	const uint64_t expected = assembly->expected;

	assembly_take(assembly);
	stream->counters.messages_received++;
	if (assembly->expected > expected && !stream->frozen) {
		const bool enough = assembly->expected - stream->acked >= STREAM_ACK_EVERY_FRAMES;

		stream_ack_by(stream, enough ? now_us : now_us + STREAM_ACK_DELAY_US);
	}
	return assembly->broken ? -EPROTO : 0;
}

void stream_freeze(struct stream *stream)
{
	stream->frozen = true;
	stream->paused = false;
	stream->unacked_frames = 0;
	stream->holes_untold = 0;
	stream->ack_asked = false;
	stream->probe_ask = false;
	stream->ack_due_us = STREAM_NEVER;
	stream->tail_due_us = STREAM_NEVER;
	stream->probe_due_us = STREAM_NEVER;
}

// Everything of the path is learned anew; the rest is timers.
static void path_take(struct stream *stream, const struct stream_path *path)
{
	stream->path = *path;
	if (path->window < WIRE_WINDOW_MIN)
		stream->path.window = WIRE_WINDOW_MIN;
	if (path->window > WIRE_WINDOW_MAX)
		stream->path.window = WIRE_WINDOW_MAX;
	if (path->frame_max > 0)
		stream->outbox.body_max = path->frame_max - WIRE_HEADER_BYTES;
	recovery_init(&stream->recovery, path->rtt_us);
	recovery_init(&stream->asking, path->rtt_us);
	congestion_init(&stream->congestion);
	stream->replay_frames = STREAM_REPLAY_FRAMES;
	stream->nak_heard_us = 0;
	stream->nak_next_us = 0;
	stream->data_sent_us = 0;
	stream->heard_us = 0;
	stream->holes_known = 0;
	stream->thawed = true;
}

static void acks_take(struct stream *stream, uint64_t expected)
{
	struct outbox_acked acked;

	if (expected <= stream->outbox.acked)
		return;
	outbox_ack(&stream->outbox, expected, &acked);
	stream->counters.messages_acked += acked.messages;
}

int stream_thaw(struct stream *stream, const struct stream_path *path,
		const struct frame_triple *peer, uint64_t now_us)
{
	struct outbox *outbox = &stream->outbox;

	if (path->frame_max > 0 && !frame_max_valid(path->frame_max, stream->settings.message_max))
		return -EINVAL;
	if (peer->oldest > stream->assembly.expected || peer->expected > outbox->next)
		return -EPROTO;

	const uint32_t window = path->peer_window ? path->peer_window : WIRE_WINDOW_MIN;

	stream_freeze(stream);
	path_take(stream, path);
	acks_take(stream, peer->expected);
	outbox_lose(outbox, outbox->acked, outbox->next - outbox->acked, STREAM_NEVER);
	if (peer->expected + window > stream->edge)
		stream->edge = peer->expected + window;
	stream_wake(stream, now_us);
	return 0;
}

void stream_pause(struct stream *stream)
{
	if (stream->frozen)
		return;
	stream->paused = true;
	stream->probe_ask = false;
	stream->tail_due_us = STREAM_NEVER;
	stream->probe_due_us = STREAM_NEVER;
}

void stream_wake(struct stream *stream, uint64_t now_us)
{
	if (!stream->thawed || !(stream->frozen || stream->paused))
		return;
	stream->frozen = false;
	stream->paused = false;
	stream->recovery.backoff = 0;
	stream->woken_us = now_us;
	// The peer sends again by itself what it was not told to have arrived; ask only after that.
	assembly_postpone(&stream->assembly,
			  now_us +
			      recovery_timeout_us(&stream->recovery, RECOVERY_ACK_DELAY_US, 0));
	if (stream->assembly.expected > stream->acked)
		stream_ack_by(stream, now_us + STREAM_ACK_DELAY_US);
	if (stream->outbox.in_flight > 0)
		stream->tail_due_us = now_us + STREAM_TAIL_DELAY_US;
	stream_probe_arm(stream, now_us);
}

void stream_tell(struct stream *stream)
{
	stream->ack_asked = !stream->frozen;
}

void stream_triple(const struct stream *stream, struct frame_triple *triple)
{
	triple->oldest = stream->outbox.oldest;
	triple->next = stream->outbox.next;
	triple->expected = stream->assembly.expected;
}

uint64_t stream_hand_back(struct stream *stream,
			  void (*give)(void *arg, const struct stream_handed *message), void *arg)
{
	stream_freeze(stream);
	return outbox_hand_back(&stream->outbox, give, arg);
}

uint64_t stream_restart(struct stream *stream,
			void (*give)(void *arg, const struct stream_handed *message), void *arg)
{
	struct outbox over = stream->outbox;
	uint64_t count;

	assembly_fini(&stream->assembly);
	stream_begin(stream);
	count = outbox_hand_back(&over, give, arg);
	outbox_fini(&over);
	return count;
}

const struct stream_counters *stream_counters(const struct stream *stream)
{
	return &stream->counters;
}

void stream_view(const struct stream *stream, struct stream_view *view)
{
	*view = (struct stream_view){
	    .frames_queued = (uint32_t)stream->outbox.queued_frames,
	    .bytes_queued = stream->outbox.queued_bytes,
	    .frames_in_flight = stream->outbox.in_flight,
	    .congestion_frames = stream->congestion.window_frames,
	    .rtt_us = stream->recovery.sampled ? (uint32_t)stream->recovery.smoothed_us : 0,
	    .frozen = stream->frozen,
	    .paused = stream->paused,
	};
}
