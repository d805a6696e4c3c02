// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_local.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "control/store_thread.h"
#include "control/store_verbs.h"

enum {
	SWEEP_SLICE_MS = 20,
	SWEEP_REST_MS = 1000, // between once around and the next
	ATTEMPTS_MAX = 64,    // of one batch; each finds more room
};

static_assert(STORE_SLICE_MAX * (STORE_KEY_BYTES_MAX + STORE_BODY_BYTES_MAX) <=
		  STORE_BATCH_MAX * STORE_BODY_BYTES_MAX,
	      "a slice fits into a batch's bytes");

// ---- Jobs, done by the thread where there is one -------------------------------------------

static int batch_try(struct store_local *local)
{
	struct store_batch *batch = local->batch;
	int rc = local->table->begin(local);

	if (rc != 0)
		return rc;
	batch->bytes_used = 0;
	for (uint32_t i = 0; i < batch->count && rc == 0; i++)
		rc = store_verbs_apply(local, batch->requests[i], &batch->answers[i]);
	if (rc != 0) {
		local->table->undo(local);
		return rc;
	}
	return local->table->commit(local);
}

static int batch_run(struct store_local *local)
{
	int rc = batch_try(local);

	for (uint32_t i = 0; rc == -ENOSPC && i < ATTEMPTS_MAX; i++) {
		if (!local->table->make_room(local))
			break;
		rc = batch_try(local);
	}
	local->counted.commits_failed += rc != 0;
	return rc;
}

void store_local_found(struct store_local *local, struct store_scan *scan,
		       const struct store_key *key, const struct store_value *value)
{
	struct store_batch *batch = local->batch;
	struct store_found *found;

	if (local->thread == NULL) {
		scan->found(scan, key, value);
		return;
	}
	assert(batch->found_count < STORE_SLICE_MAX);
	found = &batch->found[batch->found_count++];
	found->key = *key;
	found->key.bytes = store_verbs_keep(batch, key->bytes, key->len);
	found->value = *value;
	found->value.body = store_verbs_keep(batch, value->body, value->body_bytes);
}

static void job_work(void *context)
{
	struct store_local *local = context;

	switch (local->job) {
	case STORE_JOB_BATCH:
		local->rc = batch_run(local);
		break;
	case STORE_JOB_SLICE:
		local->batch->bytes_used = local->batch->found_count = 0;
		local->rc = local->table->slice(local, local->scan);
		break;
	default:
		local->rc = 0;
		local->swept = local->table->sweep(local);
	}
	local->table->measure(local);
}

// ---- Ends of jobs --------------------------------------------------------------------------

// The requests are their callers' again from their done() on.
static void batch_end(struct store_local *local, bool failed)
{
	struct store_batch *batch = local->batch;

	for (uint32_t i = 0; i < batch->count; i++) {
		if (failed)
			store_finish_unavailable(&local->store, batch->requests[i]);
		else
			store_finish(&local->store, batch->requests[i], &batch->answers[i]);
	}
}

static void slice_end(struct store_local *local, bool failed)
{
	struct store_batch *batch = local->batch;
	struct store_scan *scan = local->scan;

	for (uint32_t i = 0; local->thread != NULL && !failed && i < batch->found_count; i++)
		scan->found(scan, &batch->found[i].key, &batch->found[i].value);
	store_scan_finish(&local->store, scan, failed ? STORE_UNAVAILABLE : STORE_OK);
}

// Takes over what the job has counted.
static void counted_add(struct store_local *local)
{
	struct store_tally *tally = &local->store.tally, *counted = &local->counted;

#define COUNTED_ADD(name, text) tally->name += counted->name;
	STORE_TALLY(COUNTED_ADD)
#undef COUNTED_ADD
	tally->records = counted->records;
	tally->map_bytes = counted->map_bytes;
	tally->used_bytes = counted->used_bytes;
	*counted = (struct store_tally){.requests = 0};
}

static void schedule(struct store_local *local);

static void job_done(void *context)
{
	struct store_local *local = context;
	const enum store_job job = local->job;

	event_del(local->watch);
	local->late = false;
	counted_add(local);
	local->last = job;
	if (job == STORE_JOB_BATCH) {
		local->failing = local->rc != 0;
		batch_end(local, local->failing);
	} else if (job == STORE_JOB_SLICE) {
		slice_end(local, local->rc != 0);
	} else {
		store_timer(local->sweep, local->swept ? SWEEP_REST_MS : SWEEP_SLICE_MS);
	}
	// Only now, so that what these began waits for the next turn.
	local->job = STORE_JOB_NONE;
	schedule(local);
}

// ---- Which job is next ---------------------------------------------------------------------

// When the next batch may be done, monotonic. Times are cut to whole milliseconds.
static uint64_t batch_due_ms(const struct store_local *local)
{
	const bool full = local->batch->count == STORE_BATCH_MAX;

	return full || local->commit_ms == 0 ? 0 : local->turned_ms + local->commit_ms + 1;
}

static void schedule(struct store_local *local)
{
	const uint64_t now_ms = store_now_ms(), due_ms = batch_due_ms(local);

	if (local->job != STORE_JOB_NONE)
		return; // its end schedules
	if (local->scans.head != NULL || local->sweep_due)
		store_timer(local->turn, 0);
	else if (local->waiting.head != NULL)
		store_timer(local->turn, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void batch_fill(struct store_local *local)
{
	struct store_batch *batch = local->batch;

	batch->count = 0;
	while (batch->count < STORE_BATCH_MAX && local->waiting.head != NULL)
		batch->requests[batch->count++] =
		    store_request_of(store_queue_pop(&local->waiting));
	local->turned_ms = store_now_ms();
}

// Batches have the way, but let the others go between two of them.
static enum store_job job_choose(const struct store_local *local)
{
	const bool batch = local->waiting.head != NULL && batch_due_ms(local) <= store_now_ms();
	const bool others = !batch || local->last == STORE_JOB_BATCH;

	if (others && local->scans.head != NULL)
		return STORE_JOB_SLICE;
	if (others && local->sweep_due)
		return STORE_JOB_SWEEP;
	return batch ? STORE_JOB_BATCH : STORE_JOB_NONE;
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
	struct store_local *local = context;

	if (local->job != STORE_JOB_NONE)
		return;
	local->job = job_choose(local);
	if (local->job == STORE_JOB_NONE) {
		schedule(local);
		return;
	}
	if (local->job == STORE_JOB_BATCH)
		batch_fill(local);
	else if (local->job == STORE_JOB_SLICE)
		local->scan = store_scan_of(store_queue_pop(&local->scans));
	else
		local->sweep_due = false;
	local->begun_ms = store_now_ms();
	local->now_ms = local->begun_ms + local->utc_less_mono_ms;
	if (local->thread != NULL) {
		store_timer(local->watch, local->request_max_ms);
		store_thread_go(local->thread);
	} else {
		job_work(local);
		job_done(local);
	}
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	struct store_local *local = context;

	local->sweep_due = true;
	schedule(local);
}

static void waiting_end(struct store_local *local)
{
	struct store_queue waiting = local->waiting, scans = local->scans;
	struct store_entry *entry;

	local->waiting = local->scans = (struct store_queue){.head = NULL};
	while ((entry = store_queue_pop(&waiting)) != NULL)
		store_finish_unavailable(&local->store, store_request_of(entry));
	while ((entry = store_queue_pop(&scans)) != NULL)
		store_scan_finish(&local->store, store_scan_of(entry), STORE_UNAVAILABLE);
}

// The thread waits for the disk. Nobody else is to.
static void on_watch(evutil_socket_t fd, short what, void *context)
{
	struct store_local *local = context;
	const uint64_t took_ms = store_now_ms() - local->begun_ms;

	if (took_ms < local->request_max_ms) {
		store_timer(local->watch, local->request_max_ms - took_ms);
		return;
	}
	local->late = true;
	local->store.tally.timeouts++;
	log_limited(&local->limit, LOG_LEVEL_WARNING,
		    "store: the disk does not take what is written: requests are refused");
	waiting_end(local);
}

// ---- What store.c asks ---------------------------------------------------------------------

static void local_begin(struct store *store, struct store_request *request)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	if (local->late) {
		store_refuse(store, request);
		return;
	}
	store_queue_push(&local->waiting, &request->entry);
	if (!evtimer_pending(local->turn, NULL))
		schedule(local);
}

static void local_scan(struct store *store, struct store_scan *scan)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	if (local->late) {
		store_scan_refuse(store, scan);
		return;
	}
	store_queue_push(&local->scans, &scan->entry);
	schedule(local);
}

static bool local_available(const struct store *store)
{
	const struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	return !local->failing && !local->late;
}

static void local_gauges(struct store *store)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	local->table->gauges(local);
}

static void local_destroy(struct store *store)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	store_thread_stop(local->thread);
	if (local->job == STORE_JOB_BATCH)
		batch_end(local, true);
	else if (local->job == STORE_JOB_SLICE)
		slice_end(local, true);
	waiting_end(local);
	local->table->destroy(local);
	store_local_free(local);
}

static const struct store_ops local_ops = {
    .begin = local_begin,
    .scan = local_scan,
    .available = local_available,
    .gauges = local_gauges,
    .destroy = local_destroy,
};

// ---- Life ----------------------------------------------------------------------------------

bool store_local_over(const struct store_local *local, uint64_t over_ms)
{
	return over_ms <= local->now_ms;
}

static uint64_t utc_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct store_local *store_local_create(size_t size, const struct store_table_ops *table,
				       const struct store_settings *settings,
				       struct event_base *base)
{
	struct store_local *local = calloc(1, size);

	if (local == NULL)
		return NULL;
	local->table = table;
	local->commit_ms = settings->commit_ms;
	local->request_max_ms = settings->request_max_ms;
	local->utc_less_mono_ms =
	    (settings->utc_ms != 0 ? settings->utc_ms : utc_ms()) - store_now_ms();
	// Most of it is never touched.
	local->batch = malloc(sizeof(*local->batch));
	local->turn = evtimer_new(base, on_turn, local);
	local->sweep = evtimer_new(base, on_sweep, local);
	local->watch = evtimer_new(base, on_watch, local);
	if (local->batch == NULL || local->turn == NULL || local->sweep == NULL ||
	    local->watch == NULL || store_init(&local->store, &local_ops, settings, base) != 0) {
		store_local_free(local);
		return NULL;
	}
	local->batch->count = 0;
	return local;
}

int store_local_begin(struct store_local *local, bool threaded)
{
	if (threaded) {
		local->thread = store_thread_start(local->store.base, job_work, job_done, local);
		if (local->thread == NULL)
			return -errno;
	}
	local->table->measure(local);
	counted_add(local);
	store_timer(local->sweep, SWEEP_REST_MS);
	return 0;
}

void store_local_free(struct store_local *local)
{
	struct event *const timers[] = {local->turn, local->sweep, local->watch};

	if (local->store.refuse != NULL)
		store_fini(&local->store);
	for (uint32_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		if (timers[i] != NULL)
			event_free(timers[i]);
	}
	free(local->batch);
	free(local);
}
