// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>

#include "endpoint/id_table.h"

enum { VALUES = 5000 };

static uint32_t values[VALUES];

static bool same(const void *value, const void *key)
{
	return *(const uint32_t *)value == *(const uint32_t *)key;
}

// Few hashes for many values, so that they stand in each other's way.
static uint64_t crowded(uint32_t key)
{
	return key % 37;
}

static void *find(const struct id_table *table, uint32_t key)
{
	return id_table_find(table, crowded(key), same, &key);
}

Test(id_table, an_empty_one_finds_nothing)
{
	struct id_table table = {0};

	cr_expect_null(find(&table, 1));
	id_table_fini(&table);
}

Test(id_table, finds_what_was_added_and_not_what_was_removed)
{
	struct id_table table = {0};
	static bool there[VALUES];
	uint32_t count = 0;

	srand(1);
	for (uint32_t i = 0; i < 300; i++)
		values[i] = i;
	for (uint32_t step = 0; step < 20000; step++) {
		const uint32_t i = (uint32_t)rand() % 300;

		if (there[i]) {
			id_table_remove(&table, crowded(i), &values[i]);
			count--;
		} else {
			cr_assert_eq(id_table_reserve(&table, count + 1), 0);
			id_table_insert(&table, crowded(i), &values[i]);
			count++;
		}
		there[i] = !there[i];
		cr_assert_eq(table.count, count);
		for (uint32_t k = i % 7; k < 300; k += 7)
			cr_assert_eq(find(&table, k), there[k] ? &values[k] : NULL);
	}
	id_table_fini(&table);
}

Test(id_table, grows_and_keeps_everything)
{
	const uint64_t secret[2] = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)};
	struct id_table table = {0};

	for (uint32_t i = 0; i < VALUES; i++) {
		values[i] = i;
		cr_assert_eq(id_table_reserve(&table, i + 1), 0);
		id_table_insert(&table, id_table_hash(secret, &i, sizeof(i)), &values[i]);
	}
	for (uint32_t i = 0; i < VALUES; i++)
		cr_assert_eq(id_table_find(&table, id_table_hash(secret, &i, sizeof(i)), same, &i),
			     &values[i]);
	cr_expect(table.room < 4 * VALUES);
	id_table_fini(&table);
}

Test(id_table, hashes_depend_on_the_secret_and_on_every_byte)
{
	const uint64_t secret[2] = {11, UINT64_C(0x9e3779b97f4a7c15)};
	const uint64_t other[2] = {12, UINT64_C(0x9e3779b97f4a7c15)};
	uint8_t key[17] = {0};
	const uint64_t hash = id_table_hash(secret, key, sizeof(key));

	cr_expect_neq(id_table_hash(other, key, sizeof(key)), hash);
	for (uint32_t i = 0; i < sizeof(key); i++) {
		key[i] = 1;
		cr_expect_neq(id_table_hash(secret, key, sizeof(key)), hash, "byte %u", i);
		key[i] = 0;
	}
	cr_expect_neq(id_table_hash(secret, key, 16), hash);
}
