// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/closing.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/reply.h"
#include "dataplane/worker.h"

int attempt_pool_init(struct attempts *attempts, uint32_t max)
{
	attempts->pool = calloc(max, sizeof(*attempts->pool));
	if (attempts->pool == NULL)
		return -ENOMEM;
	attempts->max = max;
	attempts->free = 0;
	attempts->used = 0;
	for (uint32_t i = 0; i < max; i++)
		attempts->pool[i].next_free = i + 1 < max ? i + 1 : SESSION_NONE;
	return 0;
}

void attempt_pool_fini(struct attempts *attempts)
{
	free(attempts->pool);
	attempts->pool = NULL;
}

struct attempt *attempt_take(struct worker *worker, uint32_t slot)
{
	struct attempts *attempts = worker->attempts;
	const uint32_t index = attempts->free;

	if (index == SESSION_NONE)
		return NULL;

	struct attempt *attempt = &attempts->pool[index];

	attempts->free = attempt->next_free;
	__atomic_store_n(&attempts->used, attempts->used + 1, __ATOMIC_RELAXED);
	memset(attempt, 0, offsetof(struct attempt, hello));
	attempt->used = true;
	attempt->slot = slot;
	attempt->expiry.kind = TIMER_ATTEMPT_EXPIRY;
	attempt->repeat.kind = TIMER_ATTEMPT_OPEN;
	worker->sessions->hot[slot].attempt = index;
	return attempt;
}

struct attempt *attempt_of(struct worker *worker, uint32_t slot)
{
	const uint32_t index = worker->sessions->hot[slot].attempt;

	return index != SESSION_NONE ? &worker->attempts->pool[index] : NULL;
}

void attempt_give_back(struct worker *worker, struct attempt *attempt)
{
	struct attempts *attempts = worker->attempts;
	struct session *session = &worker->sessions->hot[attempt->slot];

	wheel_stop(&attempt->expiry);
	wheel_stop(&attempt->repeat);
	attempt->used = false;
	session->attempt = SESSION_NONE;
	session_flags_change(session, SESSION_FLAG_REPLAYING, 0);
	attempt->next_free = attempts->free;
	attempts->free = (uint32_t)(attempt - attempts->pool);
	__atomic_store_n(&attempts->used, attempts->used - 1, __ATOMIC_RELAXED);
}

void attempt_settle(struct worker *worker, struct attempt *attempt)
{
	if (!attempt->pending && attempt->open_wanted == 0 && attempt->replaying == 0)
		attempt_give_back(worker, attempt);
}

int attempt_keep_hello(struct attempt *attempt, const struct handshake *hello,
		       const struct frame *frame)
{
	const uint32_t block = (uint32_t)(hello->options - frame->body);
	// The map is no longer; what follows it is padding.
	const uint32_t options = RTE_MIN(hello->options_bytes, (uint32_t)WIRE_OPTIONS_BYTES_MAX);

	if (block + options > sizeof(attempt->hello))
		return -EBADMSG;
	memcpy(attempt->hello, frame->body, block);
	memcpy(attempt->hello + block, hello->options, options);
	attempt->options_at = (uint16_t)block;
	attempt->hello_bytes = (uint16_t)(block + options);
	attempt->channels = hello->count;
	memcpy(attempt->client, hello->triples, sizeof(attempt->client));
	return 0;
}

void attempt_options(const struct attempt *attempt, struct options *options)
{
	options_decode(attempt->hello + attempt->options_at,
		       (uint32_t)attempt->hello_bytes - attempt->options_at, options);
}

const uint8_t *attempt_session_id(const struct attempt *attempt)
{
	return attempt->hello;
}

void attempt_expired(struct worker *worker, struct attempt *attempt)
{
	const bool opening = attempt->opening;
	const uint32_t slot = attempt->slot;

	counters_add(&worker->counters, COUNTER_attempts_expired, 1);
	attempt->pending = false;
	if (!opening) {
		attempt_settle(worker, attempt); // the session stays as it was
		return;
	}
	closing_abandon(worker, slot, SESSION_TIMED_OUT);
}

void attempt_repeat_open(struct worker *worker, struct attempt *attempt)
{
	for (uint32_t k = 0; k < attempt->channels; k++) {
		if ((attempt->open_wanted & 1u << k) != 0)
			reply_open(worker, attempt, k);
	}
	attempt->repeat_ms = (uint16_t)RTE_MIN(2 * attempt->repeat_ms, ATTEMPT_OPEN_REPEAT_MAX_MS);
	wheel_set(worker->wheel, &attempt->repeat, attempt->repeat_ms);
}
