// SPDX-License-Identifier: BSD-3-Clause
// Blocks for reuse, and the queues that live in them.

#include <criterion/criterion.h>
#include <string.h>

#include "endpoint/ring.h"

Test(pool, block_holds_what_was_asked_for_and_at_most_half_more)
{
	static const size_t sizes[] = {
	    0, 1, 64, 65, 96, 97, 128, 129, 1176, 1536, 65536, 128 * 1024, 128 * 1024 + 1};
	struct pool pool;

	pool_init(&pool, POOL_KEPT_BYTES_DEFAULT);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t room;
		uint8_t *block = pool_take(&pool, sizes[i], &room);

		cr_assert(block);
		cr_expect_geq(room, sizes[i]);
		cr_expect(room <= 64 || room <= sizes[i] + sizes[i] / 2, "%zu for %zu", room,
			  sizes[i]);
		memset(block, 0xff, room);
		cr_expect_eq(pool.out_bytes, room);
		pool_give(&pool, block, i % 2 ? sizes[i] : room);
		cr_expect_eq(pool.out_bytes, 0);
	}
	pool_fini(&pool);
}

Test(pool, block_given_back_is_the_next_one_of_its_size)
{
	struct pool pool;

	pool_init(&pool, POOL_KEPT_BYTES_DEFAULT);

	void *first = pool_take(&pool, 1000, NULL);

	pool_give(&pool, first, 1000);
	cr_expect_eq(pool_take(&pool, 1024, NULL), first);
	pool_give(&pool, first, 1024);
	cr_expect_eq(pool.kept_bytes, 1024);
	pool_fini(&pool);
	cr_expect_eq(pool.kept_bytes, 0);
}

Test(pool, keeps_no_more_than_it_may)
{
	struct pool pool;
	void *blocks[4];

	pool_init(&pool, 3 * 1024);
	for (uint32_t i = 0; i < 4; i++)
		blocks[i] = pool_take(&pool, 1024, NULL);
	for (uint32_t i = 0; i < 4; i++)
		pool_give(&pool, blocks[i], 1024);
	cr_expect_eq(pool.kept_bytes, 3 * 1024);
	pool_give(&pool, NULL, 0);
	pool_fini(&pool);
}

Test(pool, gives_no_more_than_its_owner_allows)
{
	struct pool pool;

	pool_init(&pool, POOL_KEPT_BYTES_DEFAULT);
	pool.out_bytes_max = 2048;

	void *first = pool_take(&pool, 1024, NULL);
	void *second = pool_take(&pool, 1000, NULL);

	cr_expect(first && second);
	cr_expect_null(pool_take(&pool, 1, NULL));
	pool_give(&pool, first, 1024);
	first = pool_take(&pool, 1, NULL);
	cr_expect(first, "room again");
	pool_give(&pool, first, 1);
	pool_give(&pool, second, 1000);
	pool_fini(&pool);
}

Test(pool, ring_keeps_its_order_while_it_grows_and_wraps)
{
	struct pool pool;
	struct ring ring;
	uint32_t pushed = 0;
	uint32_t popped = 0;

	pool_init(&pool, 0);
	ring_init(&ring, &pool, sizeof(uint32_t) * 3);
	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < 7; i++) {
			uint32_t *entry = ring_push(&ring);

			cr_assert_eq(entry[0] | entry[1] | entry[2], 0, "a new entry is zero");
			entry[0] = entry[2] = pushed++;
		}
		for (uint32_t i = 0; i < 5; i++) {
			const uint32_t *entry = ring_at(&ring, 0);

			cr_assert_eq(entry[0], popped);
			cr_assert_eq(entry[2], popped);
			ring_pop(&ring);
			popped++;
		}
	}
	for (uint32_t i = 0; i < ring.count; i++)
		cr_assert_eq(*(uint32_t *)ring_at(&ring, i), popped + i);
	ring_fini(&ring);
	cr_expect_eq(pool.out_bytes, 0);
	pool_fini(&pool);
}

Test(pool, empty_ring_holds_nothing)
{
	struct pool pool;
	struct ring ring;

	pool_init(&pool, 0);
	ring_init(&ring, &pool, 24);
	cr_expect_eq(pool.out_bytes, 0);
	cr_assert(ring_push(&ring));
	cr_expect_gt(pool.out_bytes, 0);
	ring_pop(&ring);
	cr_expect_eq(pool.out_bytes, 0);
	pool_fini(&pool);
}
