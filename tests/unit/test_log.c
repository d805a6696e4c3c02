// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "control/log.h"

Test(log, shows_a_burst_then_a_few_a_second_and_tells_how_many_it_hid)
{
	struct log_limit limit = {0};
	uint32_t suppressed;
	uint32_t shown = 0;

	for (uint32_t i = 0; i < 100; i++)
		shown += log_limit_take(&limit, 1000, &suppressed);
	cr_expect_eq(shown, LOG_LIMIT_BURST);
	cr_expect_not(log_limit_take(&limit, 1199, &suppressed));
	cr_expect(log_limit_take(&limit, 1200, &suppressed));
	cr_expect_eq(suppressed, 100 - LOG_LIMIT_BURST + 1);
	cr_expect_not(log_limit_take(&limit, 1200, &suppressed));
	shown = 0;
	for (uint32_t i = 0; i < 100; i++)
		shown += log_limit_take(&limit, 1000000, &suppressed);
	cr_expect_eq(shown, LOG_LIMIT_BURST);
}
