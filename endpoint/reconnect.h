// SPDX-License-Identifier: BSD-3-Clause
// When to try again: the budget of attempts of one client, or of one link of a backend.
//
// Each attempt costs 1 of a budget of 5; from a confirmed attempt on it comes back, 1 per 200 ms,
// but never the last one: so whoever accepts and drops is not hammered. Used up, attempts go on at
// the longest delay. Pure: time and randomness are parameters.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	RECONNECT_BUDGET = 5,
	RECONNECT_DELAY_US = 150000, // doubling
	RECONNECT_DELAY_MAX_US = 32000000,
	RECONNECT_JITTER_US = 200000,
	RECONNECT_RETURN_US = 200000,
	RECONNECT_SLOW_US = 1000000, // doubling, where a refusal names no time
	RECONNECT_SLOW_DOUBLINGS = 6,
	RECONNECT_SLOW_MAX_US = 300000000, // whatever a refusal names
	RECONNECT_LOCAL_US = 250000,       // nothing left this machine: look again soon
	RECONNECT_TIMEOUT_US = 1000000,    // of the first attempt; one more for each in a row
	RECONNECT_TIMEOUTS_GROW = 5,       // as far as this
};

struct reconnect {
	uint32_t used;         // of the budget, when the last attempt began or was confirmed
	uint32_t charge;       // what the last attempt cost
	uint64_t confirmed_us; // since when it comes back; 0: it does not
	uint32_t timeouts;     // attempts in a row that nobody answered
	uint32_t refusals;     // slow ones in a row
};

// The whole budget is there.
void reconnect_reset(struct reconnect *reconnect);

// What of the budget is used at now_us: 0 (only before the first attempt) to RECONNECT_BUDGET.
uint32_t reconnect_used(const struct reconnect *reconnect, uint64_t now_us);

// Whether nothing of the budget is left.
bool reconnect_exhausted(const struct reconnect *reconnect, uint64_t now_us);

// An attempt begins.
void reconnect_begin(struct reconnect *reconnect, uint64_t now_us);

// The attempt did not leave this machine: it cost nothing.
void reconnect_refund(struct reconnect *reconnect);

// The attempt was confirmed.
void reconnect_confirm(struct reconnect *reconnect, uint64_t now_us);

// Nobody answered the attempt.
void reconnect_time_out(struct reconnect *reconnect);

// How long to wait for answers to an attempt: 1 s, a second longer after each time-out in a row.
uint64_t reconnect_timeout_us(const struct reconnect *reconnect);

// The delay before attempt n of the budget, without the random part.
uint64_t reconnect_base_us(uint32_t used);

// The delay before the next attempt; random is any 32 bits.
uint64_t reconnect_delay_us(const struct reconnect *reconnect, uint64_t now_us, uint32_t random);

// The delay after a refusal that wants time: retry_after_ms, or where that is 0 one that grows
// with each refusal in a row.
uint64_t reconnect_refused_us(struct reconnect *reconnect, uint32_t retry_after_ms,
			      uint32_t random);

// The delay after an attempt that did not leave this machine.
uint64_t reconnect_local_us(uint32_t random);
