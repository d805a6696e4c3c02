// SPDX-License-Identifier: BSD-3-Clause
// Forwarding: the window, the replay cache, NAK, both ways, by real frames through a stepped data
// plane.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/support/rig_session.h"

enum { WINDOW = 64, SESSION_BYTES = 2000 };

static struct rig rig;
static struct rig_peer client;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig,
		  &(struct rig_settings){.window = WINDOW, .replay_session_bytes = SESSION_BYTES});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
	rig_open(&rig, &session);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(forward, .init = begin, .fini = finish, .timeout = 60);

static void ack(const struct rig_peer *from, uint32_t number)
{
	rig_bare(&rig, from, WIRE_ACK, session.handle, number);
}

static uint32_t chunks_used(void)
{
	struct dataplane_gauges gauges;

	dataplane_gauges(rig.dataplane, 0, &gauges);
	return (uint32_t)gauges.chunks_used;
}

Test(forward, data_goes_both_ways_byte_by_byte)
{
	const struct rig_packet *packet;

	rig_up(&rig, &session, 0, 0, "up");
	packet = rig_want(&rig, &rig.backend, WIRE_DATA);
	cr_assert_eq(packet->frame.handle, session.handle);
	cr_assert_eq(packet->frame.window, 256);
	cr_assert_arr_eq(packet->frame.body, "up", 2);
	rig_down(&rig, &session, 0, 1, "down");
	packet = rig_want(&rig, &client, WIRE_DATA);
	cr_assert_eq(packet->frame.ack, 1);
	cr_assert_arr_eq(packet->frame.body, "down", 4);
	cr_assert_eq(rig_count(&rig, COUNTER_forwarded), 2);
}

Test(forward, packets_leave_for_the_link_layer_address_that_was_heard_last)
{
	client.mac[5] = 77;
	session.client = client;
	rig_up(&rig, &session, 0, 0, "from a router that took over");
	rig_down(&rig, &session, 0, 1, "back the same way");
	cr_assert_eq(rig_want(&rig, &client, WIRE_DATA)->to.mac[5], 77);
}

Test(forward, what_is_out_of_order_goes_on_in_the_order_of_arrival)
{
	static const uint32_t order[] = {3, 0, 2, 1, 5, 4};

	for (uint32_t i = 0; i < 6; i++) {
		rig_up(&rig, &session, order[i], 0, "x");
		rig_want_data(&rig, &rig.backend, order[i], "x");
	}
}

Test(forward, a_double_that_was_acknowledged_is_dropped_and_answered_by_an_ack)
{
	rig_up(&rig, &session, 0, 0, "x");
	rig_want_data(&rig, &rig.backend, 0, "x");
	ack(&rig.backend, 1);
	rig_forget(&rig);
	rig_run(&rig, 10);
	rig_up(&rig, &session, 0, 0, "x");
	cr_assert_eq(rig_want(&rig, &client, WIRE_ACK)->frame.ack, 1);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
	cr_assert_eq(rig_drops(&rig, DROP_duplicate), 1);
	rig_up(&rig, &session, 0, 0, "x"); // sooner than 5 ms after the last
	cr_assert_null(rig_take(&rig, &client, WIRE_ACK));
}

Test(forward, a_double_that_was_not_acknowledged_goes_on_and_is_kept_once)
{
	uint32_t used;

	rig_up(&rig, &session, 0, 0, "x");
	used = chunks_used();
	rig_up(&rig, &session, 0, 0, "x");
	rig_want_data(&rig, &rig.backend, 0, "x");
	rig_want_data(&rig, &rig.backend, 0, "x");
	cr_assert_eq(chunks_used(), used);
	cr_assert_eq(rig_count(&rig, COUNTER_cached), 1);
}

Test(forward, beyond_the_window_is_dropped)
{
	rig_up(&rig, &session, WINDOW, 0, "beyond");
	cr_assert_eq(rig_drops(&rig, DROP_beyond_window), 1);
	rig_up(&rig, &session, WINDOW - 1, 0, "last within");
	rig_want_data(&rig, &rig.backend, WINDOW - 1, "last within");
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
	ack(&rig.backend, 1);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
	rig_up(&rig, &session, WINDOW, 0, "within by now");
	rig_want_data(&rig, &rig.backend, WINDOW, "within by now");
}

Test(forward, an_ack_of_what_was_never_sent_is_dropped_and_changes_nothing)
{
	rig_up(&rig, &session, 0, 0, "x");
	ack(&rig.backend, 2);
	cr_assert_eq(rig_drops(&rig, DROP_ack_beyond), 1);
	cr_assert_null(rig_take(&rig, &client, WIRE_ACK));
	rig_down(&rig, &session, 0, 5, "with such an ack");
	cr_assert_eq(rig_drops(&rig, DROP_ack_beyond), 2);
	cr_assert_null(rig_take(&rig, &client, WIRE_DATA));
	cr_assert_eq(chunks_used(), 1);
}

Test(forward, an_ack_that_goes_back_changes_nothing)
{
	for (uint32_t seq = 0; seq < 4; seq++)
		rig_up(&rig, &session, seq, 0, "x");
	ack(&rig.backend, 3);
	cr_assert_eq(chunks_used(), 1);
	ack(&rig.backend, 1);
	cr_assert_eq(chunks_used(), 1);
	rig_forget(&rig);
	rig_nak(&rig, &rig.backend, session.handle, 1, 1); // acknowledged: not to be had
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
	cr_assert_null(rig_take(&rig, &client, WIRE_NAK));
	rig_run(&rig, 6);
	rig_nak(&rig, &rig.backend, session.handle, 3, 1);
	rig_want_data(&rig, &rig.backend, 3, "x");
}

Test(forward, a_nak_is_served_from_the_cache_marked_as_replayed)
{
	const struct rig_packet *packet;

	for (uint32_t seq = 0; seq < 4; seq++)
		rig_down(&rig, &session, seq, 0, "kept");
	rig_forget(&rig);
	rig_nak(&rig, &client, session.handle, 1, 2);
	for (uint32_t seq = 1; seq < 3; seq++) {
		packet = rig_want(&rig, &client, WIRE_DATA);
		cr_assert_eq(packet->frame.seq, seq);
		cr_assert_eq(packet->frame.flags, WIRE_FLAG_REPLAYED);
		cr_assert_arr_eq(packet->frame.body, "kept", 4);
	}
	cr_assert_null(rig_take(&rig, &client, WIRE_DATA));
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_NAK));
	cr_assert_eq(rig_count(&rig, COUNTER_nak_served), 2);
}

Test(forward, a_nak_for_what_the_cache_lacks_is_passed_on_to_the_sender)
{
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];

	rig_up(&rig, &session, 0, 0, "kept");
	rig_up(&rig, &session, 3, 0, "kept");
	rig_forget(&rig);
	rig_nak(&rig, &rig.backend, session.handle, 0, 4);
	rig_want_data(&rig, &rig.backend, 0, "kept");
	rig_want_data(&rig, &rig.backend, 3, "kept");
	cr_assert_eq(frame_decode_nak(&rig_want(&rig, &client, WIRE_NAK)->frame, pairs), 1);
	cr_assert_eq(pairs[0].first, 1);
	cr_assert_eq(pairs[0].count, 2);
	cr_assert_eq(rig_count(&rig, COUNTER_nak_passed), 2);
}

Test(forward, naks_come_no_faster_than_their_limit)
{
	rig_down(&rig, &session, 0, 0, "x");
	rig_forget(&rig);
	rig_nak(&rig, &client, session.handle, 0, 1);
	rig_nak(&rig, &client, session.handle, 0, 1);
	cr_assert_eq(rig_drops(&rig, DROP_nak_limited), 1);
	rig_run(&rig, 6);
	rig_nak(&rig, &client, session.handle, 0, 1);
	cr_assert_eq(rig_count(&rig, COUNTER_nak_served), 2);
}

Test(forward, one_nak_brings_a_bounded_number_of_frames)
{
	uint32_t came = 0;

	for (uint32_t seq = 0; seq < WINDOW; seq++)
		rig_down(&rig, &session, seq, 0, "x");
	rig_forget(&rig);
	rig_nak(&rig, &client, session.handle, 0, UINT32_MAX);
	while (rig_take(&rig, &client, WIRE_DATA) != NULL)
		came++;
	cr_assert_eq(came, WINDOW);
}

Test(forward, beyond_the_sessions_share_nothing_is_kept_and_nothing_lost)
{
	char text[601];

	memset(text, 'x', sizeof(text) - 1);
	text[600] = '\0';
	for (uint32_t seq = 0; seq < 5; seq++) {
		rig_up(&rig, &session, seq, 0, text);
		rig_want_data(&rig, &rig.backend, seq, text);
	}
	cr_assert_eq(rig_count(&rig, COUNTER_cached), 3);
	cr_assert_eq(rig_count(&rig, COUNTER_cache_refused_session), 2);
	rig_nak(&rig, &rig.backend, session.handle, 4, 1);
	rig_want(&rig, &client, WIRE_NAK);
}

Test(forward, for_a_client_that_is_away_only_what_can_be_kept_is_taken)
{
	char text[601];

	memset(text, 'x', sizeof(text) - 1);
	text[600] = '\0';
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	rig_forget(&rig);
	for (uint32_t seq = 0; seq < 5; seq++)
		rig_down(&rig, &session, seq, 0, text);
	cr_assert_eq(rig_drops(&rig, DROP_detached), 2);
	cr_assert_null(rig_take(&rig, &client, WIRE_DATA));
	rig_forget(&rig);
	rig_resume(&rig, &session, &client, &(struct frame_triple){.next = 5});
	for (uint32_t seq = 0; seq < 3; seq++)
		rig_want_data(&rig, &client, seq, text);
	cr_assert_null(rig_take(&rig, &client, WIRE_DATA)); // the sender has not been told wrong
	rig_down(&rig, &session, 3, 0, "sent again");
	rig_want_data(&rig, &client, 3, "sent again");
}

Test(forward, datagrams_are_neither_numbered_nor_kept)
{
	struct frame datagram = {.type = WIRE_DATAGRAM,
				 .handle = session.handle,
				 .body = (const uint8_t *)"now",
				 .body_bytes = 3};

	rig_send(&rig, &client, &datagram);
	rig_send(&rig, &client, &datagram);
	rig_want(&rig, &rig.backend, WIRE_DATAGRAM);
	rig_want(&rig, &rig.backend, WIRE_DATAGRAM);
	cr_assert_eq(chunks_used(), 0);
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	rig_send(&rig, &rig.backend, &datagram);
	cr_assert_null(rig_take(&rig, &client, WIRE_DATAGRAM));
	cr_assert_eq(rig_drops(&rig, DROP_detached), 1);
}

Test(forward, a_stranger_is_told_that_the_session_is_unknown_to_it)
{
	const struct rig_peer stranger = rig_peer(&rig, 9, 0);
	struct rig_session stolen = session;

	stolen.client = stranger;
	rig_up(&rig, &stolen, 0, 0, "not mine");
	rig_want(&rig, &stranger, WIRE_UNKNOWN);
	cr_assert_eq(rig_drops(&rig, DROP_not_on_path), 1);
	cr_assert_null(rig_take(&rig, &rig.backend, WIRE_DATA));
	rig_up(&rig, &stolen, 0, 0, "again"); // at most one answer in 100 ms
	cr_assert_null(rig_take(&rig, &stranger, WIRE_UNKNOWN));
	rig_run(&rig, 101);
	rig_up(&rig, &stolen, 0, 0, "again");
	rig_want(&rig, &stranger, WIRE_UNKNOWN);
}

Test(forward, a_client_cannot_send_what_only_others_may)
{
	rig_send(&rig, &client, &(struct frame){.type = WIRE_EVENT, .handle = session.handle});
	rig_send(&rig, &rig.backend, &(struct frame){.type = WIRE_SLEEP, .handle = session.handle});
	cr_assert_eq(rig_drops(&rig, DROP_wrong_side), 2);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CONNECTED);
}

Test(forward, without_a_way_to_the_backend_frames_are_dropped_but_kept)
{
	struct directory *directory = rig_directory(&rig);

	for (uint32_t i = 0; i < DIRECTORY_WORKERS_MAX; i++)
		directory->backends[RIG_ECHO].lane_of_worker[i] = DIRECTORY_LANE_NONE;
	rig_publish(&rig, directory);
	rig_up(&rig, &session, 0, 0, "kept");
	cr_assert_eq(rig_drops(&rig, DROP_no_lane), 1);
	cr_assert_eq(chunks_used(), 1);
}

Test(forward, a_full_arena_makes_it_slower_and_loses_nothing)
{
	// 1 MiB of chunks; the session's own share raised beyond it.
	struct directory *directory = rig_directory(&rig);
	struct rig_session many[16];
	char text[1001];
	uint32_t sent = 0;

	memset(text, 'x', sizeof(text) - 1);
	text[1000] = '\0';
	directory->replay_session_bytes = UINT32_MAX;
	rig_publish(&rig, directory);
	for (uint8_t n = 0; n < 16; n++) {
		const struct rig_peer peer = rig_peer(&rig, (uint8_t)(10 + n), 0);

		many[n] = rig_session(&peer, 10u + n);
		rig_open(&rig, &many[n]);
		for (uint32_t seq = 0; seq < WINDOW; seq++, sent++) {
			rig_up(&rig, &many[n], seq, 0, text);
			rig_want_data(&rig, &rig.backend, seq, text);
		}
		rig_forget(&rig);
	}
	cr_assert_gt(rig_count(&rig, COUNTER_cache_refused_memory), 0);
	cr_assert_eq(
	    rig_count(&rig, COUNTER_cached) + rig_count(&rig, COUNTER_cache_refused_memory), sent);
	rig_nak(&rig, &rig.backend, many[15].handle, WINDOW - 1, 1);
	rig_want(&rig, &many[15].client, WIRE_NAK); // its sender still has it
}

// ---- Numbers wrap ------------------------------------------------------------------------------

Test(forward, numbers_go_on_beyond_32_bits)
{
	const uint64_t first = UINT64_C(0x1fffffffe);
	struct rig_session late = rig_session(&client, 2);

	late.numbers = (struct frame_triple){first, first, 0};
	rig_hello(&rig, &late, true);
	rig_answer_open(&rig, 0, 0, &(struct frame_triple){.expected = first});
	rig_welcome(&rig, &late);
	rig_confirm(&rig, &late);
	rig_forget(&rig);
	for (uint32_t i = 0; i < 6; i++) {
		rig_up(&rig, &late, (uint32_t)(first + i), 0, "x");
		rig_want_data(&rig, &rig.backend, (uint32_t)(first + i), "x");
	}
	rig_bare(&rig, &rig.backend, WIRE_ACK, late.handle, (uint32_t)(first + 5));
	cr_assert_eq(chunks_used(), 1);
	cr_assert_eq(rig_drops(&rig, DROP_ack_beyond), 0);

	struct dataplane_session_view view;

	dataplane_session_view(rig.dataplane, session_handle_slot(late.handle), &view);
	cr_assert_eq(view.channels[0].up.acked, first + 5);
	cr_assert_eq(view.channels[0].up.next, first + 6);
}
