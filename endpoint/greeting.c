// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/greeting.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { COOKIE_AT = WIRE_HEADER_BYTES + 24 };

static int hello_write(struct greeting *greeting, const struct options *options, uint32_t frame_max)
{
	const struct frame header = {
	    .type = WIRE_HELLO,
	    .flags = greeting->resume ? WIRE_FLAG_RESUME : 0,
	};
	uint32_t len = WIRE_HEADER_BYTES;
	int packed;

	memset(greeting->hello, 0, frame_max);
	frame_encode_header(&header, greeting->hello);
	len += handshake_encode(&greeting->block, greeting->hello + len);
	packed = options_encode(options, greeting->hello + len, frame_max - len);
	if (packed < 0)
		return packed;
	greeting->hello_bytes = frame_max; // zeros behind the map
	return 0;
}

int greeting_begin(struct greeting *greeting, const struct handshake *block, bool resume,
		   const struct options *options, uint32_t frame_max, uint64_t now_us)
{
	int error;

	greeting_end(greeting);
	greeting->hello = malloc(frame_max);
	if (!greeting->hello)
		return -ENOMEM;
	greeting->block = *block;
	memset(greeting->block.cookie, 0, sizeof(greeting->block.cookie));
	greeting->resume = resume;
	error = hello_write(greeting, options, frame_max);
	if (error) {
		greeting_end(greeting);
		return error;
	}
	greeting->step = GREETING_ASKING;
	greeting->began_us = now_us;
	greeting->due_us = now_us;
	greeting->repeat_us = GREETING_HELLO_REPEAT_US;
	return 0;
}

void greeting_end(struct greeting *greeting)
{
	free(greeting->hello);
	memset(greeting, 0, sizeof(*greeting));
}

static bool own(const struct greeting *greeting, const uint8_t *session, uint32_t epoch)
{
	return epoch == greeting->block.epoch &&
	       memcmp(session, greeting->block.session, WIRE_SESSION_ID_BYTES) == 0;
}

static enum greeting_heard retry_take(struct greeting *greeting, const struct frame *frame,
				      uint64_t now_us)
{
	struct frame_retry retry;

	frame_decode_retry(frame, &retry);
	if (!own(greeting, retry.session, retry.epoch) ||
	    greeting->retries >= GREETING_RETRIES_MAX ||
	    (greeting->step == GREETING_PROVING &&
	     memcmp(retry.cookie, greeting->block.cookie, WIRE_COOKIE_BYTES) == 0))
		return GREETING_IGNORED;
	memcpy(greeting->block.cookie, retry.cookie, WIRE_COOKIE_BYTES);
	memcpy(greeting->hello + COOKIE_AT, retry.cookie, WIRE_COOKIE_BYTES);
	greeting->step = GREETING_PROVING;
	greeting->retries++;
	greeting->due_us = now_us;
	greeting->repeat_us = GREETING_HELLO_REPEAT_US;
	return GREETING_RETRIED;
}

// Whether a gateway may tell such sizes. What is absent has a default.
static bool sizes_legal(const struct options *options)
{
	return ((options->present & OPTIONS_FRAME_MAX) == 0 ||
		(options->frame_max >= WIRE_FRAME_MAX_MIN &&
		 options->frame_max <= WIRE_FRAME_MAX_LIMIT)) &&
	       ((options->present & OPTIONS_WINDOW) == 0 ||
		(options->window >= WIRE_WINDOW_MIN && options->window <= WIRE_WINDOW_MAX));
}

static enum greeting_heard welcome_take(struct greeting *greeting, const struct frame *frame,
					struct handshake *welcome, struct options *options,
					uint64_t now_us)
{
	const struct handshake *block = &greeting->block;

	if (handshake_decode(frame, welcome) != 0 ||
	    !own(greeting, welcome->session, welcome->epoch) || welcome->role != block->role ||
	    welcome->count != block->count || welcome->lane != block->lane ||
	    options_decode(welcome->options, welcome->options_bytes, options) != 0 ||
	    !sizes_legal(options))
		return GREETING_IGNORED;
	greeting->step = GREETING_CONFIRMING;
	greeting->handle = frame->handle;
	greeting->due_us = now_us;
	greeting->repeat_us = GREETING_CONFIRM_REPEAT_US;
	return GREETING_WELCOMED;
}

static enum greeting_heard reject_take(struct greeting *greeting, const struct frame *frame,
				       struct frame_reject *reject, struct options *options)
{
	const uint8_t *rest = frame->body + WIRE_REJECT_BODY_BYTES;

	frame_decode_reject(frame, reject);
	if (!own(greeting, reject->session, reject->epoch))
		return GREETING_IGNORED;
	// They only inform: bad ones do not make the refusal less of one.
	if (options_decode(rest, frame->body_bytes - WIRE_REJECT_BODY_BYTES, options) != 0)
		options->present = 0;
	return GREETING_REJECTED;
}

enum greeting_heard greeting_receive(struct greeting *greeting, const struct frame *frame,
				     struct handshake *welcome, struct frame_reject *reject,
				     struct options *options, uint64_t now_us)
{
	if (greeting->step == GREETING_NONE || greeting->step == GREETING_CONFIRMING)
		return GREETING_IGNORED;
	switch (frame->type) {
	case WIRE_RETRY:
		return retry_take(greeting, frame, now_us);
	case WIRE_WELCOME:
		return welcome_take(greeting, frame, welcome, options, now_us);
	case WIRE_REJECT:
		return reject_take(greeting, frame, reject, options);
	default:
		return GREETING_IGNORED;
	}
}

bool greeting_confirmed_by(const struct greeting *greeting, const struct frame *frame)
{
	return greeting->step == GREETING_CONFIRMING && frame->handle == greeting->handle &&
	       frame->type != WIRE_WELCOME && frame->type != WIRE_REJECT &&
	       frame->type != WIRE_UNKNOWN;
}

uint32_t greeting_rtt_us(const struct greeting *greeting, uint64_t now_us)
{
	return greeting->confirms == 1 ? (uint32_t)(now_us - greeting->confirmed_us) : 0;
}

// The next repeat, and the pause after it.
static void repeat(struct greeting *greeting, uint64_t now_us, uint64_t repeat_max_us)
{
	greeting->due_us = now_us + greeting->repeat_us;
	greeting->repeat_us =
	    2 * greeting->repeat_us < repeat_max_us ? 2 * greeting->repeat_us : repeat_max_us;
}

static uint32_t confirm_write(struct greeting *greeting, uint8_t *bytes, uint64_t now_us)
{
	const struct frame header = {.type = WIRE_CONFIRM, .handle = greeting->handle};

	if (greeting->confirms++ == 0)
		greeting->confirmed_us = now_us;
	frame_encode_header(&header, bytes);
	repeat(greeting, now_us, GREETING_CONFIRM_REPEAT_MAX_US);
	return WIRE_HEADER_BYTES +
	       frame_encode_confirm(greeting->block.epoch, bytes + WIRE_HEADER_BYTES);
}

uint32_t greeting_transmit(struct greeting *greeting, uint8_t *bytes, uint32_t room,
			   uint64_t now_us)
{
	if (greeting->step == GREETING_NONE || now_us < greeting->due_us)
		return 0;
	if (greeting->step == GREETING_CONFIRMING)
		return confirm_write(greeting, bytes, now_us);
	assert(greeting->hello_bytes <= room);
	memcpy(bytes, greeting->hello, greeting->hello_bytes);
	repeat(greeting, now_us, GREETING_HELLO_REPEAT_MAX_US);
	return greeting->hello_bytes;
}

uint64_t greeting_due_us(const struct greeting *greeting)
{
	return greeting->step == GREETING_NONE ? GREETING_NEVER : greeting->due_us;
}
