// SPDX-License-Identifier: BSD-3-Clause
// The last events: what became of sessions, backends and the gateway, in a ring with offsets that
// only grow, so that whoever reads can go on where it stopped.
//
// Control thread. All memory is taken at creation, the same for each event; a new event overwrites
// the oldest, which is counted. Adding is a copy: cheap enough for every session of a storm.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/tally.h"
#include "dataplane/address.h"
#include "holdfast/wire.h"
#include "protocol/session_state.h"

enum {
	EVENTS_MIN = 64,
	EVENTS_MAX = 1 << 20, // 150 MB
	EVENTS_REFUSALS_PER_SECOND = 20,
	EVENTS_KEY_BYTES = 96, // of a settings key, with its section
};

// X(enum name, name, when)
#define EVENTS(X)                                                                                  \
	X(SESSION_CREATED, "session.created", "a session is being opened")                         \
	X(SESSION_CONNECTED, "session.connected", "its client confirmed it for the first time")    \
	X(SESSION_RESUMED, "session.resumed", "its client is back")                                \
	X(SESSION_DETACHED, "session.detached", "its client is away; `reason`: silent, sleep")     \
	X(SESSION_ENDED, "session.ended", "it is over, with `reason` and `code`")                  \
	X(SESSION_LET_GO, "session.let_go", "it may live on at another gateway")                   \
	X(BACKEND_CONNECTED, "backend.connected", "it registered for the first time")              \
	X(BACKEND_RETURNED, "backend.returned", "the same process is back")                        \
	X(BACKEND_RESET, "backend.reset", "another process is back under its name")                \
	X(BACKEND_LOST, "backend.lost", "its last lane is gone")                                   \
	X(BACKEND_DRAINING, "backend.draining", "it takes no new sessions")                        \
	X(BACKEND_FORGOTTEN, "backend.forgotten", "its place is free")                             \
	X(GATEWAY_STATE, "gateway.state", "`state` has begun")                                     \
	X(REFUSED, "refused", "a HELLO was refused with `code`; `more`: refusals not told before") \
	X(CONFIG_CHANGED, "config.changed", "`key` has another value")

#define EVENTS_ENUM(name, text, when) EVENT_##name,
enum event_kind { EVENTS(EVENTS_ENUM) EVENT_KINDS };
#undef EVENTS_ENUM

static_assert(EVENT_KINDS <= 32, "a set of kinds is a mask");

struct event_session {
	uint64_t handle;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint32_t epoch;
	uint16_t code;  // enum holdfast_code; 0: none
	uint8_t reason; // enum session_reason
};

struct event_backend {
	char service[WIRE_NAME_MAX + 1];
	char name[WIRE_NAME_MAX + 1];
};

struct event_refusal {
	struct address from;
	uint16_t code; // enum holdfast_code
	bool backend;  // a backend's HELLO, else a client's
	uint32_t more; // refusals before it that were not told
};

struct event {
	uint64_t time_ms; // UTC; filled in by events_add()
	enum event_kind kind;
	union {
		struct event_session session;
		struct event_backend backend;
		struct event_refusal refusal;
		const char *state;          // GATEWAY_STATE; lives for ever
		char key[EVENTS_KEY_BYTES]; // CONFIG_CHANGED: "session.timeout_ms"
	};
};

struct events;

// For max events (EVENTS_MIN to EVENTS_MAX). tally is borrowed.
// Returns NULL with errno EINVAL or ENOMEM.
struct events *events_create(uint32_t max, struct tally *tally);
void events_destroy(struct events *events);

// The time that events get from now on: UTC and monotonic milliseconds.
void events_clock(struct events *events, uint64_t utc_ms, uint64_t mono_ms);

// Adds a copy. In each of these events may be NULL: nobody keeps them.
void events_add(struct events *events, const struct event *event);
void events_add_session(struct events *events, enum event_kind kind,
			const struct event_session *session);
// Longer names are cut.
void events_add_backend(struct events *events, enum event_kind kind, const char *service,
			const char *name);
void events_add_config(struct events *events, const char *key);
// At most EVENTS_REFUSALS_PER_SECOND; the next one tells how many were left out.
void events_add_refusal(struct events *events, const struct address *from, uint16_t code,
			bool backend);

// Events stand at offsets [events_first(), events_next()); the first ever has offset 0.
uint64_t events_first(const struct events *events);
uint64_t events_next(const struct events *events);

// Good until the next events_add(). offset is one that stands.
const struct event *events_get(const struct events *events, uint64_t offset);

// Name of a kind; "?" beyond.
const char *events_name(enum event_kind kind);

// Mask of the kinds meant by a name: one of them, or all of a group ("session"). 0: there is none.
uint32_t events_mask(const char *name, uint32_t len);
