// SPDX-License-Identifier: BSD-3-Clause
#include "protocol/liveness.h"

bool liveness_timeout_valid(uint32_t timeout_ms)
{
	return timeout_ms >= LIVENESS_TIMEOUT_MIN_MS && timeout_ms <= LIVENESS_TIMEOUT_MAX_MS;
}

uint32_t liveness_interval_ms(uint32_t timeout_ms, uint32_t configured_ms)
{
	if (configured_ms != 0)
		return configured_ms < timeout_ms ? configured_ms : 0;
	if (timeout_ms < LIVENESS_TIMEOUT_MIN_MS)
		return 0;

	uint32_t interval_ms = timeout_ms / 10;

	if (interval_ms < LIVENESS_INTERVAL_FLOOR_MS)
		interval_ms = LIVENESS_INTERVAL_FLOOR_MS;
	if (interval_ms > LIVENESS_INTERVAL_CEILING_MS)
		interval_ms = LIVENESS_INTERVAL_CEILING_MS;
	return interval_ms < timeout_ms ? interval_ms : timeout_ms - 1;
}

uint32_t liveness_interval_kept_ms(uint32_t timeout_ms, uint32_t configured_ms)
{
	uint32_t interval_ms = liveness_interval_ms(timeout_ms, configured_ms);

	if (interval_ms == 0)
		interval_ms = liveness_interval_ms(timeout_ms, 0);
	if (interval_ms == 0)
		interval_ms = timeout_ms / 4;
	return interval_ms > 0 ? interval_ms : 1;
}

static uint32_t smaller(uint32_t left, uint32_t right)
{
	return left < right ? left : right;
}

static uint32_t larger(uint32_t left, uint32_t right)
{
	return left > right ? left : right;
}

// From now_ms until whole_ms after the stamp. Serial, so that a stamp a little later than now_ms,
// of another thread's clock, is no endpoint that has been silent for weeks.
static uint32_t until(uint32_t stamp_ms, uint32_t whole_ms, uint32_t now_ms)
{
	const uint32_t left_ms = stamp_ms + whole_ms - now_ms;

	return (int32_t)left_ms > 0 ? left_ms : 0;
}

// Until the endpoint is to be asked. An unanswered question is asked again only in the last T/2.
static uint32_t wait_ask_ms(const struct liveness *liveness, uint32_t timeout_ms,
			    uint32_t interval_ms, uint32_t now_ms)
{
	if (!liveness->asked)
		return smaller(until(liveness->heard_ms, interval_ms, now_ms),
			       until(liveness->sent_ms, interval_ms, now_ms));

	const uint32_t repeat_ms = larger(smaller(interval_ms, timeout_ms / 8), 1);

	return larger(until(liveness->heard_ms, timeout_ms - timeout_ms / 2, now_ms),
		      until(liveness->asked_ms, repeat_ms, now_ms));
}

// Until the endpoint can be called silent, given that it has been asked.
static uint32_t wait_silent_ms(const struct liveness *liveness, uint32_t timeout_ms,
			       uint32_t interval_ms, uint32_t now_ms)
{
	return larger(until(liveness->heard_ms, timeout_ms, now_ms),
		      until(liveness->asked_first_ms, interval_ms, now_ms));
}

enum liveness_verdict liveness_judge(const struct liveness *liveness, uint32_t timeout_ms,
				     uint32_t interval_ms, uint32_t now_ms)
{
	if (liveness->asked && wait_silent_ms(liveness, timeout_ms, interval_ms, now_ms) == 0)
		return LIVENESS_SILENT;
	return wait_ask_ms(liveness, timeout_ms, interval_ms, now_ms) == 0 ? LIVENESS_ASK
									   : LIVENESS_REST;
}

uint32_t liveness_wait_ms(const struct liveness *liveness, uint32_t timeout_ms,
			  uint32_t interval_ms, uint32_t now_ms)
{
	const uint32_t ask_ms = wait_ask_ms(liveness, timeout_ms, interval_ms, now_ms);

	if (!liveness->asked)
		return ask_ms;
	return smaller(ask_ms, wait_silent_ms(liveness, timeout_ms, interval_ms, now_ms));
}
