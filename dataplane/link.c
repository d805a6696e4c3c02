// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/link.h"

#include <string.h>

#include "dataplane/dataplane_state.h"
#include "dataplane/notice.h"
#include "dataplane/unknown.h"
#include "dataplane/worker.h"

// The stamp that control judges by.
static void lane_heard(struct worker *worker, uint16_t backend, uint32_t lane,
		       const struct path *path)
{
	struct worker_lane *heard = worker_lane_of(worker, backend, lane);

	__atomic_store_n(&heard->heard_ms, worker_path_ms(worker, path), __ATOMIC_RELAXED);
	memcpy(heard->mac, path->mac, sizeof(heard->mac));
	if (!__atomic_load_n(&heard->heard, __ATOMIC_RELAXED))
		__atomic_store_n(&heard->heard, true, __ATOMIC_RELEASE);
	if (__atomic_load_n(&heard->asked, __ATOMIC_RELAXED))
		__atomic_store_n(&heard->asked, false, __ATOMIC_RELAXED);
}

bool link_lane_heard(struct worker *worker, uint16_t backend, const struct path *path,
		     uint32_t *lane)
{
	const struct directory_backend *entry;

	if (backend == DIRECTORY_NONE)
		return false;
	entry = &worker->directory->backends[backend];
	// The lane of this worker is the one to expect here.
	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		const uint32_t guess =
		    (entry->lane_of_worker[worker->index] + i) % DIRECTORY_LANES_MAX;

		if (entry->lanes[guess].live &&
		    address_equal(&entry->lanes[guess].path.peer, &path->peer)) {
			lane_heard(worker, backend, guess, path);
			*lane = guess;
			return true;
		}
	}
	return false;
}

bool link_lane_pending(const struct worker *worker, uint16_t backend, const struct path *path)
{
	const struct directory_backend *entry;

	if (backend == DIRECTORY_NONE)
		return false;
	entry = &worker->directory->backends[backend];
	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (!entry->lanes[i].live && entry->lanes[i].path.peer.port != 0 &&
		    address_equal(&entry->lanes[i].path.peer, &path->peer))
			return true;
	}
	return false;
}

void link_frame(struct worker *worker, struct rte_mbuf *mbuf, const struct frame *frame)
{
	const uint32_t index = session_handle_slot(frame->handle) - worker->sessions->capacity;
	const struct path *path = &packet_of(mbuf)->path;
	uint32_t lane = 0;

	if (index >= DIRECTORY_BACKENDS_MAX) {
		unknown_answer(worker, mbuf, frame, DROP_unknown_handle);
	} else if (frame->type == WIRE_CONFIRM) { // of a lane that the directory may not have yet
		notice_frame(worker, mbuf, (uint16_t)index, DIRECTORY_NONE);
	} else if (!worker->directory->backends[index].used ||
		   worker->directory->backends[index].link_handle != frame->handle) {
		unknown_answer(worker, mbuf, frame, DROP_unknown_handle);
	} else if (link_lane_pending(worker, (uint16_t)index, path)) {
		packet_drop(worker, mbuf, DROP_unconfirmed);
	} else if (!link_lane_heard(worker, (uint16_t)index, path, &lane)) {
		unknown_answer(worker, mbuf, frame, DROP_not_on_path);
	} else if (frame->type == WIRE_CLOSE || frame->type == WIRE_UNKNOWN ||
		   frame->type == WIRE_EVENT_ACK || frame->type == WIRE_CLOSE_ACK) {
		notice_frame(worker, mbuf, (uint16_t)index, (uint16_t)lane);
	} else {
		if (frame->type == WIRE_HEARTBEAT_ACK)
			worker_round_trip(worker, HISTOGRAM_lane_round_trip, frame->body);
		packet_consume(worker, mbuf);
	}
}
