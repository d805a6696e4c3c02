// SPDX-License-Identifier: BSD-3-Clause
// States of a session: one test for each legal edge, taken by real frames and commands through a
// stepped data plane, and for what each illegal one is answered with.
#include <string.h>

#include <criterion/criterion.h>

#include "holdfast/errors.h"
#include "tests/support/rig_session.h"

enum { TIMEOUT_MS = 10000, INTERVAL_MS = 2000, GRACE_MS = 60000, STEP_MS = 20 };

static const struct frame_triple zero;
static struct rig rig;
static struct rig_peer client;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = 1});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(life, .init = begin, .fini = finish, .timeout = 60);

static enum session_state state(void)
{
	return rig_state(&rig, session.handle);
}

static void open_up_to_welcome(void)
{
	rig_hello(&rig, &session, false);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	rig_forget(&rig);
}

static void detached(void)
{
	rig_open(&rig, &session);
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	rig_forget(&rig);
}

static void end(enum session_reason reason, uint16_t code)
{
	rig_command(&rig, COMMAND_END, session.handle, reason, code);
	rig_run(&rig, 2);
}

static struct notice noticed(enum notice_kind kind)
{
	struct notice notice = {.kind = 0};

	rig_run(&rig, 2);
	cr_assert(rig_notice(&rig, kind, &notice), "notice %d is missing", kind);
	return notice;
}

static uint16_t close_code(const struct rig_peer *to)
{
	struct frame_close close;

	frame_decode_close(&rig_want(&rig, to, WIRE_CLOSE)->frame, &close);
	return close.code;
}

static void close_acks(void)
{
	rig_bare(&rig, &client, WIRE_CLOSE_ACK, session.handle, 0);
	rig_bare(&rig, &rig.backend, WIRE_CLOSE_ACK, session.handle, 0);
}

// ---- OPENING ----------------------------------------------------------------------------------

Test(life, free_to_opening_when_admitted)
{
	rig_hello(&rig, &session, false);
	cr_assert_eq(noticed(NOTICE_CREATED).epoch, 1);
	cr_assert_eq(rig_drops(&rig, DROP_unknown_handle), 0);
}

Test(life, opening_to_connected_when_confirmed)
{
	open_up_to_welcome();
	cr_assert_eq(state(), SESSION_OPENING);
	rig_confirm(&rig, &session);
	cr_assert_eq(state(), SESSION_CONNECTED);
}

Test(life, opening_to_free_when_nobody_confirms)
{
	open_up_to_welcome();
	rig_run(&rig, 2100);
	cr_assert_eq(state(), SESSION_FREE);
	cr_assert_eq(noticed(NOTICE_GONE).reason, SESSION_TIMED_OUT);
}

Test(life, opening_to_free_when_refused)
{
	rig_hello(&rig, &session, false);
	rig_answer_open(&rig, HOLDFAST_OVERLOADED, 0, &zero);
	cr_assert_eq(noticed(NOTICE_GONE).reason, SESSION_REFUSED);
}

Test(life, opening_to_free_when_let_go)
{
	open_up_to_welcome();
	rig_command(&rig, COMMAND_LET_GO, session.handle, SESSION_LET_GO, 0);
	cr_assert_eq(noticed(NOTICE_GONE).reason, SESSION_LET_GO);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_CLOSE));
}

Test(life, opening_is_not_ended_by_a_command)
{
	open_up_to_welcome();
	end(SESSION_EVICTED, HOLDFAST_EVICTED);
	cr_assert_eq(noticed(NOTICE_REFUSED).code, HOLDFAST_EVICTED);
	cr_assert_eq(state(), SESSION_OPENING);
}

Test(life, opening_does_not_sleep)
{
	open_up_to_welcome();
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	cr_assert_eq(state(), SESSION_OPENING);
	cr_assert_eq(rig_drops(&rig, DROP_unconfirmed), 1);
}

// ---- CONNECTED --------------------------------------------------------------------------------

Test(life, connected_to_detached_by_sleep)
{
	rig_open(&rig, &session);
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	cr_assert_eq(state(), SESSION_DETACHED);
	rig_want(&rig, &client, WIRE_ACK);
	cr_assert_eq(noticed(NOTICE_DETACHED).reason, SESSION_SLEEP);
}

// Silence for T, asked at least one interval ago.
static void fall_silent(void)
{
	for (uint32_t passed = 0; passed < TIMEOUT_MS; passed += INTERVAL_MS) {
		rig_run(&rig, INTERVAL_MS);
		rig_command(&rig, COMMAND_HEARTBEAT, session.handle, 0, 0);
	}
	rig_run(&rig, INTERVAL_MS + STEP_MS);
}

Test(life, connected_to_detached_when_silent)
{
	rig_open(&rig, &session);
	fall_silent();
	rig_command(&rig, COMMAND_DETACH, session.handle, SESSION_SILENT, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_DETACHED);
	cr_assert_eq(noticed(NOTICE_DETACHED).reason, SESSION_SILENT);
}

Test(life, a_frame_between_verdict_and_commit_rescues)
{
	rig_open(&rig, &session);
	fall_silent();
	rig_up(&rig, &session, 0, 0, "alive");
	rig_command(&rig, COMMAND_DETACH, session.handle, SESSION_SILENT, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_CONNECTED);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_rescued), 1);
}

Test(life, a_repeated_confirm_rescues)
{
	rig_open(&rig, &session);
	fall_silent();
	rig_confirm(&rig, &session); // the ACK of the first one was lost
	rig_command(&rig, COMMAND_DETACH, session.handle, SESSION_SILENT, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_CONNECTED);
}

Test(life, nobody_is_silent_who_was_not_asked)
{
	rig_open(&rig, &session);
	rig_run(&rig, 2 * TIMEOUT_MS);
	rig_command(&rig, COMMAND_DETACH, session.handle, SESSION_SILENT, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_CONNECTED);
}

Test(life, nobody_falls_silent_while_the_link_is_down)
{
	rig_open(&rig, &session);
	rig_command(&rig, COMMAND_HEARTBEAT, session.handle, 0, 0);
	rig_run(&rig, 1);
	rig.dataplane->ports[0].link_up = false;
	rig_run(&rig, 3 * TIMEOUT_MS);
	rig.dataplane->ports[0].link_up = true;
	rig_command(&rig, COMMAND_DETACH, session.handle, SESSION_SILENT, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_CONNECTED);
}

Test(life, a_stalled_worker_kills_nobody)
{
	rig_open(&rig, &session);
	rig_command(&rig, COMMAND_HEARTBEAT, session.handle, 0, 0);
	rig_run(&rig, 1);
	rig.tsc += (UINT64_C(30000000) << 32) / rig.dataplane->clock.us_per_tsc; // 30 s
	rig_command(&rig, COMMAND_DETACH, session.handle, SESSION_SILENT, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_CONNECTED);
	cr_assert_geq(rig_count(&rig, COUNTER_stalled_ms), 29900);
}

Test(life, only_passes_that_found_something_to_do_count_as_busy)
{
	uint64_t before;

	rig_open(&rig, &session);
	rig_run(&rig, 5);
	before = rig_count(&rig, COUNTER_busy_us);
	rig_run(&rig, 100);
	cr_assert_eq(rig_count(&rig, COUNTER_busy_us), before, "nothing to do");
	rig_up(&rig, &session, 0, 0, "work");
	rig_run(&rig, 100);
	cr_assert_gt(rig_count(&rig, COUNTER_busy_us), before);
	cr_assert_leq(rig_count(&rig, COUNTER_busy_us) - before, 10000, "not the passes after it");
}

Test(life, a_heartbeat_counts_how_often_it_was_asked_in_vain)
{
	rig_open(&rig, &session);
	for (uint32_t i = 0; i < 7; i++) {
		if (i == 4)
			rig_up(&rig, &session, 0, 0, "alive");
		rig_command(&rig, COMMAND_HEARTBEAT, session.handle, 0, 0);
		rig_run(&rig, 1);
		cr_assert_eq(rig_want(&rig, &client, WIRE_HEARTBEAT)->frame.aux, i % 4);
	}
}

static void ends_from_connected(enum session_reason reason, uint16_t code)
{
	rig_open(&rig, &session);
	end(reason, code);
	cr_assert_eq(state(), SESSION_CLOSING);
	cr_assert_eq(close_code(&client), code);
	cr_assert_eq(close_code(&rig.backend), code);
	cr_assert_eq(noticed(NOTICE_CLOSING).reason, reason);
	close_acks();
	cr_assert_eq(state(), SESSION_FREE);
}

Test(life, connected_to_closing_when_evicted)
{
	ends_from_connected(SESSION_EVICTED, HOLDFAST_EVICTED);
}

Test(life, connected_to_closing_when_superseded)
{
	ends_from_connected(SESSION_SUPERSEDED, HOLDFAST_SUPERSEDED);
}

Test(life, connected_to_closing_when_broken)
{
	ends_from_connected(SESSION_BROKEN, HOLDFAST_PROTOCOL_ERROR);
}

Test(life, connected_to_closing_when_the_client_says_close)
{
	rig_open(&rig, &session);
	rig_close(&rig, &client, session.handle, HOLDFAST_NORMAL);
	rig_want(&rig, &client, WIRE_CLOSE_ACK);
	cr_assert_eq(close_code(&rig.backend), HOLDFAST_NORMAL);
	cr_assert_null(rig_take(&rig, &client, WIRE_CLOSE)); // it said so itself
	rig_bare(&rig, &rig.backend, WIRE_CLOSE_ACK, session.handle, 0);
	cr_assert_eq(state(), SESSION_FREE);
}

Test(life, connected_to_closing_when_the_backend_says_close)
{
	rig_open(&rig, &session);
	rig_close(&rig, &rig.backend, session.handle, HOLDFAST_NORMAL);
	rig_want(&rig, &rig.backend, WIRE_CLOSE_ACK);
	cr_assert_eq(close_code(&client), HOLDFAST_NORMAL);
	rig_bare(&rig, &client, WIRE_CLOSE_ACK, session.handle, 0);
	cr_assert_eq(state(), SESSION_FREE);
}

Test(life, connected_to_free_when_let_go)
{
	rig_open(&rig, &session);
	rig_command(&rig, COMMAND_LET_GO, session.handle, SESSION_LET_GO, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_FREE);
	cr_assert_null(rig_take(&rig, &client, WIRE_CLOSE));
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_CLOSE));
}

Test(life, connected_does_not_expire)
{
	rig_open(&rig, &session);
	end(SESSION_EXPIRED, HOLDFAST_EXPIRED);
	cr_assert_eq(state(), SESSION_CONNECTED);
	cr_assert_eq(noticed(NOTICE_REFUSED).code, HOLDFAST_EXPIRED);
}

// ---- DETACHED ---------------------------------------------------------------------------------

Test(life, detached_to_connected_when_resumed)
{
	detached();
	rig_resume(&rig, &session, &client, &zero);
	cr_assert_eq(state(), SESSION_CONNECTED);
	cr_assert_eq(noticed(NOTICE_RESUMED).epoch, 2);
}

Test(life, detached_answers_any_frame_but_hello_with_unknown)
{
	detached();
	rig_up(&rig, &session, 0, 0, "I was only asleep");
	rig_want(&rig, &client, WIRE_UNKNOWN);
	cr_assert_eq(rig_drops(&rig, DROP_not_connected), 1);
	cr_assert_eq(state(), SESSION_DETACHED);
}

Test(life, detached_to_closing_when_grace_is_over_and_not_before)
{
	detached();
	rig_run(&rig, GRACE_MS - STEP_MS);
	end(SESSION_EXPIRED, HOLDFAST_EXPIRED);
	cr_assert_eq(state(), SESSION_DETACHED, "evicted too early");
	rig_run(&rig, STEP_MS);
	rig_forget(&rig);
	end(SESSION_EXPIRED, HOLDFAST_EXPIRED);
	cr_assert_eq(state(), SESSION_CLOSING);
	cr_assert_eq(close_code(&rig.backend), HOLDFAST_EXPIRED);
	cr_assert_null(rig_take(&rig, &client, WIRE_CLOSE)); // nobody knows where it is
}

Test(life, failed_attempts_do_not_move_the_end_of_grace)
{
	detached();
	for (uint32_t passed = 0; passed < GRACE_MS; passed += GRACE_MS / 4) {
		session.epoch++;
		rig_hello(&rig, &session, true); // and never confirmed
		rig_run(&rig, GRACE_MS / 4);
		rig_forget(&rig);
	}
	end(SESSION_EXPIRED, HOLDFAST_EXPIRED);
	cr_assert_eq(state(), SESSION_CLOSING);
}

Test(life, a_confirmed_resume_ends_grace)
{
	detached();
	rig_run(&rig, GRACE_MS - 500);
	rig_resume(&rig, &session, &client, &zero);
	rig_run(&rig, 1000);
	end(SESSION_EXPIRED, HOLDFAST_EXPIRED);
	cr_assert_eq(state(), SESSION_CONNECTED);
}

Test(life, detached_to_closing_when_the_backend_says_close)
{
	detached();
	rig_close(&rig, &rig.backend, session.handle, HOLDFAST_NORMAL);
	cr_assert_eq(noticed(NOTICE_CLOSING).reason, SESSION_CLOSED);
	cr_assert_eq(state(), SESSION_FREE); // nobody is left to be told
}

Test(life, detached_to_free_when_let_go)
{
	detached();
	rig_command(&rig, COMMAND_LET_GO, session.handle, SESSION_LET_GO, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_FREE);
}

Test(life, everything_of_the_session_survives_detachment)
{
	struct dataplane_session_view before, after;
	const uint32_t slot_of = 0;

	rig_open(&rig, &session);
	rig_up(&rig, &session, 0, 0, "up");
	rig_down(&rig, &session, 0, 0, "down");
	cr_assert(dataplane_session_view(rig.dataplane, slot_of, &before));
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	rig_run(&rig, GRACE_MS / 2);
	cr_assert(dataplane_session_view(rig.dataplane, slot_of, &after));
	cr_assert_eq(after.handle, before.handle);
	cr_assert_eq(after.epoch, before.epoch);
	cr_assert_eq(after.channels[0].up.next, 1);
	cr_assert_eq(after.channels[0].down.next, 1);
	cr_assert_eq(after.channels[0].down.cached_frames, 1);
	cr_assert_eq(after.channels[0].backend, before.channels[0].backend);
}

// ---- CLOSING ----------------------------------------------------------------------------------

Test(life, closing_to_free_after_a_second_without_answers)
{
	uint32_t closes = 0;

	rig_open(&rig, &session);
	end(SESSION_EVICTED, HOLDFAST_EVICTED);
	rig_run(&rig, 1100);
	while (rig_take(&rig, &client, WIRE_CLOSE) != NULL)
		closes++;
	cr_assert_eq(closes, 5);
	cr_assert_eq(state(), SESSION_FREE);
	cr_assert_eq(noticed(NOTICE_GONE).reason, SESSION_ENDED);
}

Test(life, closing_to_free_when_let_go)
{
	rig_open(&rig, &session);
	end(SESSION_EVICTED, HOLDFAST_EVICTED);
	rig_command(&rig, COMMAND_LET_GO, session.handle, SESSION_LET_GO, 0);
	rig_run(&rig, 2);
	cr_assert_eq(state(), SESSION_FREE);
}

Test(life, closing_takes_unknown_for_an_answer)
{
	rig_open(&rig, &session);
	end(SESSION_EVICTED, HOLDFAST_EVICTED);
	rig_bare(&rig, &client, WIRE_UNKNOWN, session.handle, 0);
	rig_bare(&rig, &rig.backend, WIRE_UNKNOWN, session.handle, 0);
	cr_assert_eq(state(), SESSION_FREE);
}

Test(life, closing_takes_no_data_and_is_not_ended_twice)
{
	rig_open(&rig, &session);
	end(SESSION_EVICTED, HOLDFAST_EVICTED);
	rig_up(&rig, &session, 0, 0, "late");
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
	end(SESSION_SUPERSEDED, HOLDFAST_SUPERSEDED);
	cr_assert_eq(noticed(NOTICE_REFUSED).code, HOLDFAST_SUPERSEDED);
	cr_assert_eq(noticed(NOTICE_CLOSING).code, HOLDFAST_EVICTED);
}

Test(life, closing_answers_a_hello_with_the_code_of_its_end)
{
	rig_open(&rig, &session);
	end(SESSION_EVICTED, HOLDFAST_EVICTED);
	session.epoch = 2;
	rig_hello(&rig, &session, true);
	cr_assert_eq(rig_rejected(&rig, &session), HOLDFAST_EVICTED);
}

Test(life, closing_answers_the_other_ends_close)
{
	rig_open(&rig, &session);
	rig_close(&rig, &client, session.handle, HOLDFAST_NORMAL);
	rig_forget(&rig);
	rig_close(&rig, &rig.backend, session.handle, HOLDFAST_NORMAL); // crossed on the way
	rig_want(&rig, &rig.backend, WIRE_CLOSE_ACK);
	cr_assert_eq(state(), SESSION_FREE);
	rig_close(&rig, &client, session.handle, HOLDFAST_NORMAL); // its CLOSE_ACK was lost
	rig_want(&rig, &client, WIRE_UNKNOWN);
}

// ---- Slots ------------------------------------------------------------------------------------

Test(life, a_slot_that_comes_back_has_another_handle)
{
	uint64_t first;

	rig_open(&rig, &session);
	first = session.handle;
	end(SESSION_EVICTED, HOLDFAST_EVICTED);
	close_acks();
	rig_grace(&rig);
	session.epoch = 1;
	rig_open(&rig, &session);
	cr_assert_eq(session_handle_slot(session.handle), session_handle_slot(first));
	cr_assert_neq(session.handle, first);

	struct rig_session old = session;

	old.handle = first;
	rig_close(&rig, &client, first, HOLDFAST_NORMAL); // late: not the successor's
	rig_up(&rig, &old, 0, 0, "late");
	cr_assert_eq(state(), SESSION_CONNECTED);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
}
