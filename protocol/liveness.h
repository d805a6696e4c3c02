// SPDX-License-Identifier: BSD-3-Clause
// Liveness rules: how often to ask, when a peer is silent. docs/protocol.md tells why.
//
// Pure; any thread. Time is a parameter: milliseconds of any monotonic clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	LIVENESS_TIMEOUT_MIN_MS = 2000,
	LIVENESS_TIMEOUT_MAX_MS = 300000,
	LIVENESS_TIMEOUT_DEFAULT_MS = 10000,
	LIVENESS_INTERVAL_FLOOR_MS = 2000, // the rule never asks more often
	LIVENESS_INTERVAL_CEILING_MS = 15000,
	LIVENESS_GRACE_DEFAULT_MS = 60000,
	LIVENESS_GRACE_MAX_MS = 24 * 3600 * 1000,
};

// Whether T is within 2 s .. 5 min.
bool liveness_timeout_valid(uint32_t timeout_ms);

// Heartbeat interval for time-out T: configured_ms if it is not 0, else max(T/10, 2000), at most
// 15 s, at most T - 1.
//
// Returns the interval, or 0 where configured_ms is not in (0, T), or where T is below 2000 and
// configured_ms is 0 (tests run with short time-outs must name an interval).
uint32_t liveness_interval_ms(uint32_t timeout_ms, uint32_t configured_ms);

// The same for an endpoint that lives on although the configured interval has changed since it was
// admitted: where there is none by the above, one by rule, or T/4. Never 0.
uint32_t liveness_interval_kept_ms(uint32_t timeout_ms, uint32_t configured_ms);

// What the gateway knows of one endpoint. Stamps are milliseconds, compared as 32-bit serial
// numbers: they may wrap, and one may be a little later than the now_ms of its judge. They are of
// use for 24 days.
struct liveness {
	uint32_t heard_ms;       // when a valid frame last came from the path
	uint32_t sent_ms;        // when a frame last went to it
	uint32_t asked_ms;       // when a HEARTBEAT last really left, if `asked`
	uint32_t asked_first_ms; // when the first one after heard_ms really left, if `asked`
	bool asked;              // a HEARTBEAT has left since heard_ms
};

enum liveness_verdict { LIVENESS_REST, LIVENESS_ASK, LIVENESS_SILENT };

// Judges an endpoint at now_ms.
//   SILENT  nothing heard for T, and the first unanswered HEARTBEAT left an interval ago or more
//   ASK     an interval without hearing from it or sending to it; or unanswered, in the last T/2
//           (and after T), again every min(interval, T/8)
//   REST    otherwise
enum liveness_verdict liveness_judge(const struct liveness *liveness, uint32_t timeout_ms,
				     uint32_t interval_ms, uint32_t now_ms);

// How long after now_ms the verdict can first be other than REST, given that nothing is heard or
// sent until then. 0 where it is so already.
uint32_t liveness_wait_ms(const struct liveness *liveness, uint32_t timeout_ms,
			  uint32_t interval_ms, uint32_t now_ms);
