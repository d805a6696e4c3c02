// SPDX-License-Identifier: BSD-3-Clause
// Makes directories and publishes them: what the settings say, the backends as they are, the
// cookie keys and whether the gateway is draining.
//
// Control thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/backends.h"
#include "dataplane/dataplane.h"

enum {
	PUBLISHER_COOKIE_MS = 15000, // life of a cookie key; the one before is accepted as long
};

struct publisher {
	const struct settings *settings;
	struct dataplane *dataplane;
	struct backends *backends;
	struct tally *tally;
	uint64_t keys[DIRECTORY_COOKIE_KEYS][2];
	uint64_t keyed_ms; // when the newest key was made
	bool changed;
	bool draining;
};

// Everything is borrowed.
void publisher_init(struct publisher *publisher, const struct settings *settings,
		    struct dataplane *dataplane, struct backends *backends, struct tally *tally);

// Overwrites the keys.
void publisher_fini(struct publisher *publisher);

// What the settings say has changed: to be published.
void publisher_change(struct publisher *publisher);

// From now on new handshakes get DRAINING.
void publisher_drain(struct publisher *publisher);

// Changes the cookie key when its time is over, and publishes a directory if something has
// changed. Returns 0, or -ENOMEM: nothing was published, it is tried again next time.
int publisher_tick(struct publisher *publisher, uint64_t now_ms);
