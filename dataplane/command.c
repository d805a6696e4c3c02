// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/command.h"

#include <string.h>

#include "dataplane/attempt.h"
#include "dataplane/closing.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/detaching.h"
#include "dataplane/errand.h"
#include "dataplane/forward.h"
#include "dataplane/hello.h"
#include "dataplane/notice.h"
#include "dataplane/preload.h"
#include "dataplane/reply.h"
#include "dataplane/worker.h"
#include "holdfast/errors.h"
#include "protocol/liveness.h"

enum { WALK_SLOTS = 64 }; // of one pass

static bool judge_silent(const struct worker *worker, uint32_t slot)
{
	const struct session *session = &worker->sessions->hot[slot];
	const struct liveness liveness = {
	    .heard_ms = session->heard_ms,
	    .sent_ms = session->sent_ms,
	    .asked_ms = session->asked_ms,
	    .asked_first_ms = session->asked_first_ms,
	    .asked = (session->flags & SESSION_FLAG_ASKED) != 0,
	};

	return liveness_judge(
		   &liveness, session->timeout_ms,
		   liveness_interval_kept_ms(session->timeout_ms, worker->directory->heartbeat_ms),
		   worker_path_ms(worker, &session->path)) == LIVENESS_SILENT;
}

static bool grace_over(const struct worker *worker, uint32_t slot)
{
	const struct session *session = &worker->sessions->hot[slot];

	return session->state == SESSION_DETACHED &&
	       worker_path_ms(worker, &session->path) - session->detached_ms >=
		   worker->sessions->cold[slot].grace_ms;
}

static void heartbeat(struct worker *worker, uint32_t slot)
{
	struct session *session = &worker->sessions->hot[slot];
	const uint32_t now_ms = worker_path_ms(worker, &session->path);

	if (session->state != SESSION_CONNECTED)
		return;
	session->asks = (session->flags & SESSION_FLAG_ASKED) != 0 ? session->asks + 1 : 0;
	reply_heartbeat(worker, &session->path, session_table_handle(worker->sessions, slot),
			session->asks);
	__atomic_store_n(&session->sent_ms, now_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&session->asked_ms, now_ms, __ATOMIC_RELAXED);
	if ((session->flags & SESSION_FLAG_ASKED) != 0)
		return;
	__atomic_store_n(&session->asked_first_ms, now_ms, __ATOMIC_RELAXED);
	// Release: who sees the flag sees the stamps; pairs with dataplane_judge().
	__atomic_store_n(&session->flags, (uint8_t)(session->flags | SESSION_FLAG_ASKED),
			 __ATOMIC_RELEASE);
}

static void detach(struct worker *worker, uint32_t slot)
{
	if (worker->sessions->hot[slot].state == SESSION_CONNECTED && judge_silent(worker, slot))
		detaching_begin(worker, slot, SESSION_SILENT);
	else
		counters_add(&worker->counters, COUNTER_sessions_rescued, 1);
}

static void end(struct worker *worker, const struct command *command, uint32_t slot)
{
	const enum session_reason reason = (enum session_reason)command->reason;
	const uint64_t handle = session_table_handle(worker->sessions, slot);

	if (reason == SESSION_EXPIRED && !grace_over(worker, slot)) {
		counters_add(&worker->counters, COUNTER_sessions_rescued, 1);
		notice_refused(worker, handle, command);
	} else if (!closing_begin(worker, slot, command->code, reason, command->token)) {
		notice_refused(worker, handle, command);
	}
}

static void session_command(struct worker *worker, const struct command *command, uint32_t slot)
{
	switch (command->kind) {
	case COMMAND_HEARTBEAT:
		heartbeat(worker, slot);
		break;
	case COMMAND_DETACH:
		detach(worker, slot);
		break;
	case COMMAND_END:
		end(worker, command, slot);
		break;
	default:
		closing_let_go(worker, slot, command->token);
	}
}

// A session that moved meanwhile: an end or a verdict is refused here, and judged anew by control.
static void handles_run(struct worker *worker, const struct command *command)
{
	for (uint32_t i = 0; i < command->count; i++) {
		const uint32_t slot = session_table_lookup(worker->sessions, command->handles[i]);

		if (slot != SESSION_NONE &&
		    session_table_owner(worker->sessions, slot) == worker->index)
			session_command(worker, command, slot);
		else if (command->kind == COMMAND_END || command->kind == COMMAND_LET_GO)
			notice_refused(worker, command->handles[i], command);
	}
}

static void lane_heartbeat(struct worker *worker, const struct command *command)
{
	const struct directory_backend *backend = &worker->directory->backends[command->backend];
	const struct directory_lane *lane = &backend->lanes[command->lane];
	struct worker_lane *heard = worker_lane_of(worker, command->backend, command->lane);
	struct path path = lane->path;
	const uint32_t now_ms = worker_path_ms(worker, &path);
	const bool asked = __atomic_load_n(&heard->asked, __ATOMIC_RELAXED);

	if (!backend->used || !lane->live)
		return;
	if (__atomic_load_n(&heard->heard, __ATOMIC_RELAXED))
		memcpy(path.mac, heard->mac, sizeof(path.mac));
	heard->asks = asked ? heard->asks + 1 : 0;
	reply_heartbeat(worker, &path, backend->link_handle, heard->asks);
	__atomic_store_n(&heard->sent_ms, now_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&heard->asked_ms, now_ms, __ATOMIC_RELAXED);
	if (asked)
		return;
	__atomic_store_n(&heard->asked_first_ms, now_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&heard->asked, true,
			 __ATOMIC_RELEASE); // pairs with dataplane_judge_lane()
}

// Begins a walk over the shard, or one that is under way anew. command_take() has seen to it that
// there is room.
static void walk_begin(struct worker *worker, const struct command *command)
{
	for (uint32_t i = 0; i < WORKER_WALKS_MAX; i++) {
		struct worker_walk *walk = &worker->walks[i];

		if (walk->active &&
		    (walk->kind != command->kind || walk->backend != command->backend))
			continue;
		*walk = (struct worker_walk){
		    .active = true, .kind = command->kind, .backend = command->backend};
		return;
	}
}

static bool walk_room(const struct worker *worker)
{
	for (uint32_t i = 0; i < WORKER_WALKS_MAX; i++) {
		if (!worker->walks[i].active)
			return true;
	}
	return false;
}

static void command_run(struct worker *worker, const struct command *command)
{
	switch (command->kind) {
	case COMMAND_CREATE:
		hello_create(worker, command);
		break;
	case COMMAND_SEND:
		counters_add(&worker->counters, COUNTER_made, 1);
		packet_send(worker, command->packet, &command->path);
		break;
	case COMMAND_LANE_HEARTBEAT:
		lane_heartbeat(worker, command);
		break;
	case COMMAND_PRELOAD:
		preload_run(worker, command);
		break;
	case COMMAND_HEARTBEAT:
	case COMMAND_DETACH:
	case COMMAND_END:
	case COMMAND_LET_GO:
		handles_run(worker, command);
		break;
	default:
		walk_begin(worker, command);
	}
}

uint32_t command_take(struct worker *worker)
{
	struct command command;
	uint32_t taken = 0;

	while (taken < WORKER_COMMANDS_MAX && notice_room(worker) && walk_room(worker) &&
	       rte_ring_dequeue_elem(worker->commands, &command, sizeof(command)) == 0) {
		command_run(worker, &command);
		taken++;
	}
	return taken;
}

// The process behind a channel has lost its numbers. A session with no other channel cannot go on:
// its client hands back what was not acknowledged.
static void channel_reset(struct worker *worker, uint32_t slot, uint32_t k)
{
	session_table_set_backend(worker->sessions, slot, k, DIRECTORY_NONE);
	if (worker->sessions->hot[slot].channels == 1)
		closing_want(worker, slot, HOLDFAST_STATE_MISMATCH, SESSION_BROKEN);
	else
		errand_event(worker, slot, FRAME_FROM_CLIENT, ERRAND_CHANNEL_RESET);
}

// What a walk does for one session of the worker.
static void walk_session(struct worker *worker, const struct worker_walk *walk, uint32_t slot)
{
	const struct session *session = &worker->sessions->hot[slot];

	if (walk->kind == COMMAND_LET_GO_ALL) {
		closing_let_go(worker, slot, 0);
		return;
	}
	if (session->state != SESSION_CONNECTED && session->state != SESSION_DETACHED)
		return;
	if (walk->kind == COMMAND_ANNOUNCE_DRAIN) {
		errand_event(worker, slot, FRAME_FROM_CLIENT, ERRAND_DRAINING);
		errand_event(worker, slot, FRAME_FROM_BACKEND, ERRAND_DRAINING);
		return;
	}
	for (uint32_t k = 0; k < session->channels; k++) {
		if (session_table_backend(worker->sessions, slot, k) != walk->backend)
			continue;
		if (walk->kind == COMMAND_BACKEND_LOST) {
			errand_event(worker, slot, FRAME_FROM_CLIENT, ERRAND_CHANNEL_DOWN);
		} else if (walk->kind == COMMAND_BACKEND_RETURNED) {
			reply_open_kept(worker, slot, k);
			forward_replay_up(worker, slot, k);
			errand_event(worker, slot, FRAME_FROM_CLIENT, ERRAND_CHANNEL_UP);
		} else {
			channel_reset(worker, slot, k);
		}
	}
}

static void walk_go_on(struct worker *worker, struct worker_walk *walk)
{
	const struct session_table *sessions = worker->sessions;
	const uint32_t end = RTE_MIN(walk->slot + WALK_SLOTS, sessions->capacity);

	for (; walk->slot < end; walk->slot++) {
		const uint32_t tag =
		    __atomic_load_n(&sessions->hot[walk->slot].tag, __ATOMIC_ACQUIRE);

		if (tag != 0 && session_table_owner(sessions, walk->slot) == worker->index)
			walk_session(worker, walk, walk->slot);
	}
	if (walk->slot == sessions->capacity)
		walk->active = false;
}

void command_walk(struct worker *worker)
{
	for (uint32_t i = 0; i < WORKER_WALKS_MAX; i++) {
		if (worker->walks[i].active && notice_room(worker))
			walk_go_on(worker, &worker->walks[i]);
	}
}
