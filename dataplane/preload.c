// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/preload.h"

#include "dataplane/dataplane_state.h"
#include "dataplane/notice.h"
#include "dataplane/session_table.h"
#include "dataplane/worker.h"

void preload_run(struct worker *worker, const struct command *command)
{
	static const char client[] = "bench";
	const struct session_birth birth = {
	    .id = command->birth.id,
	    .path = command->path,
	    .channels = 1,
	    .services = {command->birth.service},
	    .backends = {command->backends[0]},
	    .client = client,
	    .client_len = sizeof(client) - 1,
	    .epoch = 1,
	    .timeout_ms = worker->directory->timeout_default_ms,
	    .grace_ms = worker->directory->grace_default_ms,
	};
	struct session_channel *channel;
	uint32_t slot;

	if (session_table_add(worker, &birth, &slot) != 0) {
		notice_preloaded(worker, 0, command);
		return;
	}
	channel = session_table_channel(worker->sessions, slot, 0);
	channel->up.acked = channel->down.acked = command->birth.first;
	counters_add(&worker->counters, COUNTER_sessions_created, 1);
	notice_session(worker, slot, NOTICE_CREATED, SESSION_ADMITTED);
	session_table_transition(worker, slot, SESSION_CONNECTED, SESSION_CONFIRMED);
	counters_add(&worker->counters, COUNTER_sessions_connected, 1);
	notice_session(worker, slot, NOTICE_CONNECTED, SESSION_CONFIRMED);
	notice_preloaded(worker, session_table_handle(worker->sessions, slot), command);
}
