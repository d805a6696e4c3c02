// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/closing.h"

#include "dataplane/attempt.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/errand.h"
#include "dataplane/notice.h"
#include "dataplane/reply.h"
#include "dataplane/worker.h"
#include "holdfast/errors.h"

// Empties a session of everything that it holds of the worker's pools.
static void session_empty(struct worker *worker, uint32_t slot)
{
	struct attempt *attempt = attempt_of(worker, slot);

	for (uint32_t k = 0; k < worker->sessions->hot[slot].channels; k++) {
		struct session_channel *channel = session_table_channel(worker->sessions, slot, k);

		replay_cache_clear(worker->replay, &channel->up);
		replay_cache_clear(worker->replay, &channel->down);
	}
	if (attempt != NULL)
		attempt_give_back(worker, attempt);
}

// The last steps of every way out, for a session whose state is SESSION_FREE.
static void session_free(struct worker *worker, uint32_t slot, enum session_reason reason)
{
	errand_drop(worker, slot);
	notice_session(worker, slot, NOTICE_GONE, reason);
	notice_forget(worker, slot);
	session_table_remove(worker, slot);
}

void closing_finish(struct worker *worker, uint32_t slot)
{
	if (!session_table_transition(worker, slot, SESSION_FREE, SESSION_ENDED))
		return;
	counters_add(&worker->counters, COUNTER_sessions_ended, 1);
	session_free(worker, slot, SESSION_ENDED);
}

bool closing_begin(struct worker *worker, uint32_t slot, uint16_t code, enum session_reason reason,
		   uint32_t token)
{
	struct session *session = &worker->sessions->hot[slot];
	const bool connected = session->state == SESSION_CONNECTED;
	uint8_t sides = 0;

	if (session->state == SESSION_OPENING || session->state == SESSION_CLOSING ||
	    !session_table_transition(worker, slot, SESSION_CLOSING, reason))
		return false;
	session_empty(worker, slot);
	notice_end(worker, slot, NOTICE_CLOSING, code, reason, token);
	if (connected && (session->flags & SESSION_FLAG_CLIENT_CLOSED) == 0)
		sides |= 1u << ERRAND_CLIENT;
	if (session->backend != DIRECTORY_NONE)
		sides |= 1u << ERRAND_BACKEND;
	if (sides == 0 || !errand_close(worker, slot, sides))
		closing_finish(worker, slot);
	return true;
}

void closing_let_go(struct worker *worker, uint32_t slot, uint32_t token)
{
	if (!session_table_transition(worker, slot, SESSION_FREE, SESSION_LET_GO))
		return;
	session_empty(worker, slot);
	counters_add(&worker->counters, COUNTER_sessions_let_go, 1);
	worker->sessions->cold[slot].end_token = token;
	session_free(worker, slot, SESSION_LET_GO);
}

void closing_abandon(struct worker *worker, uint32_t slot, enum session_reason reason)
{
	const struct attempt *attempt = attempt_of(worker, slot);
	const uint64_t handle = session_table_handle(worker->sessions, slot);
	const uint8_t accepted = attempt != NULL ? attempt->accepted : 0;
	const uint32_t channels = worker->sessions->hot[slot].channels;
	struct path path;

	if (!session_table_transition(worker, slot, SESSION_FREE, reason))
		return;
	for (uint32_t k = 0; k < channels; k++) {
		const uint16_t backend = session_table_backend(worker->sessions, slot, k);

		if ((accepted & 1u << k) != 0 && reply_backend_path(worker, backend, &path))
			reply_close(worker, &path, handle, (uint8_t)k, HOLDFAST_STATE_MISMATCH);
	}
	session_empty(worker, slot);
	session_free(worker, slot, reason);
}

void closing_want(struct worker *worker, uint32_t slot, uint16_t code, enum session_reason reason)
{
	struct session *session = &worker->sessions->hot[slot];

	if ((session->flags & SESSION_FLAG_END_WANTED) != 0)
		return;
	session_flags_change(session, 0, SESSION_FLAG_END_WANTED);
	notice_end(worker, slot, NOTICE_END_WANTED, code, reason, 0);
}

void closing_close(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		   enum frame_side from, const struct frame *frame)
{
	struct session *session = &worker->sessions->hot[slot];
	struct frame_close close;

	frame_decode_close(frame, &close);
	reply_bare(worker, &packet_of(mbuf)->path, WIRE_CLOSE_ACK, frame->handle, frame->channel);
	packet_consume(worker, mbuf);
	if (session->state == SESSION_CLOSING) {
		if (errand_close_answered(worker, slot, from))
			closing_finish(worker, slot);
		return;
	}
	if (session->state == SESSION_OPENING) {
		closing_abandon(worker, slot, SESSION_REFUSED);
		return;
	}
	if (from == FRAME_FROM_CLIENT) {
		session_flags_change(session, 0, SESSION_FLAG_CLIENT_CLOSED);
	} else {
		session_table_set_backend(worker->sessions, slot, frame->channel, DIRECTORY_NONE);
		for (uint32_t k = 0; k < session->channels; k++) {
			if (session_table_backend(worker->sessions, slot, k) != DIRECTORY_NONE) {
				errand_event(worker, slot, FRAME_FROM_CLIENT, ERRAND_CHANNEL_DOWN);
				return;
			}
		}
	}
	closing_want(worker, slot, close.code != 0 ? close.code : HOLDFAST_NORMAL, SESSION_CLOSED);
}

void closing_close_ack(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		       enum frame_side from)
{
	if (worker->sessions->hot[slot].state != SESSION_CLOSING) {
		packet_drop(worker, mbuf, DROP_not_connected);
		return;
	}
	packet_consume(worker, mbuf);
	if (errand_close_answered(worker, slot, from))
		closing_finish(worker, slot);
}

void closing_unknown(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		     enum frame_side from)
{
	const struct session *session = &worker->sessions->hot[slot];
	const struct attempt *attempt = attempt_of(worker, slot);

	packet_consume(worker, mbuf);
	if (session->state == SESSION_CLOSING) {
		if (errand_close_answered(worker, slot, from))
			closing_finish(worker, slot);
		return;
	}
	// Another gateway has it, or it is gone there; unless an OPEN is still on its way.
	if (from == FRAME_FROM_BACKEND && session->state != SESSION_OPENING &&
	    (attempt == NULL || attempt->open_wanted == 0))
		closing_let_go(worker, slot, 0);
}
