// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/detaching.h"

#include "dataplane/attempt.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/errand.h"
#include "dataplane/notice.h"
#include "dataplane/reply.h"
#include "dataplane/worker.h"

void detaching_begin(struct worker *worker, uint32_t slot, enum session_reason reason)
{
	struct session *session = &worker->sessions->hot[slot];
	struct attempt *attempt = attempt_of(worker, slot);

	if (!session_table_transition(worker, slot, SESSION_DETACHED, reason))
		return;
	session_flags_change(session, SESSION_FLAG_REPLAYING | SESSION_FLAG_MOVE, 0);
	if (attempt != NULL) {
		attempt->replaying = 0; // begins anew with the next resume
		attempt_settle(worker, attempt);
	}
	counters_add(&worker->counters, COUNTER_sessions_detached, 1);
	errand_event(worker, slot, FRAME_FROM_BACKEND, ERRAND_PEER_DETACHED);
	notice_session(worker, slot, NOTICE_DETACHED, reason);
}

void detaching_sleep(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot)
{
	reply_ack(worker, slot, 0, FRAME_FROM_CLIENT);
	packet_consume(worker, mbuf);
	detaching_begin(worker, slot, SESSION_SLEEP);
}

bool detaching_move(struct worker *worker, uint32_t slot, uint8_t owner)
{
	struct session *session = &worker->sessions->hot[slot];
	const uint8_t port = worker->dataplane->settings.addresses[session->path.local].port;
	const uint32_t here_ms = worker_clock_ms(worker, port);

	if (session->attempt != SESSION_NONE || session->errand != SESSION_NONE ||
	    worker->sessions->cold[slot].notices != 0)
		return false;

	// Stamps go on by the other worker's clock.
	const uint32_t there_ms = __atomic_load_n(
	    &worker->dataplane->workers[owner]->clock.now_ms[port], __ATOMIC_RELAXED);

	const uint32_t ahead_ms = there_ms - here_ms;

	session_flags_change(session, SESSION_FLAG_MOVE, 0);
	__atomic_store_n(&session->heard_ms, session->heard_ms + ahead_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&session->sent_ms, session->sent_ms + ahead_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&session->asked_ms, session->asked_ms + ahead_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&session->asked_first_ms, session->asked_first_ms + ahead_ms,
			 __ATOMIC_RELAXED);
	session_table_move(worker, slot, owner);
	return true;
}
