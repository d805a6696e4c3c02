// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { ROOM_MIN = 64 };

void heap_fini(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){0};
}

int heap_reserve(struct heap *heap, uint32_t count)
{
	uint32_t room = heap->room > 0 ? heap->room : ROOM_MIN;
	struct heap_node **nodes;

	if (count < heap->room)
		return 0;
	while (room <= count) // place 0 is nobody's
		room *= 2;
	nodes = realloc(heap->nodes, room * sizeof(struct heap_node *));
	if (!nodes)
		return -ENOMEM;
	heap->nodes = nodes;
	heap->room = room;
	return 0;
}

static void put(struct heap *heap, struct heap_node *node, uint32_t place)
{
	heap->nodes[place] = node;
	node->place = place;
}

static void sift_up(struct heap *heap, struct heap_node *node, uint32_t place)
{
	while (place > 1 && heap->nodes[place / 2]->due_us > node->due_us) {
		put(heap, heap->nodes[place / 2], place);
		place /= 2;
	}
	put(heap, node, place);
}

static void sift_down(struct heap *heap, struct heap_node *node, uint32_t place)
{
	for (;;) {
		uint32_t child = 2 * place;

		if (child > heap->count)
			break;
		if (child < heap->count &&
		    heap->nodes[child + 1]->due_us < heap->nodes[child]->due_us)
			child++;
		if (heap->nodes[child]->due_us >= node->due_us)
			break;
		put(heap, heap->nodes[child], place);
		place = child;
	}
	put(heap, node, place);
}

static void settle(struct heap *heap, struct heap_node *node, uint32_t place)
{
	if (place > 1 && heap->nodes[place / 2]->due_us > node->due_us)
		sift_up(heap, node, place);
	else
		sift_down(heap, node, place);
}

static void take_out(struct heap *heap, struct heap_node *node)
{
	const uint32_t place = node->place;
	struct heap_node *last = heap->nodes[heap->count--];

	node->place = 0;
	if (last != node)
		settle(heap, last, place);
}

void heap_set(struct heap *heap, struct heap_node *node, uint64_t due_us)
{
	if (due_us == HEAP_NEVER) {
		if (node->place > 0)
			take_out(heap, node);
		node->due_us = due_us;
		return;
	}
	if (node->place > 0 && node->due_us == due_us)
		return;
	node->due_us = due_us;
	if (node->place == 0) {
		assert(heap->count + 1 < heap->room);
		node->place = ++heap->count;
	}
	settle(heap, node, node->place);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->count > 0 ? heap->nodes[1] : NULL;
}
