// SPDX-License-Identifier: BSD-3-Clause
// Several workers: sessions belong to the worker on whose queue their client's packets land,
// packets that land elsewhere are handed over, and a session follows its client.
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "holdfast/errors.h"
#include "tests/support/rig_session.h"

enum { WORKERS = 4 };

static const struct frame_triple zero;
static struct rig rig;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = WORKERS});
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(hand_over, .init = begin, .fini = finish, .timeout = 60);

static uint8_t owner(const struct rig_session *session)
{
	return session_table_owner(rig.dataplane->sessions, session_handle_slot(session->handle));
}

Test(hand_over, a_session_belongs_to_the_worker_where_its_client_lands)
{
	for (uint8_t queue = 0; queue < WORKERS; queue++) {
		const struct rig_peer client = rig_peer(&rig, (uint8_t)(queue + 1), queue);
		struct rig_session session = rig_session(&client, queue);

		rig_open(&rig, &session);
		cr_assert_eq(owner(&session), queue);
	}
}

Test(hand_over, a_packet_that_lands_elsewhere_reaches_the_owner_once)
{
	const struct rig_peer client = rig_peer(&rig, 1, 2);
	struct rig_session session = rig_session(&client, 1);

	rig_open(&rig, &session); // the backend lands on worker 0
	rig_down(&rig, &session, 0, 0, "down");
	rig_run(&rig, 1);
	rig_want_data(&rig, &client, 0, "down");
	cr_assert_null(rig_take(&rig, &client, WIRE_DATA));
	cr_assert_geq(rig_count(&rig, COUNTER_handed_over), 1);
	cr_assert_eq(rig_drops(&rig, DROP_ring_full), 0);
}

Test(hand_over, packets_are_answered_from_the_queue_of_the_owner)
{
	const struct rig_peer client = rig_peer(&rig, 1, 3);
	struct rig_session session = rig_session(&client, 1);

	rig_open(&rig, &session);
	rig_down(&rig, &session, 0, 0, "down");
	rig_run(&rig, 1);
	cr_assert_eq(rig_want(&rig, &client, WIRE_DATA)->to.queue, 3);
}

Test(hand_over, a_session_follows_its_client_to_another_worker)
{
	const struct rig_peer home = rig_peer(&rig, 1, 0), away = rig_peer(&rig, 2, 1);
	struct rig_session session = rig_session(&home, 1);

	rig_open(&rig, &session);
	for (uint32_t seq = 0; seq < 30; seq++)
		rig_down(&rig, &session, seq, 0, "kept");
	rig_bare(&rig, &home, WIRE_SLEEP, session.handle, 0);
	rig_forget(&rig);
	rig_resume(&rig, &session, &away, &(struct frame_triple){.next = 30});
	for (uint32_t seq = 0; seq < 30; seq++) { // and its cache goes with it
		rig_run(&rig, 1);
		rig_want_data(&rig, &away, seq, "kept");
		rig_bare(&rig, &away, WIRE_ACK, session.handle, seq + 1);
	}
	rig_up(&rig, &session, 0, 30, "first from there");
	rig_run(&rig, 2);
	cr_assert_eq(owner(&session), 1);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_moved), 1);
	rig_want_data(&rig, &rig.backend, 0, "first from there");
	rig_down(&rig, &session, 30, 1, "after the move");
	rig_run(&rig, 1);
	rig_want_data(&rig, &away, 30, "after the move");
}

Test(hand_over, a_session_goes_round_all_workers_and_loses_nothing)
{
	struct rig_peer peer = rig_peer(&rig, 1, 0);
	struct rig_session session = rig_session(&peer, 1);
	uint32_t up = 0, down = 0;
	char text[24];

	rig_open(&rig, &session);
	for (uint32_t round = 0; round < 40; round++) {
		peer = rig_peer(&rig, (uint8_t)(2 + round), (uint16_t)(round * 3 % WORKERS));
		session.numbers = (struct frame_triple){up, up, down};
		rig_resume(&rig, &session, &peer, &(struct frame_triple){down, down, up});
		rig_run(&rig, 2);
		rig_forget(&rig);
		for (uint32_t i = 0; i < 5; i++, up++, down++) {
			snprintf(text, sizeof(text), "up %u", up);
			rig_up(&rig, &session, up, down, text);
			rig_run(&rig, 2);
			rig_want_data(&rig, &rig.backend, up, text);
			snprintf(text, sizeof(text), "down %u", down);
			rig_down(&rig, &session, down, up + 1, text);
			rig_run(&rig, 2);
			rig_want_data(&rig, &peer, down, text);
		}
		rig_bare(&rig, &peer, WIRE_ACK, session.handle, down);
		rig_run(&rig, 2);
		cr_assert_eq(owner(&session), round * 3 % WORKERS);
	}
	cr_assert_geq(rig_count(&rig, COUNTER_sessions_moved), 29);
}

Test(hand_over, commands_to_a_worker_that_gave_the_session_away_are_refused_not_lost)
{
	const struct rig_peer home = rig_peer(&rig, 1, 0), away = rig_peer(&rig, 2, 1);
	struct rig_session session = rig_session(&home, 1);
	struct command command = {.kind = COMMAND_END,
				  .reason = SESSION_EVICTED,
				  .code = HOLDFAST_EVICTED,
				  .count = 1,
				  .token = 77};
	struct notice notice;

	rig_open(&rig, &session);
	rig_resume(&rig, &session, &away, &zero);
	rig_up(&rig, &session, 0, 0, "it moves");
	rig_run(&rig, 2);
	command.handles[0] = session.handle;
	cr_assert_eq(dataplane_command(rig.dataplane, 0, &command), 0);
	rig_run(&rig, 2);
	cr_assert(rig_notice(&rig, NOTICE_REFUSED, &notice));
	cr_assert_eq(notice.token, 77);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CONNECTED);
	cr_assert_eq(dataplane_command(rig.dataplane, 1, &command), 0);
	rig_run(&rig, 2);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CLOSING);
}

Test(hand_over, stamps_go_on_by_the_clock_of_the_new_owner)
{
	const struct rig_peer home = rig_peer(&rig, 1, 0), away = rig_peer(&rig, 2, 1);
	struct rig_session session = rig_session(&home, 1);
	struct dataplane_session_view view;

	rig_open(&rig, &session);
	rig.dataplane->workers[1]->clock.now_ms[0] += 123456; // it began at another time
	rig_resume(&rig, &session, &away, &zero);
	rig_up(&rig, &session, 0, 0, "it moves");
	rig_run(&rig, 500);
	cr_assert(
	    dataplane_session_view(rig.dataplane, session_handle_slot(session.handle), &view));
	cr_assert_eq(view.owner, 1);
	cr_assert_leq(view.heard_ms, 502);
	cr_assert_geq(view.heard_ms, 498);

	const uint32_t sent_ms =
	    rig.dataplane->workers[1]->clock.now_ms[0] -
	    rig.dataplane->sessions->hot[session_handle_slot(session.handle)].sent_ms;

	cr_assert_lt(sent_ms, 600, "sent %u ms ago by the clock of the new owner", sent_ms);
}

Test(hand_over, a_full_ring_drops_and_counts)
{
	const struct rig_peer client = rig_peer(&rig, 1, 2);
	struct rig_session session = rig_session(&client, 1);
	uint64_t dropped;

	rig_open(&rig, &session);
	for (uint32_t seq = 0; seq < WORKER_RING_PACKETS + 100; seq++)
		rig_down(&rig, &session, seq % 200, 0, "x"); // only worker 0 is stepped
	dropped = rig_drops(&rig, DROP_ring_full);
	cr_assert_geq(dropped, 100);
	rig_run(&rig, 40);
	cr_assert_eq(rig_drops(&rig, DROP_ring_full), dropped);
}

// A port that was down has a clock behind the others.
Test(hand_over, a_new_lane_was_heard_just_now_by_the_clock_of_its_own_port)
{
	struct directory *directory = rig_directory(&rig);
	struct path *path = &directory->backends[RIG_ECHO].lanes[0].path;
	struct liveness liveness;
	uint32_t now_ms;

	path->local = 1;
	rig.dataplane->settings.addresses[1].port = 1;
	for (uint32_t i = 0; i < WORKERS; i++)
		rig.dataplane->workers[i]->clock.now_ms[1] = 70000;
	dataplane_lane_heard(rig.dataplane, RIG_ECHO, 0, path);
	rig_publish(&rig, directory);
	dataplane_judge_lane(rig.dataplane, RIG_ECHO, 0, &now_ms, &liveness);
	cr_expect_eq(now_ms - liveness.heard_ms, 0);
	cr_expect_not(liveness.asked);
	rig.dataplane->settings.addresses[1].port = 0;
}
