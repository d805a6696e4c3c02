// SPDX-License-Identifier: BSD-3-Clause
#include "control/drain.h"

bool drain_begin(struct drain *drain, uint64_t wait_ms, uint64_t now_ms)
{
	if (drain->state == GATEWAY_DRAINING && now_ms + wait_ms < drain->deadline_ms)
		drain->deadline_ms = now_ms + wait_ms;
	if (drain->state >= GATEWAY_DRAINING)
		return false;
	drain->state = GATEWAY_DRAINING;
	drain->deadline_ms = now_ms + wait_ms;
	return true;
}

bool drain_stop(struct drain *drain, uint64_t wait_ms, uint64_t now_ms)
{
	if (drain->state >= GATEWAY_STOPPING)
		return false;
	drain->state = GATEWAY_STOPPING;
	drain->deadline_ms = now_ms + wait_ms;
	return true;
}

void drain_force(struct drain *drain)
{
	drain->state = GATEWAY_STOPPED;
}

enum drain_step drain_tick(struct drain *drain, uint32_t sessions, uint32_t commands,
			   uint64_t now_ms)
{
	const bool late = now_ms >= drain->deadline_ms;

	switch (drain->state) {
	case GATEWAY_DRAINING:
		// Sessions on their way into being have no place in the count yet.
		if (!late && (sessions > 0 || commands > 0))
			return DRAIN_NOTHING;
		drain_stop(drain, DRAIN_STOP_MS, now_ms);
		return DRAIN_LET_GO;
	case GATEWAY_STOPPING:
		if (!late && (sessions > 0 || commands > 0))
			return DRAIN_NOTHING;
		drain_force(drain);
		return DRAIN_STOP;
	case GATEWAY_STOPPED:
		return DRAIN_STOP;
	default:
		return DRAIN_NOTHING;
	}
}
