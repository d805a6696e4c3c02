// SPDX-License-Identifier: BSD-3-Clause
// Keys of the configuration file: their places, bounds and allowed words, and how a value is read.
//
// Control thread, at start only.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control/settings.h"

// Where reading stands.
struct settings_reader {
	struct settings *settings;
	FILE *file;
	int line;                           // last one read
	int line_refused;                   // of the message
	char message[SETTINGS_ERROR_BYTES]; // of the first thing that was refused
};

// Keeps the first message and its line. Returns 0, which is inih's word for "refused".
int settings_refuse(struct settings_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct settings_key;

// The key of this name in a section of this kind ("port", without its NAME), or NULL.
const struct settings_key *settings_key_find(const char *section, const char *name);

// Whether there are sections of this kind.
bool settings_key_section(const char *section);

// Lists the keys of a section, for a message. Returns text.
const char *settings_key_list(const char *section, char text[static 160]);

// Sets a key from its text. base is the struct that the section fills: the settings, or the port
// or service of its name. Returns 1, or 0 where it was refused.
int settings_key_set(struct settings_reader *reader, const struct settings_key *key, void *base,
		     const char *value);
