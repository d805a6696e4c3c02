// SPDX-License-Identifier: BSD-3-Clause
// Lines for people on stderr: one line an event, with the journal's level in front where stderr
// is not a terminal, and a rate limit for each place that a flood could come through.
//
// Any thread may log; a struct log_limit belongs to one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// As syslog numbers them.
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6
};

enum {
	LOG_LINE_BYTES = 512, // longer lines are cut
	LOG_LIMIT_BURST = 10,
	LOG_LIMIT_PER_SECOND = 5,
};

struct log_limit {
	uint64_t refilled_ms;
	uint32_t tokens;
	uint32_t suppressed; // lines since the last one that was shown
};

// Takes one token at now_ms (monotonic). Returns whether the line may be shown; *suppressed tells
// how many were not since the last one that was.
bool log_limit_take(struct log_limit *limit, uint64_t now_ms, uint32_t *suppressed);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The same within a limit; a shown line tells how many were not.
void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
