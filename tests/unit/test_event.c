// SPDX-License-Identifier: BSD-3-Clause
// EVENTs and what becomes of a session whose backend goes, comes back or is another, by real frames
// and commands through a stepped data plane.
#include <string.h>

#include <criterion/criterion.h>

#include "dataplane/errand.h"
#include "holdfast/errors.h"
#include "tests/support/rig_session.h"

static const struct frame_triple zero;
static struct rig rig;
static struct rig_peer client;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = 1});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
	rig_open(&rig, &session);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(event, .init = begin, .fini = finish, .timeout = 60);

// Checks that the next EVENT to a peer is this one. Returns its number.
static uint16_t want(const struct rig_peer *to, const char *name)
{
	const struct rig_packet *packet = rig_want(&rig, to, WIRE_EVENT);
	struct options options;

	cr_assert_eq(packet->frame.handle, session.handle);
	cr_assert_eq(options_decode(packet->frame.body, packet->frame.body_bytes, &options), 0);
	cr_assert(options_text_equal(options.event, options_text(name)), "%.*s came, not %s",
		  (int)options.event.len, options.event.bytes, name);
	cr_assert_eq(options.epoch, session.epoch);
	return packet->frame.aux;
}

static void acknowledge(const struct rig_peer *from, uint16_t number)
{
	rig_send(&rig, from,
		 &(struct frame){.type = WIRE_EVENT_ACK, .aux = number, .handle = session.handle});
}

// To the one worker there is.
static void tell_worker(enum command_kind kind)
{
	const struct command command = {.kind = (uint8_t)kind, .backend = RIG_ECHO};

	cr_assert_eq(dataplane_command(rig.dataplane, 0, &command), 0);
	rig_run(&rig, 40); // slices of the shard
}

static void sleep_now(void)
{
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
}

Test(event, a_backend_is_told_that_its_peer_is_away)
{
	sleep_now();
	cr_assert_eq(want(&rig.backend, WIRE_EVENT_PEER_DETACHED), 1);
	cr_assert_null(rig_take(&rig, &client, WIRE_EVENT));
}

Test(event, is_repeated_every_200_ms_until_acknowledged)
{
	uint16_t number;

	sleep_now();
	number = want(&rig.backend, WIRE_EVENT_PEER_DETACHED);
	for (int i = 0; i < 3; i++) {
		rig_run(&rig, 190);
		cr_assert_null(rig_take(&rig, &rig.backend, WIRE_EVENT), "too early");
		rig_run(&rig, 20);
		cr_assert_eq(want(&rig.backend, WIRE_EVENT_PEER_DETACHED), number);
	}
	acknowledge(&rig.backend, (uint16_t)(number + 1)); // of another one
	rig_run(&rig, 210);
	want(&rig.backend, WIRE_EVENT_PEER_DETACHED);
	acknowledge(&rig.backend, number);
	rig_run(&rig, 1000);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_EVENT));
	cr_assert_eq(rig.dataplane->workers[0]->errands->used, 0);
}

Test(event, of_a_peer_that_is_back_is_repeated_no_more)
{
	sleep_now();
	want(&rig.backend, WIRE_EVENT_PEER_DETACHED);
	rig_resume(&rig, &session, &client, &zero);
	rig_run(&rig, 500);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_EVENT));
	sleep_now();
	cr_assert_eq(want(&rig.backend, WIRE_EVENT_PEER_DETACHED), 2);
}

Test(event, is_one_at_a_time_and_numbers_count_up)
{
	uint16_t number;

	tell_worker(COMMAND_BACKEND_LOST);
	number = want(&client, WIRE_EVENT_CHANNEL_DOWN);
	tell_worker(COMMAND_ANNOUNCE_DRAIN);
	rig_run(&rig, 1000);
	while (rig_take(&rig, &client, WIRE_EVENT) != NULL)
		; // the first one, again and again
	acknowledge(&client, number);
	cr_assert_eq(want(&client, WIRE_EVENT_DRAINING), number + 1);
}

Test(event, of_a_channel_replaces_the_one_that_waits)
{
	uint16_t number;

	tell_worker(COMMAND_ANNOUNCE_DRAIN);
	number = want(&client, WIRE_EVENT_DRAINING);
	tell_worker(COMMAND_BACKEND_LOST);
	tell_worker(COMMAND_BACKEND_RETURNED);
	rig_forget(&rig);
	acknowledge(&client, number);
	number = want(&client, WIRE_EVENT_CHANNEL_UP); // that it was down is history
	acknowledge(&client, number);
	rig_run(&rig, 300);
	cr_assert_null(rig_take(&rig, &client, WIRE_EVENT));
}

Test(event, waits_for_a_client_that_is_away)
{
	sleep_now();
	tell_worker(COMMAND_BACKEND_LOST);
	cr_assert_null(rig_take(&rig, &client, WIRE_EVENT));
	rig_resume(&rig, &session, &client, &zero);
	rig_run(&rig, 210);
	want(&client, WIRE_EVENT_CHANNEL_DOWN);
}

Test(event, draining_goes_to_both_ends)
{
	tell_worker(COMMAND_ANNOUNCE_DRAIN);
	want(&client, WIRE_EVENT_DRAINING);
	want(&rig.backend, WIRE_EVENT_DRAINING);
}

Test(event, a_backend_that_returned_gets_open_and_what_it_had_not_taken)
{
	rig_up(&rig, &session, 0, 0, "taken");
	rig_up(&rig, &session, 1, 0, "not taken");
	rig_bare(&rig, &rig.backend, WIRE_ACK, session.handle, 1);
	rig_forget(&rig);
	tell_worker(COMMAND_BACKEND_RETURNED);

	const struct rig_packet *packet = rig_want(&rig, &rig.backend, WIRE_OPEN);
	struct handshake open;

	cr_assert_eq(handshake_decode(&packet->frame, &open), 0);
	cr_assert_eq(packet->frame.flags, WIRE_FLAG_RESUME);
	cr_assert_eq(open.epoch, session.epoch);
	cr_assert_eq(open.triples[0].oldest, 1);
	cr_assert_eq(open.triples[0].next, 2);
	rig_want_data(&rig, &rig.backend, 1, "not taken");
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
	want(&client, WIRE_EVENT_CHANNEL_UP);
}

Test(event, a_backend_that_is_another_instance_ends_a_session_of_one_channel)
{
	struct frame_close close;

	tell_worker(COMMAND_BACKEND_RESET);
	frame_decode_close(&rig_want(&rig, &client, WIRE_CLOSE)->frame, &close);
	cr_assert_eq(close.code, HOLDFAST_STATE_MISMATCH);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_CLOSE)); // it knows nothing of it
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CLOSING);
}

Test(event, a_walk_leaves_sessions_of_other_backends_alone)
{
	const struct command command = {.kind = COMMAND_BACKEND_LOST, .backend = RIG_ECHO + 1};

	cr_assert_eq(dataplane_command(rig.dataplane, 0, &command), 0);
	rig_run(&rig, 40);
	cr_assert_null(rig_take(&rig, &client, WIRE_EVENT));
}

Test(event, is_lost_and_counted_when_there_is_no_place_for_it)
{
	struct errands *errands = rig.dataplane->workers[0]->errands;
	const uint32_t max = errands->max;

	errands->max = errands->fresh; // none left
	sleep_now();
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_EVENT));
	cr_assert_eq(rig_count(&rig, COUNTER_events_lost), 1);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_DETACHED);
	errands->max = max;
}

Test(event, without_a_place_a_session_still_ends)
{
	struct errands *errands = rig.dataplane->workers[0]->errands;
	const uint32_t max = errands->max;

	errands->max = errands->fresh;
	rig_command(&rig, COMMAND_END, session.handle, SESSION_EVICTED, HOLDFAST_EVICTED);
	rig_run(&rig, 2);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_FREE);
	errands->max = max;
}

Test(event, a_mass_of_sessions_that_fall_silent_tells_the_backend_of_each)
{
	enum { MANY = 2 * 128 + 10 };
	static struct rig_session many[MANY];
	uint32_t told = 0;

	for (uint32_t n = 0; n < MANY; n++) {
		struct rig_peer peer = rig_peer(&rig, 2, 0);

		peer.at.port = rte_cpu_to_be_16((uint16_t)(10000 + n));
		many[n] = rig_session(&peer, 100 + n);
		rig_open(&rig, &many[n]);
		rig_bare(&rig, &peer, WIRE_SLEEP, many[n].handle, 0);
	}
	rig.notices_count = 0;
	rig_forget(&rig);
	rig_run(&rig, 210);
	while (rig_take(&rig, &rig.backend, WIRE_EVENT) != NULL)
		told++;
	cr_assert_geq(told, MANY);
	cr_assert_eq(rig.dataplane->workers[0]->errands->used, MANY);
	for (uint32_t n = 0; n < MANY; n++)
		rig_send(
		    &rig, &rig.backend,
		    &(struct frame){.type = WIRE_EVENT_ACK, .aux = 1, .handle = many[n].handle});
	cr_assert_eq(rig.dataplane->workers[0]->errands->used, 0);
}
