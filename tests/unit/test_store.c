// SPDX-License-Identifier: BSD-3-Clause
// The contract of the store: each behaviour is shown of all kinds, and is named for what it claims.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/support/store_world.h"

typedef void behaviour(struct store_world *world, struct store_world_request *request);

static void show(enum store_kind kind, behaviour *run)
{
	static struct store_world world;
	static struct store_world_request request;

	if (!store_world_can(kind))
		cr_skip_test("redis-server is not installed: scripts/setup does");
	store_world_init(&world, kind);
	cr_assert(store_world_open(&world), "%s", world.error);
	run(&world, &request);
	cr_expect_eq(world.blocked, 0, "%u turns of the loop slept", world.blocked);
	store_world_fini(&world);
}

#define BEHAVIOUR(name)                                                                            \
	static behaviour name;                                                                     \
	Test(memory, name, .timeout = 60)                                                          \
	{                                                                                          \
		show(STORE_MEMORY, name);                                                          \
	}                                                                                          \
	Test(lmdb, name, .timeout = 60)                                                            \
	{                                                                                          \
		show(STORE_LMDB, name);                                                            \
	}                                                                                          \
	Test(redis, name, .timeout = 60)                                                           \
	{                                                                                          \
		show(STORE_REDIS, name);                                                           \
	}                                                                                          \
	static void name(struct store_world *world, struct store_world_request *request)

// What an answer carries.
static void expect_value(const struct store_world_request *request, uint64_t generation,
			 const char *body)
{
	cr_expect_eq(request->answer.value.generation, generation);
	cr_expect_eq(request->answer.value.owner, 7);
	cr_expect_eq(request->answer.value.body_bytes, strlen(body));
	cr_expect_eq(memcmp(request->body, body, strlen(body)), 0);
}

BEHAVIOUR(a_record_is_created_once)
{
	cr_expect_eq(store_world_ask(world, request, STORE_CREATE, "k", 1, "one"), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_CREATE, "k", 2, "two"), STORE_EXISTS);
	expect_value(request, 1, "one");
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "k", 0, ""), STORE_OK);
	expect_value(request, 1, "one");
}

BEHAVIOUR(of_two_creations_in_one_turn_one_wins)
{
	static struct store_world_request other;
	const struct store_value one = {
	    .generation = 1, .owner = 7, .body_bytes = 3, .body = (const uint8_t *)"one"};

	request->request.value = other.request.value = one;
	store_world_begin(world, request, STORE_CREATE, "k");
	store_world_begin(world, &other, STORE_CREATE, "k");
	store_world_wait(world, request);
	store_world_wait(world, &other);
	cr_expect_eq(request->answer.result, STORE_OK);
	cr_expect_eq(other.answer.result, STORE_EXISTS);
	expect_value(&other, 1, "one");
}

BEHAVIOUR(only_what_is_there_is_updated)
{
	cr_expect_eq(store_world_ask(world, request, STORE_UPDATE, "k", 1, "x"), STORE_NOT_FOUND);
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "k", 0, ""), STORE_NOT_FOUND);
	store_world_ask(world, request, STORE_CREATE, "k", 1, "one");
	cr_expect_eq(store_world_ask(world, request, STORE_UPDATE, "k", 5, "five"), STORE_OK);
	store_world_ask(world, request, STORE_LOAD, "k", 0, "");
	expect_value(request, 5, "five");
}

BEHAVIOUR(a_swap_needs_the_generation_that_is_there)
{
	store_world_ask(world, request, STORE_CREATE, "k", 1, "one");
	cr_expect_eq(store_world_ask(world, request, STORE_SWAP, "k", 2, "two"), STORE_CONFLICT);
	expect_value(request, 1, "one");
	request->request.value.generation = 2;
	request->request.expected_generation = 1;
	store_world_begin(world, request, STORE_SWAP, "k");
	store_world_wait(world, request);
	cr_expect_eq(request->answer.result, STORE_OK);
	store_world_ask(world, request, STORE_LOAD, "k", 0, "");
	expect_value(request, 2, "two");
	cr_expect_eq(store_world_ask(world, request, STORE_SWAP, "none", 1, ""), STORE_NOT_FOUND);
}

BEHAVIOUR(of_two_swaps_in_one_turn_one_wins)
{
	static struct store_world_request other;

	store_world_ask(world, request, STORE_CREATE, "k", 1, "one");
	request->request.value.generation = 2;
	request->request.expected_generation = 1;
	other.request = request->request;
	store_world_begin(world, request, STORE_SWAP, "k");
	store_world_begin(world, &other, STORE_SWAP, "k");
	store_world_wait(world, request);
	store_world_wait(world, &other);
	cr_expect_eq(request->answer.result, STORE_OK);
	cr_expect_eq(other.answer.result, STORE_CONFLICT);
	cr_expect_eq(other.answer.value.generation, 2);
}

BEHAVIOUR(deleting_twice_is_deleting_once)
{
	store_world_ask(world, request, STORE_CREATE, "k", 1, "one");
	cr_expect_eq(store_world_ask(world, request, STORE_DELETE, "k", 0, ""), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_DELETE, "k", 0, ""), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "k", 0, ""), STORE_NOT_FOUND);
	cr_expect_eq(store_world_ask(world, request, STORE_CREATE, "k", 2, "two"), STORE_OK);
}

BEHAVIOUR(only_the_owner_deletes_what_it_claimed_last)
{
	store_world_ask(world, request, STORE_CREATE, "k", 1, "one");
	cr_expect_eq(store_world_ask(world, request, STORE_DELETE_IF, "k", 2, ""), STORE_CONFLICT);
	expect_value(request, 1, "one");
	request->request.expected_generation = 1;
	request->request.expected_owner = 8;
	store_world_begin(world, request, STORE_DELETE_IF, "k");
	store_world_wait(world, request);
	cr_expect_eq(request->answer.result, STORE_CONFLICT);
	cr_expect_eq(store_world_ask(world, request, STORE_DELETE_IF, "k", 1, ""), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_DELETE_IF, "k", 1, ""), STORE_NOT_FOUND);
}

BEHAVIOUR(spaces_have_keys_of_their_own)
{
	store_world_ask(world, request, STORE_CREATE, "k", 1, "session");
	request->request.key.space = STORE_BACKENDS;
	cr_expect_eq(store_world_ask(world, request, STORE_CREATE, "k", 2, "backend"), STORE_OK);
	request->request.key.space = STORE_ENDED;
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "k", 0, ""), STORE_NOT_FOUND);
	request->request.key.space = STORE_SESSIONS;
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "k", 0, ""), STORE_OK);
	expect_value(request, 1, "session");
}

BEHAVIOUR(the_longest_key_and_body_come_back)
{
	static char key[STORE_KEY_BYTES_MAX + 1], body[STORE_BODY_BYTES_MAX + 1];

	memset(key, 0xff, STORE_KEY_BYTES_MAX);
	for (uint32_t i = 0; i < STORE_BODY_BYTES_MAX; i++)
		body[i] = (char)(1 + i % 255);
	cr_expect_eq(store_world_ask(world, request, STORE_CREATE, key, UINT64_MAX, body),
		     STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, key, 0, ""), STORE_OK);
	expect_value(request, UINT64_MAX, body);
}

// Waits until a key is no more, at most 10 s. Returns whether it went.
static bool goes(struct store_world *world, struct store_world_request *request, const char *key)
{
	const uint64_t until_ms = store_world_now_ms() + 10000;

	while (store_world_now_ms() < until_ms) {
		if (store_world_ask(world, request, STORE_LOAD, key, 0, "") == STORE_NOT_FOUND)
			return true;
	}
	return false;
}

BEHAVIOUR(a_record_ends_with_its_life)
{
	const uint64_t began_ms = store_world_now_ms();

	request->request.life_ms = 200;
	store_world_ask(world, request, STORE_CREATE, "short", 1, "x");
	request->request.life_ms = 60000;
	store_world_ask(world, request, STORE_CREATE, "long", 1, "x");
	request->request.life_ms = 0;
	store_world_ask(world, request, STORE_CREATE, "ever", 1, "x");
	cr_assert(goes(world, request, "short"));
	cr_expect_geq(store_world_now_ms() - began_ms, 190, "it went early");
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "long", 0, ""), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "ever", 0, ""), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_CREATE, "short", 1, "x"), STORE_OK);
}

BEHAVIOUR(loading_and_writing_give_a_new_life)
{
	request->request.life_ms = 300;
	store_world_ask(world, request, STORE_CREATE, "load", 1, "x");
	store_world_ask(world, request, STORE_CREATE, "update", 1, "x");
	store_world_ask(world, request, STORE_CREATE, "swap", 1, "x");
	store_world_ask(world, request, STORE_CREATE, "gone", 1, "x");
	request->request.life_ms = 60000;
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "load", 1, ""), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_UPDATE, "update", 1, "x"), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_SWAP, "swap", 1, "x"), STORE_OK);
	request->request.life_ms = 0;
	cr_assert(goes(world, request, "gone"));
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "load", 0, ""), STORE_OK);
	expect_value(request, 1, "x");
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "update", 0, ""), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "swap", 0, ""), STORE_OK);
}

BEHAVIOUR(writing_without_a_life_keeps_the_old_one)
{
	request->request.life_ms = 400;
	store_world_ask(world, request, STORE_CREATE, "k", 1, "x");
	request->request.life_ms = 0;
	cr_expect_eq(store_world_ask(world, request, STORE_UPDATE, "k", 1, "y"), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_SWAP, "k", 1, "z"), STORE_OK);
	cr_expect_eq(store_world_ask(world, request, STORE_LOAD, "k", 1, ""), STORE_OK);
	cr_expect(goes(world, request, "k"));
}

// ---- Scans ---------------------------------------------------------------------------------

enum { MANY = 3000, COMING = 300 };

struct seen {
	struct store_world *world;
	struct store_scan scan;
	uint32_t slices, wrong;
	bool done;
	uint8_t times[MANY];
};

static void on_found(struct store_scan *scan, const struct store_key *key,
		     const struct store_value *value)
{
	struct seen *seen = scan->context;
	char name[STORE_KEY_BYTES_MAX + 1] = "";
	uint32_t which;

	memcpy(name, key->bytes, key->len);
	if (sscanf(name, "stays-%u", &which) == 1 && which < MANY)
		seen->times[which]++;
	else if (strncmp(name, "comes-", 6) != 0)
		seen->wrong++;
	seen->wrong += value->body_bytes != 4 || memcmp(value->body, "body", 4) != 0;
}

static void on_slice(struct store_scan *scan, enum store_result result)
{
	struct seen *seen = scan->context;

	cr_assert_eq(result, STORE_OK);
	seen->slices++;
	if (scan->over)
		seen->done = true;
	else
		store_scan_begin(seen->world->store, scan);
}

// Begins one verb for many keys, and waits for all of them.
static void for_all(struct store_world *world, enum store_verb verb, const char *format,
		    uint32_t count)
{
	struct store_world_request *requests = calloc(count, sizeof(*requests));
	char(*names)[32] = calloc(count, sizeof(*names));

	for (uint32_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "%s%u", format, i);
		requests[i].request.value.body_bytes = 4;
		requests[i].request.value.body = (const uint8_t *)"body";
		store_world_begin(world, &requests[i], verb, names[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		store_world_wait(world, &requests[i]);
		cr_assert_eq(requests[i].answer.result, STORE_OK);
		cr_assert_eq(requests[i].times, 1);
	}
	free(names);
	free(requests);
}

BEHAVIOUR(a_scan_finds_all_that_lives_all_the_time)
{
	static struct seen seen;
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;

	seen.world = world;
	seen.scan =
	    (struct store_scan){.max = 64, .found = on_found, .done = on_slice, .context = &seen};
	for_all(world, STORE_CREATE, "stays-", MANY);
	request->request.key.space = STORE_BACKENDS;
	store_world_ask(world, request, STORE_CREATE, "stays-0", 1, "not of this space");
	store_scan_begin(world->store, &seen.scan);
	cr_assert_eq(seen.slices, 0, "done() was called from within store_scan_begin()");
	while (!seen.done) {
		cr_assert_lt(store_world_now_ms(), until_ms);
		for_all(world, STORE_CREATE, "comes-", COMING);
		for_all(world, STORE_DELETE, "comes-", COMING);
	}
	cr_expect_geq(seen.slices, MANY / 256);
	cr_expect_eq(seen.wrong, 0);
	for (uint32_t i = 0; i < MANY; i++)
		cr_assert(seen.times[i] >= 1 &&
			      (world->settings.kind == STORE_REDIS || seen.times[i] == 1),
			  "stays-%u was found %u times", i, seen.times[i]);
}

BEHAVIOUR(a_scan_of_nothing_is_over_at_once)
{
	static struct seen seen;

	seen.world = world;
	seen.scan =
	    (struct store_scan){.max = 1, .found = on_found, .done = on_slice, .context = &seen};
	request->request.key.space = STORE_BACKENDS;
	store_world_ask(world, request, STORE_CREATE, "k", 1, "not of this space");
	store_scan_begin(world->store, &seen.scan);
	for (int i = 0; i < STORE_WORLD_PATIENCE_MS && !seen.done; i++)
		store_world_turn(world);
	cr_expect(seen.done);
	cr_expect_eq(seen.wrong, 0);
}

// ---- Bounds --------------------------------------------------------------------------------

BEHAVIOUR(requests_beyond_the_bound_are_refused_and_counted)
{
	enum { BOUND = 4, ALL = 10 };
	static struct store_world_request requests[ALL];
	uint32_t refused = 0;

	store_world_close(world);
	world->settings.pending_max = BOUND;
	cr_assert(store_world_open(world), "%s", world->error);
	for (uint32_t i = 0; i < ALL; i++)
		store_world_begin(world, &requests[i], STORE_LOAD, "k");
	cr_expect_eq(store_tally(world->store)->pending, ALL);
	for (uint32_t i = 0; i < ALL; i++) {
		store_world_wait(world, &requests[i]);
		refused += requests[i].answer.result == STORE_UNAVAILABLE;
	}
	cr_expect_eq(refused, ALL - BOUND);
	cr_expect_eq(store_tally(world->store)->refused, ALL - BOUND);
	cr_expect_eq(store_tally(world->store)->results[STORE_UNAVAILABLE], ALL - BOUND);
	cr_expect_eq(store_tally(world->store)->results[STORE_NOT_FOUND], BOUND);
	cr_expect_eq(store_tally(world->store)->pending, 0);
	cr_expect_eq(store_world_ask(world, request, STORE_CREATE, "k", 1, "x"), STORE_OK);
}

BEHAVIOUR(destroying_ends_what_is_under_way)
{
	static struct store_world_request requests[3];
	static struct seen seen;

	for (uint32_t i = 0; i < 3; i++)
		store_world_begin(world, &requests[i], STORE_LOAD, "k");
	store_world_close(world);
	for (uint32_t i = 0; i < 3; i++) {
		cr_expect_eq(requests[i].times, 1);
		cr_expect_eq(requests[i].answer.result, STORE_UNAVAILABLE);
	}
	// Nothing comes later.
	for (int i = 0; i < 20; i++)
		store_world_turn(world);
	cr_expect_eq(requests[0].times, 1);
	cr_expect_eq(seen.slices, 0);
}

// A request that begins itself anew from its own done().
static void on_again(struct store_request *request, const struct store_answer *answer)
{
	uint32_t *left = request->context;

	if (--*left > 0)
		store_begin(((struct store_world_request *)request)->world->store, request);
}

BEHAVIOUR(a_request_may_begin_itself_anew)
{
	uint32_t left = 20;

	request->world = world;
	request->request.verb = STORE_LOAD;
	request->request.key.bytes = (const uint8_t *)"k";
	request->request.key.len = 1;
	request->request.done = on_again;
	request->request.context = &left;
	store_begin(world->store, &request->request);
	for (int i = 0; i < STORE_WORLD_PATIENCE_MS && left > 0; i++)
		store_world_turn(world);
	cr_expect_eq(left, 0);
	cr_expect_eq(store_tally(world->store)->results[STORE_NOT_FOUND], 20);
}
