// SPDX-License-Identifier: BSD-3-Clause
// Where stdout goes: a terminal with a width and colours, or a file, or a reader that has enough.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum terminal_style {
	TERMINAL_PLAIN,
	TERMINAL_HEADING,
	TERMINAL_GOOD,
	TERMINAL_CHANGING,
	TERMINAL_BAD,
};

// Whether stdout is a terminal.
bool terminal_is(void);

// Columns and lines of the terminal; UINT32_MAX where stdout is none, or does not say.
uint32_t terminal_width(void);
uint32_t terminal_height(void);

// What is printed before a text of this style; "" where stdout is no terminal, TERM is dumb, or
// NO_COLOR is set. TERMINAL_PLAIN ends any style.
const char *terminal_style(enum terminal_style style);

// Style of a state of a session, a backend or a gateway, or of a kind of event.
enum terminal_style terminal_state_style(const char *state);

// What stands before a screen that is drawn anew: it clears the terminal.
const char *terminal_clear(void);

// Writes what stdout holds back. Returns false, errno set, where not all of it was written, now or
// before.
bool terminal_flush(void);

// Whether stdout is a pipe or socket that nobody reads any more.
bool terminal_reader_gone(void);
