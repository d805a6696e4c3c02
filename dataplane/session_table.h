// SPDX-License-Identifier: BSD-3-Clause
// The session table: slots with tags for frames, an index by session id for handshakes.
//
// One for the data plane. Each worker hands out the slots of its own range and alone adds to it;
// sessions change and end at their owner. All memory is taken at creation. The invariants are
// those of session.h.
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ring.h>

#include "dataplane/directory.h"
#include "dataplane/session.h"

struct worker;

// The slots that one worker hands out. Writer: that worker.
struct session_range {
	alignas(64) uint32_t first;
	uint32_t end;
	uint32_t fresh; // slots from here on were never used; atomic, control reads it
	uint32_t free;  // list of slots that came back
	uint32_t sides_first, sides_end; // likewise the side tables
	uint32_t sides_free;             // list by their `next`
	struct rte_ring *retired; // slots (plus 1) whose grace period is over, from the helper
};

struct session_table {
	struct session *hot;
	struct session_cold *cold;
	struct session_side *sides;
	uint32_t capacity; // slots; links of backends have the handles beyond
	uint32_t sides_max;
	uint32_t workers;
	struct cds_lfht *index;
	uint64_t index_seed;
	struct session_range ranges[DIRECTORY_WORKERS_MAX];
	bool huge;
};

// Creates a table for capacity sessions, of which sides_max can have more than one channel.
// Returns NULL with errno ENOMEM.
struct session_table *session_table_create(uint32_t capacity, uint32_t workers, uint32_t sides_max);

// No worker runs any more and all grace periods are over.
void session_table_destroy(struct session_table *table);

static inline uint64_t session_handle(uint32_t slot, uint32_t tag)
{
	return (uint64_t)slot << 32 | tag;
}

static inline uint32_t session_handle_slot(uint64_t handle)
{
	return (uint32_t)(handle >> 32);
}

static inline uint32_t session_handle_tag(uint64_t handle)
{
	return (uint32_t)handle;
}

// Slot of a handle, or SESSION_NONE: no such slot, or another tag (I2). Any registered reader.
static inline uint32_t session_table_lookup(const struct session_table *table, uint64_t handle)
{
	const uint32_t slot = session_handle_slot(handle);

	if (slot >= table->capacity)
		return SESSION_NONE;

	// Pairs with the release store of the tag in session_table_add() and _remove().
	const uint32_t tag = __atomic_load_n(&table->hot[slot].tag, __ATOMIC_ACQUIRE);

	return tag == session_handle_tag(handle) && tag != 0 ? slot : SESSION_NONE;
}

static inline uint64_t session_table_handle(const struct session_table *table, uint32_t slot)
{
	return session_handle(slot, __atomic_load_n(&table->hot[slot].tag, __ATOMIC_RELAXED));
}

// Owner of a session; pairs with the release store of session_table_move() (I1).
static inline uint8_t session_table_owner(const struct session_table *table, uint32_t slot)
{
	return __atomic_load_n(&table->hot[slot].owner, __ATOMIC_ACQUIRE);
}

// Channel k (below session->channels) of a session. Any registered reader: I5.
static inline struct session_channel *session_table_channel(const struct session_table *table,
							    uint32_t slot, uint32_t k)
{
	if (k == 0)
		return &table->hot[slot].channel;
	return &table->sides[table->cold[slot].side].channels[k - 1];
}

// Backend of a channel. Owner only.
static inline uint16_t session_table_backend(const struct session_table *table, uint32_t slot,
					     uint32_t k)
{
	if (k == 0)
		return table->hot[slot].backend;
	return table->sides[table->cold[slot].side].backends[k - 1];
}

// Service of a channel, the same for the session's life. Any registered reader.
static inline uint16_t session_table_service(const struct session_table *table, uint32_t slot,
					     uint32_t k)
{
	if (k == 0)
		return table->cold[slot].service;
	return table->sides[table->cold[slot].side].services[k - 1];
}

// Between begin and end changes what readers copy as a whole (I3). Owner only.
static inline void session_change_begin(struct session *session)
{
	__atomic_store_n(&session->version, (uint16_t)(session->version + 1), __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); // odd is seen before any change
}

static inline void session_change_end(struct session *session)
{
	// Pairs with the acquire load of a reader that compares versions.
	__atomic_store_n(&session->version, (uint16_t)(session->version + 1), __ATOMIC_RELEASE);
}

// Clears flags, then sets some. Owner only.
static inline void session_flags_change(struct session *session, uint32_t clear, uint32_t set)
{
	__atomic_store_n(&session->flags, (uint8_t)((session->flags & ~clear) | set),
			 __ATOMIC_RELAXED);
}

void session_table_set_backend(struct session_table *table, uint32_t slot, uint32_t k,
			       uint16_t backend);

// What a new session begins with.
struct session_birth {
	const uint8_t *id;
	struct path path;
	uint8_t channels;
	uint16_t services[WIRE_CHANNELS_MAX];
	uint16_t backends[WIRE_CHANNELS_MAX];
	const char *client; // label, client_len bytes
	uint32_t client_len;
	uint32_t epoch;
	uint32_t timeout_ms;
	uint32_t grace_ms;
};

// Adds a session in state OPENING, owned by worker, stamps at its clock's now.
// Returns its slot in *slot and 0, -EEXIST (the id is in the index; *slot is its slot, which may
// be another worker's) or -ENOSPC (no slot, or no side table for more than one channel).
int session_table_add(struct worker *worker, const struct session_birth *birth, uint32_t *slot);

// Handle of a session id, or 0. Any registered reader.
uint64_t session_table_find(const struct session_table *table,
			    const uint8_t id[static WIRE_SESSION_ID_BYTES]);

// Takes a session from tag and index; its slot comes back after a grace period. The owner has
// emptied its channels and given back what else it holds.
void session_table_remove(struct worker *worker, uint32_t slot);

// Takes slots back whose grace period is over, at most 64.
void session_table_reclaim(struct worker *worker);

// Gives a session to another owner: the last write of this one (I1).
void session_table_move(struct worker *worker, uint32_t slot, uint8_t owner);

// Changes the state where the edge is legal, and keeps the count by state. DETACHED is stamped.
// Returns false where it is not: counted, nothing changed.
bool session_table_transition(struct worker *worker, uint32_t slot, enum session_state to,
			      enum session_reason reason);
