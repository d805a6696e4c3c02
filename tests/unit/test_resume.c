// SPDX-License-Identifier: BSD-3-Clause
// Resuming: the sequence check, the replay, the change of path, and the fence of epochs, by real
// frames through a stepped data plane.
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "holdfast/errors.h"
#include "tests/support/rig_session.h"

static const struct frame_triple zero;
static struct rig rig;
static struct rig_peer home, away;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = 1, .resumes_per_second = 50});
	home = rig_peer(&rig, 1, 0);
	away = rig_peer(&rig, 2, 0);
	session = rig_session(&home, 1);
	rig_open(&rig, &session);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(resume, .init = begin, .fini = finish, .timeout = 60);

static void detach(void)
{
	rig_bare(&rig, &session.client, WIRE_SLEEP, session.handle, 0);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_DETACHED);
	rig_forget(&rig);
}

Test(resume, replays_the_oldest_first_and_before_new_traffic)
{
	char text[16];

	detach();
	for (uint32_t seq = 0; seq < 40; seq++) {
		snprintf(text, sizeof(text), "kept %u", seq);
		rig_down(&rig, &session, seq, 0, text);
	}
	cr_assert_null(rig_take(&rig, &home, WIRE_DATA));
	rig_resume(&rig, &session, &away, &(struct frame_triple){.next = 40});
	rig_down(&rig, &session, 40, 0, "kept 40"); // new, and waits for its turn
	for (uint32_t seq = 0; seq <= 40; seq++) {
		snprintf(text, sizeof(text), "kept %u", seq);
		rig_want_data(&rig, &away, seq, text);
		rig_bare(&rig, &away, WIRE_ACK, session.handle, seq + 1);
	}
	rig_down(&rig, &session, 41, 0, "fresh");
	rig_want_data(&rig, &away, 41, "fresh");
}

Test(resume, has_no_more_in_flight_than_its_share_before_an_ack)
{
	uint32_t came = 0;

	detach();
	for (uint32_t seq = 0; seq < 100; seq++)
		rig_down(&rig, &session, seq, 0, "x");
	rig_resume(&rig, &session, &away, &(struct frame_triple){.next = 100});
	while (rig_take(&rig, &away, WIRE_DATA) != NULL)
		came++;
	cr_assert_eq(came, 16);
}

Test(resume, asks_the_backend_for_what_the_cache_lacks)
{
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];

	rig_down(&rig, &session, 0, 0, "kept");
	rig_down(&rig, &session, 2, 0, "kept, with a hole before it");
	detach();
	rig_resume(&rig, &session, &away, &(struct frame_triple){.next = 3});
	cr_assert_eq(frame_decode_nak(&rig_want(&rig, &rig.backend, WIRE_NAK)->frame, pairs), 1);
	cr_assert_eq(pairs[0].first, 1);
	cr_assert_eq(pairs[0].count, 1);
	rig_want_data(&rig, &away, 0, "kept");
	rig_want_data(&rig, &away, 2, "kept, with a hole before it");
	rig_down(&rig, &session, 1, 0, "asked for");
	rig_want_data(&rig, &away, 1, "asked for");
}

Test(resume, what_the_client_has_by_its_own_word_is_not_sent_again)
{
	detach();
	for (uint32_t seq = 0; seq < 4; seq++)
		rig_down(&rig, &session, seq, 0, "x");
	session.numbers.expected = 3;
	rig_resume(&rig, &session, &away, &(struct frame_triple){.next = 4});
	rig_want_data(&rig, &away, 3, "x");
	cr_assert_null(rig_take(&rig, &away, WIRE_DATA));
}

Test(resume, the_path_stays_until_the_client_confirms)
{
	struct rig_session moved = session;

	moved.epoch = 2;
	moved.client = away;
	rig_hello(&rig, &moved, true);
	rig_welcome(&rig, &moved);
	rig_down(&rig, &session, 0, 0, "one");
	rig_want_data(&rig, &home, 0, "one");
	rig_up(&rig, &moved, 0, 0, "too early");
	cr_assert_eq(rig_drops(&rig, DROP_unconfirmed), 1);
	rig_up(&rig, &session, 0, 1, "from the old path");
	rig_want_data(&rig, &rig.backend, 0, "from the old path");
	rig_confirm(&rig, &moved);
	rig_down(&rig, &session, 1, 0, "two");
	rig_want_data(&rig, &away, 1, "two");
	rig_up(&rig, &session, 1, 1, "the old path is history");
	rig_want(&rig, &home, WIRE_UNKNOWN);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
}

Test(resume, an_attempt_that_is_never_confirmed_leaves_no_mark)
{
	struct rig_session moved = session;

	moved.epoch = 2;
	moved.client = away;
	rig_hello(&rig, &moved, true);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_run(&rig, 2100);
	cr_assert_eq(rig_count(&rig, COUNTER_attempts_expired), 1);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CONNECTED);
	rig_up(&rig, &session, 0, 0, "still here");
	rig_want_data(&rig, &rig.backend, 0, "still here");
}

Test(resume, a_repeated_hello_gets_the_same_welcome_from_its_own_address_only)
{
	struct rig_session moved = session, third;

	moved.epoch = 2;
	moved.client = away;
	third = moved;
	third.client = rig_peer(&rig, 3, 0);
	rig_hello(&rig, &moved, true);
	rig_welcome(&rig, &moved);
	rig_hello(&rig, &moved, true);
	rig_welcome(&rig, &moved);
	rig_hello(&rig, &third, true);
	cr_assert_eq(rig_rejected(&rig, &third), HOLDFAST_STALE_EPOCH);
	rig_confirm(&rig, &moved);
	rig_hello(&rig, &third, true);
	cr_assert_eq(rig_rejected(&rig, &third), HOLDFAST_STALE_EPOCH);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_resumed), 1);
}

Test(resume, a_lower_epoch_is_stale_and_told_which_stands)
{
	struct rig_session old = session;
	struct frame_reject reject;

	rig_resume(&rig, &session, &away, &zero);
	rig_resume(&rig, &session, &away, &zero);
	old.epoch = 2;
	rig_forget(&rig);
	rig_hello(&rig, &old, true);
	frame_decode_reject(&rig_want(&rig, &home, WIRE_REJECT)->frame, &reject);
	cr_assert_eq(reject.code, HOLDFAST_STALE_EPOCH);
	cr_assert_eq(reject.epoch_standing, 3);
}

Test(resume, a_higher_epoch_replaces_a_pending_one)
{
	struct rig_session second = session, third = session;

	second.epoch = 2;
	second.client = away;
	third.epoch = 3;
	third.client = rig_peer(&rig, 3, 0);
	rig_hello(&rig, &second, true);
	rig_welcome(&rig, &second);
	rig_hello(&rig, &third, true);
	rig_welcome(&rig, &third);
	rig_confirm(&rig, &second);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_resumed), 0);
	rig_confirm(&rig, &third);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_resumed), 1);
	rig_down(&rig, &session, 0, 0, "to the third");
	rig_want_data(&rig, &third.client, 0, "to the third");
}

// ---- The sequence check: client numbers against two frames up and three down ------------------

static void check_refused(const struct frame_triple *claim)
{
	struct rig_session liar = session;

	rig_up(&rig, &session, 0, 0, "a");
	rig_up(&rig, &session, 1, 0, "b");
	for (uint32_t seq = 0; seq < 3; seq++) // the last one tells that both were taken
		rig_down(&rig, &session, seq, seq == 2 ? 2 : 0, "c");
	rig_bare(&rig, &home, WIRE_ACK, session.handle, 1);
	liar.epoch = 2;
	liar.numbers = *claim;
	rig_forget(&rig);
	rig_hello(&rig, &liar, true);
	cr_assert_eq(rig_rejected(&rig, &liar), HOLDFAST_STATE_MISMATCH);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CONNECTED);
	rig_up(&rig, &session, 2, 1, "untouched");
	rig_want_data(&rig, &rig.backend, 2, "untouched");
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_OPEN));
}

Test(resume, a_client_that_forgot_what_was_not_taken_is_refused)
{
	check_refused(&(struct frame_triple){.oldest = 3, .next = 3, .expected = 1});
}

Test(resume, a_client_that_wants_what_the_backend_forgot_is_refused)
{
	check_refused(&(struct frame_triple){.oldest = 2, .next = 2, .expected = 0});
}

Test(resume, a_client_that_claims_what_was_never_sent_is_refused)
{
	check_refused(&(struct frame_triple){.oldest = 2, .next = 2, .expected = 4});
}

Test(resume, a_client_that_never_sent_what_was_taken_is_refused)
{
	check_refused(&(struct frame_triple){.oldest = 1, .next = 1, .expected = 1});
}

Test(resume, other_services_than_before_are_refused)
{
	struct directory *directory = rig_directory(&rig);
	struct rig_session moved = session;

	directory->services[1] = directory->services[0];
	strcpy(directory->services[0].name, "was echo");
	directory->services_count = 2;
	rig_publish(&rig, directory);
	moved.epoch = 2;
	rig_hello(&rig, &moved, true);
	cr_assert_eq(rig_rejected(&rig, &moved), HOLDFAST_STATE_MISMATCH);
}

Test(resume, more_resumes_than_the_limit_of_a_second_are_refused_as_overloaded)
{
	uint32_t refused = 0;

	for (uint32_t i = 0; i < 110; i++) {
		session.epoch++;
		rig_hello(&rig, &session, true);
		if (rig_take(&rig, &home, WIRE_REJECT) != NULL)
			refused++;
	}
	cr_assert_geq(refused, 10); // a fifth of a second, the shares of two at most
	rig_run(&rig, 1000);
	rig_forget(&rig);
	session.epoch++;
	rig_hello(&rig, &session, true);
	rig_welcome(&rig, &session);
}

// ---- Fencing ----------------------------------------------------------------------------------

Test(resume, every_accepted_attempt_is_announced_to_the_backend)
{
	rig_hello(&rig, &session, false); // the epoch that stands: nothing new
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_OPEN));
	for (uint32_t epoch = 2; epoch < 5; epoch++) {
		session.epoch = epoch;
		rig_hello(&rig, &session, true);
		cr_assert_eq(rig_answer_open(&rig, 0, 0, &zero), epoch);
		cr_assert_null(rig_take(&rig, &rig.backend, WIRE_OPEN));
	}
}

Test(resume, does_not_wait_for_the_backend)
{
	session.epoch = 2;
	session.client = away;
	rig_hello(&rig, &session, true);
	rig_welcome(&rig, &session);
	rig_confirm(&rig, &session);
	cr_assert_eq(rig_count(&rig, COUNTER_sessions_resumed), 1);
	rig_up(&rig, &session, 0, 0, "before the OPEN_ACK");
	rig_want_data(&rig, &rig.backend, 0, "before the OPEN_ACK");
	rig_want(&rig, &rig.backend, WIRE_OPEN);
	rig_run(&rig, 250);
	rig_answer_open(&rig, 0, 0, &zero); // the repeated one
}

Test(resume, a_gateway_that_was_overtaken_lets_go_without_a_close)
{
	struct notice notice;

	session.epoch = 2;
	rig_hello(&rig, &session, true);
	rig_answer_open(&rig, HOLDFAST_STALE_EPOCH, 9, &zero);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_FREE);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_CLOSE));
	cr_assert_null(rig_take(&rig, &home, WIRE_CLOSE));
	rig_run(&rig, 2);
	cr_assert(rig_notice(&rig, NOTICE_GONE, &notice));
	cr_assert_eq(notice.reason, SESSION_LET_GO);
	rig_up(&rig, &session, 0, 0, "later frames");
	rig_want(&rig, &home, WIRE_UNKNOWN);
}

Test(resume, a_backend_that_does_not_know_the_handle_makes_the_gateway_let_go)
{
	rig_bare(&rig, &rig.backend, WIRE_UNKNOWN, session.handle, 0);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_FREE);
	cr_assert_null(rig_take(&rig, &home, WIRE_CLOSE));
}

Test(resume, an_unknown_that_overtook_an_open_is_not_believed)
{
	session.epoch = 2;
	rig_hello(&rig, &session, true);
	rig_bare(&rig, &rig.backend, WIRE_UNKNOWN, session.handle, 0);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CONNECTED);
}

Test(resume, a_backend_that_lost_its_numbers_ends_the_session_with_a_mismatch)
{
	session.epoch = 2;
	rig_hello(&rig, &session, true);
	rig_welcome(&rig, &session);
	rig_confirm(&rig, &session);
	rig_answer_open(&rig, HOLDFAST_STATE_MISMATCH, 0, &zero);
	rig_run(&rig, 2);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CLOSING);

	struct frame_close close;

	frame_decode_close(&rig_want(&rig, &home, WIRE_CLOSE)->frame, &close);
	cr_assert_eq(close.code, HOLDFAST_STATE_MISMATCH);
}

Test(resume, an_open_ack_of_an_older_attempt_counts_for_nothing)
{
	uint8_t body[WIRE_OPEN_ACK_BODY_BYTES];
	const struct frame_open_ack old = {.epoch = 2};
	struct frame frame = {.type = WIRE_OPEN_ACK, .handle = session.handle, .body = body};

	session.epoch = 3;
	rig_hello(&rig, &session, true);
	frame.body_bytes = frame_encode_open_ack(&old, body);
	rig_send(&rig, &rig.backend, &frame);
	cr_assert_eq(rig_drops(&rig, DROP_opening_stale), 1);
	rig_want(&rig, &rig.backend, WIRE_OPEN);
	rig_run(&rig, 210);
	cr_assert_eq(rig_answer_open(&rig, 0, 0, &zero), 3); // still repeated
}

Test(resume, a_client_does_not_hear_the_old_session_in_a_new_one)
{
	struct rig_session next = rig_session(&home, 2);

	detach();
	rig_down(&rig, &session, 0, 0, "of the old session");
	rig_open(&rig, &next);
	rig_run(&rig, 100);
	cr_assert_null(rig_take(&rig, &home, WIRE_DATA));
	cr_assert_neq(next.handle, session.handle);
}
