// SPDX-License-Identifier: BSD-3-Clause
// Text of others made fit for one line of a log or an error.
//
// Pure; any thread.
#pragma once

#include <ctype.h>
#include <stddef.h>

// Replaces the control characters among len bytes, newlines too, by '?'.
static inline void one_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (iscntrl((unsigned char)text[i]))
			text[i] = '?';
	}
}
