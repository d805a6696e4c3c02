// SPDX-License-Identifier: BSD-3-Clause
// A pool: blocks of memory of a few sizes, kept for reuse by all streams of one loop.
//
// Streams take what they need when they need it and give it back when they are idle, so that a
// thousand quiet sessions cost no buffers and a busy one allocates nothing in its steady state.
// Not thread-safe: a pool belongs to the thread that runs its streams. It must outlive them.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	POOL_CLASSES = 23,                 // 64, 96, 128, 192, ... 128 KiB
	POOL_BLOCK_BYTES_MIN = 64,         // smallest class
	POOL_BLOCK_BYTES_MAX = 128 * 1024, // largest class; beyond it blocks are not kept
	POOL_KEPT_BYTES_DEFAULT = 8 << 20,
};

struct pool_block; // a free block

struct pool {
	struct pool_block *free[POOL_CLASSES];
	size_t kept_bytes;     // in free blocks
	size_t kept_bytes_max; // beyond it a block given back is freed
	size_t out_bytes;      // in blocks taken and not given back
	size_t out_bytes_max;  // beyond it there is no memory; the owner may change it at any time
};

// Makes an empty pool that keeps at most kept_bytes_max in free blocks, and gives out without
// bound until its owner sets one.
void pool_init(struct pool *pool, size_t kept_bytes_max);

// Frees what is kept. Every block must have been given back.
void pool_fini(struct pool *pool);

// Takes a block of at least bytes (0 gives a block, too); its content is undefined. *room, if not
// NULL, is what it really holds.
//
// Returns NULL where there is no memory, or the bound is reached.
void *pool_take(struct pool *pool, size_t bytes, size_t *room);

// Gives back a block that was taken with the same bytes, or with its room. NULL is nothing.
void pool_give(struct pool *pool, void *block, size_t bytes);
