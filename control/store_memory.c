// SPDX-License-Identifier: BSD-3-Clause
// The store in the process's own memory: a hash table whose size never changes, with chains. A
// place in a walk over it is the index of a chain.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "control/store_local.h"

enum {
	RECORDS_LIMIT = 1 << 27,
	LOOKED_MAX = 4096, // chains that one slice of a scan or a sweep looks into
};

struct node {
	struct node *next;
	uint64_t over_ms; // UTC
	uint64_t generation;
	uint64_t owner;
	uint32_t body_bytes;
	uint8_t space;
	uint8_t key_len;
	uint8_t bytes[]; // key, body
};

struct store_memory {
	struct store_local local;
	struct node **chains;
	uint64_t mask;
	uint64_t swept; // chain at which the sweep goes on
	uint32_t count, max;
	// Clients mint ids: without a secret they could choose them to fall into one chain.
	uint8_t secret[crypto_shorthash_KEYBYTES];
};

static struct store_memory *memory_of(struct store_local *local)
{
	return STORE_CONTAINER(local, struct store_memory, local);
}

// ---- Nodes ---------------------------------------------------------------------------------

static struct node **node_place(struct store_memory *memory, const struct store_key *key)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t word;
	struct node **place;

	crypto_shorthash(hash, key->bytes, key->len, memory->secret);
	memcpy(&word, hash, sizeof(word));
	place = &memory->chains[(word + key->space) & memory->mask];
	while (*place != NULL && ((*place)->space != key->space || (*place)->key_len != key->len ||
				  memcmp((*place)->bytes, key->bytes, key->len) != 0))
		place = &(*place)->next;
	return place;
}

static struct node *node_make(const struct store_key *key, const struct store_row *row)
{
	struct node *node = malloc(sizeof(*node) + key->len + row->value.body_bytes);

	if (node == NULL)
		return NULL;
	node->over_ms = row->over_ms;
	node->generation = row->value.generation;
	node->owner = row->value.owner;
	node->body_bytes = row->value.body_bytes;
	node->space = (uint8_t)key->space;
	node->key_len = (uint8_t)key->len;
	memcpy(node->bytes, key->bytes, key->len);
	if (row->value.body_bytes > 0)
		memcpy(node->bytes + key->len, row->value.body, row->value.body_bytes);
	return node;
}

static struct store_value node_value(const struct node *node)
{
	return (struct store_value){.generation = node->generation,
				    .owner = node->owner,
				    .body_bytes = node->body_bytes,
				    .body = node->bytes + node->key_len};
}

static void node_unlink(struct store_memory *memory, struct node **place)
{
	struct node *node = *place;

	*place = node->next;
	memory->count--;
	free(node);
}

// ---- The table -----------------------------------------------------------------------------

static int memory_begin(struct store_local *local)
{
	return 0;
}

static void memory_undo(struct store_local *local)
{
}

static bool memory_make_room(struct store_local *local)
{
	return false;
}

static int memory_get(struct store_local *local, const struct store_key *key, struct store_row *row)
{
	const struct node *node = *node_place(memory_of(local), key);

	if (node == NULL)
		return -ENOENT;
	row->over_ms = node->over_ms;
	row->value = node_value(node);
	return 0;
}

static int memory_put(struct store_local *local, const struct store_key *key,
		      const struct store_row *row, bool create)
{
	struct store_memory *memory = memory_of(local);
	struct node **place = node_place(memory, key);
	struct node *node;

	// One whose life is over may stand there still, and gives its place.
	if (*place == NULL && memory->count == memory->max)
		return -EDQUOT;
	node = node_make(key, row);
	if (node == NULL)
		return -EDQUOT;
	if (*place != NULL)
		node_unlink(memory, place);
	node->next = *place;
	*place = node;
	memory->count++;
	return 0;
}

static int memory_remove(struct store_local *local, const struct store_key *key)
{
	struct store_memory *memory = memory_of(local);

	node_unlink(memory, node_place(memory, key));
	return 0;
}

// Tells of a chain. Returns how many records were found.
static uint32_t chain_tell(struct store_local *local, const struct node *node,
			   struct store_scan *scan)
{
	uint32_t found = 0;

	for (; node != NULL; node = node->next) {
		const struct store_key key = {
		    .space = scan->space, .len = node->key_len, .bytes = node->bytes};
		const struct store_value value = node_value(node);

		if (node->space != scan->space || store_local_over(local, node->over_ms))
			continue;
		store_local_found(local, scan, &key, &value);
		found++;
	}
	return found;
}

static int memory_slice(struct store_local *local, struct store_scan *scan)
{
	struct store_memory *memory = memory_of(local);
	uint32_t found = 0;

	for (uint32_t i = 0; i < LOOKED_MAX && found < scan->max; i++) {
		found += chain_tell(local, memory->chains[scan->cursor], scan);
		if (scan->cursor++ == memory->mask) {
			scan->cursor = 0;
			scan->over = true;
			break;
		}
	}
	return 0;
}

static bool memory_sweep(struct store_local *local)
{
	struct store_memory *memory = memory_of(local);

	for (uint32_t i = 0; i < LOOKED_MAX; i++) {
		struct node **place = &memory->chains[memory->swept];

		while (*place != NULL) {
			if (store_local_over(local, (*place)->over_ms)) {
				node_unlink(memory, place);
				local->counted.expired++;
			} else {
				place = &(*place)->next;
			}
		}
		memory->swept = (memory->swept + 1) & memory->mask;
		if (memory->swept == 0)
			return true;
	}
	return false;
}

static void memory_measure(struct store_local *local)
{
	local->counted.records = memory_of(local)->count;
}

static void memory_gauges(struct store_local *local)
{
}

static void memory_destroy(struct store_local *local)
{
	struct store_memory *memory = memory_of(local);

	for (uint64_t i = 0; i <= memory->mask; i++) {
		while (memory->chains[i] != NULL)
			node_unlink(memory, &memory->chains[i]);
	}
	free(memory->chains);
}

static const struct store_table_ops memory_table = {
    .begin = memory_begin,
    .commit = memory_begin,
    .undo = memory_undo,
    .get = memory_get,
    .put = memory_put,
    .remove = memory_remove,
    .make_room = memory_make_room,
    .slice = memory_slice,
    .sweep = memory_sweep,
    .measure = memory_measure,
    .gauges = memory_gauges,
    .destroy = memory_destroy,
};

struct store *store_memory_create(const struct store_settings *settings, struct event_base *base,
				  char error[static STORE_ERROR_BYTES])
{
	struct store_memory *memory;
	uint64_t chains = 1;

	if (settings->records_max == 0 || settings->records_max > RECORDS_LIMIT) {
		snprintf(error, STORE_ERROR_BYTES, "store: %u records in memory; let it be 1 to %u",
			 settings->records_max, (uint32_t)RECORDS_LIMIT);
		return NULL;
	}
	while (chains < settings->records_max)
		chains *= 2;
	memory = (struct store_memory *)store_local_create(sizeof(*memory), &memory_table, settings,
							   base);
	if (memory == NULL)
		goto out_of_memory;
	memory->chains = calloc(chains, sizeof(struct node *));
	if (memory->chains == NULL) {
		store_local_free(&memory->local);
		goto out_of_memory;
	}
	memory->mask = chains - 1;
	memory->max = settings->records_max;
	memory->local.commit_ms = 0; // nothing is gained by waiting
	randombytes_buf(memory->secret, sizeof(memory->secret));
	store_local_begin(&memory->local, false);
	return &memory->local.store;

out_of_memory:
	snprintf(error, STORE_ERROR_BYTES, "store: no memory for %u records; give it fewer",
		 settings->records_max);
	return NULL;
}
