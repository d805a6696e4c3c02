// SPDX-License-Identifier: BSD-3-Clause
// Bytes written as hexadecimal text in tests, and exact copies of them.
//
// Test code only; one thread.
#pragma once

#include <criterion/criterion.h>

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline uint8_t hex_digit(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = strchr(digits, digit);

	cr_assert(found != NULL && digit != 0, "no digit: %c", digit);
	return (uint8_t)(found - digits);
}

// Reads text, blanks ignored, into at most room bytes. Returns how many there were.
static inline uint32_t hex_read(const char *text, uint8_t *bytes, uint32_t room)
{
	uint32_t digits = 0;

	for (; *text != 0; text++) {
		if (isspace((unsigned char)*text))
			continue;
		cr_assert_lt(digits / 2, room);
		if (digits % 2 == 0)
			bytes[digits / 2] = (uint8_t)(hex_digit(*text) << 4);
		else
			bytes[digits / 2] |= hex_digit(*text);
		digits++;
	}
	cr_assert_eq(digits % 2, 0);
	return digits / 2;
}

// Copies len bytes to memory of exactly that size, so that a sanitizer sees a read beyond them.
// The caller frees it.
static inline uint8_t *hex_copy(const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	cr_assert_not_null(copy);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}
