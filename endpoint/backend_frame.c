// SPDX-License-Identifier: BSD-3-Clause
// Frames of the backend's sessions: what the client sends, and what the gateway says of it.
#include <errno.h>

#include "endpoint/backend_state.h"
#include "protocol/sequence.h"

static void event_take(struct holdfast_session *session, const struct frame *frame,
		       const struct options *options)
{
	if (!sequence_event_later(session->event, frame->aux))
		return;
	session->event = frame->aux;
	if (options_text_equal(options->event, options_text(WIRE_EVENT_PEER_DETACHED)) &&
	    options->epoch >= session->epoch) // F5
		backend_session_detach(session);
}

// The client is heard through the gateway: it is back.
static void peer_heard(struct holdfast_session *session)
{
	if (!session->detached)
		return;
	session->backend->stats.sessions_detached--;
	session->detached = false;
	stream_wake(session->stream, session->backend->now_us);
	backend_session_event(session, HOLDFAST_SESSION_EVENT_RESUMED, 0, "");
}

// CLOSE ends the session, CLOSE_ACK and UNKNOWN one that was ending here. Returns false where it is
// gone.
static bool close_take(struct holdfast_session *session, const struct frame *frame)
{
	struct frame_close close;

	if (frame->type == WIRE_CLOSE) {
		frame_decode_close(frame, &close);
		backend_session_over(session, session->close_said ? session->end_code : close.code,
				     holdfast_code_text(close.code));
		return false;
	}
	if (session->close_said) {
		backend_session_over(session, session->end_code, "closed");
		return false;
	}
	if (frame->type == WIRE_UNKNOWN)
		backend_session_detach(session); // a restored session comes back with OPEN
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
	session->heard_us = session->backend->now_us;
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
		    all || k == frame->channel ? backend_table_find(link, frame->handle, k) : NULL;

		if (session == NULL)
			continue;
		known = true;
		frame_take(session, lane, frame, &options);
	}
	if (known)
		frame_answer(link, lane, frame);
	return known;
}
