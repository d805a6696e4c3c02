// SPDX-License-Identifier: BSD-3-Clause
// Timers of one worker: nodes that live in what they time, in lists by the tick when they are due.
//
// Setting and stopping a timer touch its node and two neighbours; nothing is allocated. A node due
// beyond the wheel's turn waits in its slot for another turn. Worker only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	WHEEL_TICK_MS = 4,
	WHEEL_SLOTS = 1024, // a turn is about 4 s
};

struct wheel_node {
	struct wheel_node *next; // NULL: not set
	struct wheel_node *previous;
	uint32_t due_ms;
	uint32_t kind; // the user's own
};

struct wheel {
	uint32_t now_ms;  // up to here everything is done
	uint32_t told_ms; // by wheel_due(); ahead of now_ms while a run is under way
	struct wheel_node slots[WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint32_t now_ms);

// Sets a timer that is not set, or another time for one that is: due in delay_ms from the time that
// wheel_due() was told last, never early, up to two ticks late.
void wheel_set(struct wheel *wheel, struct wheel_node *node, uint32_t delay_ms);

// Stops a timer; nothing if it is not set.
void wheel_stop(struct wheel_node *node);

static inline bool wheel_is_set(const struct wheel_node *node)
{
	return node->next != 0;
}

// Takes the next node that is due at now_ms out of the wheel, or returns NULL. Time only grows.
struct wheel_node *wheel_due(struct wheel *wheel, uint32_t now_ms);
