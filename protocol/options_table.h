// SPDX-License-Identifier: BSD-3-Clause
// What each key of the options may hold: the one table that drives decoder and encoder.
//
// Private to protocol/; constant; any thread.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/options.h"

enum options_kind {
	OPTIONS_TEXT,
	OPTIONS_BIN,
	OPTIONS_U32,
	OPTIONS_U64,
	OPTIONS_BOOL,
	OPTIONS_TEXTS,
};

struct options_row {
	struct options_text name;
	enum options_kind kind;
	uint16_t min, max; // bytes of a text or bin, or of each text of an array
	bool nil;          // an array may have nil in it
	size_t offset;     // of the value, or of the first text, in struct options
	size_t count;      // OPTIONS_TEXTS: offset of their number
};

enum { OPTIONS_ROWS = 25, OPTIONS_TEXTS_MAX = WIRE_CHANNELS_MAX };

static_assert(1u << (OPTIONS_ROWS - 1) == OPTIONS_EPOCH, "a row for each key");
static_assert((int)OPTIONS_GATEWAYS_MAX == (int)OPTIONS_TEXTS_MAX, "arrays of one size");

// In the order of enum options_key: row i belongs to bit i.
extern const struct options_row options_table[OPTIONS_ROWS];

// Whether a text or bin of row lies within its bounds; text.bytes NULL is nil.
bool options_table_fits(const struct options_row *row, struct options_text text);
