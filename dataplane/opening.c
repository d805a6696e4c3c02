// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/opening.h"

#include <string.h>

#include "dataplane/attempt.h"
#include "dataplane/closing.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/errand.h"
#include "dataplane/forward.h"
#include "dataplane/notice.h"
#include "dataplane/reply.h"
#include "dataplane/shared.h"
#include "dataplane/worker.h"
#include "holdfast/errors.h"

// Takes a backend's numbers for a session that is being opened. Returns false where they do not
// fit the client's.
static bool numbers_begin(struct worker *worker, struct attempt *attempt, uint32_t k,
			  const struct frame_triple *backend)
{
	struct session_channel *channel = session_table_channel(worker->sessions, attempt->slot, k);
	const struct frame_triple *client = &attempt->client[k];
	const uint32_t window = worker->directory->window;

	if (!frame_triple_valid(backend) || handshake_check(client, backend) != HANDSHAKE_GOOD ||
	    client->next - backend->expected > window || backend->next - client->expected > window)
		return false;
	attempt->backend[k] = *backend;
	session_direction_set(&channel->up, backend->expected, client->next);
	session_direction_set(&channel->down, client->expected, backend->next);
	return true;
}

// A new session cannot be opened: its client is told, nothing stays.
static void opening_refuse(struct worker *worker, struct attempt *attempt, uint16_t code,
			   uint32_t standing)
{
	struct handshake hello = {.epoch = attempt->epoch};

	memcpy(hello.session, attempt_session_id(attempt), WIRE_SESSION_ID_BYTES);
	reply_reject(worker, &attempt->path, &hello, 0, code, standing, 0, NULL);
	closing_abandon(worker, attempt->slot, SESSION_REFUSED);
}

// A backend's refusal.
static void ack_refused(struct worker *worker, struct attempt *attempt, uint32_t k,
			const struct frame_open_ack *ack)
{
	if (attempt->opening) {
		opening_refuse(worker, attempt, ack->code, ack->epoch);
		return;
	}
	if (ack->code == HOLDFAST_STALE_EPOCH) { // F2: the client is at another gateway by now
		closing_let_go(worker, attempt->slot, 0);
		return;
	}
	attempt->open_wanted &= (uint8_t) ~(1u << k);
	session_table_set_backend(worker->sessions, attempt->slot, k, DIRECTORY_NONE);
	closing_want(worker, attempt->slot, ack->code, SESSION_BROKEN);
}

static void ack_accepted(struct worker *worker, struct attempt *attempt, uint32_t k,
			 const struct frame_open_ack *ack)
{
	if (attempt->opening && !numbers_begin(worker, attempt, k, &ack->triple)) {
		opening_refuse(worker, attempt, HOLDFAST_STATE_MISMATCH, 0);
		return;
	}
	attempt->open_wanted &= (uint8_t) ~(1u << k);
	attempt->accepted |= (uint8_t)(1u << k);
	if (attempt->open_wanted != 0)
		return;
	wheel_stop(&attempt->repeat);
	if (attempt->opening && !attempt->welcomed)
		reply_welcome(worker, attempt);
	attempt_settle(worker, attempt);
}

void opening_ack(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		 const struct frame *frame)
{
	struct attempt *attempt = attempt_of(worker, slot);
	const uint32_t k = frame->channel;
	struct frame_open_ack ack;

	frame_decode_open_ack(frame, &ack);
	if (attempt == NULL || (attempt->open_wanted & 1u << k) == 0 ||
	    (ack.code == 0 && ack.epoch != attempt->open_epoch)) {
		packet_drop(worker, mbuf, DROP_opening_stale);
		return;
	}
	packet_consume(worker, mbuf);
	if (ack.code == 0)
		ack_accepted(worker, attempt, k, &ack);
	else
		ack_refused(worker, attempt, k, &ack);
}

bool opening_pending_path(struct worker *worker, uint32_t slot, const struct rte_mbuf *mbuf)
{
	const struct attempt *attempt = attempt_of(worker, slot);
	const struct packet *packet =
	    (const struct packet *)rte_mbuf_to_priv((struct rte_mbuf *)(uintptr_t)mbuf);

	return attempt != NULL && attempt->pending &&
	       address_equal(&packet->path.peer, &attempt->path.peer) &&
	       packet->path.local == attempt->path.local;
}

// What the client has taken by its HELLO's word counts as acknowledged; the rest is replayed.
static void numbers_resume(struct worker *worker, struct attempt *attempt, uint32_t k)
{
	struct session_channel *channel = session_table_channel(worker->sessions, attempt->slot, k);
	const uint64_t next = channel->down.acked + channel->down.span;
	const uint64_t expected = attempt->client[k].expected;

	if (expected > channel->down.acked && expected <= next) {
		replay_cache_release(worker->replay, &channel->down, expected);
		session_direction_set(&channel->down, expected, next);
	}
	if (channel->down.span > 0) {
		attempt->replaying |= (uint8_t)(1u << k);
		attempt->replay_next[k] = channel->down.acked;
		session_flags_change(&worker->sessions->hot[attempt->slot], 0,
				     SESSION_FLAG_REPLAYING);
	}
}

// Path and epoch change in one step, and the stamps with them: they are of the path's port.
static void path_replace(struct worker *worker, const struct attempt *attempt)
{
	struct session *session = &worker->sessions->hot[attempt->slot];
	const uint32_t now_ms = worker_path_ms(worker, &attempt->path);

	session_change_begin(session);
	shared_store(&session->path, &attempt->path, sizeof(session->path));
	__atomic_store_n(&session->epoch, attempt->epoch, __ATOMIC_RELAXED);
	__atomic_store_n(&session->heard_ms, now_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&session->sent_ms, now_ms, __ATOMIC_RELAXED);
	session_change_end(session);
	session_flags_change(session, SESSION_FLAG_ASKED | SESSION_FLAG_MOVE,
			     attempt->landed != worker->index ? SESSION_FLAG_MOVE : 0);
}

// The attempt is confirmed.
static void commit(struct worker *worker, struct attempt *attempt)
{
	const uint32_t slot = attempt->slot;
	const bool first = attempt->opening;

	wheel_stop(&attempt->expiry);
	attempt->pending = attempt->opening = false;
	path_replace(worker, attempt);
	if (worker->sessions->hot[slot].state != SESSION_CONNECTED)
		session_table_transition(worker, slot, SESSION_CONNECTED, SESSION_CONFIRMED);
	for (uint32_t k = 0; k < attempt->channels; k++)
		numbers_resume(worker, attempt, k);
	counters_add(&worker->counters,
		     first ? COUNTER_sessions_connected : COUNTER_sessions_resumed, 1);
	histogram_add_stamp(
	    &worker->histograms[first ? HISTOGRAM_handshake_duration : HISTOGRAM_resume_duration],
	    attempt->heard_us, worker->now_us);
	notice_session(worker, slot, first ? NOTICE_CONNECTED : NOTICE_RESUMED, SESSION_CONFIRMED);
	errand_resumed(worker, slot);
}

bool opening_confirm(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		     const struct frame *frame)
{
	struct session *session = &worker->sessions->hot[slot];
	struct attempt *attempt = attempt_of(worker, slot);
	const struct packet *packet = packet_of(mbuf);
	const uint32_t epoch = frame_decode_confirm(frame);

	if (opening_pending_path(worker, slot, mbuf) && attempt->welcomed &&
	    epoch == attempt->epoch) {
		commit(worker, attempt);
	} else if (session->state != SESSION_CONNECTED || epoch != session->epoch ||
		   !address_equal(&packet->path.peer, &session->path.peer)) {
		return false;
	}
	for (uint32_t k = 0; k < session->channels; k++)
		reply_ack(worker, slot, k, FRAME_FROM_CLIENT);
	packet_consume(worker, mbuf);
	if ((session->flags & SESSION_FLAG_REPLAYING) != 0)
		forward_replay(worker, slot);
	attempt = attempt_of(worker, slot);
	if (attempt != NULL)
		attempt_settle(worker, attempt);
	return true;
}
