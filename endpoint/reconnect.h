// SPDX-License-Identifier: BSD-3-Clause
// When to try again: a budget of attempts with growing delays, so that a lost link is found again
// at once and a gateway that takes and drops is never hammered.
//
// Pure: time and randomness are parameters.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	RECONNECT_BUDGET = 5,
	RECONNECT_BASE_MS = 150,
	RECONNECT_MAX_MS = 32000,
	RECONNECT_JITTER_MS = 200,
	RECONNECT_RETURN_MS = 200, // one attempt comes back each so often while connected
};

struct reconnect {
	uint32_t used;         // of the budget; grows beyond it
	uint64_t confirmed_ms; // since when it comes back, 0: not connected
};

// The delay before the next attempt, which costs one. random is any number.
uint32_t reconnect_delay_ms(struct reconnect *reconnect, uint64_t now_ms, uint32_t random);

// An attempt was confirmed: from now on the budget comes back.
void reconnect_confirmed(struct reconnect *reconnect, uint64_t now_ms);

// The delay after a refusal that asks for patience, where it names none: 1 s * 2^min(n, 6) *
// U(0.5, 1), n being the refusals in a row before.
uint32_t reconnect_patience_ms(uint32_t refusals, uint32_t random);

// Whether all of the budget is used.
bool reconnect_exhausted(const struct reconnect *reconnect);

// A full budget again.
void reconnect_reset(struct reconnect *reconnect);
