// SPDX-License-Identifier: BSD-3-Clause
// Two workers on lcores of their own, control and a reader like telemetry, all at once on a few
// sessions: they open, carry data both ways, are lost and asked for again, sleep, come back on the
// other worker's queue, are asked for their health and end, while control publishes directories,
// starts lanes anew, judges and views, and the reader finds, views and counts.
//
// Meant for the thread sanitizer, see docs/memory-model.md; elsewhere what is read must fit
// together.
//
// usage: torture_gateway [SECONDS]
#include <pthread.h>
#include <string.h>

#include "holdfast/errors.h"
#include "tests/support/rig_session.h"
#include "tests/torture/torture.h"

enum {
	WORKERS = 2,
	SESSIONS = 8,
	FRAMES = 4, // of a round, in each direction
	READER_PAUSE_NS = 20000,
};

struct reader {
	const struct dataplane *dataplane;
	bool stop; // atomic
	uint8_t ids[SESSIONS][WIRE_SESSION_ID_BYTES];
	uint64_t views, looks;
};

static struct rig rig;
static struct rig_session sessions[SESSIONS];
static struct rig_peer homes[SESSIONS][WORKERS];

// What holds of every view, whatever happens meanwhile.
static void view_check(const struct dataplane_session_view *view)
{
	TORTURE_CHECK(view->channels_count == 1, "%u channels", view->channels_count);
	TORTURE_CHECK(view->owner < WORKERS, "owner %u", view->owner);
	TORTURE_CHECK(view->state > SESSION_FREE && view->state < SESSION_STATES, "state %d",
		      (int)view->state);
	TORTURE_CHECK(view->channels[0].up.next - view->channels[0].up.acked <= WIRE_WINDOW_MAX,
		      "next before acked");
	TORTURE_CHECK(view->state != SESSION_DETACHED || (int32_t)view->detached_ms < 60000,
		      "detached %u ms ago", view->detached_ms);
}

static void *reader_run(void *argument)
{
	const struct timespec pause = {.tv_nsec = READER_PAUSE_NS};
	struct reader *reader = argument;
	struct dataplane_session_view view;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		struct histogram histograms[HISTOGRAMS_COUNT] = {{.sum_us = 0}};
		struct counters counters;
		struct dataplane_gauges gauges;

		urcu_qsbr_register_thread();
		for (uint32_t i = 0; i < SESSIONS; i++) {
			const uint64_t handle = dataplane_find(reader->dataplane, reader->ids[i]);
			const uint32_t slot = session_handle_slot(handle);

			if (handle == 0 || !dataplane_session_view(reader->dataplane, slot, &view))
				continue;
			view_check(&view);
			reader->views++;
		}
		urcu_qsbr_unregister_thread();
		for (uint32_t i = 0; i < WORKERS; i++) {
			dataplane_counters(reader->dataplane, i, &counters);
			dataplane_gauges(reader->dataplane, i, &gauges);
			dataplane_histograms(reader->dataplane, i, histograms);
		}
		reader->looks++;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

// What control does in a tick.
static void control_tick(void)
{
	struct directory *directory = rig_directory(&rig);
	const struct path path = directory->backends[RIG_ECHO].lanes[0].path;
	struct liveness liveness;
	struct dataplane_judged judged;
	struct dataplane_session_view view;
	uint32_t now_ms;

	dataplane_lane_heard(rig.dataplane, RIG_ECHO, 0, &path);
	rig_publish(&rig, directory);
	dataplane_tick(rig.dataplane);
	dataplane_judge_lane(rig.dataplane, RIG_ECHO, 0, &now_ms, &liveness);
	for (uint32_t slot = 0;
	     (slot = dataplane_slot_next(rig.dataplane, slot)) < dataplane_slots(rig.dataplane);
	     slot++) {
		if (dataplane_judge(rig.dataplane, slot, &judged))
			TORTURE_CHECK(judged.channels == 1, "%u channels", judged.channels);
		if (dataplane_session_view(rig.dataplane, slot, &view))
			view_check(&view);
	}
}

static void session_make(uint32_t i, uint32_t number)
{
	sessions[i] = rig_session(&homes[i][i % WORKERS], number);
	rig_open(&rig, &sessions[i]);
}

// One round of a session: data, a loss, a sleep, a return from the other queue.
static void session_round(uint32_t i, uint32_t round)
{
	struct rig_session *session = &sessions[i];
	const uint32_t first = round * FRAMES;
	const uint32_t next = first + FRAMES;
	const struct frame_triple backend = {.oldest = next, .next = next, .expected = next};

	for (uint32_t seq = first; seq < next; seq++) {
		rig_up(&rig, session, seq, seq, "up");
		rig_down(&rig, session, seq, seq + 1, "down");
	}
	rig_nak(&rig, &session->client, session->handle, first, FRAMES);
	rig_command(&rig, COMMAND_HEARTBEAT, session->handle, SESSION_SILENT, 0);
	rig_command(&rig, COMMAND_LANE_HEARTBEAT, session->handle, SESSION_SILENT, 0);
	rig_run(&rig, 1);
	rig_bare(&rig, &session->client, WIRE_HEARTBEAT_ACK, session->handle, 0);
	rig_bare(&rig, &session->client, WIRE_ACK, session->handle, next);
	rig_bare(&rig, &session->client, WIRE_SLEEP, session->handle, next);
	rig_forget(&rig);
	session->numbers = (struct frame_triple){.oldest = next, .next = next, .expected = next};
	rig_resume(&rig, session, &homes[i][(i + round + 1) % WORKERS], &backend);
	rig_bare(&rig, &session->client, WIRE_ACK, session->handle, next);
	rig_forget(&rig);
}

int main(int argc, char **argv)
{
	const uint64_t end_ms = torture_now_ms() + torture_ms(argc, argv);
	struct reader reader = {.stop = false};
	pthread_t thread;
	uint32_t round = 0, number = 0;

	rig_start(&rig, &(struct rig_settings){.workers = WORKERS, .threaded = true});
	reader.dataplane = rig.dataplane;
	for (uint32_t i = 0; i < SESSIONS; i++) {
		for (uint16_t queue = 0; queue < WORKERS; queue++)
			homes[i][queue] = rig_peer(&rig, (uint8_t)(1 + i * WORKERS + queue), queue);
		session_make(i, number++);
		memcpy(reader.ids[i], sessions[i].id, sizeof(reader.ids[i]));
	}
	TORTURE_CHECK(pthread_create(&thread, NULL, reader_run, &reader) == 0, "no thread");
	for (; torture_now_ms() < end_ms; round++) {
		for (uint32_t i = 0; i < SESSIONS; i++)
			session_round(i, round);
		control_tick();
		rig.notices_count = 0;
	}
	for (uint32_t i = 0; i < SESSIONS; i++)
		rig_command(&rig, COMMAND_END, sessions[i].handle, SESSION_EVICTED,
			    HOLDFAST_NORMAL);
	rig_run(&rig, 20);
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	urcu_qsbr_thread_offline();
	pthread_join(thread, NULL);
	urcu_qsbr_thread_online();
	printf("%u rounds of %u sessions, %llu moved, %llu handed over, %llu views, %llu looks\n",
	       round, (unsigned)SESSIONS,
	       (unsigned long long)rig_count(&rig, COUNTER_sessions_moved),
	       (unsigned long long)rig_count(&rig, COUNTER_handed_over),
	       (unsigned long long)reader.views, (unsigned long long)reader.looks);
	TORTURE_CHECK(round > 0 && rig_count(&rig, COUNTER_sessions_resumed) >= round,
		      "sessions did not come back");
	rig_stop(&rig);
	return EXIT_SUCCESS;
}
