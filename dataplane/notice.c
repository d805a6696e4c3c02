// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/notice.h"

#include <string.h>

#include "dataplane/dataplane_state.h"
#include "dataplane/worker.h"

enum { FLUSH_MAX = 32, ROOM = 2 * DATAPLANE_HANDLES_MAX };

static bool put(struct worker *worker, const struct notice *notice)
{
	return rte_ring_enqueue_elem(worker->notices, (void *)(uintptr_t)notice, sizeof(*notice)) ==
	       0;
}

void notice_frame(struct worker *worker, struct rte_mbuf *mbuf, uint16_t backend, uint16_t lane)
{
	const struct notice notice = {
	    .kind = NOTICE_FRAME,
	    .worker = (uint8_t)worker->index,
	    .backend = backend,
	    .lane = lane,
	    .path = packet_of(mbuf)->path,
	    .packet = mbuf,
	    .frame = packet_frame(mbuf),
	    .frame_bytes = mbuf->data_len,
	};

	// Counted first: control may free the packet at once.
	if (rte_ring_full(worker->notices) || !put(worker, &notice)) {
		packet_drop(worker, mbuf, DROP_control_full);
		return;
	}
	counters_add(&worker->counters, COUNTER_consumed, 1);
	counters_add(&worker->counters, COUNTER_to_control, 1);
}

static void fill(const struct worker *worker, uint32_t slot, struct notice *notice)
{
	const struct session *session = &worker->sessions->hot[slot];

	notice->worker = (uint8_t)worker->index;
	notice->backend = DIRECTORY_NONE;
	notice->epoch = session->epoch;
	notice->handle = session_table_handle(worker->sessions, slot);
	notice->path = session->path;
	memcpy(notice->id, worker->sessions->cold[slot].id, sizeof(notice->id));
}

// Notices that control must not miss.
static bool must_arrive(enum notice_kind kind)
{
	return kind == NOTICE_CONNECTED || kind == NOTICE_RESUMED || kind == NOTICE_END_WANTED ||
	       kind == NOTICE_CLOSING;
}

// Marks a session. The list is by cold.next.
static void mark(struct worker *worker, uint32_t slot, enum notice_kind kind)
{
	struct session_cold *cold = &worker->sessions->cold[slot];

	if (cold->notices == 0) {
		cold->next = SESSION_NONE;
		if (worker->notices_head == SESSION_NONE)
			worker->notices_head = slot;
		else
			worker->sessions->cold[worker->notices_tail].next = slot;
		worker->notices_tail = slot;
	}
	cold->notices |= (uint16_t)(1u << kind);
}

// What is marked of a session goes before what comes later, so that control hears it in order.
static void tell(struct worker *worker, uint32_t slot, const struct notice *notice)
{
	const struct session_cold *cold = &worker->sessions->cold[slot];

	if (cold->notices != 0)
		notice_flush(worker);
	if (cold->notices == 0 && put(worker, notice))
		return;
	if (must_arrive((enum notice_kind)notice->kind))
		mark(worker, slot, (enum notice_kind)notice->kind);
	else
		counters_add(&worker->counters, COUNTER_notices_lost, 1);
}

void notice_session(struct worker *worker, uint32_t slot, enum notice_kind kind,
		    enum session_reason reason)
{
	struct notice notice = {.kind = (uint8_t)kind, .reason = (uint8_t)reason};

	fill(worker, slot, &notice);
	notice.code = worker->sessions->cold[slot].end_code;
	tell(worker, slot, &notice);
}

void notice_end(struct worker *worker, uint32_t slot, enum notice_kind kind, uint16_t code,
		enum session_reason reason, uint32_t token)
{
	struct session_cold *cold = &worker->sessions->cold[slot];
	struct notice notice = {
	    .kind = (uint8_t)kind, .reason = (uint8_t)reason, .code = code, .token = token};

	cold->end_code = code;
	cold->end_reason = (uint8_t)reason;
	cold->end_token = token;
	fill(worker, slot, &notice);
	tell(worker, slot, &notice);
}

void notice_refused(struct worker *worker, uint64_t handle, const struct command *command)
{
	const struct notice notice = {.kind = NOTICE_REFUSED,
				      .worker = (uint8_t)worker->index,
				      .backend = DIRECTORY_NONE,
				      .handle = handle,
				      .code = command->code,
				      .reason = command->reason,
				      .token = command->token};

	if (!put(worker, &notice))
		counters_add(&worker->counters, COUNTER_notices_lost, 1);
}

void notice_preloaded(struct worker *worker, uint64_t handle, const struct command *command)
{
	const struct notice notice = {.kind = NOTICE_PRELOADED,
				      .worker = (uint8_t)worker->index,
				      .backend = DIRECTORY_NONE,
				      .handle = handle,
				      .token = command->token};

	if (!put(worker, &notice))
		counters_add(&worker->counters, COUNTER_notices_lost, 1);
}

bool notice_room(const struct worker *worker)
{
	return worker->notices_head == SESSION_NONE && rte_ring_free_count(worker->notices) >= ROOM;
}

// Offers everything that is marked in one session. Returns false where the mailbox is full.
static bool session_flush(struct worker *worker, uint32_t slot)
{
	struct session_cold *cold = &worker->sessions->cold[slot];

	while (cold->notices != 0) {
		const uint32_t kind = (uint32_t)__builtin_ctz(cold->notices);
		struct notice notice = {.kind = (uint8_t)kind, .reason = SESSION_CONFIRMED};

		if (kind == NOTICE_END_WANTED || kind == NOTICE_CLOSING) {
			notice.reason = cold->end_reason;
			notice.code = cold->end_code;
			notice.token = cold->end_token;
		}
		fill(worker, slot, &notice);
		if (!put(worker, &notice))
			return false;
		cold->notices &= (uint16_t) ~(1u << kind);
	}
	return true;
}

void notice_flush(struct worker *worker)
{
	for (uint32_t i = 0; i < FLUSH_MAX && worker->notices_head != SESSION_NONE; i++) {
		const uint32_t slot = worker->notices_head;

		if (!session_flush(worker, slot))
			return;
		worker->notices_head = worker->sessions->cold[slot].next;
	}
}

void notice_forget(struct worker *worker, uint32_t slot)
{
	uint32_t *link = &worker->notices_head;
	uint32_t previous = SESSION_NONE;

	if (worker->sessions->cold[slot].notices == 0)
		return;
	counters_add(&worker->counters, COUNTER_notices_lost,
		     (uint64_t)__builtin_popcount(worker->sessions->cold[slot].notices));
	while (*link != SESSION_NONE && *link != slot) {
		previous = *link;
		link = &worker->sessions->cold[*link].next;
	}
	if (*link == SESSION_NONE)
		return;
	*link = worker->sessions->cold[slot].next;
	if (worker->notices_tail == slot)
		worker->notices_tail = previous;
	worker->sessions->cold[slot].notices = 0;
}
