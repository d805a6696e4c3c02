// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <errno.h>

#include "control/courier.h"
#include "tests/support/fake_dataplane.h"

static struct tally tally;
static struct dataplane *dataplane;
static struct courier *courier;

static void start(void)
{
	dataplane = fake_create(2, 16);
	courier = courier_create(dataplane, 2, &tally);
}

static void stop(void)
{
	courier_destroy(courier);
	fake_destroy(dataplane);
}

TestSuite(courier, .init = start, .fini = stop);

static struct command numbered(uint16_t number)
{
	return (struct command){.kind = COMMAND_BACKEND_LOST, .backend = number};
}

Test(courier, keeps_the_order_when_a_mailbox_is_full)
{
	struct command command;

	dataplane->mailboxes[0].room = 3;
	for (uint16_t i = 0; i < 200; i++) {
		const struct command next = numbered(i);

		courier_decide(courier, 0, &next);
	}
	cr_expect_eq(courier_waiting(courier), 197);
	cr_expect_eq(tally.commands_queued, 197);
	for (uint16_t i = 0; i < 200; i++) {
		cr_assert(fake_command(dataplane, 0, &command));
		cr_assert_eq(command.backend, i);
		courier_flush(courier);
	}
	cr_expect(courier_empty(courier, 0));
	cr_expect_not(fake_command(dataplane, 0, &command));
}

Test(courier, never_refuses_a_decision_but_what_comes_again)
{
	const struct command command = numbered(1);

	dataplane->mailboxes[0].room = 0;
	for (uint32_t i = 0; i < COURIER_REPEATED_MAX; i++)
		cr_assert_eq(courier_offer(courier, 0, &command), 0);
	cr_expect_eq(courier_offer(courier, 0, &command), -EAGAIN);
	cr_expect_eq(tally.commands_refused, 1);
	for (uint32_t i = 0; i < 5000; i++)
		courier_decide(courier, 0, &command);
	cr_expect_eq(courier_waiting(courier), COURIER_REPEATED_MAX + 5000);
	// Another worker is not touched by it.
	cr_expect_eq(courier_offer(courier, 1, &command), 0);
	cr_expect(courier_empty(courier, 1));
}

Test(courier, joins_ends_of_the_same_code_that_wait)
{
	struct command command;

	dataplane->mailboxes[1].room = 0;
	for (uint64_t i = 1; i <= DATAPLANE_HANDLES_MAX + 1; i++)
		courier_end(courier, 1, i, HOLDFAST_NORMAL, SESSION_CLOSED, 0);
	courier_end(courier, 1, 100, HOLDFAST_EVICTED, SESSION_EVICTED, 7);
	cr_expect_eq(courier_waiting(courier), 3);
	dataplane->mailboxes[1].room = 10;
	courier_flush(courier);
	cr_assert(fake_command(dataplane, 1, &command));
	cr_expect_eq(command.count, DATAPLANE_HANDLES_MAX);
	cr_expect_eq(command.handles[27], 28);
	cr_assert(fake_command(dataplane, 1, &command));
	cr_expect_eq(command.count, 1);
	cr_expect_eq(command.handles[0], 29);
	cr_assert(fake_command(dataplane, 1, &command));
	cr_expect_eq(command.token, 7);
	cr_expect_eq(command.code, HOLDFAST_EVICTED);
}

Test(courier, holds_everything_back_until_it_is_released)
{
	const struct command command = numbered(1);

	courier_hold(courier);
	courier_decide_all(courier, &command);
	courier_flush(courier);
	cr_expect_eq(dataplane->mailboxes[0].count, 0);
	cr_expect_eq(courier_waiting(courier), 2);
	courier_release(courier);
	cr_expect_eq(dataplane->mailboxes[0].count, 1);
	cr_expect_eq(dataplane->mailboxes[1].count, 1);
	cr_expect_eq(tally.commands_queued, 0);
}

Test(courier, frees_the_packets_that_still_wait)
{
	uint8_t *frame;
	const struct command command = {.kind = COMMAND_SEND,
					.packet = dataplane_frame(dataplane, &frame)};

	dataplane->mailboxes[0].room = 0;
	cr_expect_eq(courier_offer(courier, 0, &command), 0);
	cr_expect_eq(dataplane->packets, 1);
	courier_destroy(courier);
	cr_expect_eq(dataplane->packets, 0);
	courier = courier_create(dataplane, 2, &tally);
}
