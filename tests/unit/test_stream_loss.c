// SPDX-License-Identifier: BSD-3-Clause
// How losses are found and repaired, and what stops a sender.

#include <criterion/criterion.h>

#include "support/stream_solo.h"

enum { TAIL_US = 25000, HOLE_US = 6000, SECOND_US = 1000000 };

Test(stream_loss, hole_is_asked_for_after_6_ms_and_again_and_told_in_the_next_ack)
{
	struct stream *stream = solo_start(NULL);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame frame;

	cr_expect_eq(solo_data(stream, 3, 0, "d", 1), 0);
	cr_expect_eq(solo_data(stream, 5, 0, "f", 1), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.aux, 0);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(solo_now_us, SOLO_START_US + HOLE_US);
	cr_expect_eq(frame.type, WIRE_NAK);
	cr_expect_eq(frame.ack, 0);
	cr_expect_eq(frame_decode_nak(&frame, pairs), 2);
	cr_expect(pairs[0].first == 0 && pairs[0].count == 3);
	cr_expect(pairs[1].first == 4 && pairs[1].count == 1);

	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.aux, 4 << WIRE_ACK_HOLES_SHIFT);

	for (uint64_t seq = 0; seq < 3; seq++)
		cr_expect_eq(solo_data(stream, seq, WIRE_FLAG_REPLAYED, "x", 1), 0);
	cr_assert(solo_next(stream, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_assert(solo_wait(stream, solo_now_us + 2 * SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_NAK, "again, what is still missing");
	cr_expect_eq(frame_decode_nak(&frame, pairs), 1);
	cr_expect(pairs[0].first == 4 && pairs[0].count == 1);
	solo_end(stream);
}

Test(stream_loss, reordering_within_6_ms_is_not_asked_for)
{
	struct stream *stream = solo_start(NULL);

	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	solo_now_us += HOLE_US - 1;
	solo_drain(stream);
	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	solo_now_us += SECOND_US;
	solo_drain(stream);
	cr_expect_eq(stream_counters(stream)->naks_sent, 0);
	cr_expect_eq(stream_counters(stream)->frames_reordered, 1);
	solo_take(stream, 1, 'a');
	solo_take(stream, 1, 'b');
	solo_end(stream);
}

Test(stream_loss, nak_is_answered_oldest_first_with_the_same_numbers)
{
	const struct frame_nak_pair pairs[] = {{7, 2}, {2, 1}, {12, 100}, {5000, 3}};
	const uint32_t numbers[] = {2, 7, 8, 12, 13, 14, 15};
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 20, 1000);
	cr_expect_eq(solo_drain(stream), 16);
	cr_expect_eq(solo_nak(stream, 1, pairs, 4), 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		cr_assert(solo_next(stream, &frame));
		cr_expect_eq(frame.type, WIRE_DATA);
		cr_expect_eq(frame.flags, WIRE_FLAG_REPLAYED);
		cr_expect_eq(frame.seq, numbers[i]);
		cr_expect_eq(frame.body[0], numbers[i]);
	}
	cr_expect_not(solo_next(stream, &frame));
	solo_end(stream);
}

Test(stream_loss, same_nak_twice_is_served_once)
{
	const struct frame_nak_pair pair = {3, 1};
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 10, 1000);
	cr_expect_eq(solo_drain(stream), 10);
	solo_now_us += 40000;
	cr_expect_eq(solo_ack(stream, 0, 3, 256, 0), 0); // a round trip of 40 ms
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 1);
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 0, "within 5 ms");
	solo_now_us += 10000;
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 0, "the copy sent again cannot have arrived yet");
	solo_now_us += 40000;
	cr_expect_eq(solo_nak(stream, 3, &pair, 1), 0);
	cr_expect_eq(solo_drain(stream), 1, "it must be lost, too");
	solo_end(stream);
}

Test(stream_loss, naks_closer_than_5_ms_are_not_served)
{
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 10, 1000);
	cr_expect_eq(solo_drain(stream), 10);
	solo_now_us += 10000;
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){3, 1}, 1), 0);
	cr_expect_eq(solo_drain(stream), 1);
	solo_now_us += 4999;
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){5, 1}, 1), 0);
	cr_expect_eq(solo_drain(stream), 0);
	solo_now_us += 1;
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){5, 1}, 1), 0);
	cr_expect_eq(solo_drain(stream), 1);
	solo_end(stream);
}

Test(stream_loss, nak_of_what_is_not_there_is_no_loss)
{
	const struct frame_nak_pair pairs[] = {{0, 2}, {5, 10}, {UINT32_MAX, 1}};
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 5, 1000);
	cr_expect_eq(solo_drain(stream), 5);
	cr_expect_eq(solo_ack(stream, 0, 2, 256, 0), 0);
	cr_expect_eq(solo_nak(stream, 2, pairs, 3), 0);
	cr_expect_eq(solo_drain(stream), 0);
	cr_expect_eq(stream_counters(stream)->loss_events, 0);
	solo_end(stream);
}

Test(stream_loss, holes_that_a_nak_told_of_are_no_second_loss)
{
	struct stream *stream = solo_start(NULL);

	solo_send(stream, 10, 1000);
	cr_expect_eq(solo_drain(stream), 10);
	cr_expect_eq(solo_nak(stream, 0, &(struct frame_nak_pair){0, 3}, 1), 0);
	solo_now_us += SECOND_US;
	cr_expect_eq(solo_ack(stream, 0, 0, 256, 3 << WIRE_ACK_HOLES_SHIFT), 0);
	cr_expect_eq(stream_counters(stream)->loss_events, 1);
	cr_expect_eq(solo_ack(stream, 0, 0, 256, 2 << WIRE_ACK_HOLES_SHIFT), 0);
	cr_expect_eq(stream_counters(stream)->loss_events, 2, "these the gateway answered");
	solo_end(stream);
}

Test(stream_loss, what_earlier_losses_left_over_is_not_added_to_later_ones)
{
	struct stream *stream = solo_start(NULL);
	struct frame_triple own;

	solo_send(stream, 100, 1000);
	cr_expect_eq(solo_drain(stream), 16);
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);
	cr_expect_eq(solo_drain(stream), 32);
	cr_expect_eq(solo_nak(stream, 16, &(struct frame_nak_pair){16, 32}, 1), 0);
	cr_expect_eq(solo_ack(stream, 0, 47, 256, 0), 0); // they were only late
	cr_expect_eq(solo_ack(stream, 0, 48, 256, 0), 0);
	solo_drain(stream);
	stream_triple(stream, &own);
	cr_assert_geq(own.next, 48 + 16);
	solo_now_us += SECOND_US / 2;
	cr_expect_eq(solo_ack(stream, 0, 64, 256, 0), 0);
	solo_drain(stream);
	stream_triple(stream, &own);
	cr_assert_gt(own.next - own.oldest, 16);
	cr_expect_eq(solo_nak(stream, 64, &(struct frame_nak_pair){64, 64}, 1), 0);
	cr_expect_eq(solo_drain(stream), 16);
	solo_end(stream);
}

Test(stream_loss, naks_keep_6_ms_between_them)
{
	struct stream *stream = solo_start(NULL);
	uint64_t asked_us[2];
	struct frame frame;

	cr_expect_eq(solo_data(stream, 1, 0, "b", 1), 0);
	solo_now_us += 1000;
	cr_expect_eq(solo_data(stream, 3, 0, "d", 1), 0);
	for (uint32_t i = 0; i < 2; i++) {
		do
			cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
		while (frame.type != WIRE_NAK);
		asked_us[i] = solo_now_us;
	}
	cr_expect_eq(asked_us[0], SOLO_START_US + HOLE_US);
	cr_expect_eq(asked_us[1], SOLO_START_US + 2 * HOLE_US);
	solo_end(stream);
}

Test(stream_loss, holes_are_told_in_an_ack_even_if_data_goes_all_the_time)
{
	struct stream *stream = solo_start(NULL);
	uint32_t told = 0;
	struct frame frame;

	cr_expect_eq(solo_data(stream, 2, 0, "c", 1), 0);
	for (uint32_t i = 0; i < 10; i++) {
		solo_now_us += 5000;
		solo_send(stream, 1, 1000);
		while (solo_next(stream, &frame)) {
			if (frame.type == WIRE_ACK)
				told += frame.aux >> WIRE_ACK_HOLES_SHIFT;
		}
	}
	cr_expect_eq(told, 2);
	solo_end(stream);
}

Test(stream_loss, losses_are_one_event_a_round_trip)
{
	struct stream *stream = solo_start(NULL);
	struct stream_view view;

	solo_send(stream, 32, 1000);
	solo_drain(stream);
	solo_now_us += 100000;
	cr_expect_eq(solo_ack(stream, 0, 16, 256, 0), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 32, "slow start");
	solo_drain(stream);

	cr_expect_eq(solo_ack(stream, 0, 16, 256, 5 << WIRE_ACK_HOLES_SHIFT), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 16);
	solo_now_us += 50000;
	cr_expect_eq(solo_nak(stream, 16, &(struct frame_nak_pair){17, 1}, 1), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 16, "half a round trip later");
	solo_now_us += 50000;
	cr_expect_eq(solo_nak(stream, 16, &(struct frame_nak_pair){19, 1}, 1), 0);
	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 8);
	cr_expect_eq(stream_counters(stream)->loss_events, 2);
	solo_end(stream);
}

Test(stream_loss, quiet_sender_tells_its_next_number_once)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 3, 1000);
	cr_expect_eq(solo_drain(stream), 3);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(solo_now_us, SOLO_START_US + TAIL_US);
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.seq, 3);
	cr_expect_eq(frame.aux, 0);
	cr_expect_gt(stream_deadline_us(stream), solo_now_us + TAIL_US, "only the probe is left");
	solo_end(stream);
}

Test(stream_loss, next_number_of_a_quiet_sender_shows_the_lost_tail)
{
	struct stream *stream = solo_start(NULL);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame frame;

	cr_expect_eq(solo_data(stream, 0, 0, "a", 1), 0);
	solo_take(stream, 1, 'a');
	cr_expect_eq(solo_ack(stream, 4, 0, 256, 0), 0);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(solo_now_us, SOLO_START_US + HOLE_US);
	cr_expect_eq(frame.type, WIRE_NAK);
	cr_expect_eq(frame_decode_nak(&frame, pairs), 1);
	cr_expect(pairs[0].first == 1 && pairs[0].count == 3);
	solo_end(stream);
}

Test(stream_loss, impossible_next_number_asks_for_no_more_than_the_window)
{
	struct stream *stream = solo_start(NULL);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame frame;

	cr_expect_eq(solo_ack(stream, 1000000, 0, 256, 0), 0);
	cr_assert(solo_wait(stream, solo_now_us + SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_NAK);
	cr_expect_eq(frame_decode_nak(&frame, pairs), 1);
	cr_expect(pairs[0].first == 0 && pairs[0].count == 256);
	solo_end(stream);
}

Test(stream_loss, silent_peer_gets_the_oldest_frame_again_with_growing_pauses)
{
	struct stream *stream = solo_start(NULL);
	uint64_t pause_us = 0;
	uint64_t last_us;
	uint32_t probes = 0;
	struct frame frame;

	solo_send(stream, 20, 1000);
	solo_drain(stream);
	solo_now_us += 50000;
	cr_expect_eq(solo_ack(stream, 0, 1, 256, 0), 0); // a round trip of 50 ms
	solo_drain(stream);
	last_us = solo_now_us;
	while (solo_now_us < SOLO_START_US + 10 * SECOND_US) {
		if (!solo_wait(stream, SOLO_START_US + 10 * SECOND_US, &frame))
			break;
		if (frame.type != WIRE_DATA)
			continue;
		cr_expect_eq(frame.seq, 1);
		cr_expect_eq(frame.flags, WIRE_FLAG_REPLAYED);
		cr_expect_geq(solo_now_us - last_us, pause_us);
		cr_expect_leq(solo_now_us - last_us, SECOND_US);
		pause_us = solo_now_us - last_us;
		last_us = solo_now_us;
		probes++;
	}
	cr_expect_eq(pause_us, SECOND_US);
	cr_expect_geq(probes, 9);
	cr_expect_leq(probes, 14);

	struct stream_view view;

	stream_view(stream, &view);
	cr_expect_eq(view.congestion_frames, 2, "nothing comes back at all");
	solo_end(stream);
}

Test(stream_loss, peer_with_a_slow_application_is_asked_rather_than_sent_again)
{
	struct stream *stream = solo_start(NULL);
	uint32_t asks = 0;
	uint32_t data = 0;
	struct frame frame;

	solo_send(stream, 4, 1000);
	solo_drain(stream);
	while (solo_wait(stream, SOLO_START_US + 20 * SECOND_US, &frame)) {
		asks += frame.type == WIRE_ACK && frame.aux == WIRE_ACK_ASKS;
		data += frame.type == WIRE_DATA;
		solo_now_us += 1000;
		cr_expect_eq(solo_ack(stream, 0, 0, 256, 0), 0); // alive, took nothing
	}
	cr_expect_geq(asks, 10);
	cr_expect_leq(asks, 20);
	cr_expect_leq(data, asks / 2);
	cr_expect_geq(data, 1, "now and then, should it deceive");
	solo_end(stream);
}

Test(stream_loss, sender_stopped_by_the_window_asks_up_to_every_second)
{
	struct stream *stream = solo_start(NULL);
	uint64_t last_us = solo_now_us;
	struct frame frame;

	solo_send(stream, 80, 1000);
	for (uint32_t acked = 0; acked < 64; acked += 8) { // the peer told no other window than 64
		solo_drain(stream);
		solo_now_us += 10000;
		cr_expect_eq(solo_ack(stream, 0, acked + 8, 56 - acked, 0), 0);
	}
	cr_expect_eq(solo_drain(stream), 0, "stopped");
	cr_expect_eq(stream_counters(stream)->frames_sent, 64);
	last_us = solo_now_us;
	for (uint32_t i = 0; i < 10; i++) {
		cr_assert(solo_wait(stream, solo_now_us + 2 * SECOND_US, &frame));
		cr_expect_eq(frame.type, WIRE_ACK);
		cr_expect_eq(frame.aux, WIRE_ACK_ASKS);
		cr_expect_eq(frame.seq, 64);
		cr_expect_leq(solo_now_us - last_us, SECOND_US);
		last_us = solo_now_us;
		solo_now_us += 10000;
		cr_expect_eq(solo_ack(stream, 0, 64, 0, 0), 0);
	}
	cr_expect_eq(solo_ack(stream, 0, 64, 256, 0), 0);
	cr_expect_gt(solo_drain(stream), 8, "goes on when the window opens");
	solo_end(stream);
}

Test(stream_loss, sender_asks_though_all_it_sent_was_acknowledged_before_it_was_stopped)
{
	struct stream *stream = solo_start(NULL);
	struct frame frame;

	solo_send(stream, 64, 1000);
	for (uint32_t acked = 16; acked <= 64; acked += 16) {
		solo_drain(stream);
		cr_expect_eq(solo_ack(stream, 0, acked, (uint16_t)(64 - acked), 0), 0);
	}
	cr_expect_not(solo_wait(stream, solo_now_us + 5 * SECOND_US, &frame));
	cr_expect_eq(stream_deadline_us(stream), STREAM_NEVER);
	solo_send(stream, 1, 1000);
	cr_assert(solo_wait(stream, solo_now_us + 2 * SECOND_US, &frame));
	cr_expect_eq(frame.type, WIRE_ACK);
	cr_expect_eq(frame.aux, WIRE_ACK_ASKS);
	solo_end(stream);
}

Test(stream_loss, pauses_between_probes_shrink_again_after_an_ack)
{
	struct stream *stream = solo_start(NULL);
	struct stream_view view;

	solo_send(stream, 10, 1000);
	solo_drain(stream);
	solo_now_us += 20000;
	cr_expect_eq(solo_ack(stream, 0, 1, 256, 0), 0);
	solo_drain(stream);
	for (uint32_t i = 0; i < 8; i++) { // nothing comes back
		solo_now_us = stream_deadline_us(stream);
		solo_drain(stream);
	}
	cr_expect_gt(stream_deadline_us(stream), solo_now_us + SECOND_US / 2);
	cr_expect_eq(solo_ack(stream, 0, 5, 256, 0), 0);
	solo_drain(stream);
	stream_view(stream, &view);
	cr_expect_eq(view.rtt_us, 20000);
	cr_expect_leq(stream_deadline_us(stream), solo_now_us + SECOND_US / 10);
	solo_end(stream);
}

Test(stream_loss, gateway_window_bounds_the_sender_whatever_the_peer_tells)
{
	struct stream_settings settings;
	const struct stream_path path = {.handle = SOLO_HANDLE, .window = 64, .peer_window = 4096};
	const struct frame_triple zeros = {0, 0, 0};

	stream_settings_default(&settings, NULL);

	struct stream *stream = solo_start(&settings);

	cr_assert_eq(stream_thaw(stream, &path, &zeros, solo_now_us), 0);
	solo_send(stream, 500, 1000);
	for (uint64_t acked = 0; acked < 128; acked += 16) {
		struct frame_triple own;

		solo_drain(stream);
		stream_triple(stream, &own);
		cr_expect_leq(own.next, acked + 64);
		solo_now_us += 10000;
		cr_expect_eq(solo_ack(stream, 0, acked + 16, 4096, 0), 0);
	}
	solo_end(stream);
}
