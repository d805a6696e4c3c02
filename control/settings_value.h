// SPDX-License-Identifier: BSD-3-Clause
// Values of keys: from text into the settings, and back as text.
//
// Control thread, or a program that has no other.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control/settings_place.h"

// Where reading stands.
struct settings_reader {
	struct settings *settings;
	struct settings_sources *sources; // or NULL
	FILE *file;
	int line;                           // last one read
	char section[SETTINGS_TEXT_BYTES];  // that began last, whole
	int line_refused;                   // of the message
	char message[SETTINGS_ERROR_BYTES]; // of the first thing that was refused
};

// Keeps the first message and its line. Returns 0, which is inih's word for "refused".
int settings_refuse(struct settings_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Sets a value from its text; items are added to a list that has some. Returns 1, or 0 where it
// was refused: the reader says why.
int settings_value_set(struct settings_reader *reader, struct settings_place place,
		       const char *value);

// Back to the default; a list is empty then.
void settings_value_reset(struct settings *settings, struct settings_place place);

// Prints a value as settings_value_set() reads it; `between` stands between items of a list.
void settings_value_print(const struct settings *settings, struct settings_place place,
			  const char *between, FILE *out);

// The same as a string that the caller frees. NULL: out of memory.
char *settings_value_text(const struct settings *settings, struct settings_place place);
