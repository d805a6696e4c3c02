// SPDX-License-Identifier: BSD-3-Clause
// The Redis store beyond the contract: a server that stops, dies, comes late, forgets, refuses, or
// that others write to.
#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "tests/support/store_world.h"

enum { REQUEST_MAX_MS = 300, LATE_MS = 2000 }; // the machine may be busy

static struct store_world world;
static struct store_world_request request;

static void start(void)
{
	if (!store_world_can(STORE_REDIS))
		cr_skip_test("redis-server is not installed: scripts/setup does");
	store_world_init(&world, STORE_REDIS);
	world.settings.request_max_ms = REQUEST_MAX_MS;
}

static void stop(void)
{
	cr_expect_eq(world.blocked, 0, "%u turns of the loop slept", world.blocked);
	store_world_fini(&world);
}

TestSuite(store_redis, .init = start, .fini = stop, .timeout = 60);

static void open_store(void)
{
	cr_assert(store_world_open(&world), "%s", world.error);
}

static enum store_result ask(enum store_verb verb, const char *key)
{
	return store_world_ask(&world, &request, verb, key, 1, "body");
}

static const struct store_tally *tally(void)
{
	return store_tally(world.store);
}

static void wait_available(bool available)
{
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;

	while (store_available(world.store) != available) {
		cr_assert_lt(store_world_now_ms(), until_ms);
		store_world_turn(&world);
	}
}

// Says something to the server as another client. Returns its answer as text.
static const char *say(const char *format, ...)
{
	static char text[256];
	redisContext *redis = redisConnectUnix(world.socket);
	redisReply *reply;
	va_list args;

	cr_assert(redis != NULL && redis->err == 0);
	va_start(args, format);
	reply = redisvCommand(redis, format, args);
	va_end(args);
	cr_assert_not_null(reply);
	if (reply->type == REDIS_REPLY_INTEGER)
		snprintf(text, sizeof(text), "%lld", reply->integer);
	else
		snprintf(text, sizeof(text), "%s", reply->str != NULL ? reply->str : "");
	freeReplyObject(reply);
	redisFree(redis);
	return text;
}

// ---- Away ----------------------------------------------------------------------------------

Test(store_redis, a_server_that_stops_is_given_up_in_time)
{
	enum { COUNT = 100 };
	static struct store_world_request requests[COUNT];
	uint64_t began_ms;

	open_store();
	ask(STORE_CREATE, "k");
	kill(world.redis, SIGSTOP);
	began_ms = store_world_now_ms();
	for (uint32_t i = 0; i < COUNT; i++)
		store_world_begin(&world, &requests[i], STORE_LOAD, "k");
	for (uint32_t i = 0; i < COUNT; i++) {
		store_world_wait(&world, &requests[i]);
		cr_assert_eq(requests[i].answer.result, STORE_UNAVAILABLE);
		cr_assert_eq(requests[i].times, 1);
		cr_expect_geq(requests[i].done_ms - began_ms, REQUEST_MAX_MS - 1);
		cr_expect_lt(requests[i].done_ms - began_ms, REQUEST_MAX_MS + LATE_MS);
	}
	cr_expect_eq(tally()->timeouts, 1);
	cr_expect_eq(tally()->lost, 1);
	// From now on none waits for it.
	cr_expect(!store_available(world.store));
	began_ms = store_world_now_ms();
	cr_expect_eq(ask(STORE_LOAD, "k"), STORE_UNAVAILABLE);
	cr_expect_lt(store_world_now_ms() - began_ms, REQUEST_MAX_MS);
	kill(world.redis, SIGCONT);
	wait_available(true);
	cr_expect_eq(ask(STORE_LOAD, "k"), STORE_OK);
	cr_expect_eq(tally()->pending, 0);
}

Test(store_redis, that_a_server_stopped_is_seen_without_a_request)
{
	open_store();
	kill(world.redis, SIGSTOP);
	wait_available(false);
	cr_expect_eq(tally()->timeouts, 1);
	kill(world.redis, SIGCONT);
	wait_available(true);
}

Test(store_redis, a_server_that_dies_is_seen_at_once_and_found_again)
{
	uint64_t began_ms;

	open_store();
	kill(world.redis, SIGSTOP);
	store_world_begin(&world, &request, STORE_LOAD, "k");
	store_world_turn(&world);
	began_ms = store_world_now_ms();
	store_world_redis_stop(&world);
	store_world_wait(&world, &request);
	cr_expect_eq(request.answer.result, STORE_UNAVAILABLE);
	cr_expect_lt(store_world_now_ms() - began_ms, REQUEST_MAX_MS);
	cr_expect_eq(tally()->timeouts, 0);
	cr_expect_eq(ask(STORE_CREATE, "k"), STORE_UNAVAILABLE);
	store_world_redis_start(&world, NULL);
	wait_available(true);
	cr_expect_eq(ask(STORE_CREATE, "k"), STORE_OK);
	cr_expect_eq(tally()->connects, 2);
}

Test(store_redis, a_server_may_come_late)
{
	store_world_redis_stop(&world);
	world.store = store_create(&world.settings, world.base, world.error);
	cr_assert_not_null(world.store, "%s", world.error);
	cr_expect_eq(ask(STORE_CREATE, "k"), STORE_UNAVAILABLE);
	while (tally()->connects_failed < 2)
		store_world_turn(&world);
	store_world_redis_start(&world, NULL);
	wait_available(true);
	cr_expect_eq(ask(STORE_CREATE, "k"), STORE_OK);
}

// ---- What it answers -----------------------------------------------------------------------

Test(store_redis, a_forgotten_script_is_sent_again)
{
	enum { COUNT = 10 };
	static struct store_world_request requests[COUNT];
	char keys[COUNT][8];

	open_store();
	say("SCRIPT FLUSH");
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%u", i);
		store_world_begin(&world, &requests[i], STORE_CREATE, keys[i]);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		store_world_wait(&world, &requests[i]);
		cr_expect_eq(requests[i].answer.result, STORE_OK);
	}
	cr_expect_eq(tally()->scripts_missing, COUNT);
	cr_expect_eq(ask(STORE_LOAD, "3"), STORE_OK);
	cr_expect_eq(tally()->scripts_missing, COUNT);
}

static void count_found(struct store_scan *scan, const struct store_key *key,
			const struct store_value *value)
{
	++*(uint32_t *)scan->context;
}

static void slice_done(struct store_scan *scan, enum store_result result)
{
	cr_assert_eq(result, STORE_OK);
	if (!scan->over)
		store_scan_begin(world.store, scan);
}

static uint32_t scan_all(void)
{
	uint32_t found = 0;
	struct store_scan scan = {
	    .max = 256, .found = count_found, .done = slice_done, .context = &found};

	store_scan_begin(world.store, &scan);
	while (!scan.over)
		store_world_turn(&world);
	return found;
}

struct interrupted {
	struct store_scan scan;
	uint32_t found, slices, failed;
	bool ended; // the slice under way
};

static void interrupted_found(struct store_scan *scan, const struct store_key *key,
			      const struct store_value *value)
{
	((struct interrupted *)scan->context)->found++;
}

static void interrupted_done(struct store_scan *scan, enum store_result result)
{
	struct interrupted *interrupted = scan->context;

	interrupted->slices++;
	interrupted->failed += result == STORE_UNAVAILABLE;
	interrupted->ended = true;
}

static void interrupted_slice(struct interrupted *interrupted)
{
	interrupted->ended = false;
	store_scan_begin(world.store, &interrupted->scan);
	while (!interrupted->ended)
		store_world_turn(&world);
}

Test(store_redis, a_scan_goes_on_where_the_server_went_away)
{
	enum { COUNT = 300 };
	struct interrupted interrupted = {
	    .scan = {.max = 16, .found = interrupted_found, .done = interrupted_done}};
	char key[8];

	interrupted.scan.context = &interrupted;
	open_store();
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(key, sizeof(key), "%u", i);
		ask(STORE_CREATE, key);
	}
	interrupted_slice(&interrupted);
	interrupted_slice(&interrupted);
	cr_expect_lt(interrupted.found, COUNT);
	kill(world.redis, SIGSTOP);
	interrupted_slice(&interrupted);
	cr_expect_eq(interrupted.failed, 1);
	kill(world.redis, SIGCONT);
	wait_available(true);
	while (!interrupted.scan.over)
		interrupted_slice(&interrupted);
	cr_expect_eq(interrupted.failed, 1);
	cr_expect_geq(interrupted.found, COUNT);
	cr_expect_lt(interrupted.found, COUNT + 64, "it began anew");
}

Test(store_redis, what_others_wrote_is_neither_read_nor_written_over)
{
	static const char *const names[] = {"list", "short"};

	open_store();
	ask(STORE_CREATE, "record");
	say("RPUSH holdfast:s:list a b");
	say("SET holdfast:s:short abc");
	for (uint32_t i = 0; i < 2; i++) {
		cr_expect_eq(ask(STORE_LOAD, names[i]), STORE_NOT_FOUND);
		cr_expect_eq(ask(STORE_CREATE, names[i]), STORE_UNAVAILABLE);
		cr_expect_eq(ask(STORE_UPDATE, names[i]), STORE_NOT_FOUND);
		cr_expect_eq(ask(STORE_SWAP, names[i]), STORE_NOT_FOUND);
		cr_expect_eq(ask(STORE_DELETE_IF, names[i]), STORE_NOT_FOUND);
		cr_expect_eq(ask(STORE_DELETE, names[i]), STORE_OK);
	}
	cr_expect_eq(tally()->malformed, 12);
	cr_expect_eq(tally()->errors, 0);
	cr_expect_eq(scan_all(), 1);
	cr_expect_eq(tally()->malformed, 14);
	cr_expect_str_eq(say("LLEN holdfast:s:list"), "2");
	cr_expect_str_eq(say("GET holdfast:s:short"), "abc");
}

Test(store_redis, errors_are_counted_and_end_requests)
{
	open_store();
	ask(STORE_CREATE, "k");
	say("CONFIG SET maxmemory 1");
	cr_expect_eq(ask(STORE_CREATE, "more"), STORE_UNAVAILABLE);
	cr_expect_eq(tally()->errors, 1);
	cr_expect(store_available(world.store));
	say("CONFIG SET maxmemory 0");
	cr_expect_eq(ask(STORE_CREATE, "more"), STORE_OK);
}

Test(store_redis, a_replica_is_left_for_whoever_answers_there_later)
{
	open_store();
	ask(STORE_CREATE, "k");
	say("CONFIG SET replica-serve-stale-data yes");
	say("REPLICAOF 127.0.0.1 1");
	cr_expect_eq(ask(STORE_UPDATE, "k"), STORE_UNAVAILABLE);
	cr_expect_eq(tally()->lost, 1);
	say("REPLICAOF NO ONE");
	wait_available(true);
	cr_expect_eq(ask(STORE_UPDATE, "k"), STORE_OK);
}

Test(store_redis, lives_are_redis_own)
{
	open_store();
	request.request.life_ms = 60000;
	ask(STORE_CREATE, "k");
	const int life_ms = atoi(say("PTTL holdfast:s:k"));

	cr_expect(life_ms > 30000 && life_ms <= 60000, "%d ms", life_ms);
	request.request.life_ms = 0;
	ask(STORE_CREATE, "ever");
	cr_expect_str_eq(say("PTTL holdfast:s:ever"), "-1");
	cr_expect_str_eq(say("STRLEN holdfast:s:ever"), "20");
}

Test(store_redis, of_two_gateways_one_creates)
{
	static struct store_world_request other;
	struct store *first, *second;

	open_store();
	first = world.store;
	open_store();
	second = world.store;
	store_world_begin(&world, &other, STORE_CREATE, "k");
	world.store = first;
	store_world_begin(&world, &request, STORE_CREATE, "k");
	store_world_wait(&world, &request);
	store_world_wait(&world, &other);
	cr_expect_eq(request.answer.result + other.answer.result, STORE_OK + STORE_EXISTS);
	store_destroy(second);
}

Test(store_redis, many_requests_are_under_way_at_a_time)
{
	enum { COUNT = 10000 };
	struct store_world_request *requests = calloc(COUNT, sizeof(*requests));
	char(*keys)[8] = calloc(COUNT, sizeof(*keys));

	world.settings.request_max_ms = STORE_WORLD_PATIENCE_MS;
	open_store();
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%u", i);
		store_world_begin(&world, &requests[i], STORE_CREATE, keys[i]);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		store_world_wait(&world, &requests[i]);
		cr_assert_eq(requests[i].answer.result, STORE_OK);
	}
	cr_expect_eq(scan_all(), COUNT);
	free(keys);
	free(requests);
}

// ---- Ways to it ----------------------------------------------------------------------------

static void use_url(const char *format, ...)
{
	static char url[256];
	va_list args;

	va_start(args, format);
	vsnprintf(url, sizeof(url), format, args);
	va_end(args);
	world.settings.url = url;
}

Test(store_redis, user_password_and_database_come_from_the_url)
{
	say("ACL SETUSER gate on >p@ss/word ~* &* +@all");
	use_url("unix:gate:p%%40ss%%2Fword@%s?db=3", world.socket);
	open_store();
	cr_expect_eq(ask(STORE_CREATE, "k"), STORE_OK);
	cr_expect_str_eq(say("EXISTS holdfast:s:k"), "0", "it is not in database 3");
	store_world_close(&world);
	say("CONFIG SET requirepass secret");
	use_url("unix::secret@%s?db=3", world.socket);
	open_store();
	cr_expect_eq(ask(STORE_LOAD, "k"), STORE_OK);
}

Test(store_redis, with_a_wrong_password_it_is_not_available)
{
	say("CONFIG SET requirepass secret");
	use_url("unix::wrong@%s", world.socket);
	world.store = store_create(&world.settings, world.base, world.error);
	cr_assert_not_null(world.store, "%s", world.error);
	while (tally()->connects_failed < 2)
		store_world_turn(&world);
	cr_expect(!store_available(world.store));
	cr_expect_eq(ask(STORE_LOAD, "k"), STORE_UNAVAILABLE);
}

// A port that was free just now.
static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

Test(store_redis, it_is_reached_by_address_and_by_name)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost"};
	const uint16_t port = free_port();
	char text[8];
	const char *const options[] = {"--port", text, "--bind", "127.0.0.1", NULL};

	snprintf(text, sizeof(text), "%u", port);
	store_world_redis_stop(&world);
	store_world_redis_start(&world, options);
	for (uint32_t i = 0; i < 2; i++) {
		use_url("redis://%s:%u/1", hosts[i], port);
		open_store();
		cr_expect_eq(ask(STORE_CREATE, hosts[i]), STORE_OK);
		store_world_close(&world);
	}
}

Test(store_redis, a_prefix_is_taken_as_it_is)
{
	world.settings.prefix = "a*[b]?\\^:";
	open_store();
	ask(STORE_CREATE, "k");
	say("SET %s 0123456789abcdefgh", "axb?\\^:s:k");
	cr_expect_eq(scan_all(), 1);
	cr_expect_eq(tally()->malformed, 0);
}

Test(store_redis, settings_that_cannot_be_are_named)
{
	world.settings.url = NULL;
	cr_expect(!store_world_open(&world));
	cr_expect_not_null(strstr(world.error, "URL"));
	use_url("redis://:hidden@host:0");
	cr_expect(!store_world_open(&world));
	cr_expect_not_null(strstr(world.error, "port"));
	cr_expect_null(strstr(world.error, "hidden"));
}

// ---- TLS -----------------------------------------------------------------------------------

// A certificate for one host, in the server's folder, which OpenSSL then trusts.
static void certificate_make(const char *host)
{
	char command[512], name[STORE_WORLD_PATH_BYTES + 16];

	snprintf(command, sizeof(command),
		 "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test "
		 "-addext subjectAltName=%s -keyout key.pem -out cert.pem 2>/dev/null",
		 world.folder, host);
	snprintf(name, sizeof(name), "%s/cert.pem", world.folder);
	setenv("SSL_CERT_FILE", name, 1);
	cr_assert_eq(system(command), 0, "openssl makes no certificate");
}

static void expect_host(const char *host, uint16_t port, bool good)
{
	use_url("rediss://%s:%u", host, port);
	world.store = store_create(&world.settings, world.base, world.error);
	cr_assert_not_null(world.store, "%s", world.error);
	while (tally()->connects == 0 && tally()->connects_failed < 2)
		store_world_turn(&world);
	cr_expect_eq(tally()->connects, good, "%s", host);
	cr_expect_eq(ask(STORE_UPDATE, "k"), good ? STORE_NOT_FOUND : STORE_UNAVAILABLE);
	store_world_close(&world);
}

Test(store_redis, a_certificate_is_good_for_the_host_of_the_url_alone)
{
	static const char *const hosts[] = {"DNS:localhost", "IP:127.0.0.1"};
	const uint16_t port = free_port();
	char text[8];
	const char *const options[] = {"--tls-port",
				       text,
				       "--bind",
				       "127.0.0.1",
				       "--tls-cert-file",
				       "cert.pem",
				       "--tls-key-file",
				       "key.pem",
				       "--tls-auth-clients",
				       "no",
				       NULL};

	use_url("rediss://localhost:%u", port);
	world.store = store_create(&world.settings, world.base, world.error);
	if (world.store == NULL) {
		cr_expect_not_null(strstr(world.error, "hiredis_ssl"), "%s", world.error);
		cr_skip_test("hiredis has no TLS here: it has from 1.0 on");
	}
	store_world_close(&world);
	snprintf(text, sizeof(text), "%u", port);
	for (uint32_t i = 0; i < 2; i++) {
		certificate_make(hosts[i]);
		store_world_redis_stop(&world);
		store_world_redis_start(&world, options);
		expect_host("localhost", port, i == 0);
		expect_host("127.0.0.1", port, i == 1);
	}
}
