// SPDX-License-Identifier: BSD-3-Clause
// What the two halves of libholdfast, client.h and backend.h, have in common.
//
// The library has no state of its own, starts no thread, handles no signal and prints nothing.
// Every object (client or backend) is used by one thread at a time; different objects may be used
// by different threads at once. Callbacks run inside of calls of the object that they belong to,
// in the thread that made the call; they may use the object, but not destroy it, and not wait on
// it (the calls that end in _wait, receive, flush).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/api.h"
#include "holdfast/errors.h"
#include "holdfast/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

// A time-out in milliseconds that does not come.
#define HOLDFAST_FOREVER (-1)

enum { HOLDFAST_GATEWAYS_MAX = 16 }; // addresses that one object knows

// Numbers as syslog has them.
enum holdfast_log_level {
	HOLDFAST_LOG_ERROR = 3,
	HOLDFAST_LOG_WARNING = 4,
	HOLDFAST_LOG_NOTICE = 5,
	HOLDFAST_LOG_INFO = 6,
	HOLDFAST_LOG_DEBUG = 7,
};

// A message that has arrived. bytes is good until the message is consumed, or until the callback
// that shows it returns.
struct holdfast_message {
	const void *bytes;
	uint32_t len;
	uint8_t channel;
};

// A lost acknowledgement cannot be told from a lost message.
enum holdfast_mark {
	HOLDFAST_NOT_SENT,        // no part of it ever left
	HOLDFAST_MAYBE_DELIVERED, // sent, not acknowledged
};

// A message that was not acknowledged when its session (or channel) ended; bytes is good during
// the callback. tag is what the application gave when it sent the message.
struct holdfast_returned {
	const void *bytes;
	uint32_t len;
	enum holdfast_mark mark;
	uint64_t tag;
	uint8_t channel;
};

// What an endpoint's channels have done, since the object was created.
struct holdfast_counters {
	uint64_t messages_sent;     // taken over by a send call
	uint64_t messages_acked;    // taken by the other endpoint
	uint64_t messages_received; // taken by this application
	uint64_t messages_returned; // handed back
	uint64_t frames_sent;       // DATA, first time
	uint64_t frames_resent;     // DATA, again
	uint64_t frames_received;   // DATA, first time
	uint64_t frames_doubled;    // DATA that was there already
	uint64_t frames_reordered;  // DATA that came before an earlier one
	uint64_t naks_sent;
	uint64_t naks_received;
	uint64_t probes; // probe time-outs
	uint64_t datagrams_sent;
	uint64_t datagrams_received;
	uint64_t heartbeats;     // answered
	uint64_t frames_ignored; // any type: malformed, out of place, of another handle
};

#ifdef __cplusplus
}
#endif
