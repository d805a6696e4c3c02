// SPDX-License-Identifier: BSD-3-Clause
// The journal of a client or backend: lines for the application's on_log, so few that a bad night
// does not fill its log. Belongs to its object; one thread.
#pragma once

#include <stdint.h>

#include "holdfast/endpoint.h"

enum {
	JOURNAL_LINE_BYTES = 256, // longer lines are cut
	JOURNAL_BURST = 32,       // lines at once, then
	JOURNAL_LINE_US = 200000, // one in so long
};

struct journal {
	void (*on_log)(void *context, enum holdfast_log_level level, const char *line);
	void *context;
	uint64_t refilled_us;
	uint32_t room;     // lines that may be written at once
	uint32_t left_out; // since the last one that was
};

// on_log may be NULL: then nothing is ever written.
void journal_init(struct journal *journal,
		  void (*on_log)(void *context, enum holdfast_log_level level, const char *line),
		  void *context);

// Shows a line, without its end, unless there were too many; the next one then tells how many were
// left out.
__attribute__((format(printf, 4, 5))) void journal_write(struct journal *journal, uint64_t now_us,
							 enum holdfast_log_level level,
							 const char *format, ...);
