// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include "endpoint/journal.h"

enum { SECOND_US = 1000000 };

struct shown {
	uint32_t count;
	enum holdfast_log_level level;
	char last[JOURNAL_LINE_BYTES];
	char before[JOURNAL_LINE_BYTES];
};

static void show(void *context, enum holdfast_log_level level, const char *line)
{
	struct shown *shown = context;

	shown->count++;
	shown->level = level;
	strcpy(shown->before, shown->last);
	strcpy(shown->last, line);
}

Test(journal, shows_a_line_with_its_level)
{
	struct shown shown = {0};
	struct journal journal;

	journal_init(&journal, show, &shown);
	journal_write(&journal, SECOND_US, HOLDFAST_LOG_WARNING, "attempt %d", 7);
	cr_expect_eq(shown.count, 1);
	cr_expect_eq(shown.level, HOLDFAST_LOG_WARNING);
	cr_expect_str_eq(shown.last, "attempt 7");
}

Test(journal, without_a_reader_does_nothing)
{
	struct journal journal;

	journal_init(&journal, NULL, NULL);
	journal_write(&journal, 1, HOLDFAST_LOG_ERROR, "nobody");
}

Test(journal, leaves_lines_out_and_tells_how_many)
{
	struct shown shown = {0};
	struct journal journal;

	journal_init(&journal, show, &shown);
	for (uint32_t i = 0; i < JOURNAL_BURST + 10; i++)
		journal_write(&journal, SECOND_US, HOLDFAST_LOG_INFO, "line %u", i);
	cr_expect_eq(shown.count, JOURNAL_BURST);
	cr_expect_str_eq(shown.last, "line 31");
	journal_write(&journal, SECOND_US + JOURNAL_LINE_US, HOLDFAST_LOG_INFO, "later");
	cr_expect_eq(shown.count, JOURNAL_BURST + 2);
	cr_expect_str_eq(shown.before, "10 lines were left out");
	cr_expect_str_eq(shown.last, "later");
}

Test(journal, rests_and_has_its_burst_again)
{
	struct shown shown = {0};
	struct journal journal;

	journal_init(&journal, show, &shown);
	for (uint32_t i = 0; i < 2 * JOURNAL_BURST; i++)
		journal_write(&journal, SECOND_US, HOLDFAST_LOG_INFO, "line");
	shown.count = 0;
	for (uint32_t i = 0; i < 2 * JOURNAL_BURST; i++)
		journal_write(&journal, 3600ul * SECOND_US, HOLDFAST_LOG_INFO, "line");
	cr_expect_eq(shown.count, JOURNAL_BURST + 1);
}

Test(journal, cuts_a_line_that_is_too_long)
{
	struct shown shown = {0};
	struct journal journal;

	journal_init(&journal, show, &shown);
	journal_write(&journal, 1, HOLDFAST_LOG_INFO, "%01000d", 7);
	cr_expect_eq(strlen(shown.last), JOURNAL_LINE_BYTES - 1);
}
