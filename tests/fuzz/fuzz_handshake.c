// SPDX-License-Identifier: BSD-3-Clause
// The handshake block and the options of HELLO, WELCOME and OPEN: any bytes as such a frame.
//
// A block that decodes must encode to the same bytes; options must mean the same after encoding.
#include "protocol/handshake.h"
#include "protocol/options.h"
#include "tests/fuzz/fuzz.h"

enum { BLOCK_BYTES_MAX = WIRE_HANDSHAKE_BYTES + WIRE_CHANNELS_MAX * WIRE_TRIPLE_BYTES };

static void block_again(const struct frame *frame, const struct handshake *block)
{
	uint8_t again[BLOCK_BYTES_MAX];
	const uint32_t bytes = handshake_encode(block, again);

	FUZZ_CHECK(bytes + block->options_bytes == frame->body_bytes, "another length");
	FUZZ_CHECK(memcmp(again, frame->body, bytes) == 0, "another block");
	FUZZ_CHECK(block->options == frame->body + bytes, "options at another place");
}

static void numbers_judged(const struct handshake *block)
{
	for (uint32_t i = 0; i + 1 < block->count; i++) {
		const struct frame_triple *client = &block->triples[i], *backend = client + 1;
		const enum handshake_verdict late = handshake_check_late(client, backend);

		FUZZ_CHECK(frame_triple_valid(client), "numbers that cannot be true");
		if (late != HANDSHAKE_GOOD)
			FUZZ_CHECK(handshake_check(client, backend) == late, "another verdict");
	}
}

static bool texts_equal(const struct options_text *left, const struct options_text *right,
			uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if ((left[i].bytes == NULL) != (right[i].bytes == NULL) ||
		    !options_text_equal(left[i], right[i]))
			return false;
	}
	return true;
}

// Texts of *left are where those of *right are, so that memory can be compared afterwards.
static void texts_move(struct options_text *left, const struct options_text *right, uint32_t count)
{
	FUZZ_CHECK(texts_equal(left, right, count), "another text");
	memcpy(left, right, count * sizeof(*left));
}

static void options_again(const struct options *options)
{
	uint8_t bytes[WIRE_OPTIONS_BYTES_MAX];
	const int len = options_encode(options, bytes, sizeof(bytes));
	struct options twice;

	// Integers may have been written in fewer bytes than is usual, never in more.
	FUZZ_CHECK(len >= 0, "what was decoded cannot be encoded: %d", len);
	uint8_t *exact = fuzz_copy(bytes, (size_t)len);

	FUZZ_CHECK(options_decode(exact, (uint32_t)len, &twice) == 0, "encoded, not decoded");
	texts_move(twice.services, options->services, WIRE_CHANNELS_MAX);
	texts_move(twice.backends, options->backends, WIRE_CHANNELS_MAX);
	texts_move(twice.gateways, options->gateways, OPTIONS_GATEWAYS_MAX);
	// client to event stand in a row.
	texts_move(&twice.client, &options->client,
		   (uint32_t)(&options->event - &options->client) + 1);
	FUZZ_CHECK(memcmp(&twice, options, sizeof(twice)) == 0, "other options");
	free(exact);
}

// Options by themselves, as in REJECT, CLOSE and EVENT.
static void options_look(const uint8_t *bytes, uint32_t len)
{
	static const struct options none;
	uint8_t *exact = fuzz_copy(bytes, len);
	struct options options;

	if (options_decode(exact, len, &options) == 0)
		options_again(&options);
	else
		FUZZ_CHECK(memcmp(&options, &none, sizeof(none)) == 0, "refused, yet there");
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handshake block;
	struct frame frame;
	uint8_t *bytes;

	if (size < 1)
		return 0;
	// An odd first byte says that options alone follow.
	if (data[0] % 2 != 0) {
		options_look(data + 1, (uint32_t)size - 1);
		return 0;
	}
	bytes = fuzz_copy(data + 1, size - 1);
	if (frame_decode(bytes, (uint32_t)size - 1, &frame) == FRAME_OK &&
	    (frame.type == WIRE_HELLO || frame.type == WIRE_WELCOME || frame.type == WIRE_OPEN) &&
	    handshake_decode(&frame, &block) == 0) {
		block_again(&frame, &block);
		numbers_judged(&block);
		options_look(block.options, block.options_bytes);
	}
	free(bytes);
	return 0;
}
