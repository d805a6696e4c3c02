// SPDX-License-Identifier: BSD-3-Clause
// A session of the backend: what it is told, its turn, its deadline, its end.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "endpoint/backend_state.h"
#include "endpoint/tally.h"

void backend_session_event(struct holdfast_session *session, enum holdfast_session_event_kind kind,
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
	backend_table_remove(session);
	stream_destroy(session->stream);
	backend->stats.sessions_detached -= session->detached;
	free(session);
}

// The end of a session: hands back, tells, frees.
void backend_session_over(struct holdfast_session *session, uint16_t code, const char *reason)
{
	session->ending = true; // what a callback sends is refused
	stream_hand_back(session->stream, give_back, session);
	session->backend->stats.sessions_closed++;
	if (code != HOLDFAST_NORMAL)
		journal_write(&session->backend->sessions, session->backend->now_us,
			      HOLDFAST_LOG_INFO, "session %016" PRIx64 " lost, code %u: %s",
			      session->handle, code, reason);
	backend_session_event(session, HOLDFAST_SESSION_EVENT_CLOSED, code, reason);
	backend_table_end(session);
	backend_session_free(session);
}

void backend_session_detach(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;
	const uint64_t wait_ms = (uint64_t)session->grace_ms + 2 * (uint64_t)session->timeout_ms;

	if (session->detached)
		return;
	session->detached = true;
	backend->stats.sessions_detached++;
	session->expire_us = backend->now_us + wait_ms * 1000;
	stream_pause(session->stream);
	backend_session_event(session, HOLDFAST_SESSION_EVENT_DETACHED, 0, "");
}

static void each_detach(struct backend_link *link, const struct id_table *table)
{
	for (uint32_t i = 0; i < table->room; i++) {
		struct holdfast_session *session = table->entries[i].value;

		if (session == NULL || session->link != link)
			continue;
		backend_session_detach(session);
		heap_set(&link->backend->timers, &session->timer, session->expire_us);
	}
}

void backend_sessions_detach(struct backend_link *link)
{
	each_detach(link, &link->backend->by_handle);
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
			backend_session_over(session, session->end_code,
					     "closed, the gateway is silent");
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

// A session that is not heard of for long may have ended while this backend could not be told: an
// ACK finds out, because a gateway that does not know it says so.
static void quiet_poll(struct holdfast_session *session)
{
	const uint64_t now = session->backend->now_us;

	if (now < session->quiet_us)
		return;
	if (now - session->heard_us < BACKEND_QUIET_US) {
		session->quiet_us = session->heard_us + BACKEND_QUIET_US;
		return;
	}
	session->quiet_us = now + BACKEND_QUIET_US;
	stream_tell(session->stream);
}

void backend_session_run(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;
	uint64_t due = HEAP_NEVER;

	if (session->detached && backend->now_us >= session->expire_us) {
		backend->stats.sessions_expired++;
		backend_session_over(session, HOLDFAST_EXPIRED, "its client did not come back");
		return;
	}
	lane_choose(session);
	deliver(session);
	if (session->ending && !ending_poll(session))
		return;
	if (!session->detached && !session->close_said)
		quiet_poll(session);
	if (!transmit(session))
		due = backend->now_us + 1000; // when the socket has room again
	else if (!session->close_said && session->link->lanes[session->lane].state == LANE_LIVE)
		due = stream_deadline_us(session->stream);
	if (session->detached)
		due = sooner(due, session->expire_us);
	else if (!session->close_said)
		due = sooner(due, session->quiet_us);
	if (session->close_said)
		due = sooner(due, sooner(session->close_us, session->close_until_us));
	else if (session->ending)
		due = sooner(due, session->flush_until_us);
	heap_set(&backend->timers, &session->timer, due);
	if (session->above && !stream_above_soft_mark(session->stream)) {
		session->above = false;
		backend_session_event(session, HOLDFAST_SESSION_EVENT_WRITABLE, 0, "");
	}
}
