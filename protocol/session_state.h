// SPDX-License-Identifier: BSD-3-Clause
// States of a session at the gateway, their legal edges, and the reason each edge may carry.
//
// Pure; any thread. An edge that is not in the table is an invariant violation: the caller counts
// it, logs it once and does not take it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum session_state {
	SESSION_FREE = 0,
	SESSION_OPENING,
	SESSION_CONNECTED,
	SESSION_DETACHED,
	SESSION_CLOSING,
	SESSION_STATES,
};

// Why a session changes its state.
enum session_reason {
	SESSION_ADMITTED,   // HELLO admitted, OPEN sent
	SESSION_CONFIRMED,  // the endpoint's CONFIRM came
	SESSION_TIMED_OUT,  // handshake time-out
	SESSION_REFUSED,    // a backend or the store said no
	SESSION_SILENT,     // nothing heard for T
	SESSION_SLEEP,      // the client said SLEEP
	SESSION_CLOSED,     // CLOSE from an endpoint
	SESSION_EVICTED,    // by an operator or a limit
	SESSION_EXPIRED,    // grace is over
	SESSION_SUPERSEDED, // the same owner opened another
	SESSION_BROKEN,     // protocol error
	SESSION_ENDED,      // CLOSE_ACKs are in, or 1 s is over
	SESSION_LET_GO,     // overtaken by another gateway, drain deadline, stop: record kept
	SESSION_REASONS,
};

// Whether a session may go from one state to another for this reason.
bool session_state_legal(enum session_state from, enum session_state to,
			 enum session_reason reason);

// "CONNECTED"; the four names of the control socket. "FREE" for SESSION_FREE, "?" beyond.
const char *session_state_name(enum session_state state);

// "silent", for logs and events; "?" beyond the list.
const char *session_reason_name(enum session_reason reason);
