// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/replay_cache.h"

#include <errno.h>
#include <string.h>

#include "dataplane/poison.h"

static struct replay_chunk *chunk_at(const struct replay_cache *cache, uint32_t chunk)
{
	return &cache->arena->chunks[chunk];
}

// Relaxed: R1.
static void next_frame_set(struct replay_chunk *chunk, uint32_t next)
{
	__atomic_store_n(&chunk->next_frame, next, __ATOMIC_RELAXED);
}

// Takes a batch from the arena's list. The count in the upper half makes a batch that went and
// came back meanwhile another value, so a stale next_frame is never stored.
static uint32_t batch_take_used(struct replay_arena *arena)
{
	uint64_t seen = __atomic_load_n(&arena->batches, __ATOMIC_ACQUIRE);

	for (int tries = 0; tries < 8; tries++) {
		const uint32_t first = (uint32_t)seen;

		if (first == 0)
			return SESSION_NONE;

		const uint64_t next =
		    __atomic_load_n(&arena->chunks[first - 1].next_frame, __ATOMIC_RELAXED);
		const uint64_t want = ((seen >> 32) + 1) << 32 | next;

		if (__atomic_compare_exchange_n(&arena->batches, &seen, want, false,
						__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			return first - 1;
	}
	return SESSION_NONE; // others are at it: the frame goes on without a copy
}

static uint32_t batch_take_fresh(struct replay_arena *arena)
{
	uint32_t first = __atomic_load_n(&arena->fresh, __ATOMIC_RELAXED);

	do {
		if (first + REPLAY_BATCH > arena->chunks_max)
			return SESSION_NONE;
	} while (!__atomic_compare_exchange_n(&arena->fresh, &first, first + REPLAY_BATCH, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	for (uint32_t i = 0; i < REPLAY_BATCH; i++)
		arena->chunks[first + i].next = i + 1 < REPLAY_BATCH ? first + i + 1 : SESSION_NONE;
	return first;
}

static bool stock_refill(struct replay_cache *cache)
{
	uint32_t batch = batch_take_used(cache->arena);

	if (batch == SESSION_NONE)
		batch = batch_take_fresh(cache->arena);
	if (batch == SESSION_NONE)
		return false;

	uint32_t last = batch;

	while (chunk_at(cache, last)->next != SESSION_NONE)
		last = chunk_at(cache, last)->next;
	chunk_at(cache, last)->next = cache->stock;
	cache->stock = batch;
	cache->stock_count += REPLAY_BATCH;
	return true;
}

// Gives one batch of the stock back to the arena.
static void stock_return(struct replay_cache *cache)
{
	struct replay_arena *arena = cache->arena;
	const uint32_t first = cache->stock;
	uint32_t last = first;
	uint64_t seen, want;

	for (uint32_t i = 1; i < REPLAY_BATCH; i++)
		last = chunk_at(cache, last)->next;
	cache->stock = chunk_at(cache, last)->next;
	cache->stock_count -= REPLAY_BATCH;
	chunk_at(cache, last)->next = SESSION_NONE;
	seen = __atomic_load_n(&arena->batches, __ATOMIC_RELAXED);
	do {
		next_frame_set(chunk_at(cache, first), (uint32_t)seen);
		want = ((seen >> 32) + 1) << 32 | (first + 1);
		// Release pairs with the acquire in batch_take_used(). Lock-free: a failure means
		// that another worker got on.
	} while (!__atomic_compare_exchange_n(&arena->batches, &seen, want, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

static uint32_t chunk_take(struct replay_cache *cache)
{
	const uint32_t chunk = cache->stock;

	cache->stock = chunk_at(cache, chunk)->next;
	cache->stock_count--;
	poison_clear(chunk_at(cache, chunk)->payload, REPLAY_PAYLOAD_BYTES);
	return chunk;
}

static void live_change(struct replay_cache *cache, uint32_t change)
{
	__atomic_store_n(&cache->live, cache->live + change, __ATOMIC_RELAXED);
}

// Gives back all chunks of one frame.
static void frame_free(struct replay_cache *cache, uint32_t first)
{
	uint32_t chunk = first;

	while (chunk != SESSION_NONE) {
		const uint32_t next = chunk_at(cache, chunk)->next;

		poison_set(chunk_at(cache, chunk)->payload, REPLAY_PAYLOAD_BYTES);
		chunk_at(cache, chunk)->next = cache->stock;
		cache->stock = chunk;
		cache->stock_count++;
		live_change(cache, UINT32_MAX);
		chunk = next;
	}
	if (cache->stock_count > REPLAY_STOCK_MAX)
		stock_return(cache);
}

// Fills chunks with a frame, but for next_frame. The stock has enough of them.
static uint32_t frame_store(struct replay_cache *cache, uint64_t seq, uint8_t flags,
			    const uint8_t *body, uint32_t bytes)
{
	const uint32_t first = chunk_take(cache);
	struct replay_chunk *chunk = chunk_at(cache, first);
	uint32_t done = bytes < REPLAY_PAYLOAD_BYTES ? bytes : REPLAY_PAYLOAD_BYTES;

	chunk->seq = (uint32_t)seq;
	chunk->bytes = (uint16_t)bytes;
	chunk->flags = flags & (WIRE_FLAG_MORE | WIRE_FLAG_BUNDLE);
	memcpy(chunk->payload, body, done);
	live_change(cache, 1);
	while (done < bytes) {
		const uint32_t part =
		    bytes - done < REPLAY_PAYLOAD_BYTES ? bytes - done : REPLAY_PAYLOAD_BYTES;

		chunk->next = chunk_take(cache);
		chunk = chunk_at(cache, chunk->next);
		memcpy(chunk->payload, body + done, part);
		live_change(cache, 1);
		done += part;
	}
	chunk->next = SESSION_NONE;
	return first;
}

// Finds the frame after which seq belongs (SESSION_NONE: before all).
static enum replay_result place_find(const struct replay_cache *cache,
				     const struct session_direction *direction, uint64_t seq,
				     uint32_t *after)
{
	uint32_t chunk = direction->head;

	*after = direction->tail;
	if (*after == SESSION_NONE)
		return REPLAY_KEPT;

	const uint64_t newest = replay_cache_seq(direction, chunk_at(cache, *after));

	if (newest <= seq)
		return newest < seq ? REPLAY_KEPT : REPLAY_HAD;
	*after = SESSION_NONE;
	for (uint32_t i = 0; i < REPLAY_WALK_MAX; i++) {
		const uint64_t number = replay_cache_seq(direction, chunk_at(cache, chunk));

		if (number == seq)
			return REPLAY_HAD;
		if (number > seq)
			return REPLAY_KEPT;
		*after = chunk;
		chunk = chunk_at(cache, chunk)->next_frame;
	}
	return REPLAY_ORDER;
}

enum replay_result replay_cache_put(struct replay_cache *cache, struct session_direction *direction,
				    uint64_t seq, uint8_t flags, const uint8_t *body,
				    uint32_t bytes, uint32_t session_bytes)
{
	const uint32_t chunks =
	    bytes == 0 ? 1 : (bytes + REPLAY_PAYLOAD_BYTES - 1) / REPLAY_PAYLOAD_BYTES;
	uint32_t after;
	const uint32_t held = direction->bytes + bytes;
	const enum replay_result found = place_find(cache, direction, seq, &after);

	if (found != REPLAY_KEPT)
		return found;
	if (held > session_bytes)
		return REPLAY_SESSION;
	while (cache->stock_count < chunks) {
		if (!stock_refill(cache))
			return REPLAY_MEMORY;
	}

	const uint32_t frame = frame_store(cache, seq, flags, body, bytes);
	uint32_t next = direction->head;

	if (after == SESSION_NONE) {
		direction->head = frame;
	} else {
		next = chunk_at(cache, after)->next_frame;
		next_frame_set(chunk_at(cache, after), frame);
	}
	next_frame_set(chunk_at(cache, frame), next);
	if (next == SESSION_NONE)
		direction->tail = frame;
	session_direction_set_cached(direction, direction->frames + 1u, held);
	return REPLAY_KEPT;
}

static void head_free(struct replay_cache *cache, struct session_direction *direction)
{
	const uint32_t frame = direction->head;
	const struct replay_chunk *chunk = chunk_at(cache, frame);
	const uint32_t next = chunk->next_frame;

	session_direction_set_cached(direction, direction->frames - 1u,
				     direction->bytes - chunk->bytes);
	direction->head = next;
	if (next == SESSION_NONE)
		direction->tail = SESSION_NONE;
	frame_free(cache, frame);
}

void replay_cache_release(struct replay_cache *cache, struct session_direction *direction,
			  uint64_t below)
{
	while (direction->head != SESSION_NONE &&
	       replay_cache_seq(direction, chunk_at(cache, direction->head)) < below)
		head_free(cache, direction);
}

void replay_cache_clear(struct replay_cache *cache, struct session_direction *direction)
{
	while (direction->head != SESSION_NONE)
		head_free(cache, direction);
}

uint32_t replay_cache_find(const struct replay_cache *cache,
			   const struct session_direction *direction, uint32_t from, uint64_t seq)
{
	uint32_t chunk = from != SESSION_NONE ? from : direction->head;

	while (chunk != SESSION_NONE && replay_cache_seq(direction, chunk_at(cache, chunk)) < seq)
		chunk = chunk_at(cache, chunk)->next_frame;
	return chunk;
}

void replay_cache_copy(const struct replay_cache *cache, uint32_t chunk, uint8_t *body)
{
	uint32_t left = chunk_at(cache, chunk)->bytes;

	while (chunk != SESSION_NONE && left > 0) {
		const uint32_t part = left < REPLAY_PAYLOAD_BYTES ? left : REPLAY_PAYLOAD_BYTES;

		memcpy(body, chunk_at(cache, chunk)->payload, part);
		body += part;
		left -= part;
		chunk = chunk_at(cache, chunk)->next;
	}
}

void replay_cache_init(struct replay_cache *cache, struct replay_arena *arena)
{
	*cache = (struct replay_cache){.arena = arena, .stock = SESSION_NONE};
}
