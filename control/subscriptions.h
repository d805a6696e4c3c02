// SPDX-License-Identifier: BSD-3-Clause
// Who is told what happens: subscriptions to events and to stats, and how each gets on.
//
// Control thread. A subscription is an offset into the ring of events, or a time; nothing is queued
// for it. While more than SUBSCRIPTIONS_WAITING_BYTES wait for its reader nothing is packed for
// it: events stay in the ring, and those that are overwritten meanwhile are told as one `gap`;
// stats are left out, and counted in one `gap`. So a slow reader costs nothing and is never
// waited for.
//
// Bounds: SUBSCRIPTIONS_MAX in all, SUBSCRIPTIONS_OF_ONE of a connection; a pump looks at
// SUBSCRIPTIONS_EVENTS_ONE events for each and SUBSCRIPTIONS_EVENTS_ALL for all of them, in turn,
// and packs stats once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "control/events.h"
#include "control/tally.h"

enum {
	SUBSCRIPTIONS_MAX = 128,
	SUBSCRIPTIONS_OF_ONE = 4,
	SUBSCRIPTIONS_WAITING_BYTES = 256 * 1024,
	SUBSCRIPTIONS_EVENTS_ONE = 512,
	SUBSCRIPTIONS_EVENTS_ALL = 2048,
	SUBSCRIPTIONS_PUMP_MS = 5,
	SUBSCRIPTIONS_INTERVAL_MIN_MS = 100,
	SUBSCRIPTIONS_INTERVAL_MAX_MS = 3600 * 1000,
};

// What is needed of others. Borrowed.
struct subscriptions_link {
	void *context;
	// Bytes that wait for the connection's reader; SIZE_MAX: it is gone.
	size_t (*waiting)(void *context, uint64_t connection);
	void (*send)(void *context, uint64_t connection, const char *bytes, size_t length);
	// Packs the map of a stats notification behind `subscription`: keys_count pairs.
	void (*stats)(void *context, msgpack_packer *packer);
	uint32_t stats_keys;
};

struct subscriptions;

// Returns NULL with errno ENOMEM. events and tally are borrowed.
struct subscriptions *subscriptions_create(struct events *events,
					   const struct subscriptions_link *link,
					   struct tally *tally);
void subscriptions_destroy(struct subscriptions *subscriptions);

// Subscribes to the kinds of a mask (not 0) from an offset on; what is not in the ring any more is
// told as a gap. *number names the subscription in its notifications.
// Returns 0, -EAGAIN (too many) or -ERANGE (offset beyond events_next()).
int subscriptions_events(struct subscriptions *subscriptions, uint64_t connection, uint32_t kinds,
			 uint64_t from, uint32_t *number);

// Subscribes to stats, the first at once. Returns 0 or -EAGAIN (too many).
int subscriptions_stats(struct subscriptions *subscriptions, uint64_t connection,
			uint32_t interval_ms, uint64_t now_ms, uint32_t *number);

// Tells what is due. Called every SUBSCRIPTIONS_PUMP_MS.
void subscriptions_pump(struct subscriptions *subscriptions, uint64_t now_ms);

uint32_t subscriptions_count(const struct subscriptions *subscriptions);
