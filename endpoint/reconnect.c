// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/reconnect.h"

enum { PATIENCE_MS = 1000, PATIENCE_DOUBLINGS = 6 };

// What has come back since the attempt was confirmed; the last one stays used.
static void come_back(struct reconnect *reconnect, uint64_t now_ms)
{
	uint64_t back;

	if (reconnect->confirmed_ms == 0 || reconnect->used == 0)
		return;
	back = (now_ms - reconnect->confirmed_ms) / RECONNECT_RETURN_MS;
	reconnect->used = back >= reconnect->used ? 1 : reconnect->used - (uint32_t)back;
	if (reconnect->used == 0)
		reconnect->used = 1;
	reconnect->confirmed_ms = 0;
}

uint32_t reconnect_delay_ms(struct reconnect *reconnect, uint64_t now_ms, uint32_t random)
{
	uint32_t delay_ms = 0;

	come_back(reconnect, now_ms);
	if (reconnect->used > 0) {
		const uint32_t doublings = reconnect->used - 1;

		delay_ms = RECONNECT_MAX_MS;
		if (doublings < 8 && RECONNECT_BASE_MS << doublings < RECONNECT_MAX_MS)
			delay_ms = RECONNECT_BASE_MS << doublings;
		delay_ms += random % (RECONNECT_JITTER_MS + 1);
	}
	if (reconnect->used < UINT32_MAX)
		reconnect->used++;
	return delay_ms;
}

void reconnect_confirmed(struct reconnect *reconnect, uint64_t now_ms)
{
	reconnect->confirmed_ms = now_ms != 0 ? now_ms : 1;
}

uint32_t reconnect_patience_ms(uint32_t refusals, uint32_t random)
{
	const uint32_t doublings = refusals < PATIENCE_DOUBLINGS ? refusals : PATIENCE_DOUBLINGS;
	const uint32_t most_ms = PATIENCE_MS << doublings;

	return most_ms / 2 + random % (most_ms / 2 + 1);
}

bool reconnect_exhausted(const struct reconnect *reconnect)
{
	return reconnect->used > RECONNECT_BUDGET;
}

void reconnect_reset(struct reconnect *reconnect)
{
	*reconnect = (struct reconnect){0};
}
