// SPDX-License-Identifier: BSD-3-Clause
// Slots of frames, and messages made of them.

#include "endpoint/assembly.h"

#include <errno.h>
#include <string.h>

#include "protocol/sequence.h"

enum { BUNDLE_LENGTH_BYTES = 2, REPEAT_SHIFT_MAX = 16 };

struct assembly_slot {
	uint8_t *bytes;    // owned; NULL in a hole
	uint64_t due_us;   // a hole: when it wants to be asked for
	uint64_t asked_us; // a hole: when it was
	uint32_t len;
	uint8_t flags; // of the frame
	uint8_t asks;
	bool there;
};

static struct assembly_slot *slot_at(const struct assembly *assembly, uint32_t i)
{
	return ring_at(&assembly->slots, i);
}

void assembly_init(struct assembly *assembly, struct pool *pool, uint64_t expected, uint32_t window,
		   uint32_t message_max)
{
	memset(assembly, 0, sizeof(*assembly));
	ring_init(&assembly->slots, pool, sizeof(struct assembly_slot));
	assembly->expected = expected;
	assembly->due_us = UINT64_MAX;
	assembly->window = window;
	assembly->message_max = message_max;
}

static void partial_release(struct assembly *assembly)
{
	pool_give(assembly->slots.pool, assembly->partial, assembly->partial_room);
	assembly->partial = NULL;
	assembly->partial_bytes = 0;
	assembly->partial_room = 0;
	assembly->begun = false;
}

// Drops the first slot, whose frame is there.
static void slot_pop(struct assembly *assembly)
{
	const struct assembly_slot *slot = slot_at(assembly, 0);

	pool_give(assembly->slots.pool, slot->bytes, slot->len);
	ring_pop(&assembly->slots);
	assembly->expected++;
}

void assembly_fini(struct assembly *assembly)
{
	while (assembly->slots.count > 0)
		slot_pop(assembly);
	partial_release(assembly);
	assembly->ready = false;
}

// Makes slots for [expected, next), next being inside the window. Returns 0 or -ENOMEM.
static int slots_extend(struct assembly *assembly, uint64_t next, uint64_t hole_due_us)
{
	while (assembly->expected + assembly->slots.count < next) {
		struct assembly_slot *slot = ring_push(&assembly->slots);

		if (!slot)
			return -ENOMEM;
		slot->due_us = hole_due_us;
		assembly->missing++;
		if (hole_due_us < assembly->due_us)
			assembly->due_us = hole_due_us;
	}
	return 0;
}

void assembly_learn(struct assembly *assembly, uint64_t next, uint64_t hole_due_us)
{
	const uint64_t end = assembly->expected + assembly->window;

	// Short of memory the rest is learned from a later frame.
	(void)slots_extend(assembly, next < end ? next : end, hole_due_us);
}

// The length of the message at offset of a bundle; false where it does not fit.
static bool bundle_length(const uint8_t *bytes, uint32_t len, uint32_t offset, uint32_t *length)
{
	if (len - offset < BUNDLE_LENGTH_BYTES)
		return false;
	*length = (uint32_t)bytes[offset] << 8 | bytes[offset + 1];
	return *length <= len - offset - BUNDLE_LENGTH_BYTES;
}

static int slot_fill(struct assembly *assembly, struct assembly_slot *slot,
		     const struct frame *frame)
{
	uint8_t *copy = pool_take(assembly->slots.pool, frame->body_bytes, NULL);

	if (!copy)
		return -ENOMEM;
	if (frame->body_bytes > 0)
		memcpy(copy, frame->body, frame->body_bytes);
	slot->bytes = copy;
	slot->len = frame->body_bytes;
	slot->flags = frame->flags;
	slot->there = true;
	assembly->missing--;
	return 0;
}

enum assembly_verdict assembly_accept(struct assembly *assembly, uint64_t seq,
				      const struct frame *frame, uint64_t hole_due_us,
				      uint64_t *asked_us)
{
	const uint64_t known = assembly->expected + assembly->slots.count;
	const bool gap = assembly->missing > 0;

	*asked_us = 0;
	switch (sequence_place(assembly->expected, assembly->window, seq)) {
	case SEQUENCE_BELOW:
		return ASSEMBLY_DOUBLED;
	case SEQUENCE_ABOVE:
		return ASSEMBLY_REFUSED;
	case SEQUENCE_WITHIN:
		break;
	}
	if (slots_extend(assembly, seq + 1, hole_due_us))
		return ASSEMBLY_REFUSED;

	struct assembly_slot *slot = slot_at(assembly, (uint32_t)(seq - assembly->expected));

	if (slot->there)
		return ASSEMBLY_DOUBLED;
	if (slot_fill(assembly, slot, frame))
		return ASSEMBLY_REFUSED;
	if (slot->asks == 1)
		*asked_us = slot->asked_us;
	if (seq < known)
		return ASSEMBLY_LATE;
	return gap || seq > known ? ASSEMBLY_EARLY : ASSEMBLY_IN_ORDER;
}

static int partial_reserve(struct assembly *assembly, uint32_t bytes)
{
	size_t room;

	if (assembly->partial && bytes <= assembly->partial_room)
		return 0;

	const size_t doubled = 2 * assembly->partial_room;
	uint8_t *grown = pool_take(assembly->slots.pool, bytes > doubled ? bytes : doubled, &room);

	if (!grown)
		return -ENOMEM;
	if (assembly->partial_bytes > 0)
		memcpy(grown, assembly->partial, assembly->partial_bytes);
	pool_give(assembly->slots.pool, assembly->partial, assembly->partial_room);
	assembly->partial = grown;
	assembly->partial_room = room;
	return 0;
}

// Adds the first slot's bytes to the message being assembled. Returns 0, -ENOMEM or -EMSGSIZE.
static int partial_append(struct assembly *assembly, const struct assembly_slot *slot)
{
	if (slot->len > assembly->message_max - assembly->partial_bytes)
		return -EMSGSIZE;
	if (partial_reserve(assembly, assembly->partial_bytes + slot->len))
		return -ENOMEM;
	memcpy(assembly->partial + assembly->partial_bytes, slot->bytes, slot->len);
	assembly->partial_bytes += slot->len;
	return 0;
}

// Whether a bundle holds at least one message, and its lengths are within bounds and fill it.
static bool bundle_valid(const struct assembly *assembly, const struct assembly_slot *slot)
{
	uint32_t offset = 0;
	uint32_t length;

	if (slot->len == 0)
		return false;
	while (offset < slot->len) {
		if (!bundle_length(slot->bytes, slot->len, offset, &length) ||
		    length > assembly->message_max)
			return false;
		offset += BUNDLE_LENGTH_BYTES + length;
	}
	return true;
}

static void bundle_show(struct assembly *assembly, const struct assembly_slot *slot)
{
	const uint32_t offset = assembly->bundle_offset;

	(void)bundle_length(slot->bytes, slot->len, offset, &assembly->message_bytes);
	assembly->message = slot->bytes + offset + BUNDLE_LENGTH_BYTES;
	assembly->ready = true;
}

// The first slot ends a message, or is one. Returns 0 with it ready, -EMSGSIZE or -ENOMEM.
static int message_finish(struct assembly *assembly, const struct assembly_slot *slot)
{
	if (assembly->begun) {
		const int error = partial_append(assembly, slot);

		if (error)
			return error;
		assembly->message = assembly->partial;
		assembly->message_bytes = assembly->partial_bytes;
	} else {
		if (slot->len > assembly->message_max)
			return -EMSGSIZE;
		assembly->message = slot->bytes;
		assembly->message_bytes = slot->len;
	}
	assembly->ready = true;
	return 0;
}

// Works on the first slot, whose frame is there. Returns 0, or why it cannot go on.
static int assemble_first(struct assembly *assembly)
{
	const struct assembly_slot *slot = slot_at(assembly, 0);

	if (slot->flags & WIRE_FLAG_BUNDLE) {
		if (assembly->begun || !bundle_valid(assembly, slot))
			return -EPROTO;
		bundle_show(assembly, slot);
		return 0;
	}
	if (!(slot->flags & WIRE_FLAG_MORE))
		return message_finish(assembly, slot);

	const int error = partial_append(assembly, slot);

	if (error)
		return error;
	assembly->begun = true;
	slot_pop(assembly);
	return 0;
}

void assembly_advance(struct assembly *assembly)
{
	while (!assembly->ready && !assembly->broken && assembly->slots.count > 0 &&
	       slot_at(assembly, 0)->there) {
		const int error = assemble_first(assembly);

		if (error == -ENOMEM)
			return;
		if (error)
			assembly->broken = true;
	}
}

void assembly_take(struct assembly *assembly)
{
	const struct assembly_slot *slot = slot_at(assembly, 0);

	assert(assembly->ready);
	assembly->ready = false;
	if (slot->flags & WIRE_FLAG_BUNDLE) {
		assembly->bundle_offset += BUNDLE_LENGTH_BYTES + assembly->message_bytes;
		if (assembly->bundle_offset < slot->len) {
			bundle_show(assembly, slot);
			return;
		}
		assembly->bundle_offset = 0;
	}
	if (assembly->begun)
		partial_release(assembly);
	slot_pop(assembly);
	assembly_advance(assembly);
}

static bool pair_add(struct frame_nak_pair *pairs, uint32_t *count, uint64_t seq)
{
	struct frame_nak_pair *last = *count > 0 ? &pairs[*count - 1] : NULL;

	if (last && last->first + last->count == (uint32_t)seq) {
		last->count++;
		return true;
	}
	if (*count == WIRE_NAK_PAIRS_MAX)
		return false;
	pairs[(*count)++] = (struct frame_nak_pair){.first = (uint32_t)seq, .count = 1};
	return true;
}

static uint64_t repeat_after_us(const struct assembly_slot *slot, uint64_t repeat_us,
				uint64_t repeat_max_us)
{
	const uint32_t doublings = slot->asks - 1u;
	const uint64_t wait_us = repeat_us
				 << (doublings < REPEAT_SHIFT_MAX ? doublings : REPEAT_SHIFT_MAX);

	return wait_us < repeat_max_us ? wait_us : repeat_max_us;
}

uint32_t assembly_holes(struct assembly *assembly, uint64_t now_us, uint64_t repeat_us,
			uint64_t repeat_max_us,
			struct frame_nak_pair pairs[static WIRE_NAK_PAIRS_MAX], uint32_t *asked)
{
	uint32_t count = 0;

	*asked = 0;
	assembly->due_us = UINT64_MAX;
	for (uint32_t i = 0; i < assembly->slots.count; i++) {
		struct assembly_slot *slot = slot_at(assembly, i);

		if (slot->there)
			continue;
		if (slot->due_us <= now_us && pair_add(pairs, &count, assembly->expected + i)) {
			slot->asks += slot->asks < UINT8_MAX;
			slot->asked_us = now_us;
			slot->due_us = now_us + repeat_after_us(slot, repeat_us, repeat_max_us);
			(*asked)++;
		}
		if (slot->due_us < assembly->due_us)
			assembly->due_us = slot->due_us;
	}
	return count;
}

void assembly_postpone(struct assembly *assembly, uint64_t due_us)
{
	for (uint32_t i = 0; i < assembly->slots.count; i++) {
		slot_at(assembly, i)->due_us = due_us;
		slot_at(assembly, i)->asks = 0;
	}
	assembly->due_us = assembly->missing > 0 ? due_us : UINT64_MAX;
}
