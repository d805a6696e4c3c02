// SPDX-License-Identifier: BSD-3-Clause
// What the store does in a second, and what a record takes: each verb over COUNT records of typical
// sessions, WINDOW of them under way at a time.
//
// usage: store memory|lmdb|URL [COUNT [WINDOW [COMMIT_MS]]]      default 100000 1024 5
//
// The file of lmdb is made in the current folder and removed. A Redis at URL should be empty, and
// nobody else's: records are deleted again, and its memory before and after is told.
// WINDOW 1 and COMMIT_MS 0 is LMDB without batches: one transaction a request.
//
// Prints a line of JSON a verb. "processor_us" is time of the thread that asks, per request;
// "longest_ms" the longest turn of the loop by the clock, in which others may have had the
// processor; with WINDOW 1 the first of these is of no use, for it waits busily. "latency" is from
// begin to done(), of one request in 64.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "control/record.h"
#include "control/store.h"
#include "control/store_url.h"

enum {
	DEFAULT_COUNT = 100000,
	DEFAULT_WINDOW = 1024,
	COUNT_LIMIT = 10000000,
	WINDOW_LIMIT = 65536,
	ID_BYTES = 16,
	SAMPLED = 64,
	IDLE_NS = 50000,
	LIFE_MS = 3600000,
};

// What is done to each record. SESSION: created, claimed, deleted, as one session is.
enum work { CREATE, LOAD, REFRESH, UPDATE, SWAP, DELETE_IF, SESSION, WORKS };

static const char *const work_names[WORKS] = {"create", "load",      "load_refreshing", "update",
					      "swap",   "delete_if", "session"};

struct asker {
	struct store_request request;
	uint8_t id[ID_BYTES];
	uint32_t step; // of SESSION
	bool sampled;
	double began_ms;
};

static struct store *store;
static struct event_base *base;
static struct store_value typical;
static uint8_t body[RECORD_BYTES_MAX];
static enum work work;
static uint32_t wanted, begun, ended, failed;
static uint32_t asked; // requests, of which a session has several
static double *samples;
static uint32_t samples_count;

static double clock_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void fail(const char *what)
{
	fprintf(stderr, "store: %s\n", what);
	exit(1);
}

// ---- Requests ------------------------------------------------------------------------------

// Ids as clients mint them: no order in them.
static void id_of(uint32_t number, uint8_t id[static ID_BYTES])
{
	uint64_t word = number;

	for (uint32_t i = 0; i < ID_BYTES; i += 8) {
		word += UINT64_C(0x9e3779b97f4a7c15);
		uint64_t mixed = word;

		mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
		mixed ^= mixed >> 31;
		memcpy(id + i, &mixed, 8);
	}
}

static enum store_verb verb_of(enum work which, uint32_t step)
{
	static const enum store_verb session[] = {STORE_CREATE, STORE_SWAP, STORE_DELETE_IF};
	static const enum store_verb plain[WORKS] = {STORE_CREATE, STORE_LOAD, STORE_LOAD,
						     STORE_UPDATE, STORE_SWAP, STORE_DELETE_IF};

	return which == SESSION ? session[step] : plain[which];
}

static void asker_begin(struct asker *asker)
{
	asker->request.verb = verb_of(work, asker->step);
	asker->request.life_ms = work == LOAD ? 0 : LIFE_MS;
	asker->request.value = typical;
	asker->request.expected_generation = typical.generation;
	asker->request.expected_owner = typical.owner;
	asker->sampled = asked++ % SAMPLED == 0;
	asker->began_ms = asker->sampled ? clock_ms(CLOCK_MONOTONIC) : 0;
	store_begin(store, &asker->request);
}

static void asker_next(struct asker *asker)
{
	if (begun == wanted)
		return;
	id_of(begun++, asker->id);
	asker->step = 0;
	asker_begin(asker);
}

static void on_done(struct store_request *request, const struct store_answer *answer)
{
	struct asker *asker = request->context;

	failed += answer->result != STORE_OK;
	if (asker->sampled)
		samples[samples_count++] = clock_ms(CLOCK_MONOTONIC) - asker->began_ms;
	if (work == SESSION && ++asker->step < 3) {
		asker_begin(asker);
		return;
	}
	ended++;
	asker_next(asker);
}

// ---- Measuring -----------------------------------------------------------------------------

static int compare(const void *left, const void *right)
{
	const double l = *(const double *)left, r = *(const double *)right;

	return (l > r) - (l < r);
}

static double sample_at(double share)
{
	return samples_count > 0 ? samples[(uint32_t)(share * (samples_count - 1))] : 0;
}

// Turns the loop until all has ended; one request is waited for without sleep, which would be all
// that is measured. Returns the longest turn.
static double run(uint32_t window, uint64_t *unflushed_ms)
{
	const struct timespec idle = {.tv_nsec = IDLE_NS};
	double longest_ms = 0;

	while (ended < wanted) {
		const uint32_t before = ended + begun;
		const double began_ms = clock_ms(CLOCK_MONOTONIC);

		// Both, or it goes on while timers are due.
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		const double took_ms = clock_ms(CLOCK_MONOTONIC) - began_ms;

		longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
		if (store_tally(store)->unflushed_ms > *unflushed_ms)
			*unflushed_ms = store_tally(store)->unflushed_ms;
		if (ended + begun == before && window > 1)
			nanosleep(&idle, NULL);
	}
	return longest_ms;
}

static void measure(enum work which, struct asker *askers, uint32_t window)
{
	const double began_ms = clock_ms(CLOCK_MONOTONIC);
	const double worked_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID);
	const uint64_t commits = store_tally(store)->commits;
	uint64_t unflushed_ms = 0;

	work = which;
	asked = begun = ended = failed = samples_count = 0;
	for (uint32_t i = 0; i < window; i++)
		asker_next(&askers[i]);
	const double longest_ms = run(window, &unflushed_ms);
	const double took_ms = clock_ms(CLOCK_MONOTONIC) - began_ms;
	const double cpu_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID) - worked_ms;

	qsort(samples, samples_count, sizeof(*samples), compare);
	printf("{\"work\": \"%s\", \"count\": %" PRIu32 ", \"failed\": %" PRIu32
	       ", \"per_second\": %.0f, \"processor_us\": %.2f, \"latency_ms\": {\"50\": %.3f, "
	       "\"99\": %.3f}, \"longest_ms\": %.2f, \"commits\": %" PRIu64
	       ", \"unflushed_ms_max\": %" PRIu64 "}\n",
	       work_names[which], ended, failed, wanted / took_ms * 1e3, cpu_ms * 1e3 / wanted,
	       sample_at(0.5), sample_at(0.99), longest_ms, store_tally(store)->commits - commits,
	       unflushed_ms);
	fflush(stdout);
}

// ---- Room ----------------------------------------------------------------------------------

// used_memory of the Redis at settings->url, in bytes.
static uint64_t redis_bytes(const struct store_settings *settings)
{
	struct store_url url;
	redisContext *redis;
	redisReply *reply;
	const char *found;
	uint64_t bytes;

	if (store_url_read(settings->url, &url) != NULL || url.tls || url.password[0] != '\0')
		fail("a plain URL without password is wanted");
	redis = url.host[0] != '\0' ? redisConnect(url.host, url.port) : redisConnectUnix(url.path);
	if (redis == NULL || redis->err != 0)
		fail("no Redis there");
	reply = redisCommand(redis, "INFO memory");
	found = reply != NULL && reply->str != NULL ? strstr(reply->str, "used_memory:") : NULL;
	if (found == NULL)
		fail("Redis does not tell its memory");
	bytes = strtoull(found + strlen("used_memory:"), NULL, 10);
	freeReplyObject(reply);
	redisFree(redis);
	return bytes;
}

static uint64_t used_bytes(const struct store_settings *settings)
{
	return settings->kind == STORE_REDIS ? redis_bytes(settings)
					     : store_tally(store)->used_bytes;
}

// ---- The run -------------------------------------------------------------------------------

static void typical_make(void)
{
	const struct record_session record = {
	    .generation = 1,
	    .owner = UINT64_C(0x1122334455667788),
	    .epoch = 1,
	    .timeout_ms = 10000,
	    .grace_ms = 60000,
	    .heartbeat_ms = 2000,
	    .created_ms = UINT64_C(1700000000000),
	    .changed_ms = UINT64_C(1700000000000),
	    .subject = options_text("customer-4711"),
	    .client = options_text("handset"),
	    .gateway = options_text("gateway-1"),
	    .channels_count = 1,
	    .channels = {{.service = options_text("orders"),
			  .backend = options_text("orders-03"),
			  .instance = UINT64_C(0x8877665544332211)}},
	};

	if (record_session_encode(&record, body, &typical) != 0)
		fail("no record");
}

static void open_it(const struct store_settings *settings)
{
	char error[STORE_ERROR_BYTES];
	const double until_ms = clock_ms(CLOCK_MONOTONIC) + 5000;

	base = event_base_new();
	store = base != NULL ? store_create(settings, base, error) : NULL;
	if (store == NULL)
		fail(base != NULL ? error : "no loop");
	while (!store_available(store)) {
		if (clock_ms(CLOCK_MONOTONIC) > until_ms)
			fail("it does not come");
		event_base_loop(base, EVLOOP_ONCE);
	}
}

static void measure_all(const struct store_settings *settings, uint32_t window)
{
	struct asker *askers = calloc(window, sizeof(*askers));
	const uint64_t before = used_bytes(settings);

	samples =
	    malloc((3 * (size_t)wanted / SAMPLED + 3 * (size_t)window + 1) * sizeof(*samples));
	if (askers == NULL || samples == NULL)
		fail("no memory");
	for (uint32_t i = 0; i < window; i++) {
		askers[i].request.key = (struct store_key){.len = ID_BYTES, .bytes = askers[i].id};
		askers[i].request.done = on_done;
		askers[i].request.context = &askers[i];
	}
	measure(CREATE, askers, window);
	printf("{\"body_bytes\": %" PRIu32 ", \"bytes_per_record\": %.0f}\n", typical.body_bytes,
	       (double)(used_bytes(settings) - before) / wanted);
	for (enum work which = LOAD; which < WORKS; which++)
		measure(which, askers, window);
	free(samples);
	free(askers);
}

static uint32_t number(const char *text, uint32_t min, uint32_t max)
{
	char *end;
	const unsigned long value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < min || value > max)
		fail("usage: store memory|lmdb|URL [COUNT [WINDOW [COMMIT_MS]]]");
	return (uint32_t)value;
}

int main(int argc, char **argv)
{
	struct store_settings settings;
	const char *kind = argc > 1 ? argv[1] : "lmdb";
	char path[64];

	snprintf(path, sizeof(path), "bench-store-%d.mdb", (int)getpid());
	store_settings_defaults(&settings);
	settings.kind = strcmp(kind, "memory") == 0 ? STORE_MEMORY
			: strcmp(kind, "lmdb") == 0 ? STORE_LMDB
						    : STORE_REDIS;
	settings.path = path;
	settings.url = kind;
	settings.pending_max = WINDOW_LIMIT;
	settings.records_max = COUNT_LIMIT;
	settings.request_max_ms = 10000;
	wanted = argc > 2 ? number(argv[2], 1, COUNT_LIMIT) : DEFAULT_COUNT;
	const uint32_t window = argc > 3 ? number(argv[3], 1, WINDOW_LIMIT) : DEFAULT_WINDOW;

	if (argc > 4)
		settings.commit_ms = number(argv[4], 0, 1000);
	typical_make();
	open_it(&settings);
	measure_all(&settings, window);
	store_destroy(store);
	event_base_free(base);
	if (settings.kind == STORE_LMDB) {
		unlink(path);
		snprintf(path, sizeof(path), "bench-store-%d.mdb-lock", (int)getpid());
		unlink(path);
	}
	return 0;
}
