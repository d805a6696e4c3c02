// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "control/ends.h"

static const uint8_t *id_of(uint32_t number)
{
	static uint8_t id[WIRE_SESSION_ID_BYTES];

	memset(id, 0, sizeof(id));
	memcpy(id, &number, sizeof(number));
	return id;
}

Test(ends, are_kept_for_twice_the_time_out_or_a_minute)
{
	cr_expect_eq(ends_keep_ms(0), 60000);
	cr_expect_eq(ends_keep_ms(10000), 60000);
	cr_expect_eq(ends_keep_ms(30000), 60000);
	cr_expect_eq(ends_keep_ms(30001), 60002);
	cr_expect_eq(ends_keep_ms(300000), 600000);
}

Test(ends, need_a_size_within_bounds)
{
	cr_expect_null(ends_create(0));
	cr_expect_eq(errno, EINVAL);
	cr_expect_null(ends_create(ENDS_MAX + 1));
	cr_expect_eq(errno, EINVAL);
}

Test(ends, are_found_until_their_time_and_not_after)
{
	struct ends *ends = ends_create(4);

	cr_expect_eq(ends_find(ends, id_of(1), 0), HOLDFAST_OK);
	cr_expect_eq(ends_add(ends, id_of(1), HOLDFAST_EVICTED, 100, 0), 0);
	cr_expect_eq(ends_find(ends, id_of(1), 99), HOLDFAST_EVICTED);
	cr_expect_eq(ends_find(ends, id_of(1), 100), HOLDFAST_OK);
	cr_expect_eq(ends_find(ends, id_of(2), 50), HOLDFAST_OK);
	ends_destroy(ends);
}

Test(ends, keep_the_first_code_of_an_id)
{
	struct ends *ends = ends_create(4);

	ends_add(ends, id_of(1), HOLDFAST_EVICTED, 100, 0);
	ends_add(ends, id_of(1), HOLDFAST_NORMAL, 200, 50);
	cr_expect_eq(ends_count(ends), 1);
	cr_expect_eq(ends_find(ends, id_of(1), 150), HOLDFAST_EVICTED);
	ends_add(ends, id_of(1), HOLDFAST_NORMAL, 400, 300);
	cr_expect_eq(ends_find(ends, id_of(1), 350), HOLDFAST_NORMAL);
	ends_destroy(ends);
}

Test(ends, forget_the_oldest_when_full_and_say_so)
{
	struct ends *ends = ends_create(3);

	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(ends_add(ends, id_of(i), HOLDFAST_NORMAL, 100, 0), 0);
	cr_expect_eq(ends_add(ends, id_of(3), HOLDFAST_NORMAL, 100, 0), 1);
	cr_expect_eq(ends_count(ends), 3);
	cr_expect_eq(ends_find(ends, id_of(0), 1), HOLDFAST_OK);
	for (uint32_t i = 1; i <= 3; i++)
		cr_expect_eq(ends_find(ends, id_of(i), 1), HOLDFAST_NORMAL);
	// One that is over anyway is no loss.
	cr_expect_eq(ends_add(ends, id_of(4), HOLDFAST_NORMAL, 300, 200), 0);
	ends_destroy(ends);
}

Test(ends, expire_oldest_first_and_no_more_than_asked)
{
	struct ends *ends = ends_create(8);

	for (uint32_t i = 0; i < 6; i++)
		ends_add(ends, id_of(i), HOLDFAST_NORMAL, 10 * i + 10, 0);
	ends_expire(ends, 9, 100);
	cr_expect_eq(ends_count(ends), 6);
	ends_expire(ends, 40, 2);
	cr_expect_eq(ends_count(ends), 4);
	ends_expire(ends, 40, 100);
	cr_expect_eq(ends_count(ends), 2);
	cr_expect_eq(ends_find(ends, id_of(5), 40), HOLDFAST_NORMAL);
	ends_destroy(ends);
}

Test(ends, find_every_id_while_the_ring_wraps_many_times)
{
	struct ends *ends = ends_create(100);

	for (uint32_t i = 0; i < 5000; i++) {
		ends_add(ends, id_of(i), (uint16_t)(1 + i % 17), 1000000, 0);
		const uint32_t oldest = i < 99 ? 0 : i - 99;

		cr_assert_eq(ends_find(ends, id_of(i), 1), 1 + i % 17);
		cr_assert_eq(ends_find(ends, id_of(oldest), 1), 1 + oldest % 17);
		if (oldest > 0)
			cr_assert_eq(ends_find(ends, id_of(oldest - 1), 1), HOLDFAST_OK);
	}
	cr_expect_eq(ends_count(ends), ends_max(ends));
	ends_destroy(ends);
}
