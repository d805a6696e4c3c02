// SPDX-License-Identifier: BSD-3-Clause
// What tests of the replay cache share: where its chunks are, and what they hold.
#pragma once

#include <criterion/criterion.h>
#include <stdint.h>

#include "dataplane/replay_cache.h"

enum { REPLAY_CHUNKS_MAX = 4096 }; // of an arena here

// Each chunk counts once: in a list of the arena, in a stock, or never used.
static inline uint32_t replay_list_mark(const struct replay_arena *arena, uint32_t first,
					uint8_t *seen)
{
	uint32_t count = 0;

	for (uint32_t i = first; i != SESSION_NONE; i = arena->chunks[i].next, count++) {
		cr_assert(i < arena->chunks_max);
		cr_assert_eq(seen[i]++, 0, "chunk %u is in two places", i);
	}
	return count;
}

// How many chunks of the arena are in no direction. Nobody else is at it.
static inline uint32_t replay_chunks_at_rest(const struct replay_arena *arena,
					     const struct replay_cache *caches, uint32_t count)
{
	uint8_t seen[REPLAY_CHUNKS_MAX] = {0};
	uint32_t batch = (uint32_t)arena->batches;
	uint32_t rest = arena->chunks_max - arena->fresh;

	cr_assert(arena->chunks_max <= REPLAY_CHUNKS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t stock = replay_list_mark(arena, caches[i].stock, seen);

		cr_assert_eq(stock, caches[i].stock_count);
		rest += stock;
	}
	for (; batch != 0; batch = arena->chunks[batch - 1].next_frame) {
		const uint32_t listed = replay_list_mark(arena, batch - 1, seen);

		cr_assert_eq(listed, REPLAY_BATCH);
		rest += listed;
	}
	return rest;
}

// What frame number seq of a direction holds.
static inline void replay_body_fill(uint8_t *body, uint32_t which, uint64_t seq, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		body[i] = (uint8_t)(seq * 31 + i * 7 + i / 251 + which * 101);
}
