// SPDX-License-Identifier: BSD-3-Clause
// The arena of the replay cache: its size, and workers that take from it and give back at once.
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "dataplane/directory.h"
#include "dataplane/replay_cache.h"
#include "support/replay_chunks.h"

enum {
	WORKERS = 2,
	STEPS = 60000,
	BYTES_MAX = 1400,
	BATCH_BYTES = REPLAY_BATCH * REPLAY_CHUNK_BYTES,
};

static struct replay_arena *arena;
static struct replay_cache caches[WORKERS];

static void start(uint64_t bytes)
{
	arena = replay_arena_create(bytes);
	cr_assert_not_null(arena);
	for (uint32_t i = 0; i < WORKERS; i++)
		replay_cache_init(&caches[i], arena);
}

static struct session_direction direction_at(uint64_t acked)
{
	return (struct session_direction){
	    .acked = acked, .head = SESSION_NONE, .tail = SESSION_NONE};
}

Test(replay_arena, holds_whole_batches_and_one_for_each_worker_at_least)
{
	static const struct {
		uint64_t bytes;
		uint32_t batches;
	} cases[] = {
	    {0, DIRECTORY_WORKERS_MAX},
	    {DIRECTORY_WORKERS_MAX * BATCH_BYTES, DIRECTORY_WORKERS_MAX},
	    {(DIRECTORY_WORKERS_MAX + 1) * BATCH_BYTES - 1, DIRECTORY_WORKERS_MAX},
	    {(DIRECTORY_WORKERS_MAX + 1) * BATCH_BYTES, DIRECTORY_WORKERS_MAX + 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].bytes);
		cr_expect_eq(arena->chunks_max, cases[i].batches * REPLAY_BATCH, "case %zu", i);
		cr_expect_eq(replay_chunks_at_rest(arena, caches, WORKERS), arena->chunks_max);
		replay_arena_destroy(arena);
	}
	replay_arena_destroy(NULL);
}

// Fills and empties a direction of its own, so that batches go to and fro all the time.
static void *worker_run(void *argument)
{
	struct replay_cache *own = argument;
	struct session_direction mine = direction_at(0);
	uint32_t *wrong = calloc(1, sizeof(*wrong));
	const uint32_t which = (uint32_t)(own - caches);

	for (uint64_t seq = 0; seq < STEPS; seq++) {
		uint8_t body[BYTES_MAX], copy[BYTES_MAX];
		const uint32_t bytes = 1 + (uint32_t)(seq * 7919 % BYTES_MAX);

		replay_body_fill(body, which, seq, bytes);
		if (replay_cache_put(own, &mine, seq, 0, body, bytes, 1 << 30) == REPLAY_KEPT) {
			replay_cache_copy(own, mine.tail, copy);
			*wrong += memcmp(copy, body, bytes) != 0;
		}
		if (seq % 64 == 63) {
			replay_body_fill(body, which,
					 replay_cache_seq(&mine, &arena->chunks[mine.head]),
					 arena->chunks[mine.head].bytes);
			replay_cache_copy(own, mine.head, copy);
			*wrong += memcmp(copy, body, arena->chunks[mine.head].bytes) != 0;
			replay_cache_clear(own, &mine);
			mine.acked = seq + 1;
		}
	}
	replay_cache_clear(own, &mine);
	return wrong;
}

Test(replay_arena, two_workers_at_the_arena_lose_no_chunk_and_mix_no_frame)
{
	pthread_t threads[WORKERS];

	start(0);
	for (uint32_t i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, worker_run, &caches[i]), 0);
	for (uint32_t i = 0; i < WORKERS; i++) {
		void *wrong;

		cr_assert_eq(pthread_join(threads[i], &wrong), 0);
		cr_expect_eq(*(uint32_t *)wrong, 0);
		free(wrong);
	}
	cr_expect_eq(replay_chunks_at_rest(arena, caches, WORKERS), arena->chunks_max);
	cr_expect_eq(caches[0].live + caches[1].live, 0);
	cr_expect(arena->batches >> 32 > STEPS / 64, "the list was hardly used");
	replay_arena_destroy(arena);
}
