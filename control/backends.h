// SPDX-License-Identifier: BSD-3-Clause
// The backends that control knows: who is registered under which name, over which lanes, and how
// many sessions each has.
//
// Control thread. An entry keeps its index for as long as a session can refer to it: a backend
// that is lost stays, so that it finds its sessions again. What is written here reaches workers
// with the next directory; `changed` says that there is something to publish.
//
//  B1  connected <=> at least one lane is live. All live lanes have the entry's link session id
//      and epoch, and the entry's instance.
//  B2  The handle changes only while no lane is live.
//  B3  What an attempt says (instance, epoch, link session id) stands in its lane, and becomes the
//      entry's only when that lane is confirmed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/answer.h"
#include "control/rates.h"
#include "control/settings.h"
#include "control/tally.h"
#include "dataplane/dataplane.h"
#include "dataplane/directory.h"
#include "protocol/liveness.h"

enum {
	BACKENDS_OPENING_MS = 2000,       // a lane that is not confirmed by then is forgotten
	BACKENDS_UNKNOWN_PER_SOURCE = 10, // UNKNOWN answers a second
	BACKENDS_UNKNOWN_PER_SECOND = 1000,
	BACKENDS_UNKNOWN_SOURCES = 1024,
	BACKENDS_LOST_MS = 60000, // a lost backend keeps its place at least so long
};

struct backends_lane {
	bool used;
	bool live; // confirmed; else an attempt
	uint8_t worker;
	uint16_t number;
	uint32_t epoch;
	uint64_t instance;
	uint64_t capacity; // sessions
	uint64_t opened_ms;
	uint64_t asked_ms;                      // when a HEARTBEAT was last ordered
	uint8_t session[WIRE_SESSION_ID_BYTES]; // of the link
	struct path path;
};

struct backends_entry {
	bool used;
	bool registered; // was connected at least once
	bool connected;
	bool draining; // takes no new sessions, until another instance comes
	bool removed;  // is forgotten as soon as no session refers to it
	uint16_t service;
	char name[WIRE_NAME_MAX + 1];
	char agent[WIRE_NAME_MAX + 1];
	uint64_t seed; // for choices
	uint64_t instance;
	uint64_t handle;
	uint64_t capacity; // sessions; 0: it named none
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint32_t epoch;
	uint64_t since_ms; // connected or lost
	// Sessions that have it on a channel: counted in the last whole turn over the sessions,
	// being counted in this one, and chosen since the last one began.
	uint32_t sessions, counting, chosen, chosen_before;
	struct backends_lane lanes[DIRECTORY_LANES_MAX];
};

struct backends {
	const struct settings *settings;
	struct answerer answerer;
	uint32_t slots; // of sessions; handles of links lie beyond
	uint32_t workers;
	uint64_t instance;                // of the gateway
	uint32_t timeout_ms, interval_ms; // of links
	uint32_t count;                   // entries below this index may be in use
	bool changed;                     // since the last directory
	bool draining;
	struct rates *unknown; // UNKNOWN answers
	// Channels bound to each service: in the last whole turn over the sessions, and in this.
	uint32_t services[DIRECTORY_SERVICES_MAX], services_counting[DIRECTORY_SERVICES_MAX];
	uint32_t lanes_next; // entry that lanes_tick() looks at next
	uint64_t lanes_ticked_ms;
	char kept[128]; // what backends_keep() says
	struct backends_entry entries[DIRECTORY_BACKENDS_MAX];
};

// settings and what answerer refers to are borrowed. Returns NULL with errno ENOMEM.
struct backends *backends_create(const struct settings *settings, const struct answerer *answerer,
				 uint64_t instance);
void backends_destroy(struct backends *backends);

// The settings' times have changed: they are those of all links from now on.
void backends_retime(struct backends *backends);

// Whether a service may go: no backend is registered, and no session had it in the last whole turn.
// Returns NULL, or why not: good until the next call.
const char *backends_keep(struct backends *backends, uint16_t service);

// Forgets lost backends of services that are no more.
void backends_forget(struct backends *backends);

// Index of the service in settings, or DIRECTORY_NONE.
uint16_t backends_service(const struct backends *backends, const char *name, uint32_t len);

// Index of the entry of that name, or DIRECTORY_NONE.
uint16_t backends_find(const struct backends *backends, uint16_t service, const char *name,
		       uint32_t len);

// A new entry, in a free place or in that of the backend that was lost longest ago and that no
// session has any more. Returns its index, or DIRECTORY_NONE: there is no such place.
uint16_t backends_add(struct backends *backends, uint16_t service, const char *name, uint32_t len,
		      uint64_t now_ms);

// Whether nothing refers to a lost backend any more: not a lane, not a session in the last whole
// turn. Since it was lost no session can have got it.
bool backends_forgettable(const struct backends_entry *entry, uint64_t now_ms);

// Whether it has a lane, live or not.
bool backends_has_lane(const struct backends_entry *entry);

// Gives an entry that is not connected a new handle.
void backends_new_handle(struct backends *backends, uint16_t index);

// Chooses a backend of the service for a session, and counts the choice. Returns its index, or
// DIRECTORY_NONE: there is none that is connected, not draining and not full.
uint16_t backends_choose(struct backends *backends, uint16_t service,
			 const uint8_t id[static WIRE_SESSION_ID_BYTES]);

// Takes a lane away. If it was the last live one the backend is lost: its sessions are told.
void backends_drop_lane(struct backends *backends, uint16_t index, uint16_t lane, const char *why,
			uint64_t now_ms);

// Counting: one channel of one session, then the end of a whole turn.
void backends_count_channel(struct backends *backends, uint16_t service, uint16_t index);
void backends_count_end(struct backends *backends);

// Writes services and backends into a directory whose backends are allocated and zero.
void backends_fill(const struct backends *backends, struct directory *directory);

uint32_t backends_connected(const struct backends *backends);
uint32_t backends_lanes_live(const struct backends *backends);
