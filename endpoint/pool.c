// SPDX-License-Identifier: BSD-3-Clause
// Free blocks by class; a class is a power of two or one and a half times one.

#include "endpoint/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct pool_block {
	struct pool_block *next;
};

static_assert(sizeof(struct pool_block) <= POOL_BLOCK_BYTES_MIN, "a free block holds its link");
static_assert(POOL_BLOCK_BYTES_MIN << (POOL_CLASSES / 2) == POOL_BLOCK_BYTES_MAX, "last class");

static size_t class_bytes(uint32_t index)
{
	const size_t power = (size_t)POOL_BLOCK_BYTES_MIN << (index / 2);

	return index % 2 ? power + power / 2 : power;
}

// The smallest class that holds bytes (1 to POOL_BLOCK_BYTES_MAX).
static uint32_t class_of(size_t bytes)
{
	if (bytes <= POOL_BLOCK_BYTES_MIN)
		return 0;

	const uint32_t doublings =
	    63 - (uint32_t)__builtin_clzl((bytes - 1) / POOL_BLOCK_BYTES_MIN);
	const uint32_t half = 2 * doublings + 1;

	return bytes <= class_bytes(half) ? half : half + 1;
}

void pool_init(struct pool *pool, size_t kept_bytes_max)
{
	memset(pool, 0, sizeof(*pool));
	pool->kept_bytes_max = kept_bytes_max;
	pool->out_bytes_max = SIZE_MAX;
}

void pool_fini(struct pool *pool)
{
	assert(pool->out_bytes == 0);
	for (uint32_t i = 0; i < POOL_CLASSES; i++) {
		while (pool->free[i]) {
			struct pool_block *block = pool->free[i];

			pool->free[i] = block->next;
			free(block);
		}
	}
	pool->kept_bytes = 0;
}

void *pool_take(struct pool *pool, size_t bytes, size_t *room)
{
	const bool kept = bytes <= POOL_BLOCK_BYTES_MAX;
	const uint32_t index = kept ? class_of(bytes) : 0;
	const size_t size = kept ? class_bytes(index) : bytes;
	struct pool_block *block = kept ? pool->free[index] : NULL;

	if (pool->out_bytes + size > pool->out_bytes_max)
		return NULL;
	if (block) {
		pool->free[index] = block->next;
		pool->kept_bytes -= size;
	} else {
		block = malloc(size);
		if (!block)
			return NULL;
	}
	pool->out_bytes += size;
	if (room)
		*room = size;
	return block;
}

void pool_give(struct pool *pool, void *block, size_t bytes)
{
	if (!block)
		return;

	const bool kept = bytes <= POOL_BLOCK_BYTES_MAX;
	const uint32_t index = kept ? class_of(bytes) : 0;
	const size_t size = kept ? class_bytes(index) : bytes;

	assert(pool->out_bytes >= size);
	pool->out_bytes -= size;
	if (!kept || pool->kept_bytes + size > pool->kept_bytes_max) {
		free(block);
		return;
	}

	struct pool_block *head = block;

	head->next = pool->free[index];
	pool->free[index] = head;
	pool->kept_bytes += size;
}
