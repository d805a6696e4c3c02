// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>

#include "endpoint/heap.h"

enum { NODES = 1000 };

static struct heap heap;
static struct heap_node nodes[NODES];

static void start(void)
{
	cr_assert_eq(heap_reserve(&heap, NODES), 0);
}

static void end(void)
{
	heap_fini(&heap);
}

TestSuite(heap, .init = start, .fini = end);

Test(heap, an_empty_one_has_no_first)
{
	cr_expect_null(heap_first(&heap));
	heap_set(&heap, &nodes[0], HEAP_NEVER);
	cr_expect_null(heap_first(&heap));
}

Test(heap, gives_deadlines_in_order_whatever_order_they_came_in)
{
	uint64_t before_us = 0;

	for (uint32_t i = 0; i < NODES; i++)
		heap_set(&heap, &nodes[i], (i * 7919u) % 500);
	for (uint32_t i = 0; i < NODES; i++) {
		struct heap_node *first = heap_first(&heap);

		cr_assert(first->due_us >= before_us);
		before_us = first->due_us;
		heap_set(&heap, first, HEAP_NEVER);
	}
	cr_expect_null(heap_first(&heap));
}

Test(heap, a_deadline_can_move_both_ways)
{
	for (uint32_t i = 0; i < 10; i++)
		heap_set(&heap, &nodes[i], 100 + i);
	heap_set(&heap, &nodes[9], 1);
	cr_expect_eq(heap_first(&heap), &nodes[9]);
	heap_set(&heap, &nodes[9], 1000);
	cr_expect_eq(heap_first(&heap), &nodes[0]);
	heap_set(&heap, &nodes[0], 100); // the same again
	cr_expect_eq(heap_first(&heap), &nodes[0]);
}

// The least of a plain array says what the heap must say.
static uint64_t least_us(void)
{
	uint64_t least = HEAP_NEVER;

	for (uint32_t i = 0; i < NODES; i++) {
		if (nodes[i].place > 0 && nodes[i].due_us < least)
			least = nodes[i].due_us;
	}
	return least;
}

Test(heap, holds_through_any_mix_of_changes)
{
	srand(1);
	for (uint32_t i = 0; i < 20000; i++) {
		struct heap_node *node = &nodes[(uint32_t)rand() % NODES];

		heap_set(&heap, node, rand() % 4 == 0 ? HEAP_NEVER : (uint64_t)(rand() % 10000));
		cr_assert_eq(heap.count == 0 ? HEAP_NEVER : heap_first(&heap)->due_us, least_us());
	}
}
