// SPDX-License-Identifier: BSD-3-Clause
// Round trip estimator and probe time-out.

#include "endpoint/recovery.h"

#include <string.h>

enum { BACKOFF_SHIFT_MAX = 16 }; // beyond it every time-out is at its cap

static uint64_t larger(uint64_t left, uint64_t right)
{
	return left > right ? left : right;
}

void recovery_init(struct recovery *recovery, uint64_t rtt_us)
{
	memset(recovery, 0, sizeof(*recovery));
	recovery->smoothed_us = rtt_us ? rtt_us : RECOVERY_INITIAL_US;
	recovery->variation_us = recovery->smoothed_us / 2;
	recovery->shortest_us = recovery->smoothed_us;
}

void recovery_sample(struct recovery *recovery, uint64_t rtt_us)
{
	if (!recovery->sampled) {
		recovery->sampled = true;
		recovery->smoothed_us = rtt_us;
		recovery->variation_us = rtt_us / 2;
		recovery->shortest_us = rtt_us;
		return;
	}

	const uint64_t smoothed_us = recovery->smoothed_us;
	const uint64_t off_us = smoothed_us > rtt_us ? smoothed_us - rtt_us : rtt_us - smoothed_us;

	recovery->variation_us = (3 * recovery->variation_us + off_us) / 4;
	recovery->smoothed_us = (7 * smoothed_us + rtt_us) / 8;
	if (rtt_us < recovery->shortest_us)
		recovery->shortest_us = rtt_us;
}

uint64_t recovery_timeout_us(const struct recovery *recovery, uint64_t delay_us, uint32_t backoff)
{
	const uint64_t base_us = recovery->smoothed_us +
				 larger(4 * recovery->variation_us, RECOVERY_GRANULARITY_US) +
				 delay_us;
	const uint64_t cap_us = larger(RECOVERY_CAP_US, 2 * recovery->shortest_us + delay_us);
	const uint64_t grown_us = base_us
				  << (backoff < BACKOFF_SHIFT_MAX ? backoff : BACKOFF_SHIFT_MAX);

	return grown_us < cap_us ? grown_us : cap_us;
}

uint64_t recovery_loss_delay_us(const struct recovery *recovery)
{
	return larger(recovery->shortest_us + recovery->shortest_us / 8, RECOVERY_GRANULARITY_US);
}
