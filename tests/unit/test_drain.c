// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "control/drain.h"

static struct drain running(void)
{
	return (struct drain){.state = GATEWAY_RUNNING};
}

Test(drain, does_nothing_while_running)
{
	struct drain drain = running();

	cr_expect_eq(drain_tick(&drain, 0, 0, 1000000), DRAIN_NOTHING);
	cr_expect_eq(drain.state, GATEWAY_RUNNING);
}

Test(drain, waits_for_sessions_until_its_deadline)
{
	struct drain drain = running();

	cr_expect(drain_begin(&drain, 5000, 100));
	cr_expect_eq(drain_tick(&drain, 1, 0, 5099), DRAIN_NOTHING);
	cr_expect_eq(drain.state, GATEWAY_DRAINING);
	cr_expect_eq(drain_tick(&drain, 1, 0, 5100), DRAIN_LET_GO);
	cr_expect_eq(drain.state, GATEWAY_STOPPING);
	cr_expect_eq(drain_tick(&drain, 1, 0, 5101), DRAIN_NOTHING);
	cr_expect_eq(drain_tick(&drain, 0, 1, 5101), DRAIN_NOTHING);
	cr_expect_eq(drain_tick(&drain, 0, 0, 5102), DRAIN_STOP);
	cr_expect_eq(drain.state, GATEWAY_STOPPED);
}

Test(drain, ends_early_when_no_session_is_left)
{
	struct drain drain = running();

	drain_begin(&drain, 5000, 100);
	cr_expect_eq(drain_tick(&drain, 0, 1, 101), DRAIN_NOTHING);
	cr_expect_eq(drain_tick(&drain, 0, 0, 102), DRAIN_LET_GO);
}

Test(drain, stops_though_a_session_cannot_be_let_go)
{
	struct drain drain = running();

	cr_expect(drain_stop(&drain, DRAIN_STOP_MS, 100));
	cr_expect_eq(drain_tick(&drain, 9, 9, 100 + DRAIN_STOP_MS - 1), DRAIN_NOTHING);
	cr_expect_eq(drain_tick(&drain, 9, 9, 100 + DRAIN_STOP_MS), DRAIN_STOP);
}

Test(drain, once_begun_can_only_come_nearer)
{
	struct drain drain = running();

	cr_expect(drain_begin(&drain, 5000, 0));
	cr_expect_not(drain_begin(&drain, 9000, 10));
	cr_expect_eq(drain.deadline_ms, 5000);
	cr_expect_not(drain_begin(&drain, 1000, 10));
	cr_expect_eq(drain.deadline_ms, 1010);
	cr_expect(drain_stop(&drain, 100, 20));
	cr_expect_not(drain_stop(&drain, 50, 21));
	cr_expect_not(drain_begin(&drain, 50, 21));
	cr_expect_eq(drain.deadline_ms, 120);
}

Test(drain, forced_is_over_at_once)
{
	struct drain drain = running();

	drain_begin(&drain, 5000, 0);
	drain_force(&drain);
	cr_expect_eq(drain_tick(&drain, 9, 9, 1), DRAIN_STOP);
}
