// SPDX-License-Identifier: BSD-3-Clause
// The gateway as a whole: the control thread's loop, what it knows, what it can be told to do.
//
// One thread runs everything of control/. It is offline for RCU while it waits, and online while
// a tick or a request of the control socket runs: whoever adds an event to gateway_base() that
// reads sessions calls gateway_online() first and gateway_offline() last.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/settings.h"
#include "control/tally.h"
#include "dataplane/dataplane.h"

struct event_base;
struct events;
struct gateway;
struct preload;

enum {
	GATEWAY_TICK_MS = 1,
	GATEWAY_DRAIN_MS = 10000, // deadline of a drain that names none, and of SIGTERM's
	GATEWAY_DRAIN_MAX_MS = 24 * 3600 * 1000,
	GATEWAY_EVICTIONS_MAX = 1024, // that wait for their answer
	GATEWAY_ERROR_BYTES = 256,
};

enum gateway_state {
	GATEWAY_STARTING,
	GATEWAY_RUNNING,
	GATEWAY_DRAINING, // new sessions are refused, the others told to go elsewhere
	GATEWAY_STOPPING, // sessions are let go
	GATEWAY_STOPPED,
	GATEWAY_STATES,
};

// Lower case name: "running".
const char *gateway_state_name(enum gateway_state state);

// Publishes the first directory and prepares everything but signals. settings and dataplane are
// borrowed and outlive it; gateway_config.h tells how settings change. Returns NULL with errno and
// one line in error.
struct gateway *gateway_create(const struct settings *settings, struct dataplane *dataplane,
			       char error[static GATEWAY_ERROR_BYTES]);

// Frees everything but the data plane, which stays.
void gateway_destroy(struct gateway *gateway);

// Runs the loop until the gateway has stopped; SIGTERM, SIGINT and SIGHUP are taken meanwhile and
// blocked afterwards. The caller blocks them before it starts any thread. Online for RCU before
// and after.
// Returns 0, or -errno: the loop could not run.
int gateway_run(struct gateway *gateway);

// One tick at now_ms (monotonic): what the loop does each GATEWAY_TICK_MS. Tests call it.
void gateway_tick(struct gateway *gateway, uint64_t now_ms);

void gateway_online(void);
void gateway_offline(void);

// ---- What it is ----------------------------------------------------------------------------

struct event_base *gateway_base(struct gateway *gateway);
struct dataplane *gateway_dataplane(struct gateway *gateway);
const struct settings *gateway_settings(const struct gateway *gateway);
enum gateway_state gateway_state(const struct gateway *gateway);
uint64_t gateway_instance(const struct gateway *gateway);   // random, of this process
uint64_t gateway_started_ms(const struct gateway *gateway); // UTC
uint64_t gateway_uptime_ms(const struct gateway *gateway);
uint32_t gateway_sessions(const struct gateway *gateway); // in all states, as of this tick
const struct tally *gateway_tally(const struct gateway *gateway);
const struct histogram *gateway_ticks(const struct gateway *gateway); // how long each took

// Counts a connection for metrics that was not taken.
void gateway_count_scrape_refused(struct gateway *gateway);
struct tally *gateway_tally_own(struct gateway *gateway); // for what counts on its thread
struct events *gateway_events(struct gateway *gateway);

// Gauges of control's own.
struct gateway_gauges {
	uint32_t ends_kept, ends_max; // ended session ids with their codes
	uint32_t commands_waiting;    // commands that wait for room in a mailbox
	uint32_t evictions_waiting;   // for their answer
	uint32_t backends_connected;
	uint32_t lanes_live;
};

void gateway_gauges(const struct gateway *gateway, struct gateway_gauges *gauges);

struct gateway_lane_view {
	uint16_t number;
	uint8_t worker;
	bool live; // else it waits for its CONFIRM
	uint32_t epoch;
	struct path path;
	uint32_t heard_ms; // ago, where live
};

struct gateway_backend_view {
	char service[WIRE_NAME_MAX + 1];
	char name[WIRE_NAME_MAX + 1];
	char agent[WIRE_NAME_MAX + 1];
	bool connected;
	bool draining;
	bool removed;
	uint64_t instance;
	uint64_t handle;   // of its link
	uint64_t capacity; // sessions; 0: it named none
	uint32_t sessions; // that have it on a channel, as of the last turn over the sessions
	uint64_t age_ms;   // since it was connected or lost
	uint32_t lanes_count;
	struct gateway_lane_view lanes[DIRECTORY_LANES_MAX];
};

// Backend at index (0 to DIRECTORY_BACKENDS_MAX - 1). Returns false where there is none.
bool gateway_backend(const struct gateway *gateway, uint32_t index,
		     struct gateway_backend_view *view);

struct gateway_service_view {
	char name[WIRE_NAME_MAX + 1];
	enum settings_lost lost;
	uint32_t backends_known, backends_connected;
	uint64_t sessions; // channels bound to it
};

// Service at index (0 to settings->services_count - 1); its name is "" where it is no more. Returns
// false beyond.
bool gateway_service(const struct gateway *gateway, uint32_t index,
		     struct gateway_service_view *view);

// ---- What it can be told -------------------------------------------------------------------

// Refuses new sessions, tells the others, lets go of what is left after deadline_ms and stops.
// Returns whether this call started it; a later one can only bring the deadline nearer.
bool gateway_drain(struct gateway *gateway, uint64_t deadline_ms);

// Lets go of all sessions now and stops, after deadline_ms at the latest. Returns whether this
// call started it.
bool gateway_shutdown(struct gateway *gateway, uint64_t deadline_ms);

// Names one backend; not zero-terminated.
struct gateway_backend_name {
	const char *service, *name;
	uint32_t service_len, name_len;
};

// It gets no new sessions from now on. *started: whether this call did it.
// Returns 0 or -ENOENT.
int gateway_backend_drain(struct gateway *gateway, const struct gateway_backend_name *name,
			  bool *started);

// Forgets a backend that is lost or draining; its sessions wait, or what else its service's policy
// is. *removed: whether this call did it. Returns 0, -ENOENT or -EBUSY (connected, not draining).
int gateway_backend_remove(struct gateway *gateway, const struct gateway_backend_name *name,
			   bool *removed);

// Told once for each eviction that gateway_evict() took: whether it ended the session.
typedef void (*gateway_evicted)(void *context, uint64_t handle, bool evicted);

// Ends one session with a code, as an operator. done is called from a later tick, or when
// gateway_run() ends (not evicted). Thread must be online.
// Returns 0, -ENOENT (no such session, or it is ending already), -EAGAIN (too many wait).
int gateway_evict(struct gateway *gateway, uint64_t handle, uint16_t code, gateway_evicted done,
		  void *context);

struct preload *gateway_preload(struct gateway *gateway);

// Forgets who waits: done is not called any more for this context.
void gateway_evict_forget(struct gateway *gateway, const void *context);
