// SPDX-License-Identifier: BSD-3-Clause
// The keys of the configuration file, as one list: place, bounds, allowed words, default, unit,
// help, and whether a key can be changed while the gateway runs. Reading, printing, config.get and
// the table in docs/operations.md all come from it.
//
// The list never changes: any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum settings_kind {
	SETTINGS_KIND_TEXT, // any text shorter than its place
	SETTINGS_KIND_U16,
	SETTINGS_KIND_U32,
	SETTINGS_KIND_BYTES32, // number with K, M or G behind it
	SETTINGS_KIND_BYTES64,
	SETTINGS_KIND_CHOICE,    // one of a list; stored as an enum (int)
	SETTINGS_KIND_BOOL,      // yes or no
	SETTINGS_KIND_ADDRESSES, // from here on: lists, separated by commas
	SETTINGS_KIND_LISTEN,
	SETTINGS_KIND_PREFIXES,
	SETTINGS_KIND_NAMES,
};

// A word of a choice that can be written but not be had in this build has `missing` set.
struct settings_word {
	const char *text;
	int value;
	bool missing;
};

struct settings_key {
	const char *section; // "port" for all [port NAME]
	const char *name;
	enum settings_kind kind;
	bool live;                         // can be changed at run time; else it needs a restart
	size_t offset;                     // in struct settings, or in the port's or service's
	uint64_t min, max;                 // numbers: bounds; texts: characters; lists: items
	uint64_t number;                   // default of numbers, choices and yes or no
	const char *text;                  // default of a text, or NULL: empty
	const char *zero;                  // what 0 means where it is beyond the bounds, or NULL
	const char *unit;                  // of the bounds, or NULL
	const struct settings_word *words; // of a choice: ended by a NULL text
	const char *missing;               // why the key is of no use in this build, or NULL
	const char *help;
};

enum { SETTINGS_KEYS_MAX = 64, SETTINGS_BOUNDS_BYTES = 160 };

// Key at index, in the order of sections, or NULL beyond the last.
const struct settings_key *settings_key_at(uint32_t index);
uint32_t settings_key_index(const struct settings_key *key);

// The key of this name in a section of this kind, or NULL.
const struct settings_key *settings_key_find(const char *section, const char *name);

// Whether there are sections of this kind, and whether each of them has a NAME.
bool settings_key_section(const char *section);
bool settings_key_named(const char *section);

// "64 to 4096 frames". Returns text.
const char *settings_key_bounds(const struct settings_key *key,
				char text[static SETTINGS_BOUNDS_BYTES]);

// The default as it would be written in the file; "" where there is none. Returns text.
const char *settings_key_default(const struct settings_key *key,
				 char text[static SETTINGS_BOUNDS_BYTES]);

// A number as the file would have it: bytes with K, M or G where that is exact. Returns text.
const char *settings_key_number(const struct settings_key *key, uint64_t number,
				char text[static SETTINGS_BOUNDS_BYTES]);
