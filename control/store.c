// SPDX-License-Identifier: BSD-3-Clause
// What all kinds share: the bound of what is under way, refusals, counting.
#include "control/store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <event2/event.h>

#include "control/store_parts.h"

static const char *const kind_names[STORE_KINDS] = {"memory", "lmdb", "redis"};

// ---- Queues and time -----------------------------------------------------------------------

void store_queue_push(struct store_queue *queue, struct store_entry *entry)
{
	entry->next = NULL;
	if (queue->head == NULL)
		queue->head = entry;
	else
		queue->tail->next = entry;
	queue->tail = entry;
}

struct store_entry *store_queue_pop(struct store_queue *queue)
{
	struct store_entry *entry = queue->head;

	if (entry != NULL)
		queue->head = entry->next;
	return entry;
}

struct store_request *store_request_of(struct store_entry *entry)
{
	return STORE_CONTAINER(entry, struct store_request, entry);
}

struct store_scan *store_scan_of(struct store_entry *entry)
{
	return STORE_CONTAINER(entry, struct store_scan, entry);
}

uint64_t store_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void store_timer(struct event *timer, uint64_t in_ms)
{
	const struct timeval in = {.tv_sec = (time_t)(in_ms / 1000),
				   .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};

	event_add(timer, &in);
}

// ---- Ends ----------------------------------------------------------------------------------

void store_finish(struct store *store, struct store_request *request,
		  const struct store_answer *answer)
{
	assert(store->pending > 0);
	store->pending--;
	store->tally.results[answer->result]++;
	request->done(request, answer);
}

void store_finish_unavailable(struct store *store, struct store_request *request)
{
	const struct store_answer answer = {.result = STORE_UNAVAILABLE};

	store_finish(store, request, &answer);
}

void store_scan_finish(struct store *store, struct store_scan *scan, enum store_result result)
{
	assert(store->pending > 0);
	store->pending--;
	scan->done(scan, result);
}

void store_refuse(struct store *store, struct store_request *request)
{
	store_queue_push(&store->refused, &request->entry);
	store_timer(store->refuse, 0);
}

void store_scan_refuse(struct store *store, struct store_scan *scan)
{
	store_queue_push(&store->refused_scans, &scan->entry);
	store_timer(store->refuse, 0);
}

enum store_result store_malformed(struct store_tally *tally, enum store_verb verb)
{
	tally->malformed++;
	if (verb == STORE_CREATE)
		return STORE_UNAVAILABLE;
	return verb == STORE_DELETE ? STORE_OK : STORE_NOT_FOUND;
}

static void refused_end(struct store *store)
{
	struct store_queue refused = store->refused, scans = store->refused_scans;
	struct store_entry *entry;

	// What these begin anew, and is refused again, is for the next turn.
	store->refused = store->refused_scans = (struct store_queue){.head = NULL};
	while ((entry = store_queue_pop(&refused)) != NULL)
		store_finish_unavailable(store, store_request_of(entry));
	while ((entry = store_queue_pop(&scans)) != NULL)
		store_scan_finish(store, store_scan_of(entry), STORE_UNAVAILABLE);
}

static void on_refuse(evutil_socket_t fd, short what, void *context)
{
	refused_end(context);
}

// ---- Life ----------------------------------------------------------------------------------

void store_settings_defaults(struct store_settings *settings)
{
	*settings = (struct store_settings){
	    .kind = STORE_MEMORY,
	    .prefix = "holdfast:",
	    .pending_max = 16384,
	    .records_max = 1000000,
	    .bytes_max = UINT64_C(4) << 30,
	    .commit_ms = 5,
	    .flush_ms = 1000,
	    .connect_max_ms = 2000,
	    .request_max_ms = 1000,
	};
}

int store_init(struct store *store, const struct store_ops *ops,
	       const struct store_settings *settings, struct event_base *base)
{
	store->ops = ops;
	store->base = base;
	store->pending_max = settings->pending_max;
	store->refuse = evtimer_new(base, on_refuse, store);
	return store->refuse != NULL ? 0 : -ENOMEM;
}

void store_fini(struct store *store)
{
	refused_end(store);
	assert(store->pending == 0);
	event_free(store->refuse);
}

struct store *store_create(const struct store_settings *settings, struct event_base *base,
			   char error[static STORE_ERROR_BYTES])
{
	assert(settings->kind < STORE_KINDS);
	if (settings->pending_max == 0 || settings->pending_max > STORE_PENDING_LIMIT) {
		snprintf(error, STORE_ERROR_BYTES,
			 "store: %u requests under way; let it be 1 to %u", settings->pending_max,
			 (uint32_t)STORE_PENDING_LIMIT);
		return NULL;
	}
	switch (settings->kind) {
	case STORE_LMDB:
		return store_lmdb_create(settings, base, error);
	case STORE_REDIS:
		return store_redis_create(settings, base, error);
	default:
		return store_memory_create(settings, base, error);
	}
}

void store_destroy(struct store *store)
{
	if (store == NULL)
		return;
	store->closing = true;
	store->ops->destroy(store);
}

// ---- Requests ------------------------------------------------------------------------------

static bool key_good(const struct store_key *key)
{
	return key->space < STORE_SPACES && key->len > 0 && key->len <= STORE_KEY_BYTES_MAX;
}

void store_begin(struct store *store, struct store_request *request)
{
	assert(!store->closing);
	assert(request->verb < STORE_VERBS);
	assert(key_good(&request->key));
	assert(request->value.body_bytes <= STORE_BODY_BYTES_MAX);
	assert(request->life_ms <= STORE_LIFE_MAX_MS);
	store->tally.requests++;
	store->pending++;
	request->entry.begun_ms = store_now_ms();
	if (store->pending > store->pending_max) {
		store->tally.refused++;
		store_refuse(store, request);
	} else {
		store->ops->begin(store, request);
	}
}

void store_scan_begin(struct store *store, struct store_scan *scan)
{
	assert(!store->closing);
	assert(scan->space < STORE_SPACES);
	assert(scan->max > 0 && scan->max <= STORE_SLICE_MAX);
	store->tally.scans++;
	store->pending++;
	scan->over = false;
	scan->entry.begun_ms = store_now_ms();
	if (store->pending > store->pending_max) {
		store->tally.refused++;
		store_scan_refuse(store, scan);
	} else {
		store->ops->scan(store, scan);
	}
}

bool store_available(const struct store *store)
{
	return store->ops->available(store);
}

const struct store_tally *store_tally(struct store *store)
{
	store->tally.pending = store->pending;
	store->ops->gauges(store);
	return &store->tally;
}

const char *store_kind_name(enum store_kind kind)
{
	return kind < STORE_KINDS ? kind_names[kind] : "?";
}
