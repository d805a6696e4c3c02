// SPDX-License-Identifier: BSD-3-Clause
// What every fuzz target is made of: one entry point, checks that end the process, and a reader
// that takes an input apart.
//
// A target is built twice: with libFuzzer, which makes inputs up (scripts/fuzz), and with
// fuzz_files.c, which runs it over the files of its corpus (suite unit). One thread. Inputs are
// independent: a target keeps nothing from one to the next that an input could notice.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_CHECK(condition, ...)                                                                 \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

// Runs one input of any bytes; returns 0. What is wrong ends the process.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is left of an input.
struct fuzz_input {
	const uint8_t *bytes;
	size_t left;
};

// The next byte, or the next integer (big endian); zeros where the input is over.
static inline uint8_t fuzz_take8(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->bytes++;
}

static inline uint16_t fuzz_take16(struct fuzz_input *input)
{
	const uint16_t high = fuzz_take8(input);

	return (uint16_t)(high << 8 | fuzz_take8(input));
}

static inline uint32_t fuzz_take32(struct fuzz_input *input)
{
	const uint32_t high = fuzz_take16(input);

	return high << 16 | fuzz_take16(input);
}

// Takes at most len bytes, borrowed. Returns how many there were; *bytes is never NULL.
static inline uint32_t fuzz_take(struct fuzz_input *input, uint32_t len, const uint8_t **bytes)
{
	static const uint8_t none[1];
	const uint32_t taken = len < input->left ? len : (uint32_t)input->left;

	*bytes = taken > 0 ? input->bytes : none;
	input->bytes += taken;
	input->left -= taken;
	return taken;
}

// Copies len bytes to memory of exactly that size, so that a sanitizer sees a read beyond them.
// The caller frees it.
static inline uint8_t *fuzz_copy(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	FUZZ_CHECK(copy != NULL, "out of memory");
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}
