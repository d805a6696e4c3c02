// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_local.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

enum {
	SWEEP_SLICE_MS = 20,
	SWEEP_REST_MS = 1000, // between once around and the next
	ATTEMPTS_MAX = 64,    // of one batch; each finds more room
};

// What one transaction does. Bodies that answers carry are copied: what a table tells is good
// until its transaction ends at most.
struct store_batch {
	uint32_t count;
	uint32_t bodies_used; // bytes
	struct store_request *requests[STORE_BATCH_MAX];
	struct store_answer answers[STORE_BATCH_MAX];
	uint8_t bodies[STORE_BATCH_MAX * STORE_BODY_BYTES_MAX];
};

// ---- The verbs -----------------------------------------------------------------------------

static void answer_carry(struct store_batch *batch, struct store_answer *answer,
			 enum store_result result, const struct store_value *value)
{
	uint8_t *body = batch->bodies + batch->bodies_used;

	memcpy(body, value->body, value->body_bytes);
	batch->bodies_used += value->body_bytes;
	answer->result = result;
	answer->value = *value;
	answer->value.body = body;
}

static int row_write(struct store_local *local, const struct store_request *request,
		     const struct store_row *old, struct store_answer *answer)
{
	struct store_row row = {.over_ms = STORE_NEVER_MS, .value = request->value};
	int rc;

	if (request->life_ms > 0)
		row.over_ms = local->now_ms + request->life_ms;
	else if (old != NULL)
		row.over_ms = old->over_ms;
	rc = local->table->put(local, &request->key, &row, old == NULL);
	answer->result = rc == -EDQUOT ? STORE_UNAVAILABLE : STORE_OK;
	local->store.tally.full += rc == -EDQUOT;
	return rc == -EDQUOT ? 0 : rc;
}

static int row_refresh(struct store_local *local, const struct store_request *request,
		       struct store_answer *answer)
{
	struct store_row row = {.over_ms = local->now_ms + request->life_ms,
				.value = answer->value};
	int rc;

	if (request->life_ms == 0)
		return 0;
	rc = local->table->put(local, &request->key, &row, false);
	if (rc == -EDQUOT)
		answer->result = STORE_UNAVAILABLE;
	return rc == -EDQUOT ? 0 : rc;
}

static int row_remove(struct store_local *local, const struct store_request *request,
		      struct store_answer *answer)
{
	answer->result = STORE_OK;
	return local->table->remove(local, &request->key);
}

static int apply_absent(struct store_local *local, const struct store_request *request,
			struct store_answer *answer)
{
	if (request->verb == STORE_CREATE)
		return row_write(local, request, NULL, answer);
	answer->result = request->verb == STORE_DELETE ? STORE_OK : STORE_NOT_FOUND;
	return 0;
}

static int apply_present(struct store_local *local, const struct store_request *request,
			 const struct store_row *row, struct store_answer *answer)
{
	const bool generation = row->value.generation == request->expected_generation;
	const bool owner = row->value.owner == request->expected_owner;

	switch (request->verb) {
	case STORE_CREATE:
		answer_carry(local->batch, answer, STORE_EXISTS, &row->value);
		return 0;
	case STORE_LOAD:
		answer_carry(local->batch, answer, STORE_OK, &row->value);
		return row_refresh(local, request, answer);
	case STORE_UPDATE:
		return row_write(local, request, row, answer);
	case STORE_SWAP:
		if (generation)
			return row_write(local, request, row, answer);
		break;
	case STORE_DELETE:
		return row_remove(local, request, answer);
	default:
		if (generation && owner)
			return row_remove(local, request, answer);
		break;
	}
	answer_carry(local->batch, answer, STORE_CONFLICT, &row->value);
	return 0;
}

static int apply(struct store_local *local, const struct store_request *request,
		 struct store_answer *answer)
{
	struct store_row row;
	int rc = local->table->get(local, &request->key, &row);

	*answer = (struct store_answer){.result = STORE_UNAVAILABLE};
	if (rc == 0 && store_local_over(local, row.over_ms))
		rc = -ENOENT;
	if (rc == 0)
		return apply_present(local, request, &row, answer);
	if (rc == -ENOENT)
		return apply_absent(local, request, answer);
	if (rc != -EBADMSG)
		return rc;
	answer->result = store_malformed(&local->store, request->verb);
	return 0;
}

// ---- Batches -------------------------------------------------------------------------------

static int batch_try(struct store_local *local)
{
	struct store_batch *batch = local->batch;
	int rc = local->table->begin(local);

	if (rc != 0)
		return rc;
	batch->bodies_used = 0;
	for (uint32_t i = 0; i < batch->count && rc == 0; i++)
		rc = apply(local, batch->requests[i], &batch->answers[i]);
	if (rc != 0) {
		local->table->undo(local);
		return rc;
	}
	return local->table->commit(local);
}

static void batch_run(struct store_local *local)
{
	int rc = batch_try(local);

	for (uint32_t i = 0; rc == -ENOSPC && i < ATTEMPTS_MAX; i++) {
		if (!local->table->make_room(local))
			break;
		rc = batch_try(local);
	}
	local->failing = rc != 0;
	local->store.tally.commits_failed += rc != 0;
}

// The requests are their callers' again from their done() on, so the batch is not looked at for
// them any more.
static void batch_end(struct store_local *local)
{
	struct store_batch *batch = local->batch;

	for (uint32_t i = 0; i < batch->count; i++) {
		if (local->failing)
			store_finish_unavailable(&local->store, batch->requests[i]);
		else
			store_finish(&local->store, batch->requests[i], &batch->answers[i]);
	}
}

static void batch_next(struct store_local *local)
{
	struct store_batch *batch = local->batch;
	struct store_entry *entry;

	batch->count = 0;
	while (batch->count < STORE_BATCH_MAX) {
		entry = store_queue_pop(&local->waiting);
		if (entry == NULL)
			break;
		batch->requests[batch->count++] = store_request_of(entry);
	}
	if (batch->count == 0)
		return;
	batch_run(local);
	batch_end(local);
}

static void scan_next(struct store_local *local)
{
	struct store_entry *entry = store_queue_pop(&local->scans);
	struct store_scan *scan;

	if (entry == NULL)
		return;
	scan = store_scan_of(entry);
	store_scan_finish(&local->store, scan,
			  local->table->slice(local, scan) == 0 ? STORE_OK : STORE_UNAVAILABLE);
}

static void turn_set(struct store_local *local)
{
	const uint64_t now_ms = store_now_ms();
	// Both times are cut to whole milliseconds.
	const uint64_t due_ms = local->turned_ms + local->commit_ms + 1;
	const bool full = local->batch->count == STORE_BATCH_MAX;

	if (evtimer_pending(local->turn, NULL))
		return;
	store_timer(local->turn,
		    full || local->commit_ms == 0 || due_ms <= now_ms ? 0 : due_ms - now_ms);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
	struct store_local *local = context;

	store_local_clock(local);
	local->turned_ms = store_now_ms();
	batch_next(local);
	if (local->waiting.head != NULL)
		turn_set(local);
}

static void on_slice(evutil_socket_t fd, short what, void *context)
{
	struct store_local *local = context;

	store_local_clock(local);
	scan_next(local);
	if (local->scans.head != NULL)
		store_timer(local->slice, 0);
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	struct store_local *local = context;

	store_local_clock(local);
	store_timer(local->sweep, local->table->sweep(local) ? SWEEP_REST_MS : SWEEP_SLICE_MS);
}

// ---- What store.c asks ---------------------------------------------------------------------

static void local_begin(struct store *store, struct store_request *request)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	store_queue_push(&local->waiting, &request->entry);
	turn_set(local);
}

static void local_scan(struct store *store, struct store_scan *scan)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	store_queue_push(&local->scans, &scan->entry);
	store_timer(local->slice, 0);
}

static bool local_available(const struct store *store)
{
	return !STORE_CONTAINER(store, struct store_local, store)->failing;
}

static void local_gauges(struct store *store)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);

	local->table->gauges(local);
}

static void local_destroy(struct store *store)
{
	struct store_local *local = STORE_CONTAINER(store, struct store_local, store);
	struct store_entry *entry;

	while ((entry = store_queue_pop(&local->waiting)) != NULL)
		store_finish_unavailable(store, store_request_of(entry));
	while ((entry = store_queue_pop(&local->scans)) != NULL)
		store_scan_finish(store, store_scan_of(entry), STORE_UNAVAILABLE);
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

uint64_t store_local_clock(struct store_local *local)
{
	local->now_ms = store_now_ms() + local->utc_less_mono_ms;
	return local->now_ms;
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
	local->utc_less_mono_ms =
	    (settings->utc_ms != 0 ? settings->utc_ms : utc_ms()) - store_now_ms();
	store_local_clock(local);
	// Most of it is never touched.
	local->batch = malloc(sizeof(*local->batch));
	local->turn = evtimer_new(base, on_turn, local);
	local->slice = evtimer_new(base, on_slice, local);
	local->sweep = evtimer_new(base, on_sweep, local);
	if (local->batch == NULL || local->turn == NULL || local->slice == NULL ||
	    local->sweep == NULL || store_init(&local->store, &local_ops, settings, base) != 0) {
		store_local_free(local);
		return NULL;
	}
	local->batch->count = 0;
	store_timer(local->sweep, SWEEP_REST_MS);
	return local;
}

void store_local_free(struct store_local *local)
{
	if (local->store.refuse != NULL)
		store_fini(&local->store);
	if (local->turn != NULL)
		event_free(local->turn);
	if (local->slice != NULL)
		event_free(local->slice);
	if (local->sweep != NULL)
		event_free(local->sweep);
	free(local->batch);
	free(local);
}
