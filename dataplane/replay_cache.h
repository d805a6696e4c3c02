// SPDX-License-Identifier: BSD-3-Clause
// The replay cache: copies of frames that are not acknowledged yet, in chunks of one arena.
//
// Invariants:
//  R1  A chunk belongs to the stock of one worker, to one direction of one session, or to the
//      arena; who changes it is that worker or the session's owner. next_frame is stored
//      atomically: a worker that comes too late for a batch of the arena still reads it, and throws
//      it away.
//  R2  A direction's frames stand in ascending order; head and tail are SESSION_NONE together.
//  R3  Memory is a matter of speed only: what has no copy is a hole, and is asked of its sender.
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/session.h"

enum {
	REPLAY_CHUNK_BYTES = 128,
	REPLAY_PAYLOAD_BYTES = REPLAY_CHUNK_BYTES - 16,
	REPLAY_BATCH = 64,      // chunks that go between stock and arena at a time
	REPLAY_STOCK_MAX = 192, // of one worker
	REPLAY_WALK_MAX = 64,   // frames passed to put one in its place; beyond: no copy
};

struct replay_chunk {
	uint32_t next;       // chunk of the same frame; in the arena or a stock: next of its list
	uint32_t next_frame; // first chunk of the next frame; of a batch in the arena: next batch
	uint32_t seq;        // low 32 bits
	uint16_t bytes;      // of the whole frame
	uint8_t flags;       // of the frame: MORE, BUNDLE
	uint8_t pad;
	uint8_t payload[REPLAY_PAYLOAD_BYTES];
};

static_assert(sizeof(struct replay_chunk) == REPLAY_CHUNK_BYTES, "a chunk is two lines");

// Shared by all workers.
struct replay_arena {
	struct replay_chunk *chunks;
	uint32_t chunks_max;
	bool huge;
	alignas(64) uint32_t fresh;   // never used from here on; atomic, taken in batches
	alignas(64) uint64_t batches; // first batch (plus 1) of the list, and a count against reuse
};

// One worker's end. Writer: the worker; control reads live, relaxed.
struct replay_cache {
	struct replay_arena *arena;
	uint32_t stock; // list by `next`
	uint32_t stock_count;
	uint32_t live; // chunks that it put into sessions less those that it took from them
};

enum replay_result { REPLAY_KEPT, REPLAY_HAD, REPLAY_MEMORY, REPLAY_SESSION, REPLAY_ORDER };

// Control thread. bytes is rounded down to whole batches, at least one for each of 16 workers.
// NULL with errno ENOMEM.
struct replay_arena *replay_arena_create(uint64_t bytes);
void replay_arena_destroy(struct replay_arena *arena);

void replay_cache_init(struct replay_cache *cache, struct replay_arena *arena);

// Copies the body of frame number seq, which lies in [acked, next) of direction.
// session_bytes is the limit of bytes in one direction.
// Returns REPLAY_KEPT, REPLAY_HAD (there is a copy already), or why there is none.
enum replay_result replay_cache_put(struct replay_cache *cache, struct session_direction *direction,
				    uint64_t seq, uint8_t flags, const uint8_t *body,
				    uint32_t bytes, uint32_t session_bytes);

// Frees the copies below number `below`.
void replay_cache_release(struct replay_cache *cache, struct session_direction *direction,
			  uint64_t below);

// Frees all.
void replay_cache_clear(struct replay_cache *cache, struct session_direction *direction);

// First cached frame with a number of at least seq: its chunk, or SESSION_NONE. Walks from `from`
// where that is a chunk of this direction with a smaller number, else (SESSION_NONE) from the
// head.
uint32_t replay_cache_find(const struct replay_cache *cache,
			   const struct session_direction *direction, uint32_t from, uint64_t seq);

static inline const struct replay_chunk *replay_chunk_of(const struct replay_cache *cache,
							 uint32_t chunk)
{
	return &cache->arena->chunks[chunk];
}

// Number of the frame that begins at this chunk of the direction.
static inline uint64_t replay_cache_seq(const struct session_direction *direction,
					const struct replay_chunk *chunk)
{
	return direction->acked + (uint32_t)(chunk->seq - (uint32_t)direction->acked);
}

// Copies the frame that begins at chunk to body (chunk->bytes of them).
void replay_cache_copy(const struct replay_cache *cache, uint32_t chunk, uint8_t *body);
