// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <string.h>
#include <unistd.h>

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

Test(log, a_line_is_one_whatever_names_stand_in_it)
{
	char line[LOG_LINE_BYTES];
	int pair[2];

	cr_assert_eq(pipe(pair), 0);
	const int before = dup(STDERR_FILENO);

	dup2(pair[1], STDERR_FILENO);
	log_line(LOG_LEVEL_INFO, "client %s", "a\n<3>b\x1b[2J\x7f");
	dup2(before, STDERR_FILENO);

	const ssize_t len = read(pair[0], line, sizeof(line) - 1);

	cr_assert_gt(len, 0);
	line[len] = '\0';
	cr_expect_str_eq(line, "<6>client a?<3>b?[2J?\n");
	close(pair[0]);
	close(pair[1]);
}
