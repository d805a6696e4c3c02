// SPDX-License-Identifier: BSD-3-Clause
// Sessions that have ended: id and code, kept for a while so that a HELLO for one of them gets the
// code of its end and never a new session under an old id.
//
// Control thread. All memory is taken at creation; at the limit the oldest is forgotten early and
// counted. Time is a parameter: monotonic milliseconds.
#pragma once

#include <stdint.h>

#include "holdfast/errors.h"
#include "holdfast/wire.h"

enum {
	ENDS_KEEP_MIN_MS = 60000,
	ENDS_MAX = 1 << 20,
};

struct ends;

// For at most max ids (1 to ENDS_MAX). Returns NULL with errno EINVAL or ENOMEM.
struct ends *ends_create(uint32_t max);
void ends_destroy(struct ends *ends);

// How long the end of a session with this time-out is remembered: max(2 T, 60 s).
uint64_t ends_keep_ms(uint32_t timeout_ms);

// Remembers id and code until until_ms. An id that is known keeps its first code.
// Returns how many others were forgotten early to make room: 0 or 1.
uint32_t ends_add(struct ends *ends, const uint8_t id[static WIRE_SESSION_ID_BYTES], uint16_t code,
		  uint64_t until_ms, uint64_t now_ms);

// Code of the end of id, or HOLDFAST_OK: not known, or long ago.
uint16_t ends_find(const struct ends *ends, const uint8_t id[static WIRE_SESSION_ID_BYTES],
		   uint64_t now_ms);

// Forgets what is over, oldest first, at most max of them.
void ends_expire(struct ends *ends, uint64_t now_ms, uint32_t max);

uint32_t ends_count(const struct ends *ends);
uint32_t ends_max(const struct ends *ends);
