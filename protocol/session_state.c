// SPDX-License-Identifier: BSD-3-Clause
#include "protocol/session_state.h"

#define BIT(reason) (1u << SESSION_##reason)

enum {
	ENDS = BIT(CLOSED) | BIT(EVICTED) | BIT(EXPIRED) | BIT(SUPERSEDED) | BIT(BROKEN),
};

// Reasons that each edge may carry; 0: no such edge.
static const uint32_t edges[SESSION_STATES][SESSION_STATES] = {
    [SESSION_FREE] = {[SESSION_OPENING] = BIT(ADMITTED)},
    [SESSION_OPENING] = {[SESSION_CONNECTED] = BIT(CONFIRMED),
			 [SESSION_FREE] = BIT(TIMED_OUT) | BIT(REFUSED) | BIT(LET_GO)},
    [SESSION_CONNECTED] = {[SESSION_DETACHED] = BIT(SILENT) | BIT(SLEEP),
			   [SESSION_CLOSING] = ENDS & ~BIT(EXPIRED),
			   [SESSION_FREE] = BIT(LET_GO)},
    [SESSION_DETACHED] = {[SESSION_CONNECTED] = BIT(CONFIRMED),
			  [SESSION_CLOSING] = ENDS,
			  [SESSION_FREE] = BIT(LET_GO)},
    [SESSION_CLOSING] = {[SESSION_FREE] = BIT(ENDED) | BIT(LET_GO)},
};

bool session_state_legal(enum session_state from, enum session_state to, enum session_reason reason)
{
	return from < SESSION_STATES && to < SESSION_STATES && reason < SESSION_REASONS &&
	       (edges[from][to] & 1u << reason) != 0;
}

const char *session_state_name(enum session_state state)
{
	static const char *const names[SESSION_STATES] = {"FREE", "OPENING", "CONNECTED",
							  "DETACHED", "CLOSING"};

	return state < SESSION_STATES ? names[state] : "?";
}

const char *session_reason_name(enum session_reason reason)
{
	static const char *const names[SESSION_REASONS] = {
	    [SESSION_ADMITTED] = "admitted",   [SESSION_CONFIRMED] = "confirmed",
	    [SESSION_TIMED_OUT] = "timed out", [SESSION_REFUSED] = "refused",
	    [SESSION_SILENT] = "silent",       [SESSION_SLEEP] = "sleep",
	    [SESSION_CLOSED] = "closed",       [SESSION_EVICTED] = "evicted",
	    [SESSION_EXPIRED] = "expired",     [SESSION_SUPERSEDED] = "superseded",
	    [SESSION_BROKEN] = "broken",       [SESSION_ENDED] = "ended",
	    [SESSION_LET_GO] = "let go",
	};

	return reason < SESSION_REASONS ? names[reason] : "?";
}
