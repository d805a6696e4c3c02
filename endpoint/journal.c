// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/journal.h"

#include <stdarg.h>
#include <stdio.h>

void journal_init(struct journal *journal,
		  void (*on_log)(void *context, enum holdfast_log_level level, const char *line),
		  void *context)
{
	*journal = (struct journal){.on_log = on_log, .context = context, .room = JOURNAL_BURST};
}

static void refill(struct journal *journal, uint64_t now_us)
{
	const uint64_t lines = (now_us - journal->refilled_us) / JOURNAL_LINE_US;

	journal->refilled_us += lines * JOURNAL_LINE_US;
	journal->room =
	    lines < JOURNAL_BURST - journal->room ? journal->room + (uint32_t)lines : JOURNAL_BURST;
}

void journal_write(struct journal *journal, uint64_t now_us, enum holdfast_log_level level,
		   const char *format, ...)
{
	char line[JOURNAL_LINE_BYTES];
	va_list arguments;

	if (journal->on_log == NULL)
		return;
	refill(journal, now_us);
	if (journal->room == 0) {
		journal->left_out++;
		return;
	}
	journal->room--;
	if (journal->left_out > 0) {
		snprintf(line, sizeof(line), "%u lines were left out", journal->left_out);
		journal->left_out = 0;
		journal->on_log(journal->context, HOLDFAST_LOG_NOTICE, line);
	}
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	journal->on_log(journal->context, level, line);
}
