// SPDX-License-Identifier: BSD-3-Clause
// Sessions of the backend: OPEN by the fencing rules, frames, deadlines, the end.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/backend_state.h"
#include "endpoint/tally.h"
#include "protocol/sequence.h"

struct handle_key {
	const struct backend_link *link;
	uint64_t handle;
	uint8_t channel;
};

struct id_key {
	const uint8_t *id;
	uint8_t channel;
};

static bool handle_same(const void *value, const void *key)
{
	const struct holdfast_session *session = value;
	const struct handle_key *wanted = key;

	return session->link == wanted->link && session->handle == wanted->handle &&
	       session->channel == wanted->channel;
}

static bool id_same(const void *value, const void *key)
{
	const struct holdfast_session *session = value;
	const struct id_key *wanted = key;

	return session->channel == wanted->channel &&
	       memcmp(session->id, wanted->id, sizeof(session->id)) == 0;
}

static uint64_t handle_hash(const struct backend_link *link, uint64_t handle, uint8_t channel)
{
	const uint64_t key[3] = {link->index, handle, channel};

	return id_table_hash(link->backend->secret, key, sizeof(key));
}

static uint64_t session_hash(const struct holdfast_session *session)
{
	return handle_hash(session->link, session->handle, session->channel);
}

static uint64_t id_hash(const struct holdfast_backend *backend, const uint8_t *id, uint8_t channel)
{
	uint8_t key[WIRE_SESSION_ID_BYTES + 1];

	memcpy(key, id, WIRE_SESSION_ID_BYTES);
	key[WIRE_SESSION_ID_BYTES] = channel;
	return id_table_hash(backend->secret, key, sizeof(key));
}

static struct holdfast_session *session_find(struct backend_link *link, uint64_t handle,
					     uint8_t channel)
{
	const struct handle_key key = {link, handle, channel};

	return id_table_find(&link->backend->by_handle, handle_hash(link, handle, channel),
			     handle_same, &key);
}

static void session_event(struct holdfast_session *session, enum holdfast_session_event_kind kind,
			  uint16_t code, const char *reason)
{
	const struct holdfast_backend_options *options = &session->backend->options;
	const struct holdfast_session_event event = {.kind = kind, .code = code, .reason = reason};

	if (options->on_session != NULL)
		options->on_session(options->context, session, &event);
}

static void give_back(void *arg, const struct stream_handed *message)
{
	struct holdfast_session *session = arg;
	const struct holdfast_backend_options *options = &session->backend->options;
	const struct holdfast_returned returned = {
	    .bytes = message->bytes,
	    .len = message->len,
	    .mark = message->mark == STREAM_NOT_SENT ? HOLDFAST_NOT_SENT : HOLDFAST_MAYBE_DELIVERED,
	    .tag = message->tag,
	    .channel = session->channel,
	};

	session->backend->stats.counters.messages_returned++;
	if (options->on_returned != NULL)
		options->on_returned(options->context, session, &returned);
}

void backend_session_free(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;

	tally_add(&backend->stats.counters, session->stream);
	heap_set(&backend->timers, &session->timer, HEAP_NEVER);
	id_table_remove(&backend->by_handle, session_hash(session), session);
	id_table_remove(&backend->by_id, id_hash(backend, session->id, session->channel), session);
	stream_destroy(session->stream);
	backend->sessions_count--;
	backend->stats.sessions_detached -= session->detached;
	free(session);
}

// The end of a session: hands back, tells, frees.
static void session_over(struct holdfast_session *session, uint16_t code, const char *reason)
{
	session->ending = true; // what a callback sends is refused
	stream_hand_back(session->stream, give_back, session);
	session->backend->stats.sessions_closed++;
	if (code != HOLDFAST_NORMAL)
		journal_write(&session->backend->sessions, session->backend->now_us,
			      HOLDFAST_LOG_INFO, "session %016" PRIx64 " lost, code %u: %s",
			      session->handle, code, reason);
	session_event(session, HOLDFAST_SESSION_EVENT_CLOSED, code, reason);
	backend_session_free(session);
}

static void open_answer(struct backend_link *link, uint32_t lane, const struct frame *open,
			uint16_t code, uint32_t epoch, const struct frame_triple *triple)
{
	const struct frame header = {.type = WIRE_OPEN_ACK,
				     .channel = open->channel,
				     .window = (uint16_t)link->backend->options.window,
				     .handle = open->handle};
	const struct frame_open_ack ack = {.code = code, .epoch = epoch, .triple = *triple};
	uint8_t body[WIRE_OPEN_ACK_BODY_BYTES];

	backend_say(link, lane, &header, body, frame_encode_open_ack(&ack, body));
	if (code == 0)
		return;
	link->backend->stats.opens_refused++;
	journal_write(&link->backend->sessions, link->backend->now_us, HOLDFAST_LOG_INFO,
		      "session %016" PRIx64 " refused, code %u: %s", open->handle, code,
		      holdfast_code_text(code));
}

void backend_stream_settings(struct holdfast_backend *backend, uint8_t channel,
			     struct stream_settings *settings)
{
	const struct holdfast_backend_options *options = &backend->options;

	stream_settings_default(settings, &backend->pool);
	settings->channel = channel;
	settings->frame_max = options->frame_max;
	settings->window = options->window;
	settings->message_max = options->message_max;
	settings->soft_frames = options->soft_frames;
	settings->soft_bytes = options->soft_bytes;
	settings->hard_factor = options->hard_factor;
}

static struct holdfast_session *session_make(struct backend_link *link, const struct frame *open,
					     const struct handshake *block,
					     const struct options *options)
{
	struct holdfast_backend *backend = link->backend;
	struct holdfast_session *session = calloc(1, sizeof(*session));
	struct stream_settings settings;

	if (session == NULL)
		return NULL;
	backend_stream_settings(backend, open->channel, &settings);
	session->stream = stream_create(&settings);
	if (session->stream == NULL ||
	    heap_reserve(&backend->timers, backend->sessions_count + 1) != 0 ||
	    id_table_reserve(&backend->by_handle, backend->sessions_count + 1) != 0 ||
	    id_table_reserve(&backend->by_id, backend->sessions_count + 1) != 0) {
		stream_destroy(session->stream);
		free(session);
		return NULL;
	}
	session->backend = backend;
	session->link = link;
	session->channel = open->channel;
	session->handle = open->handle;
	memcpy(session->id, block->session, sizeof(session->id));
	if (options->client.len > 0)
		memcpy(session->client, options->client.bytes, options->client.len);
	if (options->meta.len > 0)
		memcpy(session->meta, options->meta.bytes, options->meta.len);
	session->meta_bytes = options->meta.len;
	session->timer.due_us = HEAP_NEVER;
	id_table_insert(&backend->by_handle, session_hash(session), session);
	id_table_insert(&backend->by_id, id_hash(backend, session->id, session->channel), session);
	backend->sessions_count++;
	backend->stats.sessions_opened++;
	return session;
}

// Takes epoch and timers of an accepted OPEN.
static void open_taken(struct holdfast_session *session, uint32_t lane,
		       const struct handshake *block, const struct options *options)
{
	const bool was_detached = session->detached;

	session->lane = lane;
	session->epoch = block->epoch;
	session->timeout_ms = options->timeout_ms;
	session->grace_ms = options->grace_ms;
	session->backend->stats.sessions_detached -= was_detached;
	session->detached = false;
	stream_triple(session->stream, &session->answer);
	if (was_detached)
		session_event(session, HOLDFAST_SESSION_EVENT_RESUMED, 0, "");
}

static void path_of(const struct backend_link *link, const struct frame *open,
		    struct stream_path *path)
{
	*path = (struct stream_path){
	    .handle = open->handle,
	    .window = link->window,
	    .peer_window = open->window,
	    .frame_max = link->frame_max,
	};
}

static void open_new(struct backend_link *link, uint32_t lane, const struct frame *frame,
		     const struct handshake *block, const struct options *options)
{
	static const struct frame_triple zeros;
	struct holdfast_backend *backend = link->backend;
	struct holdfast_session *session;
	struct stream_path path;
	uint16_t code = 0;

	if ((frame->flags & WIRE_FLAG_RESUME) != 0 ||
	    handshake_check(&block->triples[0], &zeros) != HANDSHAKE_GOOD)
		code = HOLDFAST_STATE_MISMATCH;
	else if (backend->closing)
		code = HOLDFAST_DRAINING;
	else if (backend->options.capacity != 0 &&
		 backend->sessions_count >= backend->options.capacity)
		code = HOLDFAST_OVERLOADED;
	session = code == 0 ? session_make(link, frame, block, options) : NULL;
	if (session == NULL) {
		open_answer(link, lane, frame, code != 0 ? code : HOLDFAST_OVERLOADED, 0, &zeros);
		return;
	}
	path_of(link, frame, &path);
	stream_thaw(session->stream, &path, &block->triples[0], backend->now_us);
	open_taken(session, lane, block, options);
	open_answer(link, lane, frame, 0, session->epoch, &session->answer);
	session_event(session, HOLDFAST_SESSION_EVENT_OPENED, 0, "");
	backend_session_run(session);
}

// A resume at the same gateway: only the rules that a late OPEN cannot break (F2).
static void open_resumed(struct holdfast_session *session, uint32_t lane, const struct frame *frame,
			 const struct handshake *block, const struct options *options)
{
	struct frame_triple own;

	stream_triple(session->stream, &own);
	if (handshake_check_late(&block->triples[0], &own) != HANDSHAKE_GOOD) {
		open_answer(session->link, lane, frame, HOLDFAST_STATE_MISMATCH, session->epoch,
			    &own);
		session_over(session, HOLDFAST_STATE_MISMATCH, "numbers do not fit together");
		return;
	}
	session->backend->stats.resumes++;
	stream_wake(session->stream, session->backend->now_us);
	open_taken(session, lane, block, options);
	open_answer(session->link, lane, frame, 0, session->epoch, &session->answer);
	backend_session_run(session);
}

// Under another handle: restored there. The whole check, then both sides send again.
static void open_restored(struct holdfast_session *session, struct backend_link *link,
			  uint32_t lane, const struct frame *frame, const struct handshake *block,
			  const struct options *options)
{
	struct holdfast_backend *backend = session->backend;
	struct frame_triple own;
	struct stream_path path;

	stream_triple(session->stream, &own);
	path_of(link, frame, &path);
	if (handshake_check(&block->triples[0], &own) != HANDSHAKE_GOOD ||
	    stream_thaw(session->stream, &path, &block->triples[0], backend->now_us) != 0) {
		open_answer(link, lane, frame, HOLDFAST_STATE_MISMATCH, session->epoch, &own);
		return;
	}
	id_table_remove(&backend->by_handle, session_hash(session), session);
	session->link = link;
	session->handle = frame->handle;
	session->event = 0;
	id_table_insert(&backend->by_handle, session_hash(session), session);
	backend->stats.resumes++;
	open_taken(session, lane, block, options);
	open_answer(link, lane, frame, 0, session->epoch, &session->answer);
	backend_session_run(session);
}

void backend_session_open(struct backend_link *link, uint32_t lane, const struct frame *frame)
{
	struct handshake block;
	struct options options;
	struct holdfast_session *session;

	if (handshake_decode(frame, &block) != 0 ||
	    options_decode(block.options, block.options_bytes, &options) != 0)
		return;

	const struct id_key key = {block.session, frame->channel};

	session =
	    id_table_find(&link->backend->by_id,
			  id_hash(link->backend, block.session, frame->channel), id_same, &key);
	if (session == NULL)
		open_new(link, lane, frame, &block, &options);
	else if (block.epoch < session->epoch ||
		 (block.epoch == session->epoch && frame->handle != session->handle))
		open_answer(link, lane, frame, HOLDFAST_STALE_EPOCH, session->epoch,
			    &session->answer);
	else if (block.epoch == session->epoch)
		open_answer(link, lane, frame, 0, session->epoch, &session->answer);
	else if (frame->handle == session->handle && session->link == link)
		open_resumed(session, lane, frame, &block, &options);
	else
		open_restored(session, link, lane, frame, &block, &options);
}

static void detach(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;
	const uint64_t wait_ms = (uint64_t)session->grace_ms + 2 * (uint64_t)session->timeout_ms;

	if (session->detached)
		return;
	session->detached = true;
	backend->stats.sessions_detached++;
	session->expire_us = backend->now_us + wait_ms * 1000;
	stream_pause(session->stream);
	session_event(session, HOLDFAST_SESSION_EVENT_DETACHED, 0, "");
}

static void each_detach(struct backend_link *link, const struct id_table *table)
{
	for (uint32_t i = 0; i < table->room; i++) {
		struct holdfast_session *session = table->entries[i].value;

		if (session == NULL || session->link != link)
			continue;
		detach(session);
		heap_set(&link->backend->timers, &session->timer, session->expire_us);
	}
}

void backend_sessions_detach(struct backend_link *link)
{
	each_detach(link, &link->backend->by_handle);
}

static void event_take(struct holdfast_session *session, const struct frame *frame,
		       const struct options *options)
{
	if (!sequence_event_later(session->event, frame->aux))
		return;
	session->event = frame->aux;
	if (options_text_equal(options->event, options_text(WIRE_EVENT_PEER_DETACHED)) &&
	    options->epoch >= session->epoch) // F5
		detach(session);
}

// The client is heard through the gateway: it is back.
static void peer_heard(struct holdfast_session *session)
{
	if (!session->detached)
		return;
	session->backend->stats.sessions_detached--;
	session->detached = false;
	stream_wake(session->stream, session->backend->now_us);
	session_event(session, HOLDFAST_SESSION_EVENT_RESUMED, 0, "");
}

// CLOSE ends the session, CLOSE_ACK and UNKNOWN one that was ending here. Returns false where it is
// gone.
static bool close_take(struct holdfast_session *session, const struct frame *frame)
{
	struct frame_close close;

	if (frame->type == WIRE_CLOSE) {
		frame_decode_close(frame, &close);
		session_over(session, session->close_said ? session->end_code : close.code,
			     holdfast_code_text(close.code));
		return false;
	}
	if (session->close_said) {
		session_over(session, session->end_code, "closed");
		return false;
	}
	if (frame->type == WIRE_UNKNOWN)
		detach(session); // a restored session comes back with OPEN
	return true;
}

static void data_take(struct holdfast_session *session, const struct frame *frame)
{
	const struct holdfast_backend_options *options = &session->backend->options;
	const struct holdfast_message datagram = {
	    .bytes = frame->body, .len = frame->body_bytes, .channel = frame->channel};

	if (frame->type == WIRE_DATAGRAM) {
		session->backend->stats.counters.datagrams_received++;
		if (options->on_datagram != NULL)
			options->on_datagram(options->context, session, &datagram);
		return;
	}
	peer_heard(session);
	if (stream_receive(session->stream, frame, session->backend->now_us) == -EPROTO)
		holdfast_backend_end(session, HOLDFAST_PROTOCOL_ERROR, 0);
}

static void frame_take(struct holdfast_session *session, uint32_t lane, const struct frame *frame,
		       const struct options *options)
{
	session->lane = lane;
	switch (frame->type) {
	case WIRE_DATA:
	case WIRE_ACK:
	case WIRE_NAK:
	case WIRE_DATAGRAM:
		data_take(session, frame);
		break;
	case WIRE_EVENT:
		event_take(session, frame, options);
		break;
	case WIRE_CLOSE:
	case WIRE_CLOSE_ACK:
	case WIRE_UNKNOWN:
		if (!close_take(session, frame))
			return;
		break;
	default:
		session->backend->stats.counters.frames_ignored++;
	}
	backend_session_run(session);
}

// What the gateway says once for all channels that a session has here.
static bool for_all_channels(uint8_t type)
{
	return type == WIRE_EVENT || type == WIRE_CLOSE || type == WIRE_UNKNOWN;
}

static void frame_answer(struct backend_link *link, uint32_t lane, const struct frame *frame)
{
	const struct frame event = {
	    .type = WIRE_EVENT_ACK, .aux = frame->aux, .handle = frame->handle};
	const struct frame close = {
	    .type = WIRE_CLOSE_ACK, .channel = frame->channel, .handle = frame->handle};

	if (frame->type == WIRE_EVENT)
		backend_say(link, lane, &event, NULL, 0);
	else if (frame->type == WIRE_CLOSE)
		backend_say(link, lane, &close, NULL, 0);
}

bool backend_sessions_frame(struct backend_link *link, uint32_t lane, const struct frame *frame)
{
	const bool all = for_all_channels(frame->type);
	struct options options = {0};
	bool known = false;

	if (frame->type == WIRE_EVENT &&
	    options_decode(frame->body, frame->body_bytes, &options) != 0)
		return true;
	for (uint8_t k = 0; k < WIRE_CHANNELS_MAX; k++) {
		struct holdfast_session *session =
		    all || k == frame->channel ? session_find(link, frame->handle, k) : NULL;

		if (session == NULL)
			continue;
		known = true;
		frame_take(session, lane, frame, &options);
	}
	if (known)
		frame_answer(link, lane, frame);
	return known;
}

static void deliver(struct holdfast_session *session)
{
	const struct holdfast_backend_options *options = &session->backend->options;
	struct holdfast_message message = {.channel = session->channel};
	const uint8_t *bytes;

	while (!session->held && !session->ending &&
	       stream_next_message(session->stream, &bytes, &message.len)) {
		message.bytes = bytes;
		if (!options->on_message(options->context, session, &message)) {
			session->held = true;
		} else if (stream_take_message(session->stream, session->backend->now_us) ==
			   -EPROTO) {
			holdfast_backend_end(session, HOLDFAST_PROTOCOL_ERROR, 0);
		}
	}
}

static void close_say(struct holdfast_session *session)
{
	const struct frame header = {
	    .type = WIRE_CLOSE, .channel = session->channel, .handle = session->handle};
	const struct frame_close close = {.code = session->end_code};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];

	backend_say(session->link, session->lane, &header, body, frame_encode_close(&close, body));
	session->close_us = session->backend->now_us + BACKEND_REPEAT_US;
}

// Returns false where the session is gone.
static bool ending_poll(struct holdfast_session *session)
{
	const uint64_t now = session->backend->now_us;

	if (session->close_said) {
		if (now >= session->close_until_us) {
			session_over(session, session->end_code, "closed, the gateway is silent");
			return false;
		}
		if (now >= session->close_us)
			close_say(session);
	} else if (stream_flushed(session->stream) || now >= session->flush_until_us) {
		session->close_said = true;
		session->close_until_us = now + BACKEND_CLOSE_US;
		close_say(session);
	}
	return true;
}

// Sends what wants to go. Returns false where the lane has no room.
static bool transmit(struct holdfast_session *session)
{
	struct backend_lane *lane = &session->link->lanes[session->lane];
	const uint32_t room = session->link->frame_max > session->backend->options.frame_max
				  ? session->link->frame_max
				  : session->backend->options.frame_max;

	while (lane->state == LANE_LIVE && !session->close_said) {
		uint8_t *bytes =
		    outgoing_place(&lane->outgoing, &session->backend->io, lane->socket, room);
		uint32_t len;

		if (bytes == NULL)
			return false;
		len = stream_transmit(session->stream, bytes, room, session->backend->now_us);
		if (len == 0)
			return true;
		outgoing_add(&lane->outgoing, len);
	}
	return true;
}

static uint64_t sooner(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

// The session's lane is gone: any live one of its link.
static void lane_choose(struct holdfast_session *session)
{
	const struct backend_link *link = session->link;

	if (link->lanes[session->lane].state == LANE_LIVE)
		return;
	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++) {
		if (link->lanes[i].state == LANE_LIVE)
			session->lane = i;
	}
}

void backend_session_run(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;
	uint64_t due = HEAP_NEVER;

	if (session->detached && backend->now_us >= session->expire_us) {
		backend->stats.sessions_expired++;
		session_over(session, HOLDFAST_EXPIRED, "its client did not come back");
		return;
	}
	lane_choose(session);
	deliver(session);
	if (session->ending && !ending_poll(session))
		return;
	if (!transmit(session))
		due = backend->now_us + 1000; // when the socket has room again
	else if (!session->close_said && session->link->lanes[session->lane].state == LANE_LIVE)
		due = stream_deadline_us(session->stream);
	if (session->detached)
		due = sooner(due, session->expire_us);
	if (session->close_said)
		due = sooner(due, sooner(session->close_us, session->close_until_us));
	else if (session->ending)
		due = sooner(due, session->flush_until_us);
	heap_set(&backend->timers, &session->timer, due);
	if (session->above && !stream_above_soft_mark(session->stream)) {
		session->above = false;
		session_event(session, HOLDFAST_SESSION_EVENT_WRITABLE, 0, "");
	}
}
