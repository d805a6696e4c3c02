// SPDX-License-Identifier: BSD-3-Clause
// Brings what the gateway tells into the state of holdfastctl top: subscribes, asks for what the
// page in view needs, connects again every second where the gateway is away.
//
// One thread; nothing here waits. Times are monotonic microseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/top_link.h"
#include "control/top_state.h"

enum { TOP_FEED_RETRY_US = 1000000, TOP_FEED_FRESH_US = 500000 };

struct top_feed {
	const char *path;
	struct top_state *state;
	struct top_link link;
	uint64_t retry_us;       // when to connect again
	uint64_t heard_us;       // when stats came last
	uint64_t asked_us;       // when lists were asked for last
	uint32_t samples;        // since it connected
	uint32_t sessions_asked; // view's sessions_version when session.list was asked
	uint64_t session_asked;  // handle that session.get was asked for
	bool refused;            // the gateway does not let this user look
	bool changed;            // something to be drawn
};

// Takes over a connected socket and subscribes. state and path are borrowed.
void top_feed_init(struct top_feed *feed, struct top_state *state, const char *path, int fd,
		   uint64_t now_us);
void top_feed_fini(struct top_feed *feed);

// Asks for what the page needs, whatever was asked before: the view has changed.
void top_feed_ask(struct top_feed *feed, uint64_t now_us);

// Asks for the end of the session that the view names.
void top_feed_evict(struct top_feed *feed);

// Reads and writes what can be; connects where it is time to. To be called when poll() returned.
void top_feed_pump(struct top_feed *feed, uint64_t now_us);

// Whether all that a block of text shows is there, and no answer is waited for.
bool top_feed_settled(const struct top_feed *feed);
