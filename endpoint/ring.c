// SPDX-License-Identifier: BSD-3-Clause
// The growing and shrinking of a ring.

#include "endpoint/ring.h"

#include <errno.h>
#include <string.h>

enum { RING_ENTRIES_MIN = 8 };

void ring_init(struct ring *ring, struct pool *pool, uint32_t entry_bytes)
{
	memset(ring, 0, sizeof(*ring));
	ring->pool = pool;
	ring->entry_bytes = entry_bytes;
}

static void ring_release(struct ring *ring)
{
	pool_give(ring->pool, ring->entries, ring->room_bytes);
	ring->entries = NULL;
	ring->room_bytes = 0;
	ring->capacity = 0;
	ring->head = 0;
}

void ring_fini(struct ring *ring)
{
	ring->count = 0;
	ring_release(ring);
}

static int ring_grow(struct ring *ring)
{
	const uint32_t wanted = ring->capacity ? 2 * ring->capacity : RING_ENTRIES_MIN;
	size_t room_bytes;
	uint8_t *entries = pool_take(ring->pool, (size_t)wanted * ring->entry_bytes, &room_bytes);

	if (!entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < ring->count; i++)
		memcpy(entries + (size_t)i * ring->entry_bytes, ring_at(ring, i),
		       ring->entry_bytes);
	pool_give(ring->pool, ring->entries, ring->room_bytes);
	ring->entries = entries;
	ring->room_bytes = room_bytes;
	ring->capacity = (uint32_t)(room_bytes / ring->entry_bytes);
	ring->head = 0;
	return 0;
}

void *ring_push(struct ring *ring)
{
	if (ring->count == ring->capacity && ring_grow(ring))
		return NULL;
	ring->count++;

	void *entry = ring_at(ring, ring->count - 1);

	memset(entry, 0, ring->entry_bytes);
	return entry;
}

void ring_pop(struct ring *ring)
{
	assert(ring->count > 0);
	ring->count--;
	ring->head = ring->head + 1 == ring->capacity ? 0 : ring->head + 1;
	if (ring->count == 0)
		ring_release(ring);
}
