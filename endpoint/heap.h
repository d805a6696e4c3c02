// SPDX-License-Identifier: BSD-3-Clause
// A heap of deadlines: who is due first, among tens of thousands.
//
// Nodes live in what they time; the heap only points at them. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HEAP_NEVER UINT64_MAX

struct heap_node {
	uint64_t due_us;
	uint32_t place; // 1-based in the heap; 0: not in it
};

struct heap {
	struct heap_node **nodes; // nodes[1] is due first
	uint32_t count;
	uint32_t room;
};

void heap_fini(struct heap *heap);

// Makes room for count nodes, so that heap_set() of so many cannot fail.
//
// Returns 0 or -ENOMEM.
int heap_reserve(struct heap *heap, uint32_t count);

// Makes node due at due_us; HEAP_NEVER takes it out. There must be room.
void heap_set(struct heap *heap, struct heap_node *node, uint64_t due_us);

// The node that is due first, or NULL.
struct heap_node *heap_first(const struct heap *heap);
