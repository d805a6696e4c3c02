// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "dataplane/histogram.h"

Test(histogram, a_duration_lies_in_the_first_bucket_that_is_not_below_it)
{
	for (uint32_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		struct histogram histogram = {.sum_us = 0};

		histogram_add(&histogram, histogram_bounds_us[i]);
		cr_expect_eq(histogram.counts[i], 1, "bound %u", i);
		histogram_add(&histogram, (uint64_t)histogram_bounds_us[i] + 1);
		cr_expect_eq(histogram.counts[i + 1], 1, "beyond bound %u", i);
		cr_expect_eq(histogram.sum_us, 2 * (uint64_t)histogram_bounds_us[i] + 1);
	}
}

Test(histogram, bounds_ascend)
{
	for (uint32_t i = 1; i < HISTOGRAM_BOUNDS; i++)
		cr_expect_gt(histogram_bounds_us[i], histogram_bounds_us[i - 1]);
}

Test(histogram, nothing_and_everything_have_a_bucket)
{
	struct histogram histogram = {.sum_us = 0};

	histogram_add(&histogram, 0);
	histogram_add(&histogram, UINT64_MAX);
	cr_expect_eq(histogram.counts[0], 1);
	cr_expect_eq(histogram.counts[HISTOGRAM_BUCKETS - 1], 1);
	cr_expect_eq(histogram_count(&histogram), 2);
}

Test(histogram, a_stamp_from_the_future_or_long_ago_is_not_counted)
{
	static const struct {
		uint64_t stamp_us, now_us;
		uint64_t counted;
	} cases[] = {
	    {1000, 1000, 1},
	    {1001, 1000, 0},
	    {UINT64_MAX, 1000, 0},
	    {0, HISTOGRAM_STAMP_MAX_US, 1},
	    {0, (uint64_t)HISTOGRAM_STAMP_MAX_US + 1, 0},
	    {1, 1ull << 63, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct histogram histogram = {.sum_us = 0};

		histogram_add_stamp(&histogram, cases[i].stamp_us, cases[i].now_us);
		cr_expect_eq(histogram_count(&histogram), cases[i].counted, "case %zu", i);
	}
}

Test(histogram, sums_add_up)
{
	struct histogram one = {.sum_us = 0}, other = {.sum_us = 0}, sum = {.sum_us = 0};

	histogram_add(&one, 10);
	histogram_add(&other, 20000000);
	histogram_add(&other, 10);
	histogram_sum(&sum, &one);
	histogram_sum(&sum, &other);
	cr_expect_eq(sum.counts[0], 2);
	cr_expect_eq(sum.counts[HISTOGRAM_BUCKETS - 1], 1);
	cr_expect_eq(sum.sum_us, 20000020);
	cr_expect_eq(histogram_count(&sum), 3);
}
