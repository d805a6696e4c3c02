// SPDX-License-Identifier: BSD-3-Clause
// Options as bytes, for tests of their decoder: a writer of maps that knows nothing of the codec.
//
// Test code only; one thread.
#pragma once

#include <criterion/criterion.h>

#include "protocol/options.h"
#include "tests/support/hex.h"

enum { OPTIONS_ROOM = 8192 };

// Decodes from memory of exactly len bytes; the texts in *options are gone afterwards.
static inline int options_exact(const uint8_t *bytes, uint32_t len, struct options *options)
{
	uint8_t *copy = hex_copy(bytes, len);
	const int rc = options_decode(copy, len, options);

	free(copy);
	return rc;
}

static inline int options_hex(const char *hex)
{
	uint8_t bytes[OPTIONS_ROOM];
	struct options options;

	return options_exact(bytes, hex_read(hex, bytes, OPTIONS_ROOM), &options);
}

struct writer {
	uint32_t len;
	uint8_t bytes[OPTIONS_ROOM];
};

static inline void put(struct writer *writer, uint8_t byte)
{
	cr_assert_lt(writer->len, OPTIONS_ROOM);
	writer->bytes[writer->len++] = byte;
}

static inline void put_map(struct writer *writer, uint32_t pairs)
{
	put(writer, 0xde);
	put(writer, (uint8_t)(pairs >> 8));
	put(writer, (uint8_t)pairs);
}

static inline void put_bytes(struct writer *writer, uint8_t type, const char *bytes, uint32_t len)
{
	put(writer, type); // str 16 or bin 16
	put(writer, (uint8_t)(len >> 8));
	put(writer, (uint8_t)len);
	for (uint32_t i = 0; i < len; i++)
		put(writer, bytes == NULL ? 'x' : (uint8_t)bytes[i]);
}

static inline void put_str(struct writer *writer, const char *text)
{
	put_bytes(writer, 0xda, text, (uint32_t)strlen(text));
}
