// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/reconnect.h"

#include <string.h>

void reconnect_reset(struct reconnect *reconnect)
{
	memset(reconnect, 0, sizeof(*reconnect));
}

uint32_t reconnect_used(const struct reconnect *reconnect, uint64_t now_us)
{
	uint64_t back;

	if (reconnect->confirmed_us == 0 || reconnect->used == 0)
		return reconnect->used;
	back = (now_us - reconnect->confirmed_us) / RECONNECT_RETURN_US;
	return back < reconnect->used - 1 ? reconnect->used - (uint32_t)back : 1;
}

bool reconnect_exhausted(const struct reconnect *reconnect, uint64_t now_us)
{
	return reconnect_used(reconnect, now_us) >= RECONNECT_BUDGET;
}

void reconnect_begin(struct reconnect *reconnect, uint64_t now_us)
{
	const uint32_t used = reconnect_used(reconnect, now_us);

	reconnect->charge = used < RECONNECT_BUDGET ? 1 : 0;
	reconnect->used = used + reconnect->charge;
	reconnect->confirmed_us = 0;
}

void reconnect_refund(struct reconnect *reconnect)
{
	reconnect->used -= reconnect->charge;
	reconnect->charge = 0;
}

void reconnect_confirm(struct reconnect *reconnect, uint64_t now_us)
{
	reconnect->confirmed_us = now_us;
	reconnect->timeouts = 0;
	reconnect->refusals = 0;
}

void reconnect_time_out(struct reconnect *reconnect)
{
	reconnect->timeouts++;
}

uint64_t reconnect_timeout_us(const struct reconnect *reconnect)
{
	const uint64_t times = reconnect->timeouts < RECONNECT_TIMEOUTS_GROW
				   ? reconnect->timeouts + 1
				   : RECONNECT_TIMEOUTS_GROW;

	return times * RECONNECT_TIMEOUT_US;
}

uint64_t reconnect_base_us(uint32_t used)
{
	uint64_t delay_us = RECONNECT_DELAY_US;

	if (used == 0)
		return 0;
	for (uint32_t n = 1; n < used && delay_us < RECONNECT_DELAY_MAX_US; n++)
		delay_us *= 2;
	return delay_us < RECONNECT_DELAY_MAX_US ? delay_us : RECONNECT_DELAY_MAX_US;
}

// 0 to range - 1, from any 32 bits.
static uint64_t scaled(uint32_t random, uint64_t range)
{
	return range * random >> 32;
}

uint64_t reconnect_delay_us(const struct reconnect *reconnect, uint64_t now_us, uint32_t random)
{
	const uint32_t used = reconnect_used(reconnect, now_us);
	const uint64_t jitter_us = scaled(random, RECONNECT_JITTER_US + 1);

	if (used == 0)
		return 0;
	if (used >= RECONNECT_BUDGET)
		return RECONNECT_DELAY_MAX_US + jitter_us;
	return reconnect_base_us(used) + jitter_us;
}

uint64_t reconnect_refused_us(struct reconnect *reconnect, uint32_t retry_after_ms, uint32_t random)
{
	const uint32_t doublings = reconnect->refusals < RECONNECT_SLOW_DOUBLINGS
				       ? reconnect->refusals
				       : RECONNECT_SLOW_DOUBLINGS;
	uint64_t delay_us = (uint64_t)retry_after_ms * 1000;

	reconnect->refusals++;
	reconnect->timeouts = 0;
	if (retry_after_ms == 0) {
		delay_us = (uint64_t)RECONNECT_SLOW_US << doublings;
		delay_us = delay_us / 2 + scaled(random, delay_us / 2 + 1);
	}
	return delay_us < RECONNECT_SLOW_MAX_US ? delay_us : RECONNECT_SLOW_MAX_US;
}

uint64_t reconnect_local_us(uint32_t random)
{
	return RECONNECT_LOCAL_US + scaled(random, RECONNECT_LOCAL_US + 1);
}
