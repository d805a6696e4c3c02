// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <errno.h>

#include "control/rates.h"

static struct address ipv4(uint32_t number)
{
	return (struct address){.ip = {[10] = 0xff,
				       [11] = 0xff,
				       [12] = 10,
				       [13] = (uint8_t)(number >> 16),
				       [14] = (uint8_t)(number >> 8),
				       [15] = (uint8_t)number}};
}

static struct address ipv6(uint8_t net, uint8_t host)
{
	return (struct address){.ip = {0x20, 0x01, [7] = net, [15] = host}};
}

static uint32_t taken(struct rates *rates, const struct address *source, uint32_t tries,
		      uint64_t now_ms)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < tries; i++)
		good += rates_take(rates, source, now_ms) == RATES_GOOD;
	return good;
}

Test(rates, need_a_table_that_is_a_power_of_two)
{
	cr_expect_null(rates_create(1, 1, 2));
	cr_expect_eq(errno, EINVAL);
	cr_expect_null(rates_create(1, 1, 12));
	cr_expect_eq(errno, EINVAL);
}

Test(rates, let_one_source_have_a_burst_and_then_its_rate)
{
	struct rates *rates = rates_create(0, 10, 64);
	const struct address source = ipv4(1);
	const struct address other = ipv4(2);

	cr_expect_eq(taken(rates, &source, 50, 5000), 10);
	cr_expect_eq(rates_take(rates, &source, 5099), RATES_SOURCE);
	cr_expect_eq(rates_take(rates, &source, 5100), RATES_GOOD);
	cr_expect_eq(taken(rates, &source, 50, 5600), 5);
	cr_expect_eq(taken(rates, &source, 50, 100000), 10);
	cr_expect_eq(taken(rates, &other, 50, 5000), 10);
	rates_destroy(rates);
}

Test(rates, count_all_sources_together)
{
	struct rates *rates = rates_create(20, 15, 64);
	const struct address first = ipv4(1);
	const struct address second = ipv4(2);

	cr_expect_eq(taken(rates, &first, 50, 5000), 15);
	cr_expect_eq(taken(rates, &second, 50, 5000), 5);
	cr_expect_eq(rates_take(rates, &second, 5000), RATES_ALL);
	// What all refused costs the source nothing.
	cr_expect_eq(taken(rates, &second, 50, 5500), 10);
	rates_destroy(rates);
}

Test(rates, take_an_ipv6_network_for_one_source)
{
	struct rates *rates = rates_create(0, 3, 64);
	const struct address one = ipv6(1, 1);
	const struct address neighbour = ipv6(1, 2);
	const struct address stranger = ipv6(2, 1);

	cr_expect_eq(taken(rates, &one, 2, 1000), 2);
	cr_expect_eq(taken(rates, &neighbour, 5, 1000), 1);
	cr_expect_eq(taken(rates, &stranger, 5, 1000), 3);
	rates_destroy(rates);
}

Test(rates, without_limits_refuse_nobody)
{
	struct rates *rates = rates_create(0, 0, RATES_WAYS);
	const struct address source = ipv4(1);

	cr_expect_eq(taken(rates, &source, 100000, 1), 100000);
	rates_destroy(rates);
}

Test(rates, forget_the_quietest_source_and_count_it_if_it_mattered)
{
	struct rates *rates = rates_create(0, 2, RATES_WAYS);

	for (uint32_t i = 1; i <= RATES_WAYS; i++) {
		const struct address source = ipv4(i);

		taken(rates, &source, 1, 1000 + i);
	}
	const struct address fifth = ipv4(100);
	const struct address sixth = ipv4(101);

	taken(rates, &fifth, 1, 1010);
	cr_expect_eq(rates_replaced(rates), 1);
	// By then every bucket is full again: nothing is lost.
	taken(rates, &sixth, 1, 9000);
	cr_expect_eq(rates_replaced(rates), 1);
	rates_destroy(rates);
}
