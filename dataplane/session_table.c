// SPDX-License-Identifier: BSD-3-Clause
// The part of the session table that frames can come to.
#include "dataplane/session_table.h"

#include "dataplane/worker.h"

void session_table_set_backend(struct session_table *table, uint32_t slot, uint32_t k,
			       uint16_t backend)
{
	session_change_begin(&table->hot[slot]);
	if (k == 0)
		__atomic_store_n(&table->hot[slot].backend, backend, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&table->sides[table->cold[slot].side].backends[k - 1], backend,
				 __ATOMIC_RELAXED);
	session_change_end(&table->hot[slot]);
}

void session_table_move(struct worker *worker, uint32_t slot, uint8_t owner)
{
	struct session *session = &worker->sessions->hot[slot];

	counters_add(&worker->counters, COUNTER_sessions_moved, 1);
	// Everything written before is seen by who sees the new owner: session_table_owner().
	__atomic_store_n(&session->owner, owner, __ATOMIC_RELEASE);
}

bool session_table_transition(struct worker *worker, uint32_t slot, enum session_state to,
			      enum session_reason reason)
{
	struct session *session = &worker->sessions->hot[slot];
	const enum session_state from = session->state;

	if (!session_state_legal(from, to, reason)) {
		counters_add(&worker->counters, COUNTER_illegal_edges, 1);
		return false;
	}
	worker_sessions_count(worker, from, -1);
	if (to != SESSION_FREE)
		worker_sessions_count(worker, to, 1);
	if (to == SESSION_DETACHED)
		__atomic_store_n(&session->detached_ms, worker_path_ms(worker, &session->path),
				 __ATOMIC_RELAXED);
	// Release: who sees DETACHED sees since when; pairs with dataplane_judge() and view_copy().
	__atomic_store_n(&session->state, (uint8_t)to, __ATOMIC_RELEASE);
	return true;
}
