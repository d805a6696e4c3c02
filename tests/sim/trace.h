// SPDX-License-Identifier: BSD-3-Clause
// What a run tells: a line for each thing that happens, with virtual time, where that is wanted,
// and the first thing that was wrong.
//
// One thread. Nothing here changes the course of a run.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Begins a run; lines are printed where wanted.
void trace_begin(bool wanted, uint64_t began_us);
bool trace_wanted(void);

// One event, in words.
void trace_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

// One frame: who sends it to whom, and what becomes of it.
void trace_frame(const char *from, const char *to, const uint8_t *bytes, uint32_t len,
		 const char *fate);

// Something is wrong. The first such line is kept; the run ends soon after.
void trace_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// What was wrong first, with its time; NULL where nothing was.
const char *trace_failure(void);
