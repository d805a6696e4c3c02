// SPDX-License-Identifier: BSD-3-Clause
// Round trips, time-outs, and the window that follows from losses.

#include <criterion/criterion.h>

#include "endpoint/congestion.h"
#include "endpoint/recovery.h"

Test(recovery, first_sample_replaces_what_was_assumed)
{
	struct recovery recovery;

	recovery_init(&recovery, 0);
	cr_expect_eq(recovery.smoothed_us, RECOVERY_INITIAL_US);
	recovery_sample(&recovery, 40000);
	cr_expect_eq(recovery.smoothed_us, 40000);
	cr_expect_eq(recovery.variation_us, 20000);
	cr_expect_eq(recovery.shortest_us, 40000);
	recovery_sample(&recovery, 80000);
	cr_expect_eq(recovery.variation_us, (3 * 20000 + 40000) / 4);
	cr_expect_eq(recovery.smoothed_us, (7 * 40000 + 80000) / 8);
	recovery_sample(&recovery, 10000);
	cr_expect_eq(recovery.shortest_us, 10000);
}

Test(recovery, round_trip_of_the_handshake_is_assumed_until_a_sample)
{
	struct recovery recovery;

	recovery_init(&recovery, 20000);
	cr_expect_eq(recovery_timeout_us(&recovery, RECOVERY_ACK_DELAY_US, 0),
		     20000 + 4 * 10000 + RECOVERY_ACK_DELAY_US);
	recovery_sample(&recovery, 90000);
	cr_expect_eq(recovery.smoothed_us, 90000);
}

Test(recovery, time_out_doubles_up_to_its_cap)
{
	static const struct {
		uint64_t rtt_us;
		uint32_t backoff;
		uint64_t timeout_us;
	} cases[] = {
	    {10000, 0, 30000 + 25000},
	    {10000, 1, 2 * 55000},
	    {10000, 4, 16 * 55000},
	    {10000, 5, 1000000},
	    {10000, UINT32_MAX, 1000000},
	    {100, 0, 100 + 1000 + 25000}, // timers are not finer than 1 ms
	    {900000, 0, 2 * 900000 + 25000},
	    {900000, 9, 2 * 900000 + 25000}, // a path longer than the cap
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct recovery recovery;

		recovery_init(&recovery, 0);
		recovery_sample(&recovery, cases[i].rtt_us);
		cr_expect_eq(recovery_timeout_us(&recovery, 25000, cases[i].backoff),
			     cases[i].timeout_us, "case %zu", i);
	}
}

Test(recovery, slow_application_does_not_stretch_the_time_out_beyond_the_cap)
{
	struct recovery recovery;

	recovery_init(&recovery, 0);
	recovery_sample(&recovery, 20000);
	for (uint32_t i = 0; i < 50; i++)
		recovery_sample(&recovery, 9000000);
	cr_expect_eq(recovery_timeout_us(&recovery, 25000, 0), RECOVERY_CAP_US);
	cr_expect_eq(recovery_loss_delay_us(&recovery), 20000 + 2500);
}

Test(congestion, starts_slowly_doubling_then_adds_a_frame_a_round_trip)
{
	struct congestion congestion;

	congestion_init(&congestion);
	cr_expect_eq(congestion.window_frames, 16);
	congestion_acked(&congestion, 16, true, 0);
	cr_expect_eq(congestion.window_frames, 32);
	congestion_acked(&congestion, 32, false, 0);
	cr_expect_eq(congestion.window_frames, 32, "a window that is not used does not grow");

	cr_expect(congestion_lost(&congestion, 1000, 5000));
	cr_expect_eq(congestion.window_frames, 16);
	congestion_acked(&congestion, 16, true, 5999);
	cr_expect_eq(congestion.window_frames, 16, "not while it recovers");
	congestion_acked(&congestion, 15, true, 6000);
	cr_expect_eq(congestion.window_frames, 16);
	congestion_acked(&congestion, 1, true, 6000);
	cr_expect_eq(congestion.window_frames, 17);
}

Test(congestion, losses_of_one_round_trip_are_one_event)
{
	struct congestion congestion;

	congestion_init(&congestion);
	cr_expect(congestion_lost(&congestion, 1000, 5000));
	cr_expect_not(congestion_lost(&congestion, 1000, 5000));
	cr_expect_not(congestion_lost(&congestion, 1000, 5999));
	cr_expect_eq(congestion.window_frames, 8);
	cr_expect(congestion_lost(&congestion, 1000, 6000));
	cr_expect_eq(congestion.window_frames, 4);
}

Test(congestion, window_starts_slowly_again_after_a_rest_up_to_where_it_was)
{
	struct congestion congestion;

	congestion_init(&congestion);
	congestion_lost(&congestion, 0, 0);
	congestion_rest(&congestion);
	cr_expect_eq(congestion.window_frames, 8, "a small one stays");

	congestion_init(&congestion);
	congestion_acked(&congestion, 184, true, 0);
	congestion_lost(&congestion, 0, 0);
	cr_expect_eq(congestion.window_frames, 100);
	congestion_acked(&congestion, 100 * 100, true, 1);
	congestion_rest(&congestion);
	cr_expect_eq(congestion.window_frames, CONGESTION_INITIAL_FRAMES);
	cr_expect_eq(congestion.threshold_frames, 100);
	congestion_acked(&congestion, 84, true, 2);
	cr_expect_eq(congestion.window_frames, 100);
	congestion_acked(&congestion, 99, true, 2);
	cr_expect_eq(congestion.window_frames, 100);
}

Test(congestion, window_stays_within_its_bounds)
{
	struct congestion congestion;

	congestion_init(&congestion);
	for (uint64_t now_us = 1; now_us < 20; now_us++)
		congestion_lost(&congestion, 1, now_us);
	cr_expect_eq(congestion.window_frames, CONGESTION_MIN_FRAMES);

	congestion_init(&congestion);
	for (uint32_t i = 0; i < 20; i++)
		congestion_acked(&congestion, congestion.window_frames, true, 0);
	cr_expect_eq(congestion.window_frames, CONGESTION_MAX_FRAMES);

	congestion_collapse(&congestion);
	cr_expect_eq(congestion.window_frames, CONGESTION_MIN_FRAMES);
	cr_expect_eq(congestion.threshold_frames, CONGESTION_MAX_FRAMES / 2);
}
