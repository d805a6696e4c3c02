// SPDX-License-Identifier: BSD-3-Clause
// Reject and close codes: one list from which come the enum, the names and what an endpoint does.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/api.h"

#ifdef __cplusplus
extern "C" {
#endif

// What an endpoint does when an attempt is rejected, or a session is closed, with a code.
enum holdfast_policy {
	HOLDFAST_GO_ON,       // try again at the pace of the reconnect budget
	HOLDFAST_GO_ON_SLOW,  // try again after `retry after`, or after a growing delay
	HOLDFAST_NEW_SESSION, // this session is over: hand back what was not acknowledged
	HOLDFAST_STOP,        // report once, never try again
};

// X(number, name, retriable on the wire, policy, text for people)
#define HOLDFAST_CODES(X)                                                                          \
	X(1, VERSION_MISMATCH, false, HOLDFAST_STOP, "protocol version not spoken here")           \
	X(2, MALFORMED, false, HOLDFAST_STOP, "handshake malformed")                               \
	X(3, STATE_MISMATCH, true, HOLDFAST_NEW_SESSION, "this session cannot go on")              \
	X(4, NOT_AUTHORIZED, false, HOLDFAST_STOP, "not authorized")                               \
	X(5, UNKNOWN_SERVICE, false, HOLDFAST_STOP, "no such service")                             \
	X(6, NO_BACKEND, true, HOLDFAST_GO_ON_SLOW, "no backend for the service")                  \
	X(7, OVERLOADED, true, HOLDFAST_GO_ON_SLOW, "the gateway is at a limit")                   \
	X(8, DRAINING, true, HOLDFAST_GO_ON_SLOW, "the gateway is draining")                       \
	X(9, STALE_EPOCH, true, HOLDFAST_GO_ON, "a newer attempt stands")                          \
	X(10, INVALID_TIMEOUT, false, HOLDFAST_STOP, "time-out outside 2 s to 5 min")              \
	X(11, STORE_UNAVAILABLE, true, HOLDFAST_GO_ON_SLOW, "session records cannot be read")      \
	X(12, EVICTED, false, HOLDFAST_STOP, "ended by an operator or a limit")                    \
	X(13, EXPIRED, true, HOLDFAST_NEW_SESSION, "the grace time is over")                       \
	X(14, SUPERSEDED, false, HOLDFAST_STOP, "the same client opened another session")          \
	X(15, NORMAL, false, HOLDFAST_STOP, "closed")                                              \
	X(16, PROTOCOL_ERROR, false, HOLDFAST_STOP, "the peer broke the protocol")                 \
	X(17, NAME_IN_USE, true, HOLDFAST_GO_ON_SLOW, "a live backend has this name")

// HOLDFAST_OK (0) is acceptance in OPEN_ACK; it is never on the wire in REJECT or CLOSE.
#define HOLDFAST_CODE_ENUM(number, name, retriable, policy, text) HOLDFAST_##name = number,
enum holdfast_code { HOLDFAST_OK = 0, HOLDFAST_CODES(HOLDFAST_CODE_ENUM) HOLDFAST_CODE_END };
#undef HOLDFAST_CODE_ENUM

// Each of these takes any number; one that is no code of this list gives "UNKNOWN_CODE",
// "unknown code", not retriable, and HOLDFAST_STOP. Any thread; the strings are static.
HOLDFAST_API const char *holdfast_code_name(uint16_t code);
HOLDFAST_API const char *holdfast_code_text(uint16_t code);
HOLDFAST_API bool holdfast_code_retriable(uint16_t code);
HOLDFAST_API enum holdfast_policy holdfast_code_policy(uint16_t code);

#ifdef __cplusplus
}
#endif
