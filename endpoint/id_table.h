// SPDX-License-Identifier: BSD-3-Clause
// A hash table of pointers: open addressing, linear probing, no tombstones.
//
// Keys lie in what is stored; the caller says which hash they have and compares them. Hashes are
// made with a secret, because clients choose session ids. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct id_table_entry {
	uint64_t hash;
	void *value; // NULL: free
};

struct id_table {
	struct id_table_entry *entries;
	uint32_t count;
	uint32_t room; // a power of two, or 0
};

void id_table_fini(struct id_table *table);

// Makes room for count values in all, so that id_table_insert() of so many cannot fail.
//
// Returns 0 or -ENOMEM.
int id_table_reserve(struct id_table *table, uint32_t count);

// Adds value; its key must not be there.
void id_table_insert(struct id_table *table, uint64_t hash, void *value);

// Takes value out, which must be there.
void id_table_remove(struct id_table *table, uint64_t hash, const void *value);

// The value for which same(value, key) holds, or NULL.
void *id_table_find(const struct id_table *table, uint64_t hash,
		    bool (*same)(const void *value, const void *key), const void *key);

// Mixes len bytes (at most 32) with a secret.
uint64_t id_table_hash(const uint64_t secret[static 2], const void *bytes, uint32_t len);
