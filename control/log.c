// SPDX-License-Identifier: BSD-3-Clause
#include "control/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "control/one_line.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool log_limit_take(struct log_limit *limit, uint64_t now, uint32_t *suppressed)
{
	const uint64_t refill_ms = 1000 / LOG_LIMIT_PER_SECOND;

	*suppressed = 0;
	if (limit->refilled_ms == 0) {
		limit->refilled_ms = now > 0 ? now : 1;
		limit->tokens = LOG_LIMIT_BURST;
	}
	const uint64_t earned = (now - limit->refilled_ms) / refill_ms;

	if (earned > 0) {
		const uint64_t tokens = limit->tokens + earned;

		limit->tokens = tokens > LOG_LIMIT_BURST ? LOG_LIMIT_BURST : (uint32_t)tokens;
		limit->refilled_ms += earned * refill_ms;
	}
	if (limit->tokens == 0) {
		limit->suppressed++;
		return false;
	}
	limit->tokens--;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}

// One write for one line, so that lines of several threads do not mix. What cannot be written is
// lost: there is nobody left to tell.
static void log_write(enum log_level level, const char *format, va_list arguments,
		      uint32_t suppressed)
{
	char line[LOG_LINE_BYTES];
	size_t used = 0;

	if (!isatty(STDERR_FILENO))
		used += (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	const int text = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);

	if (text > 0)
		used += (size_t)text;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	if (suppressed > 0 && used < sizeof(line) - 2) {
		const int more = snprintf(line + used, sizeof(line) - used - 1,
					  " (and %u more like it)", suppressed);

		used += more > 0 ? (size_t)more : 0;
		if (used > sizeof(line) - 2)
			used = sizeof(line) - 2;
	}
	one_line(line, used); // names that clients chose can stand in it
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_write(level, format, arguments, 0);
	va_end(arguments);
}

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	uint32_t suppressed;
	va_list arguments;

	if (!log_limit_take(limit, now_ms(), &suppressed))
		return;
	va_start(arguments, format);
	log_write(level, format, arguments, suppressed);
	va_end(arguments);
}
