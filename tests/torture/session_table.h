// SPDX-License-Identifier: BSD-3-Clause
// A session table under torture: what its workers and its readers share, and what a session holds.
//
// Everything in a session follows from its nonce, a number that no other session ever had, so that
// a slot that is half written, freed, used again too early, or torn does not fit together.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/dataplane_state.h"
#include "dataplane/worker.h"
#include "tests/torture/torture.h"

enum {
	TABLE_WORKERS = 3,
	TABLE_CAPACITY = 4096, // slots; most wait for grace periods
	TABLE_IDS = 150,       // few: two workers often add the same
};

// The last session that was added under an id. Writers: workers, each for what it added.
struct posted {
	uint64_t handle; // 0 while nonce changes; release
	uint32_t nonce;
	uint32_t busy; // one writer at a time; others go on
};

struct table_torture {
	struct dataplane dataplane; // as much of it as is looked at
	struct session_table *table;
	struct posted posted[TABLE_IDS];
	uint32_t changing;       // slot whose path some worker changes again and again; atomic
	bool stop;               // atomic
	uint64_t looked, found;  // by readers; atomic
	uint64_t viewed, judged; // by control
};

extern struct table_torture table_torture;

static inline bool table_stopped(void)
{
	return __atomic_load_n(&table_torture.stop, __ATOMIC_RELAXED);
}

// Threads. argument: a number, not 0, of the reader.
void *table_reader_run(void *argument);
void *table_control_run(void *argument);

// ---- What a session holds --------------------------------------------------------------------

static inline uint32_t nonce_mix(uint32_t nonce, uint32_t salt)
{
	return (nonce ^ salt) * UINT32_C(2654435761);
}

static inline uint8_t nonce_channels(uint32_t nonce)
{
	return nonce_mix(nonce, 5) >> 24 < 128 ? 1 : (uint8_t)(2 + (nonce_mix(nonce, 6) >> 24) % 7);
}

static inline uint16_t nonce_service(uint32_t nonce, uint32_t k)
{
	return (uint16_t)nonce_mix(nonce, 100 + k);
}

static inline void number_id(uint32_t number, uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	memset(id, (int)(number * 7), WIRE_SESSION_ID_BYTES);
	memcpy(id, &number, sizeof(number));
}

static inline uint32_t nonce_number(uint32_t nonce)
{
	return nonce_mix(nonce, 9) % TABLE_IDS;
}

// The path that belongs to an epoch; both change together.
static inline struct path nonce_path(uint32_t epoch)
{
	struct path path = {.local = 0};

	for (uint32_t i = 0; i < sizeof(path.peer.ip); i++)
		path.peer.ip[i] = (uint8_t)(epoch >> 8 * (i % 4));
	path.peer.port = (uint16_t)epoch;
	memcpy(path.mac, path.peer.ip, sizeof(path.mac));
	return path;
}
