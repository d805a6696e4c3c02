// SPDX-License-Identifier: BSD-3-Clause
// One attempt to open: HELLO, RETRY, HELLO with the cookie, WELCOME or REJECT, CONFIRM.
//
// The same for a client and for each lane of a backend. A HELLO is written once, when the attempt
// begins, and only its cookie ever changes: repeats are identical. Pure: the caller brings and
// takes frames and says what time it is. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "protocol/frame.h"
#include "protocol/handshake.h"
#include "protocol/options.h"

#define GREETING_NEVER UINT64_MAX

enum {
	GREETING_HELLO_REPEAT_US = 250000, // doubling
	GREETING_HELLO_REPEAT_MAX_US = 1000000,
	GREETING_CONFIRM_REPEAT_US = 50000, // doubling
	GREETING_CONFIRM_REPEAT_MAX_US = 1000000,
	GREETING_RETRIES_MAX = 8, // cookies taken in one attempt
};

enum greeting_step {
	GREETING_NONE,       // no attempt
	GREETING_ASKING,     // HELLO without a cookie
	GREETING_PROVING,    // HELLO with one
	GREETING_CONFIRMING, // WELCOME is here, CONFIRM is repeated
};

struct greeting {
	enum greeting_step step;
	struct handshake block; // as sent; its options are not kept
	bool resume;
	uint8_t *hello; // the frame
	uint32_t hello_bytes;
	uint32_t retries;
	uint64_t handle; // from WELCOME on
	uint64_t due_us;
	uint64_t repeat_us;
	uint64_t began_us;
	uint64_t confirmed_us; // when the first CONFIRM left, 0 before
	uint32_t confirms;
};

// Begins an attempt with this block (its cookie is zeroed), flag and options, in a frame of
// frame_max bytes. The HELLO is due at once. Ends the attempt before.
//
// Returns 0, -ENOMEM, -ENOSPC (the options do not fit) or -EINVAL (an option out of its bounds).
int greeting_begin(struct greeting *greeting, const struct handshake *block, bool resume,
		   const struct options *options, uint32_t frame_max, uint64_t now_us);

// Ends the attempt, however far it got. Idempotent.
void greeting_end(struct greeting *greeting);

enum greeting_heard {
	GREETING_IGNORED, // not of this attempt, or said before
	GREETING_RETRIED, // the cookie was taken; the HELLO is due at once
	GREETING_WELCOMED,
	GREETING_REJECTED,
};

// Takes a frame that frame_decode() accepted.
//
// WELCOMED: *welcome and *options are filled in, pointing into the frame; CONFIRM is due at once.
// REJECTED: *reject and *options are filled in; the attempt is over, greeting_end() is the
// caller's.
enum greeting_heard greeting_receive(struct greeting *greeting, const struct frame *frame,
				     struct handshake *welcome, struct frame_reject *reject,
				     struct options *options, uint64_t now_us);

// Whether this frame is the first that shows the attempt confirmed: after WELCOME, under its
// handle, and neither WELCOME nor UNKNOWN.
bool greeting_confirmed_by(const struct greeting *greeting, const struct frame *frame);

// Round trip between CONFIRM and what confirms it at now_us; 0 where a repeat makes it unsure.
uint32_t greeting_rtt_us(const struct greeting *greeting, uint64_t now_us);

// Writes the frame that is due, if any, into room bytes (frame_max at least).
//
// Returns its bytes or 0.
uint32_t greeting_transmit(struct greeting *greeting, uint8_t *bytes, uint32_t room,
			   uint64_t now_us);

// When greeting_transmit() has something: GREETING_NEVER without an attempt.
uint64_t greeting_due_us(const struct greeting *greeting);
