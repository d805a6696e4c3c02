// SPDX-License-Identifier: BSD-3-Clause
// Memory of the replay cache.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/directory.h"
#include "dataplane/memory.h"
#include "dataplane/poison.h"
#include "dataplane/replay_cache.h"

struct replay_arena *replay_arena_create(uint64_t bytes)
{
	struct replay_arena *arena = aligned_alloc(64, sizeof(*arena));
	const uint64_t limit =
	    (uint64_t)SESSION_NONE / REPLAY_BATCH - 1; // chunks are 32-bit numbers
	uint64_t batches = bytes / (REPLAY_BATCH * REPLAY_CHUNK_BYTES);

	if (arena == NULL)
		return NULL;
	if (batches < DIRECTORY_WORKERS_MAX)
		batches = DIRECTORY_WORKERS_MAX;
	if (batches > limit)
		batches = limit;
	memset(arena, 0, sizeof(*arena));
	arena->chunks_max = (uint32_t)(batches * REPLAY_BATCH);
	arena->chunks =
	    memory_take((size_t)arena->chunks_max * sizeof(*arena->chunks), &arena->huge);
	if (arena->chunks == NULL) {
		free(arena);
		errno = ENOMEM;
		return NULL;
	}
	return arena;
}

void replay_arena_destroy(struct replay_arena *arena)
{
	if (arena == NULL)
		return;
	poison_clear(arena->chunks, (size_t)arena->chunks_max * sizeof(*arena->chunks));
	memory_give_back(arena->chunks, (size_t)arena->chunks_max * sizeof(*arena->chunks));
	free(arena);
}
