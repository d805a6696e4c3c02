// SPDX-License-Identifier: BSD-3-Clause
// What control may do and read while workers run: mailboxes, sessions, lanes, counters, ports.
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <rte_mbuf.h>

#include "dataplane/attempt.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/shared.h"
#include "dataplane/worker.h"

enum { VIEW_TRIES = 64 };

const struct directory *dataplane_directory(const struct dataplane *dataplane)
{
	return dataplane->directory;
}

int dataplane_command(struct dataplane *dataplane, uint32_t worker, const struct command *command)
{
	return rte_ring_enqueue_elem(dataplane->workers[worker]->commands,
				     (void *)(uintptr_t)command, sizeof(*command)) == 0
		   ? 0
		   : -EAGAIN;
}

struct rte_mbuf *dataplane_frame(struct dataplane *dataplane, uint8_t **frame)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(dataplane->control_pool);

	if (packet != NULL)
		*frame = rte_pktmbuf_mtod(packet, uint8_t *);
	return packet;
}

void dataplane_frame_set_bytes(struct rte_mbuf *packet, uint32_t bytes)
{
	packet->data_len = (uint16_t)bytes;
	packet->pkt_len = bytes;
}

void dataplane_packet_free(struct rte_mbuf *packet)
{
	rte_pktmbuf_free(packet);
}

uint32_t dataplane_notices(struct dataplane *dataplane, struct notice *notices, uint32_t max)
{
	const uint32_t workers = dataplane->settings.workers;
	uint32_t count = 0;

	for (uint32_t i = 0; i < workers && count < max; i++) {
		const uint32_t worker = (dataplane->last_polled + 1 + i) % workers;

		while (count < max && rte_ring_dequeue_elem(dataplane->workers[worker]->notices,
							    &notices[count], sizeof(*notices)) == 0)
			count++;
	}
	dataplane->last_polled = (dataplane->last_polled + 1) % workers;
	return count;
}

uint32_t dataplane_slots(const struct dataplane *dataplane)
{
	return dataplane->sessions->capacity;
}

uint32_t dataplane_slot_run(const struct dataplane *dataplane, uint32_t slot, uint32_t *end)
{
	const struct session_table *sessions = dataplane->sessions;

	for (uint32_t i = 0; i < sessions->workers; i++) {
		const struct session_range *range = &sessions->ranges[i];

		// Pairs with the release store when a slot is taken for the first time.
		*end = __atomic_load_n(&range->fresh, __ATOMIC_ACQUIRE);
		if (slot < range->first)
			slot = range->first;
		if (slot < *end)
			return slot;
	}
	*end = sessions->capacity;
	return sessions->capacity;
}

uint32_t dataplane_slot_next(const struct dataplane *dataplane, uint32_t slot)
{
	uint32_t end;

	return dataplane_slot_run(dataplane, slot, &end);
}

static uint8_t port_of(const struct dataplane *dataplane, const struct path *path)
{
	const uint8_t local = __atomic_load_n(&path->local, __ATOMIC_RELAXED);

	return dataplane->settings.addresses[local].port;
}

static uint32_t clock_of(const struct dataplane *dataplane, uint8_t owner, uint8_t port)
{
	return __atomic_load_n(&dataplane->workers[owner]->clock.now_ms[port], __ATOMIC_RELAXED);
}

// Backend of a channel, while its owner may change it.
static uint16_t backend_of(const struct session_table *sessions, uint32_t slot, uint32_t k)
{
	if (k == 0)
		return __atomic_load_n(&sessions->hot[slot].backend, __ATOMIC_RELAXED);
	return __atomic_load_n(&sessions->sides[sessions->cold[slot].side].backends[k - 1],
			       __ATOMIC_RELAXED);
}

// Which services and backends a session has. The slot changes hands after the reader has gone (I2).
static void judge_backends(const struct session_table *sessions, uint32_t slot,
			   struct dataplane_judged *judged)
{
	judged->channels = sessions->hot[slot].channels;
	for (uint32_t k = 0; k < judged->channels; k++) {
		judged->services[k] = session_table_service(sessions, slot, k);
		judged->backends[k] = backend_of(sessions, slot, k);
	}
}

void dataplane_judge_prefetch(const struct dataplane *dataplane, uint32_t slot)
{
	const struct session *session = &dataplane->sessions->hot[slot];

	__builtin_prefetch(session);
	__builtin_prefetch(&session->channel);
}

bool dataplane_judge(const struct dataplane *dataplane, uint32_t slot,
		     struct dataplane_judged *judged)
{
	const struct session *session = &dataplane->sessions->hot[slot];
	const uint32_t tag = __atomic_load_n(&session->tag, __ATOMIC_ACQUIRE);

	if (tag == 0)
		return false;
	judged->handle = session_handle(slot, tag);
	judged->state = (enum session_state)__atomic_load_n(&session->state, __ATOMIC_ACQUIRE);
	judged->owner = session_table_owner(dataplane->sessions, slot);
	// Pairs with the release store of the flag after the stamps.
	judged->liveness.asked =
	    (__atomic_load_n(&session->flags, __ATOMIC_ACQUIRE) & SESSION_FLAG_ASKED) != 0;
	judged->liveness.heard_ms = __atomic_load_n(&session->heard_ms, __ATOMIC_RELAXED);
	judged->liveness.sent_ms = __atomic_load_n(&session->sent_ms, __ATOMIC_RELAXED);
	judged->liveness.asked_ms = __atomic_load_n(&session->asked_ms, __ATOMIC_RELAXED);
	judged->liveness.asked_first_ms =
	    __atomic_load_n(&session->asked_first_ms, __ATOMIC_RELAXED);
	judged->timeout_ms = session->timeout_ms;
	if (judged->state == SESSION_DETACHED)
		judged->grace_ms = dataplane->sessions->cold[slot].grace_ms;
	judged->detached_ms = __atomic_load_n(&session->detached_ms, __ATOMIC_RELAXED);
	judge_backends(dataplane->sessions, slot, judged);
	// After the stamps: time has not gone back since they were written.
	judged->now_ms = clock_of(dataplane, judged->owner, port_of(dataplane, &session->path));
	return true;
}

static void direction_view(const struct session_direction *direction,
			   struct dataplane_direction_view *view)
{
	view->acked = __atomic_load_n(&direction->acked, __ATOMIC_RELAXED);
	view->next = view->acked + __atomic_load_n(&direction->span, __ATOMIC_RELAXED);
	view->cached_frames = __atomic_load_n(&direction->frames, __ATOMIC_RELAXED);
	view->cached_bytes = __atomic_load_n(&direction->bytes, __ATOMIC_RELAXED);
}

// What the birth of a session set is read plainly: its tag was seen (I5).
static void view_copy(const struct dataplane *dataplane, uint32_t slot,
		      struct dataplane_session_view *view)
{
	const struct session_table *sessions = dataplane->sessions;
	const struct session *session = &sessions->hot[slot];
	const struct session_cold *cold = &sessions->cold[slot];

	memcpy(view->id, cold->id, sizeof(view->id));
	shared_load(view->client, cold->client, sizeof(cold->client));
	// Acquire: before detached_ms, which was stored before DETACHED.
	view->state = (enum session_state)__atomic_load_n(&session->state, __ATOMIC_ACQUIRE);
	view->owner = session_table_owner(sessions, slot);
	view->channels_count = session->channels;
	view->epoch = __atomic_load_n(&session->epoch, __ATOMIC_RELAXED);
	view->generation = 1;
	shared_load(&view->path, &session->path, sizeof(view->path));
	view->timeout_ms = session->timeout_ms;
	view->grace_ms = cold->grace_ms;
	view->heard_ms = __atomic_load_n(&session->heard_ms, __ATOMIC_RELAXED);
	view->detached_ms = __atomic_load_n(&session->detached_ms, __ATOMIC_RELAXED);
	view->age_ms = __atomic_load_n(&cold->created_ms, __ATOMIC_RELAXED);
	for (uint32_t k = 0; k < view->channels_count; k++) {
		const struct session_channel *channel = session_table_channel(sessions, slot, k);

		view->channels[k].service = session_table_service(sessions, slot, k);
		view->channels[k].backend = backend_of(sessions, slot, k);
		direction_view(&channel->up, &view->channels[k].up);
		direction_view(&channel->down, &view->channels[k].down);
	}
}

// Turns stamps into times that have passed.
static void view_times(const struct dataplane *dataplane, struct dataplane_session_view *view)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	const uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	const uint32_t clock_ms = clock_of(dataplane, view->owner, port_of(dataplane, &view->path));

	view->age_ms = now_ms > view->age_ms ? now_ms - view->age_ms : 0;
	view->heard_ms = clock_ms - view->heard_ms;
	view->detached_ms = view->state == SESSION_DETACHED ? clock_ms - view->detached_ms : 0;
}

bool dataplane_session_view(const struct dataplane *dataplane, uint32_t slot,
			    struct dataplane_session_view *view)
{
	const struct session *session = &dataplane->sessions->hot[slot];

	assert(urcu_qsbr_read_ongoing());
	for (int tries = 0; tries < VIEW_TRIES; tries++) {
		const uint32_t tag = __atomic_load_n(&session->tag, __ATOMIC_ACQUIRE);

		if (tag == 0) // nothing else of a free slot is read
			return false;

		// Acquire pairs with the release store in session_change_end().
		const uint16_t version = __atomic_load_n(&session->version, __ATOMIC_ACQUIRE);

		memset(view, 0, sizeof(*view));
		view_copy(dataplane, slot, view);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((version & 1) != 0 ||
		    version != __atomic_load_n(&session->version, __ATOMIC_RELAXED) ||
		    tag != __atomic_load_n(&session->tag, __ATOMIC_RELAXED))
			continue;
		view->handle = session_handle(slot, tag);
		view_times(dataplane, view);
		return true;
	}
	return false; // it changes all the time: as good as gone for this look
}

uint64_t dataplane_find(const struct dataplane *dataplane,
			const uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	assert(urcu_qsbr_read_ongoing());
	return session_table_find(dataplane->sessions, id);
}

void dataplane_judge_lane(const struct dataplane *dataplane, uint16_t backend, uint16_t lane,
			  uint32_t *now_ms, struct liveness *liveness)
{
	const struct directory_lane *entry = &dataplane->directory->backends[backend].lanes[lane];
	const uint8_t port = port_of(dataplane, &entry->path);
	const struct worker_lane *asker =
	    worker_lane_of(dataplane->workers[entry->worker], backend, lane);
	uint32_t silent_ms;

	// Pairs with the release store of the flag after the stamps.
	liveness->asked = __atomic_load_n(&asker->asked, __ATOMIC_ACQUIRE);
	liveness->sent_ms = __atomic_load_n(&asker->sent_ms, __ATOMIC_RELAXED);
	liveness->asked_ms = __atomic_load_n(&asker->asked_ms, __ATOMIC_RELAXED);
	liveness->asked_first_ms = __atomic_load_n(&asker->asked_first_ms, __ATOMIC_RELAXED);
	liveness->heard_ms = __atomic_load_n(&asker->heard_ms, __ATOMIC_RELAXED);
	*now_ms = clock_of(dataplane, entry->worker, port);
	silent_ms = *now_ms - liveness->heard_ms;
	for (uint32_t i = 0; i < dataplane->settings.workers; i++) {
		const struct worker_lane *heard =
		    worker_lane_of(dataplane->workers[i], backend, lane);

		if (i == entry->worker || !__atomic_load_n(&heard->heard, __ATOMIC_ACQUIRE))
			continue;

		const uint32_t there_ms = __atomic_load_n(&heard->heard_ms, __ATOMIC_RELAXED);
		const uint32_t ago_ms = clock_of(dataplane, (uint8_t)i, port) - there_ms;

		if (ago_ms < silent_ms)
			silent_ms = ago_ms;
	}
	liveness->heard_ms = *now_ms - silent_ms;
	// Heard elsewhere since it was asked: answered.
	if ((int32_t)(liveness->heard_ms - liveness->asked_ms) > 0)
		liveness->asked = false;
}

void dataplane_lane_heard(struct dataplane *dataplane, uint16_t backend, uint16_t lane,
			  const struct path *path)
{
	const uint8_t port = port_of(dataplane, path);

	// Workers see it with the directory that has the lane; before, one whose directory still
	// has an earlier lane of this number may write it too.
	for (uint32_t i = 0; i < dataplane->settings.workers; i++) {
		struct worker *worker = dataplane->workers[i];
		struct worker_lane *heard = worker_lane_of(worker, backend, lane);

		const uint32_t now_ms = clock_of(dataplane, (uint8_t)i, port);

		__atomic_store_n(&heard->heard, false, __ATOMIC_RELAXED);
		__atomic_store_n(&heard->asked, false, __ATOMIC_RELAXED);
		__atomic_store_n(&heard->heard_ms, now_ms, __ATOMIC_RELAXED);
		__atomic_store_n(&heard->sent_ms, now_ms, __ATOMIC_RELAXED);
	}
}

void dataplane_counters(const struct dataplane *dataplane, uint32_t worker,
			struct counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	counters_sum(counters, &dataplane->workers[worker]->counters);
}

void dataplane_histograms(const struct dataplane *dataplane, uint32_t worker,
			  struct histogram sums[static HISTOGRAMS_COUNT])
{
	for (uint32_t i = 0; i < HISTOGRAMS_COUNT; i++)
		histogram_sum(&sums[i], &dataplane->workers[worker]->histograms[i]);
}

void dataplane_gauges(const struct dataplane *dataplane, uint32_t index,
		      struct dataplane_gauges *gauges)
{
	const struct worker *worker = dataplane->workers[index];
	uint32_t live = 0;

	*gauges = (struct dataplane_gauges){
	    .attempts = __atomic_load_n(&worker->attempts->used, __ATOMIC_RELAXED),
	    .chunks_max = dataplane->arena->chunks_max,
	    .chunk_bytes = REPLAY_CHUNK_BYTES,
	    .packets_free = rte_mempool_avail_count(dataplane->pools[index]),
	    .packets_max = dataplane->pools[index]->size,
	};
	for (uint32_t i = 0; i < dataplane->settings.workers; i++)
		live += __atomic_load_n(&dataplane->workers[i]->replay->live, __ATOMIC_RELAXED);
	gauges->chunks_used = live;
	for (int state = 0; state < SESSION_STATES; state++)
		gauges->sessions[state] =
		    __atomic_load_n(&worker->sessions_by_state[state], __ATOMIC_RELAXED);
}

uint32_t dataplane_ports(const struct dataplane *dataplane, struct dataplane_port_view *views,
			 uint32_t max)
{
	const struct dataplane_settings *settings = &dataplane->settings;

	for (uint32_t i = 0; i < settings->ports_count && i < max; i++) {
		const struct port *port = &dataplane->ports[i];
		struct dataplane_port_view *view = &views[i];

		*view = (struct dataplane_port_view){
		    .queues = port->queues,
		    .link_up = __atomic_load_n(&port->link_up, __ATOMIC_RELAXED),
		    .checksum_receive = port->checksum_receive,
		    .checksum_transmit = port->checksum_transmit_udp,
		};
		memcpy(view->name, port->name, sizeof(view->name));
		memcpy(view->driver, port->driver, sizeof(view->driver));
		memcpy(view->device, port->device, sizeof(view->device));
		memcpy(view->mac, port->mac, sizeof(view->mac));
		for (uint32_t k = 0; k < settings->addresses_count; k++)
			view->addresses_count += settings->addresses[k].port == i;
	}
	return settings->ports_count;
}

void dataplane_tick(struct dataplane *dataplane)
{
	for (uint32_t i = 0; i < dataplane->settings.ports_count; i++)
		port_look(&dataplane->ports[i]);
}
