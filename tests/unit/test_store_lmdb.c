// SPDX-License-Identifier: BSD-3-Clause
// The LMDB store beyond the contract: what stands in its file after all kinds of ends, files that
// are none of ours, room, batches, flushes.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <lmdb.h>

#include "control/store_file.h"
#include "tests/support/store_world.h"

static struct store_world world;
static struct store_world_request request;

static void start(void)
{
	store_world_init(&world, STORE_LMDB);
}

static void stop(void)
{
	cr_expect_eq(world.blocked, 0, "%u turns of the loop slept", world.blocked);
	store_world_fini(&world);
}

TestSuite(store_lmdb, .init = start, .fini = stop, .timeout = 60);

static void reopen(void)
{
	store_world_close(&world);
	cr_assert(store_world_open(&world), "%s", world.error);
}

static enum store_result ask(enum store_verb verb, const char *key)
{
	return store_world_ask(&world, &request, verb, key, 1, "body");
}

// The name of a file beside the store's.
static const char *beside(const char *end)
{
	static char name[STORE_WORLD_PATH_BYTES + 16];

	snprintf(name, sizeof(name), "%s%s", world.path, end);
	return name;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

// ---- Ends ----------------------------------------------------------------------------------

Test(store_lmdb, records_are_there_after_a_stop)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	ask(STORE_CREATE, "k");
	cr_expect_eq(access(beside("-in-use"), F_OK), 0);
	store_world_close(&world);
	cr_expect_neq(access(beside("-in-use"), F_OK), 0);
	reopen();
	cr_expect_eq(ask(STORE_LOAD, "k"), STORE_OK);
	cr_expect_eq(request.answer.value.owner, 7);
	cr_expect_eq(memcmp(request.body, "body", 4), 0);
}

enum { TRAFFIC = 64, ANSWERS_MIN = 3000 };

struct sender {
	struct store_request request;
	struct store *store;
	int pipe;
	uint32_t *next;
	char key[16];
};

static void sender_next(struct sender *sender)
{
	snprintf(sender->key, sizeof(sender->key), "%u", (*sender->next)++);
	sender->request.key.bytes = (const uint8_t *)sender->key;
	sender->request.key.len = (uint32_t)strlen(sender->key);
	store_begin(sender->store, &sender->request);
}

static void on_sent(struct store_request *done, const struct store_answer *answer)
{
	struct sender *sender = done->context;
	const uint32_t number = (uint32_t)atoi(sender->key);

	if (answer->result != STORE_OK || write(sender->pipe, &number, 4) != 4)
		_exit(1);
	sender_next(sender);
}

// Creates records until it is killed, and tells of each that was answered.
static void send_for_ever(int pipe)
{
	static struct sender senders[TRAFFIC];
	uint32_t next = 0;

	if (!store_world_open(&world))
		_exit(2);
	for (uint32_t i = 0; i < TRAFFIC; i++) {
		senders[i] = (struct sender){.store = world.store, .pipe = pipe, .next = &next};
		senders[i].request = (struct store_request){
		    .verb = STORE_CREATE, .done = on_sent, .context = &senders[i]};
		sender_next(&senders[i]);
	}
	for (;;)
		store_world_turn(&world);
}

Test(store_lmdb, what_was_answered_survives_a_kill)
{
	uint32_t number, answers = 0;
	int ends[2], status;

	cr_assert_eq(pipe(ends), 0);
	const pid_t child = fork();

	if (child == 0)
		send_for_ever(ends[1]);
	close(ends[1]);
	static uint32_t numbers[1 << 20];

	while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
		numbers[answers++] = number;
		if (answers == ANSWERS_MIN)
			kill(child, SIGKILL);
	}
	waitpid(child, &status, 0);
	cr_assert(WIFSIGNALED(status), "the child ended by itself: %d", WEXITSTATUS(status));
	cr_assert_geq(answers, ANSWERS_MIN);
	cr_assert(store_world_open(&world), "%s", world.error);
	world.settings.pending_max = TRAFFIC;
	for (uint32_t i = 0; i < answers; i += 64) {
		static struct store_world_request loads[64];
		char keys[64][16];
		const uint32_t count = answers - i < 64 ? answers - i : 64;

		for (uint32_t k = 0; k < count; k++) {
			snprintf(keys[k], sizeof(keys[k]), "%u", numbers[i + k]);
			store_world_begin(&world, &loads[k], STORE_LOAD, keys[k]);
		}
		for (uint32_t k = 0; k < count; k++) {
			store_world_wait(&world, &loads[k]);
			cr_assert_eq(loads[k].answer.result, STORE_OK, "%s is lost", keys[k]);
		}
	}
}

Test(store_lmdb, a_life_goes_on_while_nobody_has_the_file)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	request.request.life_ms = 60000;
	ask(STORE_CREATE, "short");
	request.request.life_ms = 3 * 3600 * 1000;
	ask(STORE_CREATE, "long");
	request.request.life_ms = 0;
	world.settings.utc_ms = (uint64_t)time(NULL) * 1000 + 2 * 3600 * 1000;
	reopen();
	cr_expect_eq(ask(STORE_LOAD, "short"), STORE_NOT_FOUND);
	cr_expect_eq(ask(STORE_LOAD, "long"), STORE_OK);
}

// ---- Files that may be torn ----------------------------------------------------------------

enum { RECORDS = 2000 };

static void fill(uint32_t first, uint32_t count)
{
	static struct store_world_request requests[RECORDS];
	static char keys[RECORDS][16];
	static const uint8_t body[512];

	for (uint32_t i = 0; i < count; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%08u", first + i);
		requests[i].request.value.body = body;
		requests[i].request.value.body_bytes = sizeof(body);
		store_world_begin(&world, &requests[i], STORE_CREATE, keys[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		store_world_wait(&world, &requests[i]);
}

// How many of the records of fill() can be loaded.
static uint32_t loaded(uint32_t count)
{
	static struct store_world_request requests[RECORDS];
	static char keys[RECORDS][16];
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%08u", i);
		store_world_begin(&world, &requests[i], STORE_LOAD, keys[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		store_world_wait(&world, &requests[i]);
		found += requests[i].answer.result == STORE_OK;
	}
	return found;
}

Test(store_lmdb, a_file_in_use_when_the_machine_stopped_is_copied)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	fill(0, RECORDS);
	request.request.key.space = STORE_BACKENDS;
	ask(STORE_CREATE, "b");
	store_world_close(&world);
	write_file(beside("-in-use"), "12345678-1234-1234-1234-123456789012");
	cr_assert(store_world_open(&world), "%s", world.error);
	cr_expect_eq(access(beside("-torn"), F_OK), 0);
	cr_expect_eq(loaded(RECORDS), RECORDS);
	cr_expect_eq(ask(STORE_LOAD, "b"), STORE_OK);
	fill(RECORDS, 10);
	reopen();
	cr_expect_eq(loaded(RECORDS), RECORDS);
}

// Writes nonsense over pages; those in the last half of the file are leaves for the most part.
static void tear(const char *path, off_t from, off_t bytes)
{
	const int fd = open(path, O_RDWR);
	uint8_t nonsense[4096];

	cr_assert_geq(fd, 0);
	for (uint32_t i = 0; i < sizeof(nonsense); i++)
		nonsense[i] = (uint8_t)(i * 37 + 11);
	for (off_t at = from; at < from + bytes; at += (off_t)sizeof(nonsense))
		cr_assert_eq(pwrite(fd, nonsense, sizeof(nonsense), at), sizeof(nonsense));
	close(fd);
}

Test(store_lmdb, of_a_torn_file_is_kept_what_can_be_read)
{
	struct stat stat_of;
	uint32_t found;

	cr_assert(store_world_open(&world), "%s", world.error);
	fill(0, RECORDS);
	store_world_close(&world);
	write_file(beside("-in-use"), "another boot");
	cr_assert_eq(stat(world.path, &stat_of), 0);
	tear(world.path, stat_of.st_size / 4 * 3 / 4096 * 4096, 16 * 4096);
	cr_assert(store_world_open(&world), "%s", world.error);
	found = loaded(RECORDS);
	cr_expect_gt(found, 0);
	cr_expect_lt(found, RECORDS);
	fill(0, RECORDS);
	cr_expect_eq(loaded(RECORDS), RECORDS);
}

Test(store_lmdb, a_file_of_which_nothing_can_be_read_is_named)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	fill(0, 10);
	store_world_close(&world);
	write_file(beside("-in-use"), "another boot");
	tear(world.path, 2 * 4096, 256 * 4096);
	cr_expect(!store_world_open(&world));
	cr_expect_not_null(strstr(world.error, world.path));
	cr_expect_not_null(strstr(world.error, "move it away"), "%s", world.error);
}

// ---- Files that are none of ours -----------------------------------------------------------

static void expect_error(const char *path, const char *words)
{
	world.settings.path = path;
	cr_expect(!store_world_open(&world));
	cr_expect_not_null(strstr(world.error, words), "%s", world.error);
	cr_expect_null(strchr(world.error, '\n'));
}

Test(store_lmdb, a_file_that_is_no_store_is_left_as_it_is)
{
	char text[32] = "";
	FILE *file;

	write_file(world.path, "the only copy");
	expect_error(world.path, "is no store of Holdfast");
	cr_expect_neq(access(beside("-in-use"), F_OK), 0);
	file = fopen(world.path, "r");
	cr_assert_not_null(fgets(text, sizeof(text), file));
	fclose(file);
	cr_expect_str_eq(text, "the only copy");
}

// Puts a value into an LMDB file, by itself or in one of its tables.
static void put_plainly(const char *table, const char *name, const void *bytes, size_t len)
{
	MDB_val key = {.mv_size = strlen(name), .mv_data = (void *)name};
	MDB_val value = {.mv_size = len, .mv_data = (void *)bytes};
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	cr_assert_eq(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 8);
	cr_assert_eq(mdb_env_open(env, world.path, MDB_NOSUBDIR, 0600), 0);
	cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	cr_assert_eq(mdb_dbi_open(txn, table, table == NULL ? 0 : MDB_CREATE, &dbi), 0);
	cr_assert_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
	cr_assert_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

Test(store_lmdb, another_programs_file_is_named)
{
	put_plainly(NULL, "key", "value", 5);
	expect_error(world.path, "is no store of Holdfast");
}

Test(store_lmdb, a_file_of_another_version_is_named)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	store_world_close(&world);
	put_plainly("holdfast", "version", "\0\0\0\2", 4);
	expect_error(world.path, "version 2, and this gateway has version 1");
}

Test(store_lmdb, places_where_no_file_can_be_are_named)
{
	expect_error("", "needs a path");
	expect_error("/nowhere/at/all", "make the folder");
	expect_error(world.folder, "let the gateway read and write it");
	expect_error("/dev/null", "is no regular file");
}

Test(store_lmdb, a_second_gateway_is_told)
{
	struct store *first;

	cr_assert(store_world_open(&world), "%s", world.error);
	first = world.store;
	expect_error(world.path, "in use by another gateway");
	world.store = first;
	cr_expect_eq(ask(STORE_CREATE, "k"), STORE_OK);
	cr_expect_eq(access(beside("-in-use"), F_OK), 0);
}

Test(store_lmdb, what_is_no_record_is_passed_over_and_counted)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	store_world_close(&world);
	put_plainly("session", "short", "x", 1);
	cr_assert(store_world_open(&world), "%s", world.error);
	cr_expect_eq(ask(STORE_LOAD, "short"), STORE_NOT_FOUND);
	cr_expect_eq(ask(STORE_CREATE, "short"), STORE_UNAVAILABLE);
	cr_expect_eq(ask(STORE_UPDATE, "short"), STORE_NOT_FOUND);
	cr_expect_eq(ask(STORE_DELETE, "short"), STORE_OK);
	cr_expect_eq(ask(STORE_LOAD, "short"), STORE_NOT_FOUND, "it was not deleted");
	cr_expect_eq(store_tally(world.store)->malformed, 5);
	cr_expect_eq(ask(STORE_CREATE, "whole"), STORE_OK);
}

// ---- Room ----------------------------------------------------------------------------------

static const uint8_t large[STORE_BODY_BYTES_MAX];

// Creates large records from first on. Returns how many of count could be.
static uint32_t create_large(uint32_t first, uint32_t count)
{
	static struct store_world_request requests[RECORDS];
	static char keys[RECORDS][16];
	uint32_t created = 0;

	for (uint32_t i = 0; i < count; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%08u", first + i);
		requests[i].request.value.body = large;
		requests[i].request.value.body_bytes = sizeof(large);
		store_world_begin(&world, &requests[i], STORE_CREATE, keys[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		store_world_wait(&world, &requests[i]);
		created += requests[i].answer.result == STORE_OK;
	}
	return created;
}

Test(store_lmdb, the_map_grows_with_what_it_holds)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(create_large(i * RECORDS, RECORDS), RECORDS);
	cr_expect_geq(store_tally(world.store)->grown, 2);
	cr_expect_geq(store_tally(world.store)->used_bytes, 4 * RECORDS * sizeof(large));
	cr_expect_eq(store_tally(world.store)->full, 0);
	reopen();
	cr_expect_eq(loaded(RECORDS), RECORDS);
}

Test(store_lmdb, a_full_file_still_takes_changes)
{
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;
	uint32_t created = 0, some;
	char key[16];

	world.settings.bytes_max = 16 << 20;
	cr_assert(store_world_open(&world), "%s", world.error);
	do {
		some = create_large(created, 100);
		created += some;
		cr_assert_lt(created, (16 << 20) / sizeof(large));
	} while (some == 100);
	cr_expect_gt(store_tally(world.store)->full, 0);
	cr_expect_gt(created, 1000);
	cr_expect(store_available(world.store));
	cr_expect_eq(ask(STORE_LOAD, "00000000"), STORE_OK);
	cr_expect_eq(ask(STORE_SWAP, "00000000"), STORE_CONFLICT);
	cr_expect_eq(ask(STORE_UPDATE, "00000000"), STORE_OK);
	for (uint32_t i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%08u", i);
		cr_assert_eq(ask(STORE_DELETE, key), STORE_OK);
	}
	// After a while it is tried again.
	while (ask(STORE_CREATE, "later") != STORE_OK)
		cr_assert_lt(store_world_now_ms(), until_ms);
}

Test(store_lmdb, what_is_over_makes_room)
{
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;
	static struct store_world_request requests[300];
	static char keys[300][16];

	cr_assert(store_world_open(&world), "%s", world.error);
	for (uint32_t i = 0; i < 300; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%u", i);
		requests[i].request.life_ms = i % 3 == 0 ? 0 : 100;
		requests[i].request.key.space = i % STORE_SPACES;
		store_world_begin(&world, &requests[i], STORE_CREATE, keys[i]);
	}
	for (uint32_t i = 0; i < 300; i++)
		store_world_wait(&world, &requests[i]);
	while (store_tally(world.store)->expired < 200) {
		cr_assert_lt(store_world_now_ms(), until_ms);
		store_world_turn(&world);
	}
	cr_expect_eq(store_tally(world.store)->expired, 200);
	cr_expect_eq(ask(STORE_LOAD, "0"), STORE_OK);
}

// ---- Batches and flushes -------------------------------------------------------------------

Test(store_lmdb, requests_of_one_turn_are_one_transaction)
{
	cr_assert(store_world_open(&world), "%s", world.error);
	fill(0, 1000);
	cr_expect_eq(store_tally(world.store)->commits, 1);
}

Test(store_lmdb, commits_keep_their_distance)
{
	const uint64_t began_ms = store_world_now_ms();
	uint32_t asked = 0;

	cr_assert(store_world_open(&world), "%s", world.error);
	while (store_world_now_ms() - began_ms < 200 || asked < 3) {
		cr_assert_eq(ask(STORE_LOAD, "k"), STORE_NOT_FOUND);
		asked++;
	}
	cr_expect_leq(store_tally(world.store)->commits,
		      (store_world_now_ms() - began_ms) / world.settings.commit_ms + 2);
}

Test(store_lmdb, the_disk_gets_all_of_it_in_the_end)
{
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;

	world.settings.flush_ms = 50;
	cr_assert(store_world_open(&world), "%s", world.error);
	ask(STORE_CREATE, "k");
	while (store_tally(world.store)->flushes == 0 ||
	       store_tally(world.store)->unflushed_ms > 0) {
		cr_assert_lt(store_world_now_ms(), until_ms);
		store_world_turn(&world);
	}
	cr_expect_eq(store_tally(world.store)->flushes_failed, 0);
}

// ---- A disk that does not take what is written ---------------------------------------------

// Has the file's only write transaction until the pipe is closed: whoever writes meanwhile waits.
static pid_t writer_start(int ends[static 2])
{
	char ready;
	int told[2];
	MDB_env *env;
	MDB_txn *txn;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(pipe(told), 0);
	const pid_t child = fork();

	if (child == 0) {
		close(ends[1]);
		if (mdb_env_create(&env) != 0 ||
		    mdb_env_open(env, world.path, MDB_NOSUBDIR, 0600) != 0 ||
		    mdb_txn_begin(env, NULL, 0, &txn) != 0 || write(told[1], "r", 1) != 1)
			_exit(1);
		if (read(ends[0], &ready, 1) != 0)
			_exit(1);
		mdb_txn_abort(txn);
		mdb_env_close(env);
		_exit(0);
	}
	close(ends[0]);
	close(told[1]);
	cr_assert_eq(read(told[0], &ready, 1), 1);
	close(told[0]);
	return child;
}

Test(store_lmdb, nobody_waits_for_the_disk)
{
	enum { MAX_MS = 200, LATE_MS = 2000 };
	static struct store_world_request first, second, third;
	uint64_t began_ms;
	int ends[2];

	world.settings.request_max_ms = MAX_MS;
	cr_assert(store_world_open(&world), "%s", world.error);
	const pid_t child = writer_start(ends);

	began_ms = store_world_now_ms();
	store_world_begin(&world, &first, STORE_CREATE, "first");
	for (int i = 0; i < 20; i++)
		store_world_turn(&world);
	store_world_begin(&world, &second, STORE_CREATE, "second");
	store_world_wait(&world, &second);
	cr_expect_eq(second.answer.result, STORE_UNAVAILABLE);
	cr_expect_geq(second.done_ms - began_ms, MAX_MS - 1);
	cr_expect_lt(second.done_ms - began_ms, MAX_MS + LATE_MS);
	cr_expect(!store_available(world.store));
	cr_expect_eq(store_tally(world.store)->timeouts, 1);
	began_ms = store_world_now_ms();
	store_world_begin(&world, &third, STORE_LOAD, "second");
	store_world_wait(&world, &third);
	cr_expect_eq(third.answer.result, STORE_UNAVAILABLE);
	cr_expect_lt(third.done_ms - began_ms, MAX_MS);
	cr_expect(!first.done, "it was done without the disk");
	close(ends[1]);
	store_world_wait(&world, &first);
	waitpid(child, NULL, 0);
	cr_expect_eq(first.answer.result, STORE_OK);
	cr_expect(store_available(world.store));
	cr_expect_eq(ask(STORE_LOAD, "second"), STORE_NOT_FOUND);
	cr_expect_eq(ask(STORE_LOAD, "first"), STORE_OK);
}
