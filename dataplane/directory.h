// SPDX-License-Identifier: BSD-3-Clause
// The directory: everything that workers must know and only control changes. Services, backends
// and their lanes, limits, cookie keys.
//
// An immutable snapshot. Control builds a new one, publishes it with dataplane_publish() and the
// old one is freed after a grace period; a worker dereferences it once a burst. Indexes of
// services and backends stay the same from snapshot to snapshot as long as the entry lives.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"
#include "holdfast/wire.h"

enum {
	DIRECTORY_SERVICES_MAX = 256,
	DIRECTORY_BACKENDS_MAX = 1024,
	DIRECTORY_LANES_MAX = 16, // of one backend: one for each worker
	DIRECTORY_WORKERS_MAX = 16,
	DIRECTORY_COOKIE_KEYS = 2, // this one and the one before
	DIRECTORY_NONE = 0xffff,   // no backend
	DIRECTORY_LANE_NONE = 0xff,
};

// Handle of a backend's link: its slot number lies beyond those of the sessions. tag is not 0.
static inline uint64_t directory_link_handle(uint32_t slots, uint32_t backend, uint32_t tag)
{
	return (uint64_t)(slots + backend) << 32 | tag;
}

// A lane with path.peer.port 0 is none. One that is there but not live waits for its CONFIRM,
// and nothing else counts from it.
struct directory_lane {
	struct path path;
	uint16_t number; // as in the backend's HELLO
	uint8_t worker;  // on which its frames land
	bool live;
};

struct directory_backend {
	bool used;
	bool connected; // its link is up: confirmed and heard
	bool draining;  // takes no new sessions
	uint16_t service;
	char name[WIRE_NAME_MAX + 1];
	uint64_t instance;
	uint64_t link_handle; // of its link, never 0
	uint32_t link_epoch;
	struct directory_lane lanes[DIRECTORY_LANES_MAX];
	// Which lane a worker sends over: its own, else any live one, else DIRECTORY_LANE_NONE.
	uint8_t lane_of_worker[DIRECTORY_WORKERS_MAX];
};

struct directory_service {
	bool used;
	char name[WIRE_NAME_MAX + 1];
};

struct directory {
	uint64_t cookie_keys[DIRECTORY_COOKIE_KEYS][2]; // [0] makes cookies, both are accepted
	bool draining;                                  // new handshakes get DRAINING
	uint32_t window;    // frames, WIRE_WINDOW_MIN to WIRE_WINDOW_MAX
	uint32_t frame_max; // bytes of UDP payload
	uint32_t timeout_default_ms;
	uint32_t heartbeat_ms; // configured, or 0: by rule
	uint32_t grace_default_ms;
	uint32_t grace_max_ms;
	uint32_t opening_timeout_ms; // of an attempt that is not confirmed: 2000
	uint32_t replay_session_bytes;
	uint32_t resumes_per_second; // over all workers; 0: no limit
	uint64_t instance;           // of this gateway process
	char gateway[WIRE_NAME_MAX + 1];
	uint32_t services_count; // entries in use or not
	uint32_t backends_count;
	struct directory_service services[DIRECTORY_SERVICES_MAX];
	struct directory_backend *backends; // array of DIRECTORY_BACKENDS_MAX, freed with it
};
