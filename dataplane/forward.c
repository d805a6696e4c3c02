// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/forward.h"

#include "dataplane/attempt.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/limiter.h"
#include "dataplane/reply.h"
#include "dataplane/worker.h"
#include "protocol/sequence.h"

enum { NAK_FRAMES_MAX = 64 }; // served for one NAK; the rest is asked for again

static enum frame_side opposite(enum frame_side side)
{
	return side == FRAME_FROM_CLIENT ? FRAME_FROM_BACKEND : FRAME_FROM_CLIENT;
}

// Sends a frame on as it is, to the other endpoint of its channel.
static void pass_on(struct worker *worker, const struct steered *in)
{
	struct session *session = &worker->sessions->hot[in->slot];
	struct path path;

	if (in->from == FRAME_FROM_BACKEND) {
		__atomic_store_n(&session->sent_ms, worker_path_ms(worker, &session->path),
				 __ATOMIC_RELAXED);
		counters_add(&worker->counters, COUNTER_forwarded, 1);
		packet_send(worker, in->mbuf, &session->path);
		return;
	}

	const uint16_t backend =
	    session_table_backend(worker->sessions, in->slot, in->frame.channel);

	if (backend == DIRECTORY_NONE) {
		packet_drop(worker, in->mbuf, DROP_no_backend);
	} else if (!reply_backend_path(worker, backend, &path)) {
		packet_drop(worker, in->mbuf, DROP_no_lane);
	} else {
		counters_add(&worker->counters, COUNTER_forwarded, 1);
		packet_send(worker, in->mbuf, &path);
	}
}

// Takes the acknowledgement in a frame. Returns false where it claims what was never sent.
static bool ack_take(struct worker *worker, uint32_t slot, struct session_direction *acked,
		     uint32_t wire)
{
	const uint64_t next = acked->acked + acked->span;
	const uint64_t ack = sequence_extend(acked->acked, wire);
	const enum sequence_ack found = sequence_ack(acked->acked, next, ack);

	if (found == SEQUENCE_ACK_BEYOND)
		return false;
	if (found == SEQUENCE_ACK_NEW) {
		replay_cache_release(worker->replay, acked, ack);
		session_direction_set(acked, ack, next);
		if ((worker->sessions->hot[slot].flags & SESSION_FLAG_REPLAYING) != 0)
			forward_replay(worker, slot);
	}
	return true;
}

static void kept_count(struct worker *worker, enum replay_result result)
{
	switch (result) {
	case REPLAY_KEPT:
		counters_add(&worker->counters, COUNTER_cached, 1);
		break;
	case REPLAY_MEMORY:
		counters_add(&worker->counters, COUNTER_cache_refused_memory, 1);
		break;
	case REPLAY_SESSION:
		counters_add(&worker->counters, COUNTER_cache_refused_session, 1);
		break;
	case REPLAY_ORDER:
		counters_add(&worker->counters, COUNTER_cache_refused_order, 1);
		break;
	case REPLAY_HAD:
		break;
	}
}

// Whether a frame to the client waits for its turn in a replay that is under way.
static bool waits_for_replay(struct worker *worker, uint32_t slot, uint32_t k, uint64_t seq)
{
	const struct attempt *attempt;

	if ((worker->sessions->hot[slot].flags & SESSION_FLAG_REPLAYING) == 0)
		return false;
	attempt = attempt_of(worker, slot);
	return (attempt->replaying & 1u << k) != 0 && seq >= attempt->replay_next[k];
}

// A frame inside the window: keeps a copy, sends it on.
static void data_within(struct worker *worker, const struct steered *in,
			struct session_direction *direction, uint64_t seq)
{
	const struct session *session = &worker->sessions->hot[in->slot];
	const bool down = in->from == FRAME_FROM_BACKEND;
	const enum replay_result result =
	    replay_cache_put(worker->replay, direction, seq, in->frame.flags, in->frame.body,
			     in->frame.body_bytes, worker->directory->replay_session_bytes);
	const bool kept = result == REPLAY_KEPT || result == REPLAY_HAD;

	kept_count(worker, result);
	if (down && session->state == SESSION_DETACHED && !kept) {
		packet_drop(worker, in->mbuf, DROP_detached);
		return;
	}
	if (seq - direction->acked >= direction->span)
		__atomic_store_n(&direction->span, (uint16_t)(seq - direction->acked + 1),
				 __ATOMIC_RELAXED);
	if (kept && down &&
	    (session->state == SESSION_DETACHED ||
	     waits_for_replay(worker, in->slot, in->frame.channel, seq)))
		packet_consume(worker, in->mbuf);
	else
		pass_on(worker, in);
}

static void data_take(struct worker *worker, const struct steered *in)
{
	struct session_channel *channel =
	    session_table_channel(worker->sessions, in->slot, in->frame.channel);
	const bool up = in->from == FRAME_FROM_CLIENT;
	struct session_direction *direction = up ? &channel->up : &channel->down;

	if (!ack_take(worker, in->slot, up ? &channel->down : &channel->up, in->frame.ack)) {
		packet_drop(worker, in->mbuf, DROP_ack_beyond);
		return;
	}

	const uint64_t seq = sequence_extend(direction->acked, in->frame.seq);

	switch (sequence_place(direction->acked, worker->directory->window, seq)) {
	case SEQUENCE_WITHIN:
		data_within(worker, in, direction, seq);
		return;
	case SEQUENCE_BELOW:
		if (limiter_pass(worker->ack_limit, (uint64_t)in->slot << 8 | in->frame.channel,
				 worker->clock.passed_ms) &&
		    (up || worker->sessions->hot[in->slot].state == SESSION_CONNECTED))
			reply_ack(worker, in->slot, in->frame.channel, in->from);
		packet_drop(worker, in->mbuf, DROP_duplicate);
		return;
	default:
		packet_drop(worker, in->mbuf, DROP_beyond_window);
	}
}

// An ACK goes on whatever it says: it may ask, tell of holes, or open the window.
static void ack_pass(struct worker *worker, const struct steered *in)
{
	struct session_channel *channel =
	    session_table_channel(worker->sessions, in->slot, in->frame.channel);
	const bool up = in->from == FRAME_FROM_CLIENT;

	if (!ack_take(worker, in->slot, up ? &channel->down : &channel->up, in->frame.ack))
		packet_drop(worker, in->mbuf, DROP_ack_beyond);
	else if (!up && worker->sessions->hot[in->slot].state == SESSION_DETACHED)
		packet_consume(worker, in->mbuf);
	else
		pass_on(worker, in);
}

// What a NAK asks for and the cache lacks, as pairs.
struct holes {
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	uint32_t count;
	uint64_t frames;
};

// Adds [first, end). Beyond 32 pairs the rest is asked for another time.
static void hole_add(struct holes *holes, uint64_t first, uint64_t end)
{
	if (first >= end || holes->count == WIRE_NAK_PAIRS_MAX)
		return;
	holes->pairs[holes->count].first = (uint32_t)first;
	holes->pairs[holes->count++].count = (uint32_t)(end - first);
	holes->frames += end - first;
}

// Serves numbers [first, end) of a direction to side `to`; at most *budget frames.
static void range_serve(struct worker *worker, const struct steered *in,
			const struct session_direction *asked, uint64_t first, uint64_t end,
			uint32_t *budget, struct holes *holes)
{
	uint32_t chunk = replay_cache_find(worker->replay, asked, SESSION_NONE, first);

	while (chunk != SESSION_NONE && *budget > 0) {
		const struct replay_chunk *frame = replay_chunk_of(worker->replay, chunk);
		const uint64_t seq = replay_cache_seq(asked, frame);

		if (seq >= end)
			break;
		hole_add(holes, first, seq);
		reply_replayed(worker, in->slot, in->frame.channel, in->from, chunk);
		counters_add(&worker->counters, COUNTER_nak_served, 1);
		(*budget)--;
		first = seq + 1;
		chunk = frame->next_frame;
	}
	if (*budget > 0)
		hole_add(holes, first, end);
}

static void nak_serve(struct worker *worker, const struct steered *in,
		      const struct session_direction *asked)
{
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	const uint32_t count = frame_decode_nak(&in->frame, pairs);
	// Who asks may know from its peer's ACK of more than has come by here: a lost tail.
	const uint64_t limit = asked->acked + worker->directory->window;
	const struct session *session = &worker->sessions->hot[in->slot];
	struct holes holes = {.count = 0};
	uint32_t budget = NAK_FRAMES_MAX;
	uint64_t from = asked->acked; // each number at most once

	for (uint32_t i = 0; i < count; i++) {
		uint64_t first = sequence_extend(asked->acked, pairs[i].first);
		uint64_t end = first + RTE_MIN(pairs[i].count, (uint32_t)WIRE_WINDOW_MAX);

		first = RTE_MAX(first, from);
		end = RTE_MIN(end, limit);
		if (first >= end)
			continue;
		range_serve(worker, in, asked, first, end, &budget, &holes);
		from = end;
	}
	if (holes.count > 0 &&
	    (in->from == FRAME_FROM_CLIENT || session->state == SESSION_CONNECTED)) {
		counters_add(&worker->counters, COUNTER_nak_passed, holes.frames);
		reply_nak(worker, in->slot, in->frame.channel, opposite(in->from), holes.pairs,
			  holes.count);
	}
}

static void nak_take(struct worker *worker, const struct steered *in)
{
	struct session_channel *channel =
	    session_table_channel(worker->sessions, in->slot, in->frame.channel);
	const bool up = in->from == FRAME_FROM_CLIENT;
	struct session_direction *asked = up ? &channel->down : &channel->up;
	const uint64_t key = (uint64_t)in->slot << 8 | (uint64_t)in->frame.channel << 1 | up;

	if (!ack_take(worker, in->slot, asked, in->frame.ack)) {
		packet_drop(worker, in->mbuf, DROP_ack_beyond);
	} else if (!limiter_pass(worker->nak_limit, key, worker->clock.passed_ms)) {
		packet_drop(worker, in->mbuf, DROP_nak_limited);
	} else {
		nak_serve(worker, in, asked);
		packet_consume(worker, in->mbuf);
	}
}

static void datagram_pass(struct worker *worker, const struct steered *in)
{
	if (in->from == FRAME_FROM_BACKEND &&
	    worker->sessions->hot[in->slot].state == SESSION_DETACHED)
		packet_drop(worker, in->mbuf, DROP_detached);
	else
		pass_on(worker, in);
}

void forward_burst(struct worker *worker, const struct steered *frames, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct steered *in = &frames[i];

		if (in->frame.type == WIRE_DATA)
			data_take(worker, in);
		else if (in->frame.type == WIRE_ACK)
			ack_pass(worker, in);
		else if (in->frame.type == WIRE_DATAGRAM)
			datagram_pass(worker, in);
		else
			nak_take(worker, in);
	}
}

// Goes on with one channel. Returns whether there is more to replay.
static bool channel_replay(struct worker *worker, struct attempt *attempt, uint32_t k)
{
	const struct session_direction *down =
	    &session_table_channel(worker->sessions, attempt->slot, k)->down;
	const uint64_t next = down->acked + down->span;
	const uint64_t limit = RTE_MIN(down->acked + ATTEMPT_REPLAY_FRAMES, next);
	struct holes holes = {.count = 0};
	uint64_t seq = RTE_MAX(attempt->replay_next[k], down->acked);
	uint32_t chunk = replay_cache_find(worker->replay, down, SESSION_NONE, seq);

	while (seq < limit) {
		const uint64_t cached =
		    chunk != SESSION_NONE
			? replay_cache_seq(down, replay_chunk_of(worker->replay, chunk))
			: limit;

		if (cached > seq) {
			hole_add(&holes, seq, RTE_MIN(cached, limit));
			seq = RTE_MIN(cached, limit);
			continue;
		}
		reply_replayed(worker, attempt->slot, k, FRAME_FROM_CLIENT, chunk);
		chunk = replay_chunk_of(worker->replay, chunk)->next_frame;
		seq++;
	}
	attempt->replay_next[k] = seq;
	if (holes.count > 0) {
		counters_add(&worker->counters, COUNTER_nak_passed, holes.frames);
		reply_nak(worker, attempt->slot, k, FRAME_FROM_BACKEND, holes.pairs, holes.count);
	}
	return seq < next;
}

void forward_replay(struct worker *worker, uint32_t slot)
{
	struct attempt *attempt = attempt_of(worker, slot);

	if (attempt == NULL)
		return;
	for (uint32_t k = 0; k < attempt->channels; k++) {
		if ((attempt->replaying & 1u << k) != 0 && !channel_replay(worker, attempt, k))
			attempt->replaying &= (uint8_t) ~(1u << k);
	}
	if (attempt->replaying == 0) {
		session_flags_change(&worker->sessions->hot[slot], SESSION_FLAG_REPLAYING, 0);
		attempt_settle(worker, attempt);
	}
}

void forward_replay_up(struct worker *worker, uint32_t slot, uint32_t k)
{
	const struct session_direction *up = &session_table_channel(worker->sessions, slot, k)->up;
	uint32_t chunk = up->head;

	for (uint32_t i = 0; i < NAK_FRAMES_MAX && chunk != SESSION_NONE; i++) {
		reply_replayed(worker, slot, k, FRAME_FROM_BACKEND, chunk);
		chunk = replay_chunk_of(worker->replay, chunk)->next_frame;
	}
}
