// SPDX-License-Identifier: BSD-3-Clause
// Places: one key of one section. Its name is SECTION.KEY, or SECTION.NAME.KEY where sections of
// the kind have names: "session.max", "service.echo.backends".
//
// Control thread, or a program that has no other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/settings.h"
#include "control/settings_key.h"

enum { SETTINGS_PLACE_BYTES = 128 };

// One key; index is that of the port or service, else 0.
struct settings_place {
	const struct settings_key *key;
	uint32_t index;
};

// The next place after *place (one with key NULL: the first). Keys that are of no use in this build
// and services that are no more are left out. Returns false behind the last.
bool settings_place_next(const struct settings *settings, struct settings_place *place);

// The place of this name, or one with key NULL where there is no such key, or no port or service
// of the name. Keys that are of no use in this build are found.
struct settings_place settings_place_find(const struct settings *settings, const char *name);

// The place of the same name in other settings; key NULL where there is none.
struct settings_place settings_place_same(const struct settings *settings,
					  struct settings_place place,
					  const struct settings *other);

// NAME of its section, or "".
const char *settings_place_title(const struct settings *settings, struct settings_place place);

// Returns text.
const char *settings_place_name(const struct settings *settings, struct settings_place place,
				char text[static SETTINGS_PLACE_BYTES]);

// Where its value comes from.
int *settings_source(struct settings_sources *sources, struct settings_place place);

// "default", "set" or "FILE:LINE". Returns text.
const char *settings_source_text(const struct settings_sources *sources,
				 struct settings_place place,
				 char text[static SETTINGS_SOURCE_BYTES]);
