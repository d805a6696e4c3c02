// SPDX-License-Identifier: BSD-3-Clause
// Next hops: link-layer addresses behind ports, each with a 2-byte index for a path.
//
// A table that only grows, up to NEXT_HOP_MAX: an address is interned by whoever hears it first,
// without a lock, and an index means the same for ever. Any thread.
#pragma once

#include <stdint.h>

enum {
	NEXT_HOP_SLOTS = 65536,
	NEXT_HOP_MAX = 32768, // interned at most: half full, so that a search ends soon
};

struct next_hops {
	uint32_t count; // atomic
	// mac:48 | port:8 | used:8. Written once, by compare and swap; read with acquire.
	uint64_t entries[NEXT_HOP_SLOTS];
};

struct next_hops *next_hop_create(void);
void next_hop_destroy(struct next_hops *table);

// Index of an address behind a port, or DIRECTORY_NONE (0xffff): the table is full.
uint16_t next_hop_intern(struct next_hops *table, const uint8_t mac[static 6], uint8_t port);

// What an index stands for. The index came from next_hop_intern().
static inline void next_hop_mac(const struct next_hops *table, uint16_t index,
				uint8_t mac[static 6])
{
	const uint64_t entry = __atomic_load_n(&table->entries[index], __ATOMIC_ACQUIRE) >> 16;

	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(entry >> (40 - 8 * i));
}
