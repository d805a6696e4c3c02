// SPDX-License-Identifier: BSD-3-Clause
// OPEN: a session begins, is resumed, or is restored under another handle, by the fencing rules.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/backend_state.h"

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

// Returns NULL where there is no memory, or the gateway's frames are too small for the largest
// message.
static struct holdfast_session *session_make(struct backend_link *link, const struct frame *open,
					     const struct handshake *block,
					     const struct options *options)
{
	struct holdfast_backend *backend = link->backend;
	struct holdfast_session *session = calloc(1, sizeof(*session));
	struct stream_settings settings;
	struct stream_path path;

	if (session == NULL)
		return NULL;
	backend_stream_settings(backend, open->channel, &settings);
	session->stream = stream_create(&settings);
	path_of(link, open, &path);
	if (session->stream == NULL ||
	    stream_thaw(session->stream, &path, &block->triples[0], backend->now_us) != 0 ||
	    backend_table_reserve(backend) != 0) {
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
	backend_table_insert(session);
	backend->stats.sessions_opened++;
	return session;
}

// Takes epoch and timers of an accepted OPEN.
static void open_taken(struct holdfast_session *session, uint32_t lane,
		       const struct handshake *block, const struct options *options)
{
	const bool was_detached = session->detached;

	session->lane = lane;
	session->heard_us = session->backend->now_us;
	session->epoch = block->epoch;
	session->timeout_ms = options->timeout_ms;
	session->grace_ms = options->grace_ms;
	session->backend->stats.sessions_detached -= was_detached;
	session->detached = false;
	stream_triple(session->stream, &session->answer);
	if (was_detached)
		backend_session_event(session, HOLDFAST_SESSION_EVENT_RESUMED, 0, "");
}

static void open_new(struct backend_link *link, uint32_t lane, const struct frame *frame,
		     const struct handshake *block, const struct options *options)
{
	static const struct frame_triple zeros;
	struct holdfast_backend *backend = link->backend;
	struct holdfast_session *session;
	uint16_t code = 0;

	// An OPEN that was on its way for long must not bring back what has ended.
	if ((frame->flags & WIRE_FLAG_RESUME) != 0 ||
	    backend_table_ended(backend, block->session, frame->channel, block->epoch) ||
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
	open_taken(session, lane, block, options);
	open_answer(link, lane, frame, 0, session->epoch, &session->answer);
	backend_session_event(session, HOLDFAST_SESSION_EVENT_OPENED, 0, "");
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
		backend_session_over(session, HOLDFAST_STATE_MISMATCH,
				     "numbers do not fit together");
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
	backend_table_move(session, link, frame->handle);
	session->event = 0;
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
	session = backend_table_find_id(link->backend, block.session, frame->channel);
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
