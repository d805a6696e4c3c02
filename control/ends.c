// SPDX-License-Identifier: BSD-3-Clause
// A hash table with chains over a ring of nodes. The ring is in the order of the ends, so the
// oldest is at its tail; a node that is over but not yet at the tail is simply no longer found.
#include "control/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

static const uint32_t ENDS_NONE = UINT32_MAX; // end of a chain

struct ends_node {
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint64_t until_ms;
	uint32_t next; // in its chain
	uint16_t code;
};

struct ends {
	uint32_t max;
	uint32_t count;
	uint32_t tail; // oldest
	uint32_t mask; // of chains
	// Clients mint ids: without a secret they could choose them to fall into one chain.
	uint8_t key[crypto_shorthash_KEYBYTES];
	uint32_t *chains;
	struct ends_node *nodes;
};

struct ends *ends_create(uint32_t max)
{
	uint32_t chains = 1;

	if (max == 0 || max > ENDS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	while (chains < max)
		chains *= 2;
	struct ends *ends = calloc(1, sizeof(*ends));

	if (ends == NULL)
		return NULL;
	ends->max = max;
	ends->mask = chains - 1;
	ends->nodes = malloc(max * sizeof(*ends->nodes));
	ends->chains = malloc(chains * sizeof(*ends->chains));
	if (ends->nodes == NULL || ends->chains == NULL) {
		ends_destroy(ends);
		errno = ENOMEM;
		return NULL;
	}
	memset(ends->chains, 0xff, chains * sizeof(*ends->chains));
	randombytes_buf(ends->key, sizeof(ends->key));
	return ends;
}

void ends_destroy(struct ends *ends)
{
	if (ends == NULL)
		return;
	free(ends->nodes);
	free(ends->chains);
	free(ends);
}

uint64_t ends_keep_ms(uint32_t timeout_ms)
{
	const uint64_t twice_ms = 2 * (uint64_t)timeout_ms;

	return twice_ms > ENDS_KEEP_MIN_MS ? twice_ms : ENDS_KEEP_MIN_MS;
}

static uint32_t *chain_of(const struct ends *ends, const uint8_t *id)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint32_t word;

	crypto_shorthash(hash, id, WIRE_SESSION_ID_BYTES, ends->key);
	memcpy(&word, hash, sizeof(word));
	return &ends->chains[word & ends->mask];
}

static struct ends_node *node_find(const struct ends *ends, const uint8_t *id)
{
	for (uint32_t i = *chain_of(ends, id); i != ENDS_NONE; i = ends->nodes[i].next) {
		if (memcmp(ends->nodes[i].id, id, WIRE_SESSION_ID_BYTES) == 0)
			return &ends->nodes[i];
	}
	return NULL;
}

static void drop_oldest(struct ends *ends)
{
	const uint32_t index = ends->tail;
	uint32_t *link = chain_of(ends, ends->nodes[index].id);

	while (*link != index)
		link = &ends->nodes[*link].next;
	*link = ends->nodes[index].next;
	ends->tail = index + 1 == ends->max ? 0 : index + 1;
	ends->count--;
}

uint32_t ends_add(struct ends *ends, const uint8_t id[static WIRE_SESSION_ID_BYTES], uint16_t code,
		  uint64_t until_ms, uint64_t now_ms)
{
	struct ends_node *known = node_find(ends, id);
	uint32_t dropped = 0;

	if (known != NULL) {
		if (known->until_ms <= now_ms)
			known->code = code;
		if (known->until_ms < until_ms)
			known->until_ms = until_ms;
		return 0;
	}
	if (ends->count == ends->max) {
		dropped = ends->nodes[ends->tail].until_ms > now_ms;
		drop_oldest(ends);
	}
	const uint32_t index = (uint32_t)(((uint64_t)ends->tail + ends->count) % ends->max);
	uint32_t *chain = chain_of(ends, id);
	struct ends_node *node = &ends->nodes[index];

	memcpy(node->id, id, WIRE_SESSION_ID_BYTES);
	node->until_ms = until_ms;
	node->code = code;
	node->next = *chain;
	*chain = index;
	ends->count++;
	return dropped;
}

uint16_t ends_find(const struct ends *ends, const uint8_t id[static WIRE_SESSION_ID_BYTES],
		   uint64_t now_ms)
{
	const struct ends_node *node = node_find(ends, id);

	return node != NULL && node->until_ms > now_ms ? node->code : (uint16_t)HOLDFAST_OK;
}

void ends_expire(struct ends *ends, uint64_t now_ms, uint32_t max)
{
	for (uint32_t i = 0; i < max && ends->count > 0; i++) {
		if (ends->nodes[ends->tail].until_ms > now_ms)
			return;
		drop_oldest(ends);
	}
}

uint32_t ends_count(const struct ends *ends)
{
	return ends->count;
}

uint32_t ends_max(const struct ends *ends)
{
	return ends->max;
}
