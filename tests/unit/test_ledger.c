// SPDX-License-Identifier: BSD-3-Clause
// What holdfast-load believes of its messages.
#include <criterion/criterion.h>

#include "endpoint/ledger.h"

enum { BYTES = 64 };

static struct ledger ledger;

static void send_one(uint8_t bytes[static BYTES])
{
	ledger_write(&ledger, bytes, BYTES);
	ledger_sent(&ledger);
}

Test(ledger, echoes_in_order_are_delivered)
{
	uint8_t bytes[3][BYTES];

	for (int i = 0; i < 3; i++)
		send_one(bytes[i]);
	cr_assert_eq(ledger_outstanding(&ledger), 3);
	for (int i = 0; i < 3; i++)
		ledger_check(&ledger, bytes[i], BYTES);
	cr_assert_eq(ledger_outstanding(&ledger), 0);
	cr_assert_eq(ledger.doubled + ledger.lost + ledger.damaged, 0);
}

Test(ledger, a_gap_is_lost_and_what_comes_late_is_doubled)
{
	uint8_t bytes[2][BYTES];

	send_one(bytes[0]);
	send_one(bytes[1]);
	ledger_check(&ledger, bytes[1], BYTES);
	cr_assert_eq(ledger.lost, 1);
	ledger_check(&ledger, bytes[0], BYTES);
	cr_assert_eq(ledger.doubled, 1);
}

Test(ledger, any_changed_byte_and_what_was_never_sent_is_damaged)
{
	uint8_t bytes[BYTES];

	ledger_write(&ledger, bytes, BYTES);
	ledger_check(&ledger, bytes, BYTES);
	cr_assert_eq(ledger.damaged, 1, "not sent yet");
	ledger_sent(&ledger);
	for (int i = 0; i < BYTES; i++) {
		bytes[i] ^= 4;
		ledger_check(&ledger, bytes, BYTES);
		bytes[i] ^= 4;
	}
	ledger_check(&ledger, bytes, BYTES - 1);
	cr_assert_eq(ledger.damaged, 1 + BYTES + 1);
	cr_assert_eq(ledger.delivered, 0);
}

Test(ledger, what_is_handed_back_after_its_echo_came_is_not_counted_again)
{
	uint8_t bytes[BYTES];

	send_one(bytes);
	ledger_check(&ledger, bytes, BYTES);
	send_one(bytes);
	ledger_returned(&ledger, 0);
	cr_assert_eq(ledger.returned, 0);
	ledger_returned(&ledger, 1);
	cr_assert_eq(ledger.returned, 1);
	cr_assert_eq(ledger_outstanding(&ledger) - ledger.returned, 0);
}

Test(ledger, a_new_session_counts_from_zero_and_refuses_the_old_ones_echoes)
{
	uint8_t bytes[BYTES];

	send_one(bytes);
	ledger_renew(&ledger);
	cr_assert_eq(ledger.sent_before, 1);
	cr_assert_eq(ledger_outstanding(&ledger), 0);
	send_one((uint8_t[BYTES]){0});
	ledger_check(&ledger, bytes, BYTES);
	cr_assert_eq(ledger.damaged, 1);
}
