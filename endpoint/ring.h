// SPDX-License-Identifier: BSD-3-Clause
// A ring: a queue of entries of one size that grows as needed and costs nothing while empty.
//
// Memory comes from a pool and goes back to it when the last entry is popped. Not thread-safe;
// belongs to what it is part of.
#pragma once

#include <assert.h>
#include <stdint.h>

#include "endpoint/pool.h"

struct ring {
	struct pool *pool;
	uint8_t *entries;
	size_t room_bytes; // of entries
	uint32_t entry_bytes;
	uint32_t capacity; // entries
	uint32_t head;     // index of the first
	uint32_t count;
};

// Makes an empty ring of entries of entry_bytes. pool is borrowed.
void ring_init(struct ring *ring, struct pool *pool, uint32_t entry_bytes);

// Drops all entries and gives the memory back.
void ring_fini(struct ring *ring);

// Appends one entry, all zero bytes. Pointers to other entries are void afterwards.
//
// Returns it, or NULL where there is no memory.
void *ring_push(struct ring *ring);

// Drops the first entry; there must be one.
void ring_pop(struct ring *ring);

// Entry i, 0 being the first; i < count. Good until the next push or pop.
static inline void *ring_at(const struct ring *ring, uint32_t i)
{
	assert(i < ring->count);

	const uint32_t index = ring->head + i;

	return ring->entries + (size_t)(index < ring->capacity ? index : index - ring->capacity) *
				   ring->entry_bytes;
}
