// SPDX-License-Identifier: BSD-3-Clause
// The replay cache: what is kept comes back byte for byte, oldest first, and no chunk is lost.
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dataplane/directory.h"
#include "dataplane/replay_cache.h"
#include "support/replay_chunks.h"

enum {
	BYTES_MAX = 1400,
	WINDOW = 400,
	UNLIMITED = 1 << 30,
	SESSION_BYTES = 25000,
	DIRECTIONS = 6,
	STEPS = 30000,
	WORKERS = 2,
	ARENA_CHUNKS = DIRECTORY_WORKERS_MAX * REPLAY_BATCH, // the least there is
};

static struct replay_arena *arena;
static struct replay_cache caches[WORKERS]; // each a worker's end
static struct replay_cache *const cache = &caches[0];
static struct session_direction direction;

static struct session_direction direction_at(uint64_t acked)
{
	return (struct session_direction){
	    .acked = acked, .head = SESSION_NONE, .tail = SESSION_NONE};
}

static void start(void)
{
	arena = replay_arena_create(0);
	cr_assert_not_null(arena);
	cr_assert_eq(arena->chunks_max, ARENA_CHUNKS);
	for (uint32_t i = 0; i < WORKERS; i++)
		replay_cache_init(&caches[i], arena);
	direction = direction_at(0);
}

static void end(void)
{
	replay_cache_clear(cache, &direction);
	cr_expect_eq(replay_chunks_at_rest(arena, caches, WORKERS), ARENA_CHUNKS);
	cr_expect_eq(caches[0].live + caches[1].live, 0);
	replay_arena_destroy(arena);
}

TestSuite(replay_cache, .init = start, .fini = end);

static enum replay_result put(uint64_t seq, uint32_t bytes)
{
	uint8_t body[UINT16_MAX];

	replay_body_fill(body, 0, seq, bytes);
	return replay_cache_put(cache, &direction, seq, 0, body, bytes, UNLIMITED);
}

static void expect_frame(const struct replay_cache *from, const struct session_direction *of,
			 uint32_t which, uint32_t chunk, uint32_t bytes)
{
	const struct replay_chunk *frame = replay_chunk_of(from, chunk);
	uint8_t body[BYTES_MAX + 1] = {0}, want[BYTES_MAX];

	cr_assert_eq(frame->bytes, bytes);
	body[bytes] = 0xa5;
	replay_body_fill(want, which, replay_cache_seq(of, frame), bytes);
	replay_cache_copy(from, chunk, body);
	cr_assert_arr_eq(body, want, bytes);
	cr_assert_eq(body[bytes], 0xa5, "copied more than there is");
}

// The numbers of what is kept, in the order of the list, are these.
static void expect_kept(const uint64_t *numbers, uint32_t count)
{
	uint32_t chunk = direction.head, last = SESSION_NONE;

	for (uint32_t i = 0; i < count; i++) {
		cr_assert_neq(chunk, SESSION_NONE, "%u of %u", i, count);
		cr_expect_eq(replay_cache_seq(&direction, &arena->chunks[chunk]), numbers[i]);
		last = chunk;
		chunk = arena->chunks[chunk].next_frame;
	}
	cr_expect_eq(chunk, SESSION_NONE);
	cr_expect_eq(direction.tail, last);
	cr_expect_eq(direction.frames, count);
}

Test(replay_cache, a_frame_of_any_size_comes_back_byte_for_byte)
{
	static const uint32_t sizes[] = {0,
					 1,
					 REPLAY_PAYLOAD_BYTES - 1,
					 REPLAY_PAYLOAD_BYTES,
					 REPLAY_PAYLOAD_BYTES + 1,
					 2 * REPLAY_PAYLOAD_BYTES,
					 2 * REPLAY_PAYLOAD_BYTES + 1,
					 BYTES_MAX};
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cr_expect_eq(put(i, sizes[i]), REPLAY_KEPT);
		bytes += sizes[i];
	}
	cr_expect_eq(direction.bytes, bytes);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		expect_frame(cache, &direction, 0,
			     replay_cache_find(cache, &direction, SESSION_NONE, i), sizes[i]);
}

Test(replay_cache, only_the_flags_that_a_replay_needs_are_kept)
{
	const uint8_t body[1] = {1};

	cr_assert_eq(replay_cache_put(cache, &direction, 0, 0xff, body, 1, UNLIMITED), REPLAY_KEPT);
	cr_expect_eq(arena->chunks[direction.head].flags, WIRE_FLAG_MORE | WIRE_FLAG_BUNDLE);
}

Test(replay_cache, frames_stand_oldest_first_whatever_order_they_came_in)
{
	static const uint64_t came[] = {5, 1, 9, 3, 0, 7};
	static const uint64_t stand[] = {0, 1, 3, 5, 7, 9};

	for (size_t i = 0; i < 6; i++)
		cr_expect_eq(put(came[i], 10), REPLAY_KEPT);
	expect_kept(stand, 6);
}

Test(replay_cache, a_search_skips_holes_and_can_go_on_from_where_it_was)
{
	put(2, 10);
	put(3, 10);
	put(8, 10);

	const uint32_t two = replay_cache_find(cache, &direction, SESSION_NONE, 0);
	const uint32_t eight = replay_cache_find(cache, &direction, two, 4);

	cr_expect_eq(replay_cache_seq(&direction, &arena->chunks[two]), 2);
	cr_expect_eq(replay_cache_seq(&direction, &arena->chunks[eight]), 8);
	cr_expect_eq(replay_cache_find(cache, &direction, SESSION_NONE, 8), eight);
	cr_expect_eq(replay_cache_find(cache, &direction, eight, 9), SESSION_NONE);
	cr_expect_eq(replay_cache_find(cache, &direction, SESSION_NONE, 9), SESSION_NONE);
}

Test(replay_cache, a_second_copy_is_not_made)
{
	static const uint64_t stand[] = {0, 1, 2};

	for (uint64_t seq = 0; seq < 3; seq++)
		put(seq, 200);
	for (uint64_t seq = 0; seq < 3; seq++)
		cr_expect_eq(put(seq, 200), REPLAY_HAD);
	cr_expect_eq(cache->live, 6);
	cr_expect_eq(direction.bytes, 600);
	expect_kept(stand, 3);
}

Test(replay_cache, a_second_copy_of_the_newest_is_known_however_many_there_are)
{
	for (uint64_t seq = 0; seq < 2 * REPLAY_WALK_MAX; seq++)
		put(seq, 10);
	cr_expect_eq(put(2 * REPLAY_WALK_MAX - 1, 10), REPLAY_HAD);
}

Test(replay_cache, what_is_too_far_out_of_order_is_a_hole)
{
	for (uint64_t seq = 0; seq < REPLAY_WALK_MAX; seq++)
		put(2 * seq, 10);
	put(1000, 10);
	cr_expect_eq(put(2 * (REPLAY_WALK_MAX - 1) - 1, 10), REPLAY_KEPT); // passes 63
	cr_expect_eq(put(999, 10), REPLAY_ORDER);                          // would pass 65
	cr_expect_eq(put(1001, 10), REPLAY_KEPT);                          // at the end it is free
}

Test(replay_cache, an_acknowledgement_frees_what_lies_below_it)
{
	static const uint64_t stand[] = {3, 4};

	for (uint64_t seq = 0; seq < 5; seq++)
		put(seq, 300);
	replay_cache_release(cache, &direction, 0);
	cr_expect_eq(direction.frames, 5);
	replay_cache_release(cache, &direction, 3);
	direction.acked = 3;
	expect_kept(stand, 2);
	cr_expect_eq(direction.bytes, 600);
	cr_expect_eq(cache->live, 6);
	replay_cache_release(cache, &direction, 5);
	direction.acked = 5;
	expect_kept(NULL, 0);
	cr_expect_eq(direction.bytes, 0);
	cr_expect_eq(put(5, 10), REPLAY_KEPT); // and it goes on
}

Test(replay_cache, numbers_hold_over_the_wrap_of_32_bits)
{
	const uint64_t first = UINT64_C(0x2fffffffe);
	const uint64_t stand[] = {first, first + 1, first + 2, first + 3};

	direction = direction_at(first);
	put(first + 3, 10);
	put(first + 1, 10);
	put(first, 10);
	put(first + 2, 10);
	expect_kept(stand, 4);
	replay_cache_release(cache, &direction, first + 2);
	direction.acked = first + 2;
	expect_kept(stand + 2, 2);
}

Test(replay_cache, a_session_keeps_up_to_its_bytes_and_not_one_more)
{
	static const uint64_t stand[] = {0, 2};
	uint8_t body[100] = {0};

	cr_expect_eq(replay_cache_put(cache, &direction, 0, 0, body, 100, 150), REPLAY_KEPT);
	cr_expect_eq(replay_cache_put(cache, &direction, 1, 0, body, 51, 150), REPLAY_SESSION);
	cr_expect_eq(replay_cache_put(cache, &direction, 2, 0, body, 50, 150), REPLAY_KEPT);
	expect_kept(stand, 2); // 1 is a hole
	replay_cache_release(cache, &direction, 1);
	direction.acked = 1;
	cr_expect_eq(replay_cache_put(cache, &direction, 3, 0, body, 100, 150), REPLAY_KEPT);
}

Test(replay_cache, an_arena_that_is_used_up_makes_holes_until_something_is_freed)
{
	uint64_t seq = 0;

	while (put(seq, REPLAY_PAYLOAD_BYTES) == REPLAY_KEPT)
		seq++;
	cr_expect_eq(seq, ARENA_CHUNKS);
	cr_expect_eq(put(seq, REPLAY_PAYLOAD_BYTES), REPLAY_MEMORY);
	cr_expect_eq(direction.frames, ARENA_CHUNKS);
	replay_cache_release(cache, &direction, 2);
	direction.acked = 2;
	cr_expect_eq(put(seq, 3 * REPLAY_PAYLOAD_BYTES), REPLAY_MEMORY); // all of it or nothing
	cr_expect_eq(put(seq, 2 * REPLAY_PAYLOAD_BYTES), REPLAY_KEPT);
}

Test(replay_cache, what_one_worker_frees_another_can_use)
{
	uint64_t seq = 0;

	while (put(seq, REPLAY_PAYLOAD_BYTES) == REPLAY_KEPT)
		seq++;
	replay_cache_clear(&caches[1], &direction); // the session moved there
	cr_expect_eq(caches[0].live + caches[1].live, 0);
	cr_expect(caches[1].stock_count <= REPLAY_STOCK_MAX);
	cr_expect_eq(replay_chunks_at_rest(arena, caches, WORKERS), ARENA_CHUNKS);
	for (seq = 0; seq < ARENA_CHUNKS - REPLAY_STOCK_MAX; seq++)
		cr_assert_eq(put(seq, REPLAY_PAYLOAD_BYTES), REPLAY_KEPT);
}

// The model: for each direction the bytes of what is kept, by number; 0 is nothing.
static struct session_direction directions[DIRECTIONS];
static uint32_t kept[DIRECTIONS][STEPS];

static uint32_t chunks_of(uint32_t bytes)
{
	return (bytes + REPLAY_PAYLOAD_BYTES - 1) / REPLAY_PAYLOAD_BYTES;
}

static enum replay_result result_of(uint32_t which, uint64_t seq, uint32_t bytes, uint32_t worker)
{
	const struct session_direction *d = &directions[which];
	const uint32_t free =
	    ARENA_CHUNKS - caches[0].live - caches[1].live - caches[1 - worker].stock_count;
	uint32_t below = 0, above = 0;

	for (uint64_t i = d->acked; i < d->acked + WINDOW; i++) {
		below += i < seq && kept[which][i] > 0;
		above += i > seq && kept[which][i] > 0;
	}
	if (kept[which][seq] > 0 && (above == 0 || below < REPLAY_WALK_MAX))
		return REPLAY_HAD;
	if (above > 0 && below >= REPLAY_WALK_MAX)
		return REPLAY_ORDER;
	if (d->bytes + bytes > SESSION_BYTES)
		return REPLAY_SESSION;
	return chunks_of(bytes) <= free ? REPLAY_KEPT : REPLAY_MEMORY;
}

static void expect_direction(uint32_t which)
{
	const struct session_direction *d = &directions[which];
	uint32_t chunk = d->head, frames = 0, bytes = 0;

	for (uint64_t seq = d->acked; seq < d->acked + WINDOW; seq++) {
		if (kept[which][seq] == 0)
			continue;
		cr_assert_neq(chunk, SESSION_NONE);
		cr_assert_eq(replay_cache_seq(d, &arena->chunks[chunk]), seq);
		expect_frame(cache, d, which, chunk, kept[which][seq]);
		bytes += kept[which][seq];
		frames++;
		chunk = arena->chunks[chunk].next_frame;
	}
	cr_assert_eq(chunk, SESSION_NONE);
	cr_assert_eq(d->frames, frames);
	cr_assert_eq(d->bytes, bytes);
}

Test(replay_cache, agrees_with_a_plain_array_through_any_mix_of_operations)
{
	uint32_t results[REPLAY_ORDER + 1] = {0};

	srand(1);
	for (uint32_t i = 0; i < DIRECTIONS; i++)
		directions[i] = direction_at(0);
	for (uint32_t i = 0; i < STEPS; i++) {
		const uint32_t which = (uint32_t)rand() % DIRECTIONS, worker = (uint32_t)rand() % 2;
		struct session_direction *d = &directions[which];
		const uint32_t ahead = (uint32_t)rand() % (rand() % 4 == 0 ? WINDOW : 70);
		const uint64_t seq = d->acked + ahead;
		const uint32_t bytes = 1 + (uint32_t)rand() % (rand() % 3 == 0 ? BYTES_MAX : 100);

		if (rand() % 16 == 0) {
			const uint64_t acked = d->acked + (uint64_t)rand() % 40;

			replay_cache_release(&caches[worker], d, acked);
			d->acked = acked;
		} else {
			const enum replay_result want = result_of(which, seq, bytes, worker);
			uint8_t body[BYTES_MAX];

			replay_body_fill(body, which, seq, bytes);
			cr_assert_eq(replay_cache_put(&caches[worker], d, seq, 0, body, bytes,
						      SESSION_BYTES),
				     want, "step %u", i);
			if (want == REPLAY_KEPT)
				kept[which][seq] = bytes;
			results[want]++;
		}
		if (i % 50 == 0)
			expect_direction(which);
	}
	for (uint32_t i = 0; i <= REPLAY_ORDER; i++)
		cr_expect(results[i] > 0, "result %u never came", i);
	for (uint32_t i = 0; i < DIRECTIONS; i++)
		replay_cache_clear(&caches[i % 2], &directions[i]);
}
