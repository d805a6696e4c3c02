// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "dataplane/directory.h"
#include "dataplane/next_hop.h"

enum { THREADS = 4, THREAD_HOPS = 4000 };

static struct next_hops *table;

static void start(void)
{
	table = next_hop_create();
	cr_assert_not_null(table);
}

static void end(void)
{
	next_hop_destroy(table);
}

TestSuite(next_hop, .init = start, .fini = end);

static void mac_of(uint32_t number, uint8_t mac[static 6])
{
	const uint8_t bytes[6] = {2,
				  0,
				  (uint8_t)(number >> 24),
				  (uint8_t)(number >> 16),
				  (uint8_t)(number >> 8),
				  (uint8_t)number};

	memcpy(mac, bytes, sizeof(bytes));
}

static uint16_t intern(uint32_t number, uint8_t port)
{
	uint8_t mac[6];

	mac_of(number, mac);
	return next_hop_intern(table, mac, port);
}

static void expect_mac(uint16_t index, uint32_t number)
{
	uint8_t mac[6], want[6];

	mac_of(number, want);
	next_hop_mac(table, index, mac);
	cr_assert_arr_eq(mac, want, 6);
}

Test(next_hop, an_address_has_one_index_and_is_told_back)
{
	static const uint8_t edges[][6] = {
	    {0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0, 0, 1}};

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		const uint16_t index = next_hop_intern(table, edges[i], 0);
		uint8_t mac[6];

		cr_assert_neq(index, DIRECTORY_NONE);
		cr_expect_eq(next_hop_intern(table, edges[i], 0), index);
		next_hop_mac(table, index, mac);
		cr_expect_arr_eq(mac, edges[i], 6);
	}
	cr_expect_eq(table->count, 3);
}

Test(next_hop, the_same_address_behind_another_port_is_another)
{
	const uint16_t first = intern(7, 0);
	const uint16_t second = intern(7, 255);

	cr_expect_neq(first, second);
	expect_mac(first, 7);
	expect_mac(second, 7);
}

Test(next_hop, a_full_table_takes_no_more_and_still_knows_all_it_has)
{
	static uint16_t index[NEXT_HOP_MAX];
	static uint8_t used[NEXT_HOP_SLOTS];

	for (uint32_t i = 0; i < NEXT_HOP_MAX; i++) {
		index[i] = intern(i, 1);
		cr_assert_neq(index[i], DIRECTORY_NONE);
		cr_assert_eq(used[index[i]]++, 0);
	}
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert_eq(intern(NEXT_HOP_MAX + i, 1), DIRECTORY_NONE);
	for (uint32_t i = 0; i < NEXT_HOP_MAX; i++) {
		cr_assert_eq(intern(i, 1), index[i]);
		expect_mac(index[i], i);
	}
	cr_expect_eq(table->count, NEXT_HOP_MAX);
}

// Each starts elsewhere in the same addresses.
static uint16_t interned[THREADS][THREAD_HOPS];

static void *intern_all(void *argument)
{
	const uint32_t which = *(const uint32_t *)argument;

	for (uint32_t i = 0; i < THREAD_HOPS; i++) {
		const uint32_t number = (i + which % 2 * 100) % THREAD_HOPS;

		interned[which][number] = intern(number, 0);
	}
	return NULL;
}

Test(next_hop, workers_that_hear_the_same_addresses_at_once_get_the_same_indexes)
{
	pthread_t threads[THREADS];
	uint32_t numbers[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&threads[i], NULL, intern_all, &numbers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	for (uint32_t i = 0; i < THREAD_HOPS; i++) {
		for (uint32_t k = 1; k < THREADS; k++)
			cr_assert_eq(interned[k][i], interned[0][i]);
		expect_mac(interned[0][i], i);
	}
	cr_expect_eq(table->count, THREAD_HOPS);
}
