// SPDX-License-Identifier: BSD-3-Clause
// The session table: handles, the index, shards, and slots that wait for a grace period.
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "dataplane/dataplane_state.h"
#include "dataplane/worker.h"

enum {
	WORKERS = 3,
	CAPACITY = 50, // shards of 16, 16 and 18
	SIDES = 7,     // 2, 2 and 3
	IDS = 80,
	STEPS = 5000,
};

static struct dataplane dataplane;
static struct worker workers[WORKERS];
static struct session_table *table;

static void start(void)
{
	char *arguments[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
			     "-m",   "64",        "-l",       "0",           "--log-level=error"};

	cr_assert(rte_eal_init(sizeof(arguments) / sizeof(arguments[0]), arguments) >= 0);
	urcu_qsbr_register_thread();
	table = session_table_create(CAPACITY, WORKERS, SIDES);
	cr_assert_not_null(table);
	for (uint32_t i = 0; i < WORKERS; i++) {
		workers[i].index = (uint16_t)i;
		workers[i].workers = WORKERS;
		workers[i].dataplane = &dataplane;
		workers[i].sessions = table;
	}
}

static void end(void)
{
	urcu_qsbr_barrier();
	session_table_destroy(table);
	urcu_qsbr_unregister_thread();
	rte_eal_cleanup();
}

TestSuite(session_table, .init = start, .fini = end);

static void id_of(uint32_t number, uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	memset(id, 0, WIRE_SESSION_ID_BYTES);
	memcpy(id + number % 13, &number, sizeof(number));
}

static int add(uint32_t worker, uint32_t number, uint8_t channels, uint32_t *slot)
{
	uint8_t id[WIRE_SESSION_ID_BYTES];
	struct session_birth birth = {
	    .id = id, .channels = channels, .client = "a", .client_len = 1, .epoch = number + 1};

	id_of(number, id);
	for (uint16_t k = 0; k < channels; k++) {
		birth.services[k] = (uint16_t)(10 + k);
		birth.backends[k] = (uint16_t)(20 + k);
	}
	return session_table_add(&workers[worker], &birth, slot);
}

static uint32_t added(uint32_t worker, uint32_t number)
{
	uint32_t slot = SESSION_NONE;

	cr_assert_eq(add(worker, number, 1, &slot), 0);
	return slot;
}

static uint64_t find(uint32_t number)
{
	uint8_t id[WIRE_SESSION_ID_BYTES];

	id_of(number, id);
	return session_table_find(table, id);
}

// Lets all grace periods pass and all workers take their slots back.
static void grace(void)
{
	urcu_qsbr_barrier();
	for (uint32_t i = 0; i < WORKERS; i++)
		session_table_reclaim(&workers[i]);
}

static uint32_t shard_of(uint32_t slot)
{
	return slot < 16 ? 0 : slot < 32 ? 1 : 2;
}

Test(session_table, a_session_is_found_by_its_id_and_by_its_handle)
{
	const uint32_t slot = added(0, 1);
	const uint64_t handle = find(1);

	cr_expect_eq(session_handle_slot(handle), slot);
	cr_expect_neq(session_handle_tag(handle), 0);
	cr_expect_eq(session_handle_tag(handle), table->hot[slot].tag);
	cr_expect_eq(session_table_handle(table, slot), handle);
	cr_expect_eq(session_table_lookup(table, handle), slot);
	cr_expect_eq(find(2), 0);
}

Test(session_table, a_handle_with_another_tag_or_no_slot_is_none)
{
	const uint32_t slot = added(0, 1);
	const uint64_t handle = find(1);

	for (uint32_t bit = 0; bit < 32; bit++)
		cr_expect_eq(session_table_lookup(table, handle ^ UINT64_C(1) << bit),
			     SESSION_NONE);
	cr_expect_eq(session_table_lookup(table, session_handle(slot, 0)), SESSION_NONE);
	cr_expect_eq(session_table_lookup(table, session_handle(slot + 1, 0)), SESSION_NONE);
	cr_expect_eq(session_table_lookup(table, session_handle(CAPACITY, 1)), SESSION_NONE);
	cr_expect_eq(session_table_lookup(table, UINT64_MAX), SESSION_NONE);
	cr_expect_eq(session_table_lookup(table, 0), SESSION_NONE);
}

Test(session_table, an_id_that_is_there_is_told_whichever_worker_adds_it)
{
	const uint32_t slot = added(0, 1);
	uint32_t found = SESSION_NONE;

	cr_expect_eq(add(0, 1, 1, &found), -EEXIST);
	cr_expect_eq(found, slot);
	found = SESSION_NONE;
	cr_expect_eq(add(2, 1, 8, &found), -EEXIST);
	cr_expect_eq(found, slot);
	for (uint32_t i = 0; i < 100; i++) // neither slot nor side table is lost
		cr_expect_eq(add(2, 1, 8, &found), -EEXIST);
	cr_expect_eq(add(2, 2, 8, &found), 0);
	cr_expect_eq(workers[0].sessions_by_state[SESSION_OPENING], 1);
}

Test(session_table, an_id_that_is_there_costs_no_slot)
{
	uint32_t found;

	added(0, 1);
	cr_expect_eq(add(2, 1, 8, &found), -EEXIST);
	// Control reads every slot: one that was made and taken back would have to wait.
	cr_expect_eq(table->ranges[2].fresh, table->ranges[2].first);
	cr_expect_eq(table->ranges[2].free, SESSION_NONE);
}

Test(session_table, a_new_session_is_empty_and_its_adders)
{
	uint32_t slot;

	workers[1].clock.now_ms[0] = 1234;
	cr_assert_eq(add(1, 5, 8, &slot), 0);
	cr_expect_eq(session_table_owner(table, slot), 1);
	cr_expect_eq(table->hot[slot].state, SESSION_OPENING);
	cr_expect_eq(table->hot[slot].epoch, 6);
	cr_expect_eq(table->hot[slot].heard_ms, 1234);
	for (uint32_t k = 0; k < 8; k++) {
		const struct session_channel *channel = session_table_channel(table, slot, k);

		cr_expect_eq(session_table_backend(table, slot, k), 20 + k);
		cr_expect_eq(session_table_service(table, slot, k), 10 + k);
		cr_expect_eq(channel->up.head, SESSION_NONE);
		cr_expect_eq(channel->down.tail, SESSION_NONE);
		cr_expect_eq(channel->up.acked + channel->up.span + channel->down.bytes, 0);
		session_table_set_backend(table, slot, k, (uint16_t)(30 + k));
		cr_expect_eq(session_table_backend(table, slot, k), 30 + k);
	}
	cr_expect_eq(table->hot[slot].version % 2, 0);
}

Test(session_table, each_worker_fills_its_own_shard_and_no_other)
{
	static const uint32_t room[WORKERS] = {16, 16, 18};
	uint32_t number = 0, slot;

	for (uint32_t worker = 0; worker < WORKERS; worker++) {
		for (uint32_t i = 0; i < room[worker]; i++)
			cr_expect_eq(shard_of(added(worker, number++)), worker);
		cr_expect_eq(add(worker, 1000 + worker, 1, &slot), -ENOSPC);
		cr_expect_eq(find(1000 + worker), 0);
	}
	for (uint32_t i = 0; i < number; i++)
		cr_expect_eq(table->hot[session_table_lookup(table, find(i))].epoch, i + 1);
}

Test(session_table, without_a_side_table_a_session_has_one_channel_or_none)
{
	uint32_t slots[3];

	cr_assert_eq(add(0, 0, 2, &slots[0]), 0);
	cr_assert_eq(add(0, 1, 8, &slots[1]), 0);
	cr_expect_eq(add(0, 2, 2, &slots[2]), -ENOSPC);
	cr_expect_eq(find(2), 0);
	cr_expect_eq(add(0, 2, 1, &slots[2]), 0);
	session_table_remove(&workers[0], slots[0]);
	cr_expect_eq(add(0, 3, 2, &slots[0]), -ENOSPC); // not before the grace period
	grace();
	cr_expect_eq(add(0, 3, 2, &slots[0]), 0);
}

Test(session_table, a_removed_session_is_found_no_more)
{
	const uint32_t slot = added(0, 1);
	const uint64_t handle = find(1);

	session_table_remove(&workers[0], slot);
	cr_expect_eq(find(1), 0);
	cr_expect_eq(session_table_lookup(table, handle), SESSION_NONE);
	cr_expect_neq(added(0, 1), slot); // the id is free at once, the slot is not
}

Test(session_table, a_slot_is_not_used_again_while_a_reader_may_hold_it)
{
	uint32_t slot, again;

	for (uint32_t i = 0; i < 16; i++)
		slot = added(0, i);

	const uint64_t handle = session_table_handle(table, slot);

	session_table_remove(&workers[0], slot);
	for (uint32_t i = 0; i < 20; i++) { // this thread is a reader and says nothing
		usleep(2000);
		session_table_reclaim(&workers[0]);
		cr_expect_eq(add(0, 100, 1, &again), -ENOSPC);
	}
	grace();
	cr_assert_eq(add(0, 100, 1, &again), 0);
	cr_expect_eq(again, slot);
	cr_expect_neq(session_table_handle(table, slot), handle); // another tag
	cr_expect_eq(session_table_lookup(table, handle), SESSION_NONE);
}

Test(session_table, what_another_worker_removes_comes_back_to_the_first)
{
	uint32_t slot = SESSION_NONE;

	for (uint32_t i = 0; i < 16; i++)
		slot = added(0, i);
	session_table_move(&workers[0], slot, 2);
	cr_expect_eq(session_table_owner(table, slot), 2);
	session_table_remove(&workers[2], slot);
	grace();
	cr_expect_eq(added(0, 100), slot);
	cr_expect_eq(session_table_owner(table, slot), 0);
}

Test(session_table, only_legal_edges_change_a_state)
{
	const uint32_t slot = added(0, 1);
	uint64_t illegal = 0;

	for (uint32_t from = 0; from < SESSION_STATES; from++) {
		for (uint32_t to = 0; to < SESSION_STATES; to++) {
			for (uint32_t reason = 0; reason < 16; reason++) {
				const bool legal = session_state_legal(from, to, reason);

				table->hot[slot].state = (uint8_t)from;
				cr_expect_eq(
				    session_table_transition(&workers[0], slot, to, reason), legal);
				cr_expect_eq(table->hot[slot].state, legal ? to : from);
				illegal += !legal;
			}
		}
	}
	cr_expect_eq(workers[0].counters.count[COUNTER_illegal_edges], illegal);
}

// The model: where each id is.
static uint64_t handles[IDS];

static void expect_model(void)
{
	for (uint32_t i = 0; i < IDS; i++) {
		cr_assert_eq(find(i), handles[i], "id %u", i);
		if (handles[i] != 0)
			cr_assert_eq(session_table_lookup(table, handles[i]),
				     session_handle_slot(handles[i]));
	}
}

Test(session_table, agrees_with_a_plain_array_through_any_mix_of_operations)
{
	uint32_t full = 0, taken[CAPACITY] = {0};

	srand(1);
	for (uint32_t i = 0; i < STEPS; i++) {
		const uint32_t number = (uint32_t)rand() % IDS, worker = (uint32_t)rand() % WORKERS;
		const uint64_t handle = handles[number];
		uint32_t slot = SESSION_NONE;

		if (rand() % 3 == 0 && handle != 0) {
			slot = session_handle_slot(handle);
			session_table_remove(&workers[worker], slot);
			cr_assert_eq(session_table_lookup(table, handle), SESSION_NONE);
			handles[number] = 0;
			taken[slot]--;
		} else {
			const int result = add(worker, number, rand() % 10 == 0 ? 2 : 1, &slot);

			cr_assert_eq(result == -EEXIST, handle != 0 && slot != SESSION_NONE);
			full += result == -ENOSPC;
			if (result == -EEXIST)
				cr_assert_eq(slot, session_handle_slot(handle));
			if (result == 0) {
				cr_assert_eq(shard_of(slot), worker);
				cr_assert_eq(taken[slot]++, 0);
				handles[number] = session_table_handle(table, slot);
			}
		}
		if (i % 40 == 0)
			grace();
		if (i % 50 == 0)
			expect_model();
	}
	cr_expect(full > 0);
	for (uint32_t i = 0; i < IDS; i++) {
		if (handles[i] != 0)
			session_table_remove(&workers[0], session_handle_slot(handles[i]));
	}
	grace();
	for (uint32_t i = 0; i < CAPACITY; i++) // every slot came back
		added(i < 16 ? 0 : i < 32 ? 1 : 2, 1000 + i);
}
