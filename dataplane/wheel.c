// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/wheel.h"

#include <stddef.h>

void wheel_init(struct wheel *wheel, uint32_t now_ms)
{
	wheel->now_ms = now_ms / WHEEL_TICK_MS * WHEEL_TICK_MS;
	wheel->told_ms = now_ms;
	for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
		wheel->slots[i].next = wheel->slots[i].previous = &wheel->slots[i];
}

static struct wheel_node *slot_of(struct wheel *wheel, uint32_t ms)
{
	return &wheel->slots[ms / WHEEL_TICK_MS % WHEEL_SLOTS];
}

void wheel_stop(struct wheel_node *node)
{
	if (node->next == NULL)
		return;
	node->previous->next = node->next;
	node->next->previous = node->previous;
	node->next = node->previous = NULL;
}

void wheel_set(struct wheel *wheel, struct wheel_node *node, uint32_t delay_ms)
{
	wheel_stop(node);
	// From what was told, for now_ms lags behind it in a run after a stall; by a little more,
	// for time has passed since.
	node->due_ms = wheel->told_ms + WHEEL_TICK_MS - 1 + delay_ms;

	// The slot of the tick after it: when that tick has begun the node is due.
	struct wheel_node *slot = slot_of(wheel, node->due_ms + WHEEL_TICK_MS - 1);

	node->previous = slot->previous;
	node->next = slot;
	slot->previous->next = node;
	slot->previous = node;
}

// First due node of a slot; those of later turns stay.
static struct wheel_node *slot_due(struct wheel_node *slot, uint32_t now_ms)
{
	for (struct wheel_node *node = slot->next; node != slot; node = node->next) {
		if ((int32_t)(now_ms - node->due_ms) >= 0) {
			wheel_stop(node);
			return node;
		}
	}
	return NULL;
}

struct wheel_node *wheel_due(struct wheel *wheel, uint32_t now_ms)
{
	wheel->told_ms = now_ms;
	for (;;) {
		struct wheel_node *node = slot_due(slot_of(wheel, wheel->now_ms), wheel->now_ms);

		if (node != NULL)
			return node;
		if ((int32_t)(now_ms - wheel->now_ms) < WHEEL_TICK_MS)
			return NULL;
		wheel->now_ms += WHEEL_TICK_MS;
	}
}
