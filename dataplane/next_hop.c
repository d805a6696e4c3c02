// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/next_hop.h"

#include <stdlib.h>

#include "dataplane/directory.h"

struct next_hops *next_hop_create(void)
{
	return calloc(1, sizeof(struct next_hops));
}

void next_hop_destroy(struct next_hops *table)
{
	free(table);
}

static uint64_t entry_of(const uint8_t mac[static 6], uint8_t port)
{
	uint64_t entry = 0;

	for (int i = 0; i < 6; i++)
		entry = entry << 8 | mac[i];
	return entry << 16 | (uint64_t)port << 8 | 1;
}

uint16_t next_hop_intern(struct next_hops *table, const uint8_t mac[static 6], uint8_t port)
{
	const uint64_t entry = entry_of(mac, port);
	uint32_t slot = (uint32_t)(entry * UINT64_C(0x9e3779b97f4a7c15) >> 48);

	for (uint32_t step = 0; step < NEXT_HOP_SLOTS; step++, slot = (slot + 1) % NEXT_HOP_SLOTS) {
		if (slot == DIRECTORY_NONE)
			continue; // this index means none

		uint64_t found = __atomic_load_n(&table->entries[slot], __ATOMIC_ACQUIRE);

		if (found == 0) {
			if (__atomic_load_n(&table->count, __ATOMIC_RELAXED) >= NEXT_HOP_MAX)
				return DIRECTORY_NONE;
			if (__atomic_compare_exchange_n(&table->entries[slot], &found, entry, false,
							__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
				__atomic_add_fetch(&table->count, 1, __ATOMIC_RELAXED);
				return (uint16_t)slot;
			}
		}
		if (found == entry)
			return (uint16_t)slot;
	}
	return DIRECTORY_NONE;
}
