// SPDX-License-Identifier: BSD-3-Clause
// The round trip of a path and the time-outs that follow from it, after RFC 9002, sections 5, 6.
//
// Acknowledgements are end to end: a sample holds the time that the application took, too. So the
// time-outs are bounded by what the shortest round trip allows. Pure; belongs to its stream.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	RECOVERY_INITIAL_US = 333000,   // round trip assumed where nothing is known
	RECOVERY_GRANULARITY_US = 1000, // timers are not finer
	RECOVERY_ACK_DELAY_US = 25000,  // an acknowledgement waits at most so long
	RECOVERY_CAP_US = 1000000,      // time-outs grow to this, or twice the shortest round trip
};

struct recovery {
	uint64_t smoothed_us; // before the first sample: what was assumed
	uint64_t variation_us;
	uint64_t shortest_us;
	uint32_t backoff; // probe time-outs in a row
	bool sampled;
};

// Forgets all; rtt_us is the round trip to assume, 0 = RECOVERY_INITIAL_US.
void recovery_init(struct recovery *recovery, uint64_t rtt_us);

// Takes one measured round trip, of something that was sent once.
void recovery_sample(struct recovery *recovery, uint64_t rtt_us);

// Probe time-out, without delay_us where an answer comes at once, doubled for each in a row.
uint64_t recovery_timeout_us(const struct recovery *recovery, uint64_t delay_us, uint32_t backoff);

// How long ago a frame must have been sent again for a report of its loss to be about that.
uint64_t recovery_loss_delay_us(const struct recovery *recovery);
