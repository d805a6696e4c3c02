// SPDX-License-Identifier: BSD-3-Clause
// Handshakes of new sessions, by real frames through a stepped data plane.
#include <string.h>

#include <criterion/criterion.h>

#include "holdfast/errors.h"
#include "tests/support/rig_session.h"

enum { OPENING_MS = 2000 };

static const struct frame_triple zero;
static struct rig rig;
static struct rig_peer client;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = 1, .attempts_max = 16});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(opening, .init = begin, .fini = finish, .timeout = 60);

Test(opening, a_new_session_is_accepted_and_its_id_echoed)
{
	struct notice notice;

	rig_open(&rig, &session);
	cr_assert(rig_notice(&rig, NOTICE_CREATED, &notice));
	cr_assert(rig_notice(&rig, NOTICE_CONNECTED, &notice));
	cr_assert_eq(notice.handle, session.handle);
	cr_assert_eq(notice.epoch, 1);
	cr_assert_arr_eq(notice.id, session.id, sizeof(session.id));
}

Test(opening, nothing_is_kept_before_a_cookie)
{
	const uint32_t wrong[4] = {1, 2, 3, 4};
	struct notice notice;

	rig_hello_cookie(&rig, &session, false, NULL);
	rig_want(&rig, &client, WIRE_RETRY);
	rig_hello_cookie(&rig, &session, false, (const uint8_t *)wrong);
	rig_want(&rig, &client, WIRE_RETRY);
	rig_run(&rig, 2);
	cr_assert_not(rig_notice(&rig, NOTICE_CREATED, &notice));
	cr_assert_eq(rig_count(&rig, COUNTER_to_control), 0);
}

Test(opening, a_cookie_is_good_for_its_address_session_and_epoch_only)
{
	const struct rig_peer other = rig_peer(&rig, 2, 0);
	struct frame_retry retry;
	struct rig_session elsewhere = session, another = rig_session(&client, 2), later = session;

	elsewhere.client = other;
	later.epoch = 2;
	rig_hello_cookie(&rig, &session, false, NULL);
	frame_decode_retry(&rig_want(&rig, &client, WIRE_RETRY)->frame, &retry);
	rig_hello_cookie(&rig, &elsewhere, false, retry.cookie);
	rig_want(&rig, &other, WIRE_RETRY);
	rig_hello_cookie(&rig, &another, false, retry.cookie);
	rig_want(&rig, &client, WIRE_RETRY);
	rig_hello_cookie(&rig, &later, false, retry.cookie);
	rig_want(&rig, &client, WIRE_RETRY);
	rig_hello_cookie(&rig, &session, false, retry.cookie);
	rig_run(&rig, 2);
	rig_want(&rig, &rig.backend, WIRE_OPEN);
}

Test(opening, a_cookie_outlives_one_change_of_keys_but_not_two)
{
	struct frame_retry retry;

	rig_hello_cookie(&rig, &session, false, NULL);
	frame_decode_retry(&rig_want(&rig, &client, WIRE_RETRY)->frame, &retry);
	for (uint64_t key = 100; key < 102; key++) {
		struct directory *directory = rig_directory(&rig);

		memcpy(directory->cookie_keys[1], directory->cookie_keys[0],
		       sizeof(directory->cookie_keys[0]));
		directory->cookie_keys[0][0] = key;
		rig_publish(&rig, directory);
		rig_hello_cookie(&rig, &session, false, retry.cookie);
		if (key == 101)
			rig_want(&rig, &client, WIRE_RETRY);
		else
			cr_assert_null(rig_take(&rig, &client, WIRE_RETRY));
	}
}

Test(opening, repeated_hellos_make_one_session_and_get_the_same_answer)
{
	uint64_t handle;

	rig_hello(&rig, &session, false);
	rig_hello(&rig, &session, false); // still opening: patience
	cr_assert_null(rig_take(&rig, &client, WIRE_WELCOME));
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	handle = session.handle;
	for (int i = 0; i < 3; i++) { // the WELCOME was lost on the way
		rig_hello(&rig, &session, false);
		rig_welcome(&rig, &session);
		cr_assert_eq(session.handle, handle);
	}
	rig_confirm(&rig, &session);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_created), 1);
	cr_assert_eq(rig_state(&rig, handle), SESSION_CONNECTED);
}

Test(opening, two_hellos_that_control_admits_at_once_make_one_session)
{
	struct notice notice;

	rig.paused = true;
	rig_hello(&rig, &session, false);
	rig_hello(&rig, &session, false);
	rig.paused = false;
	rig_run(&rig, 3);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_created), 1);
	cr_assert(rig_notice(&rig, NOTICE_CREATED, &notice));
	cr_assert_not(rig_notice(&rig, NOTICE_CREATED, &notice));
}

Test(opening, a_confirmation_repeated_is_answered_again)
{
	rig_open(&rig, &session);
	rig_confirm(&rig, &session);
	rig_want(&rig, &client, WIRE_ACK);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_connected), 1);
}

Test(opening, an_open_is_repeated_at_doubling_intervals_until_it_is_answered)
{
	rig_hello(&rig, &session, false);
	for (uint32_t gap_ms = 200; gap_ms < 1000; gap_ms *= 2) {
		rig_want(&rig, &rig.backend, WIRE_OPEN);
		rig_run(&rig, gap_ms - 10);
		cr_assert_null(rig_take(&rig, &rig.backend, WIRE_OPEN), "too early");
		rig_run(&rig, 20);
	}
	rig_answer_open(&rig, 0, 0, &zero);
	rig_forget(&rig);
	rig_run(&rig, 500);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_OPEN));
}

Test(opening, what_is_not_confirmed_in_time_is_abandoned_and_its_backend_told)
{
	rig_hello(&rig, &session, false);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	rig_run(&rig, OPENING_MS - 100);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_OPENING);
	rig_run(&rig, 150);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_FREE);
	rig_want(&rig, &rig.backend, WIRE_CLOSE);
	rig_confirm(&rig, &session); // too late
	rig_want(&rig, &client, WIRE_UNKNOWN);
	rig_open(&rig, &session); // the id is free again
}

Test(opening, a_backend_that_refuses_ends_the_attempt_with_its_code)
{
	rig_hello(&rig, &session, false);
	rig_answer_open(&rig, HOLDFAST_STATE_MISMATCH, 0, &zero);
	cr_assert_eq(rig_rejected(&rig, &session), HOLDFAST_STATE_MISMATCH);
	cr_assert_null(rig_take(&rig, &client, WIRE_WELCOME));
	rig_open(&rig, &session);
}

Test(opening, a_backend_whose_numbers_do_not_fit_refuses_the_session)
{
	const struct frame_triple odd = {.oldest = 5, .next = 7, .expected = 0};

	rig_hello(&rig, &session, false);
	rig_answer_open(&rig, 0, 0, &odd);
	cr_assert_eq(rig_rejected(&rig, &session), HOLDFAST_STATE_MISMATCH);
}

Test(opening, a_higher_epoch_takes_over_an_opening_from_elsewhere)
{
	struct rig_session moved;

	rig_hello(&rig, &session, false);
	moved = session;
	moved.epoch = 2;
	moved.client = rig_peer(&rig, 2, 0);
	rig_want(&rig, &rig.backend, WIRE_OPEN);
	rig_hello(&rig, &moved, false);
	cr_assert_eq(rig_answer_open(&rig, 0, 0, &zero), 2);
	rig_welcome(&rig, &moved);
	cr_assert_null(rig_take(&rig, &client, WIRE_WELCOME));
	session.handle = moved.handle;
	rig_confirm(&rig, &session); // of the old attempt
	cr_assert_eq(rig_state(&rig, moved.handle), SESSION_OPENING);
	rig_confirm(&rig, &moved);
	cr_assert_eq(rig_state(&rig, moved.handle), SESSION_CONNECTED);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_created), 1);
}

Test(opening, a_lower_epoch_is_stale_while_opening)
{
	struct rig_session old = session;

	session.epoch = 3;
	rig_hello(&rig, &session, false);
	rig_hello(&rig, &old, false);
	cr_assert_eq(rig_rejected(&rig, &old), HOLDFAST_STALE_EPOCH);
}

Test(opening, a_confirmation_before_the_welcome_counts_for_nothing)
{
	rig_hello(&rig, &session, false);
	session.handle = rig_want(&rig, &rig.backend, WIRE_OPEN)->frame.handle; // guessed
	rig_confirm(&rig, &session);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_OPENING);
	rig_run(&rig, 210);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	rig_confirm(&rig, &session);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CONNECTED);
}

Test(opening, frames_of_an_unconfirmed_client_are_dropped_in_silence)
{
	rig_hello(&rig, &session, false);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	rig_forget(&rig);
	rig_up(&rig, &session, 0, 0, "too early");
	cr_assert_eq(rig.inbox_count, 0);
	cr_assert_eq(rig_drops(&rig, DROP_unconfirmed), 1);
}

Test(opening, more_openings_than_places_are_refused_as_overloaded)
{
	const struct rig_peer last = rig_peer(&rig, 200, 0);
	struct rig_session one_more = rig_session(&last, 200);

	for (uint8_t n = 1; n <= 16; n++) {
		const struct rig_peer peer = rig_peer(&rig, n, 0);
		const struct rig_session opening = rig_session(&peer, n);

		rig_hello(&rig, &opening, false);
	}
	rig_hello(&rig, &one_more, false);
	cr_assert_eq(rig_rejected(&rig, &one_more), HOLDFAST_OVERLOADED);
	rig_run(&rig, OPENING_MS + 100);
	rig_forget(&rig);
	rig_open(&rig, &one_more);
}

Test(opening, wishes_are_taken_within_bounds)
{
	struct dataplane_session_view view;

	session.timeout_ms = 30000;
	session.grace_ms = 80000000;
	rig_open(&rig, &session);
	cr_assert(
	    dataplane_session_view(rig.dataplane, session_handle_slot(session.handle), &view));
	cr_assert_eq(view.timeout_ms, 30000);
	cr_assert_eq(view.grace_ms, 60000); // lowered to the most that the gateway grants

	struct rig_session impatient = rig_session(&client, 2);

	impatient.timeout_ms = 1999;
	rig_hello(&rig, &impatient, false);
	cr_assert_eq(rig_rejected(&rig, &impatient), HOLDFAST_INVALID_TIMEOUT);
}

Test(opening, a_service_that_is_not_there_is_refused)
{
	struct directory *directory = rig_directory(&rig);

	strcpy(directory->services[RIG_ECHO].name, "other");
	rig_publish(&rig, directory);
	rig_hello(&rig, &session, false);
	cr_assert_eq(rig_rejected(&rig, &session), HOLDFAST_UNKNOWN_SERVICE);
}

Test(opening, another_version_is_told_so_once_its_cookie_is_good)
{
	struct frame_retry retry;
	struct handshake block = {.epoch = 1, .count = 1};
	uint8_t payload[364] = {WIRE_VERSION + 1, WIRE_HELLO}, packet[RIG_PACKET_BYTES];

	memcpy(block.session, session.id, sizeof(block.session));
	for (int i = 0; i < 2; i++) {
		handshake_encode(&block, payload + WIRE_HEADER_BYTES);
		rig_send_raw(&rig, 0, packet,
			     rig_wrap(&rig, &client, payload, sizeof(payload), packet));
		if (i == 0) {
			frame_decode_retry(&rig_want(&rig, &client, WIRE_RETRY)->frame, &retry);
			memcpy(block.cookie, retry.cookie, sizeof(block.cookie));
		}
	}
	cr_assert_eq(rig_rejected(&rig, &session), HOLDFAST_VERSION_MISMATCH);
}
