// SPDX-License-Identifier: BSD-3-Clause
// The replay arena with more workers at it than there are cores, too small for what they want:
// each keeps and lets go of frames of all sizes as fast as it can, hands directions full of them to
// others as sessions that move do, and reads back what it has kept.
//
// A frame that is kept comes back byte for byte; none is kept where the memory is full; in the end
// every chunk is in exactly one place. In builds with the address sanitizer free chunks are
// poisoned.
//
// usage: torture_replay_arena [SECONDS]
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/directory.h"
#include "dataplane/replay_cache.h"
#include "tests/torture/torture.h"

enum {
	WORKERS = 6,
	BATCHES = 64,   // of the arena
	DIRECTIONS = 4, // of a worker
	FRAME_MAX = 1472,
	DIRECTION_BYTES = 1 << 20, // far more than there is
	WINDOW = 4096,
};

struct keeper {
	struct replay_cache cache;
	struct session_direction directions[DIRECTIONS];
	uint64_t random;
	uint64_t kept, full, let_go, read, given;
};

// Directions under way from one worker to any other. Atomic: NULL where the place is free.
static struct session_direction *passed[WORKERS];
static struct replay_arena *arena;
static struct keeper keepers[WORKERS];
static bool stop; // atomic

// What frame number seq holds: how long it is, too, follows from the number.
static uint32_t frame_bytes(uint64_t seq)
{
	const uint32_t dice = (uint32_t)(seq * UINT64_C(0x9e3779b97f4a7c15) >> 40);

	return dice % 16 == 0 ? 0 : dice % FRAME_MAX;
}

static void frame_fill(uint64_t seq, uint8_t *body)
{
	const uint32_t bytes = frame_bytes(seq);

	for (uint32_t i = 0; i < bytes; i++)
		body[i] = (uint8_t)(seq * 167 + i * 13 + i / 112);
}

static void keep(struct keeper *keeper, struct session_direction *direction)
{
	const uint64_t seq = direction->acked + direction->span;
	uint8_t body[FRAME_MAX];

	if (direction->span == WINDOW)
		return;
	frame_fill(seq, body);

	const enum replay_result result = replay_cache_put(&keeper->cache, direction, seq, 0, body,
							   frame_bytes(seq), DIRECTION_BYTES);

	direction->span++; // with a copy or without: it goes on
	keeper->kept += result == REPLAY_KEPT;
	keeper->full += result == REPLAY_MEMORY;
	TORTURE_CHECK(result == REPLAY_KEPT || result == REPLAY_MEMORY, "result %d", result);
}

static void read_back(struct keeper *keeper, const struct session_direction *direction)
{
	const uint64_t from =
	    direction->acked + torture_below(&keeper->random, direction->span + 1);
	const uint32_t chunk = replay_cache_find(&keeper->cache, direction, SESSION_NONE, from);
	uint8_t want[FRAME_MAX], copy[FRAME_MAX];

	if (chunk == SESSION_NONE)
		return;

	const struct replay_chunk *first = replay_chunk_of(&keeper->cache, chunk);
	const uint64_t seq = replay_cache_seq(direction, first);

	TORTURE_CHECK(seq >= from && seq < direction->acked + direction->span, "frame %" PRIu64,
		      seq);
	TORTURE_CHECK(first->bytes == frame_bytes(seq), "%u bytes", first->bytes);
	frame_fill(seq, want);
	replay_cache_copy(&keeper->cache, chunk, copy);
	TORTURE_CHECK(memcmp(copy, want, first->bytes) == 0, "frame %" PRIu64 " is another", seq);
	keeper->read++;
}

static void let_go(struct keeper *keeper, struct session_direction *direction)
{
	const uint64_t below =
	    direction->acked + torture_below(&keeper->random, direction->span + 1u);

	replay_cache_release(&keeper->cache, direction, below);
	direction->span = (uint16_t)(direction->acked + direction->span - below);
	direction->acked = below;
	keeper->let_go++;
}

// Everything is acknowledged: batches go back to the arena.
static void empty(struct keeper *keeper, struct session_direction *direction)
{
	replay_cache_clear(&keeper->cache, direction);
	direction->acked += direction->span;
	direction->span = 0;
}

// Gives a direction to whoever comes by, and takes one that another gave.
static void swap(struct keeper *keeper, struct session_direction *direction)
{
	const uint32_t place = torture_below(&keeper->random, WORKERS);
	struct session_direction *given = malloc(sizeof(*given));

	TORTURE_CHECK(given != NULL, "out of memory");
	*given = *direction;
	given = __atomic_exchange_n(&passed[place], given, __ATOMIC_ACQ_REL);
	*direction = *given;
	free(given);
	keeper->given++;
}

static void *keeper_run(void *argument)
{
	struct keeper *keeper = argument;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct session_direction *direction =
		    &keeper->directions[torture_below(&keeper->random, DIRECTIONS)];
		const uint32_t dice = torture_below(&keeper->random, 1000);

		if (dice < 800)
			keep(keeper, direction);
		else if (dice < 900)
			read_back(keeper, direction);
		else if (dice < 980)
			let_go(keeper, direction);
		else if (dice < 985)
			swap(keeper, direction);
		else if (dice < 995)
			empty(keeper, direction);
		else if (dice == 999)
			sched_yield();
	}
	return NULL;
}

// ---- Begin and end ---------------------------------------------------------------------------

static void direction_begin(struct session_direction *direction, uint32_t number)
{
	*direction = (struct session_direction){.acked = UINT32_MAX - UINT64_C(1000) * number,
						.head = SESSION_NONE,
						.tail = SESSION_NONE};
}

static void begin(void)
{
	arena = replay_arena_create((uint64_t)BATCHES * REPLAY_BATCH * REPLAY_CHUNK_BYTES);
	TORTURE_CHECK(arena != NULL, "out of memory");
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct session_direction *free_one = malloc(sizeof(*free_one));

		TORTURE_CHECK(free_one != NULL, "out of memory");
		direction_begin(free_one, i);
		__atomic_store_n(&passed[i], free_one, __ATOMIC_RELEASE);
		replay_cache_init(&keepers[i].cache, arena);
		keepers[i].random = 5 + i;
		for (uint32_t k = 0; k < DIRECTIONS; k++)
			direction_begin(&keepers[i].directions[k], i * DIRECTIONS + k);
	}
}

static uint32_t list_mark(uint32_t first, uint8_t *seen)
{
	uint32_t count = 0;

	for (uint32_t i = first; i != SESSION_NONE; i = arena->chunks[i].next, count++) {
		TORTURE_CHECK(i < arena->chunks_max && seen[i]++ == 0, "chunk %u is in two places",
			      i);
	}
	return count;
}

// Every chunk is in a stock, in the arena, or was never used.
static void conserved(void)
{
	uint8_t *seen = calloc(arena->chunks_max, 1);
	uint32_t rest = arena->chunks_max - arena->fresh, live = 0;

	TORTURE_CHECK(seen != NULL, "out of memory");
	for (uint32_t i = 0; i < WORKERS; i++) {
		const uint32_t stock = list_mark(keepers[i].cache.stock, seen);

		TORTURE_CHECK(stock == keepers[i].cache.stock_count, "a stock of %u", stock);
		rest += stock;
		live += keepers[i].cache.live;
	}
	for (uint32_t batch = (uint32_t)arena->batches; batch != 0;
	     batch = arena->chunks[batch - 1].next_frame)
		rest += list_mark(batch - 1, seen);
	TORTURE_CHECK(rest == arena->chunks_max, "%u chunks of %u", rest, arena->chunks_max);
	TORTURE_CHECK(live == 0, "%u chunks are counted as live", live);
	free(seen);
}

static void clear_all(void)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct session_direction *left = __atomic_load_n(&passed[i], __ATOMIC_ACQUIRE);

		replay_cache_clear(&keepers[i].cache, left);
		free(left);
		for (uint32_t k = 0; k < DIRECTIONS; k++)
			replay_cache_clear(&keepers[i].cache, &keepers[i].directions[k]);
	}
}

int main(int argc, char **argv)
{
	const uint32_t ms = torture_ms(argc, argv);
	pthread_t threads[WORKERS];
	uint64_t kept = 0, full = 0, read = 0, given = 0;

	begin();
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, keeper_run, &keepers[i]);
	usleep(ms * 1000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	clear_all();
	conserved();
	for (uint32_t i = 0; i < WORKERS; i++) {
		kept += keepers[i].kept;
		full += keepers[i].full;
		read += keepers[i].read;
		given += keepers[i].given;
	}
	printf("%" PRIu64 " frames kept, %" PRIu64 " not for want of memory, %" PRIu64
	       " read back, %" PRIu64 " directions handed on, %" PRIu64 " batches to and fro\n",
	       kept, full, read, given, arena->batches >> 32);
	TORTURE_CHECK(kept > 0 && full > 0 && read > 0 && given > 0 && arena->batches >> 32 > 0,
		      "something was never tried");
	replay_arena_destroy(arena);
	return 0;
}
