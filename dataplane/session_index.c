// SPDX-License-Identifier: BSD-3-Clause
// The part of the session table that is not on the packet path: creation, the index, removal.
#include "dataplane/session_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "dataplane/memory.h"
#include "dataplane/poison.h"
#include "dataplane/worker.h"

enum {
	RECLAIM_MAX = 64,
	SIDE_BODY_BYTES = sizeof(struct session_side) - offsetof(struct session_side, channels),
};

static uint32_t power_of_two(uint32_t number)
{
	uint32_t power = 1;

	while (power < number && power < UINT32_C(1) << 31)
		power <<= 1;
	return power;
}

// Session ids are random by protocol, but minted by clients: mixed with a seed of our own so that
// nobody can choose ids that meet in one bucket.
static unsigned long id_hash(const struct session_table *table, const uint8_t *id)
{
	uint64_t halves[2];

	memcpy(halves, id, sizeof(halves));

	uint64_t hash = (halves[0] ^ table->index_seed) * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 29 ^ halves[1]) * UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ hash >> 32;
}

static int id_match(struct cds_lfht_node *node, const void *id)
{
	const struct session_cold *cold = caa_container_of(node, struct session_cold, node);

	return memcmp(cold->id, id, WIRE_SESSION_ID_BYTES) == 0;
}

static uint32_t slot_of(const struct session_table *table, struct cds_lfht_node *node)
{
	return (uint32_t)(caa_container_of(node, struct session_cold, node) - table->cold);
}

static void sides_init(struct session_table *table, struct session_range *range, uint32_t index)
{
	const uint32_t each = table->sides_max / table->workers;

	range->sides_first = index * each;
	range->sides_end = index + 1 == table->workers ? table->sides_max : (index + 1) * each;
	range->sides_free =
	    range->sides_first < range->sides_end ? range->sides_first : SESSION_NONE;
	for (uint32_t i = range->sides_first; i < range->sides_end; i++)
		table->sides[i].next = i + 1 < range->sides_end ? i + 1 : SESSION_NONE;
}

static int ranges_init(struct session_table *table)
{
	const uint32_t each = table->capacity / table->workers;

	for (uint32_t i = 0; i < table->workers; i++) {
		struct session_range *range = &table->ranges[i];
		char name[RTE_RING_NAMESIZE];

		range->first = range->fresh = i * each;
		range->end = i + 1 == table->workers ? table->capacity : (i + 1) * each;
		range->free = SESSION_NONE;
		sides_init(table, range, i);
		snprintf(name, sizeof(name), "retired%u", i);
		range->retired = rte_ring_create(name, power_of_two(range->end - range->first + 1),
						 SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (range->retired == NULL)
			return -ENOMEM;
	}
	return 0;
}

struct session_table *session_table_create(uint32_t capacity, uint32_t workers, uint32_t sides_max)
{
	struct session_table *table = aligned_alloc(64, sizeof(*table));
	bool huge;

	if (table == NULL)
		return NULL;
	memset(table, 0, sizeof(*table));
	table->capacity = capacity;
	table->workers = workers;
	table->sides_max = sides_max;
	randombytes_buf(&table->index_seed, sizeof(table->index_seed));
	table->hot = memory_take((size_t)capacity * sizeof(*table->hot), &table->huge);
	table->cold = memory_take((size_t)capacity * sizeof(*table->cold), &huge);
	if (sides_max > 0)
		table->sides = memory_take((size_t)sides_max * sizeof(*table->sides), &huge);
	table->index = cds_lfht_new_flavor(power_of_two(capacity), power_of_two(capacity), 0, 0,
					   &urcu_qsbr_flavor, NULL);
	if (table->hot == NULL || table->cold == NULL || table->index == NULL ||
	    (sides_max > 0 && table->sides == NULL) || ranges_init(table) != 0) {
		session_table_destroy(table);
		errno = ENOMEM;
		return NULL;
	}
	return table;
}

void session_table_destroy(struct session_table *table)
{
	if (table == NULL)
		return;
	for (uint32_t i = 0; i < table->workers; i++)
		rte_ring_free(table->ranges[i].retired);
	if (table->index != NULL) {
		struct cds_lfht_iter iter;
		struct cds_lfht_node *node;

		cds_lfht_for_each(table->index, &iter, node) cds_lfht_del(table->index, node);
		cds_lfht_destroy(table->index, NULL);
	}
	if (table->hot != NULL)
		poison_clear(table->hot, (size_t)table->capacity * sizeof(*table->hot));
	if (table->cold != NULL)
		poison_clear(table->cold, (size_t)table->capacity * sizeof(*table->cold));
	if (table->sides != NULL)
		poison_clear(table->sides, (size_t)table->sides_max * sizeof(*table->sides));
	memory_give_back(table->hot, (size_t)table->capacity * sizeof(*table->hot));
	memory_give_back(table->cold, (size_t)table->capacity * sizeof(*table->cold));
	memory_give_back(table->sides, (size_t)table->sides_max * sizeof(*table->sides));
	free(table);
}

// Of a free slot only the tag is read by others, and what the list and the next tag are made of by
// the worker whose range it is in.
static void slot_poison(struct session_table *table, uint32_t slot, bool set)
{
	const uint8_t *hot = (const uint8_t *)&table->hot[slot];
	void (*const change)(const void *, size_t) = set ? poison_set : poison_clear;

	change(hot + sizeof(table->hot->tag), sizeof(*table->hot) - sizeof(table->hot->tag));
	change(&table->cold[slot], offsetof(struct session_cold, side));
}

static uint32_t slot_take(struct session_table *table, struct session_range *range)
{
	uint32_t slot = range->free;

	if (slot != SESSION_NONE) {
		range->free = table->cold[slot].next;
		slot_poison(table, slot, false);
		return slot;
	}
	slot = range->fresh;
	if (slot == range->end)
		return SESSION_NONE;
	// Pairs with the acquire load in dataplane_slot_next().
	__atomic_store_n(&range->fresh, slot + 1, __ATOMIC_RELEASE);
	return slot;
}

static void slot_give_back(struct session_table *table, struct session_range *range, uint32_t slot)
{
	table->cold[slot].next = range->free;
	range->free = slot;
	slot_poison(table, slot, true);
}

// A tag for a slot: random, not 0, not the one before.
static uint32_t tag_make(uint32_t last)
{
	uint32_t tag;

	do {
		tag = randombytes_random();
	} while (tag == 0 || tag == last);
	return tag;
}

static void direction_clear(struct session_direction *direction)
{
	*direction = (struct session_direction){.head = SESSION_NONE, .tail = SESSION_NONE};
}

static void session_fill(struct worker *worker, uint32_t slot, const struct session_birth *birth)
{
	struct session_table *table = worker->sessions;
	struct session *session = &table->hot[slot];
	struct session_cold *cold = &table->cold[slot];
	const uint32_t now_ms = worker_path_ms(worker, &birth->path);

	session->owner = (uint8_t)worker->index;
	session->state = SESSION_OPENING;
	session->channels = birth->channels;
	session->flags = 0;
	session->path = birth->path;
	session->backend = birth->backends[0];
	session->epoch = session->announced = birth->epoch;
	session->attempt = session->errand = SESSION_NONE;
	session->timeout_ms = birth->timeout_ms;
	cold->grace_ms = birth->grace_ms;
	direction_clear(&session->channel.up);
	direction_clear(&session->channel.down);
	session->heard_ms = session->sent_ms = session->asked_ms = session->asked_first_ms = now_ms;
	memcpy(cold->id, birth->id, WIRE_SESSION_ID_BYTES);
	memset(cold->client, 0, sizeof(cold->client));
	memcpy(cold->client, birth->client, birth->client_len);
	cold->created_ms = worker->now_us / 1000;
	cold->notices = 0;
	cold->next = SESSION_NONE;
	cold->service = birth->services[0];
	cold->events_client = cold->events_backend = 0;
	cold->end_code = 0;
	cold->side = SESSION_NONE;
}

// Channels 1 and up get a side table. Returns false where there is none left.
static bool side_fill(struct session_table *table, struct session_range *range, uint32_t slot,
		      const struct session_birth *birth)
{
	const uint32_t index = range->sides_free;

	if (birth->channels == 1)
		return true;
	if (index == SESSION_NONE)
		return false;

	struct session_side *side = &table->sides[index];

	range->sides_free = side->next;
	poison_clear(side->channels, SIDE_BODY_BYTES);
	table->cold[slot].side = index;
	for (uint32_t k = 1; k < birth->channels; k++) {
		direction_clear(&side->channels[k - 1].up);
		direction_clear(&side->channels[k - 1].down);
		side->backends[k - 1] = birth->backends[k];
		side->services[k - 1] = birth->services[k];
	}
	return true;
}

static void side_give_back(struct session_table *table, struct session_range *range, uint32_t slot)
{
	const uint32_t index = table->cold[slot].side;

	if (index == SESSION_NONE)
		return;
	table->sides[index].next = range->sides_free;
	range->sides_free = index;
	poison_set(table->sides[index].channels, SIDE_BODY_BYTES);
	table->cold[slot].side = SESSION_NONE;
}

static struct cds_lfht_node *node_find(const struct session_table *table, const uint8_t *id)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(table->index, id_hash(table, id), id_match, id, &iter);
	return cds_lfht_iter_get_node(&iter);
}

// Runs in the call_rcu helper when no reader can hold the slot any more.
static void grace_over(struct rcu_head *head)
{
	struct session_cold *cold = caa_container_of(head, struct session_cold, retired);
	struct session_table *table = cold->table;
	const uint32_t slot = (uint32_t)(cold - table->cold);

	for (uint32_t i = 0; i < table->workers; i++) {
		const struct session_range *range = &table->ranges[i];

		// As large as the range: it cannot be full.
		if (slot >= range->first && slot < range->end)
			rte_ring_enqueue(range->retired, (void *)(uintptr_t)(slot + 1));
	}
}

// Nobody finds the slot from now on; who found it already may use it until the grace period is
// over.
static void slot_retire(struct session_table *table, uint32_t slot)
{
	struct session_cold *cold = &table->cold[slot];

	cold->end_token = table->hot[slot].tag;
	// Pairs with the acquire load in session_table_lookup().
	__atomic_store_n(&table->hot[slot].tag, 0, __ATOMIC_RELEASE);
	// What follows lies where the label and the time of creation were: who has read that sees
	// the tag gone. Pairs with the acquire fence in dataplane_session_view().
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&cold->table, table, __ATOMIC_RELAXED);
	urcu_qsbr_call_rcu(&cold->retired, grace_over);
}

int session_table_add(struct worker *worker, const struct session_birth *birth, uint32_t *slot)
{
	struct session_table *table = worker->sessions;
	struct session_range *range = &table->ranges[worker->index];
	struct cds_lfht_node *found = node_find(table, birth->id);

	if (found != NULL) {
		*slot = slot_of(table, found);
		return -EEXIST;
	}

	const uint32_t taken = slot_take(table, range);

	if (taken == SESSION_NONE)
		return -ENOSPC;

	struct session_cold *cold = &table->cold[taken];
	const uint32_t tag = tag_make(cold->end_token);

	session_fill(worker, taken, birth);
	if (!side_fill(table, range, taken, birth)) {
		cold->end_token = tag;
		slot_give_back(table, range, taken);
		return -ENOSPC;
	}
	cds_lfht_node_init(&cold->node);

	// The tag stands before the index tells anyone the slot; pairs with the acquire load in
	// session_table_lookup().
	__atomic_store_n(&table->hot[taken].tag, tag, __ATOMIC_RELEASE);

	found = cds_lfht_add_unique(table->index, id_hash(table, birth->id), id_match, birth->id,
				    &cold->node);
	if (found != &cold->node) {
		// Another worker was faster. Control, which reads every slot, may have seen this
		// one.
		slot_retire(table, taken);
		*slot = slot_of(table, found);
		return -EEXIST;
	}
	worker_sessions_count(worker, SESSION_OPENING, 1);
	*slot = taken;
	return 0;
}

uint64_t session_table_find(const struct session_table *table,
			    const uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	struct cds_lfht_node *node = node_find(table, id);

	if (node == NULL)
		return 0;

	const uint32_t slot = slot_of(table, node);
	const uint32_t tag = __atomic_load_n(&table->hot[slot].tag, __ATOMIC_ACQUIRE);

	return tag != 0 ? session_handle(slot, tag) : 0;
}

void session_table_remove(struct worker *worker, uint32_t slot)
{
	struct session_table *table = worker->sessions;

	cds_lfht_del(table->index, &table->cold[slot].node);
	slot_retire(table, slot);
}

void session_table_reclaim(struct worker *worker)
{
	struct session_table *table = worker->sessions;
	struct session_range *range = &table->ranges[worker->index];
	void *slots[RECLAIM_MAX];
	const uint32_t count = rte_ring_dequeue_burst(range->retired, slots, RECLAIM_MAX, NULL);

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t slot = (uint32_t)((uintptr_t)slots[i] - 1);

		side_give_back(table, range, slot);
		slot_give_back(table, range, slot);
	}
}
