// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/id_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 64 };

void id_table_fini(struct id_table *table)
{
	free(table->entries);
	*table = (struct id_table){0};
}

static uint32_t home(const struct id_table *table, uint64_t hash)
{
	return (uint32_t)hash & (table->room - 1);
}

static void put(struct id_table *table, uint64_t hash, void *value)
{
	uint32_t place = home(table, hash);

	while (table->entries[place].value)
		place = (place + 1) & (table->room - 1);
	table->entries[place] = (struct id_table_entry){hash, value};
}

// At most three quarters of the places are taken.
int id_table_reserve(struct id_table *table, uint32_t count)
{
	struct id_table grown = {.room = table->room > 0 ? table->room : ROOM_MIN};

	if (table->room > 0 && count <= table->room / 4 * 3)
		return 0;
	while (count > grown.room / 4 * 3)
		grown.room *= 2;
	grown.entries = calloc(grown.room, sizeof(*grown.entries));
	if (!grown.entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->room; i++) {
		if (table->entries[i].value)
			put(&grown, table->entries[i].hash, table->entries[i].value);
	}
	grown.count = table->count;
	free(table->entries);
	*table = grown;
	return 0;
}

void id_table_insert(struct id_table *table, uint64_t hash, void *value)
{
	assert(table->count < table->room / 4 * 3);
	put(table, hash, value);
	table->count++;
}

// Fills the gap at place with whoever would be found no more behind it.
static void close_gap(struct id_table *table, uint32_t gap)
{
	const uint32_t mask = table->room - 1;

	for (uint32_t place = (gap + 1) & mask; table->entries[place].value;
	     place = (place + 1) & mask) {
		const uint32_t from = home(table, table->entries[place].hash);

		if (((place - from) & mask) < ((place - gap) & mask))
			continue;
		table->entries[gap] = table->entries[place];
		gap = place;
	}
	table->entries[gap].value = NULL;
}

void id_table_remove(struct id_table *table, uint64_t hash, const void *value)
{
	uint32_t place = home(table, hash);

	while (table->entries[place].value != value) {
		assert(table->entries[place].value);
		place = (place + 1) & (table->room - 1);
	}
	close_gap(table, place);
	table->count--;
}

void *id_table_find(const struct id_table *table, uint64_t hash,
		    bool (*same)(const void *value, const void *key), const void *key)
{
	if (table->count == 0)
		return NULL;
	for (uint32_t place = home(table, hash); table->entries[place].value;
	     place = (place + 1) & (table->room - 1)) {
		const struct id_table_entry *entry = &table->entries[place];

		if (entry->hash == hash && same(entry->value, key))
			return entry->value;
	}
	return NULL;
}

static uint64_t fold(uint64_t left, uint64_t right)
{
	__extension__ typedef unsigned __int128 wide; // the compiler's own, not ISO C's
	const wide product = (wide)left * right;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t id_table_hash(const uint64_t secret[static 2], const void *bytes, uint32_t len)
{
	uint64_t words[4] = {0};

	assert(len <= sizeof(words));
	memcpy(words, bytes, len);
	return fold(fold(words[0] ^ secret[0], words[1] ^ secret[1]) ^ secret[0],
		    fold(words[2] ^ secret[1], words[3] ^ secret[0]) ^ secret[1] ^ len);
}
