// SPDX-License-Identifier: BSD-3-Clause
#include "control/endings.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRIES_MAX = 4, // owners asked for one eviction
	TOKEN_INDEX_BITS = 10,
};

static_assert(1 << TOKEN_INDEX_BITS >= GATEWAY_EVICTIONS_MAX, "tokens name every eviction");

struct eviction {
	bool used;
	uint8_t tries;
	uint16_t code;
	uint32_t token; // its index and a serial number, never 0
	uint64_t handle;
	gateway_evicted done; // NULL: whoever asked has gone
	void *context;
};

struct endings {
	struct dataplane *dataplane;
	struct courier *courier;
	struct ends *ends;
	struct tally *tally;
	uint32_t serial;
	uint32_t waiting;
	struct eviction evictions[GATEWAY_EVICTIONS_MAX];
};

struct endings *endings_create(struct dataplane *dataplane, struct courier *courier,
			       struct ends *ends, struct tally *tally)
{
	struct endings *endings = calloc(1, sizeof(*endings));

	if (endings == NULL)
		return NULL;
	endings->dataplane = dataplane;
	endings->courier = courier;
	endings->ends = ends;
	endings->tally = tally;
	return endings;
}

static void answer(struct endings *endings, struct eviction *eviction, bool evicted)
{
	const struct eviction told = *eviction;

	// Free before the call: it may ask for the next eviction.
	memset(eviction, 0, sizeof(*eviction));
	endings->waiting--;
	endings->tally->evicted += evicted;
	if (told.done != NULL)
		told.done(told.context, told.handle, evicted);
}

void endings_give_up(struct endings *endings)
{
	for (uint32_t i = 0; i < GATEWAY_EVICTIONS_MAX; i++) {
		if (endings->evictions[i].used)
			answer(endings, &endings->evictions[i], false);
	}
}

void endings_destroy(struct endings *endings)
{
	free(endings);
}

bool endings_delete_record(uint64_t handle)
{
	(void)handle;
	return true;
}

// Reads the session of a handle. Returns whether it is there.
static bool find_session(const struct endings *endings, uint64_t handle,
			 struct dataplane_judged *judged)
{
	const uint64_t slot = handle >> 32;

	return slot < dataplane_slots(endings->dataplane) &&
	       dataplane_judge(endings->dataplane, (uint32_t)slot, judged) &&
	       judged->handle == handle;
}

void endings_wanted(struct endings *endings, const struct notice *notice)
{
	if (endings_delete_record(notice->handle))
		courier_end(endings->courier, notice->worker, notice->handle, notice->code,
			    notice->reason, 0);
}

static struct eviction *find_eviction(struct endings *endings, uint32_t token)
{
	struct eviction *eviction =
	    &endings->evictions[token % (1u << TOKEN_INDEX_BITS) % GATEWAY_EVICTIONS_MAX];

	return token != 0 && eviction->used && eviction->token == token ? eviction : NULL;
}

void endings_closing(struct endings *endings, const struct notice *notice, uint64_t now_ms)
{
	struct eviction *eviction = find_eviction(endings, notice->token);
	struct dataplane_judged judged;
	const uint32_t timeout_ms =
	    find_session(endings, notice->handle, &judged) ? judged.timeout_ms : 0;

	endings->tally->ends_kept++;
	endings->tally->ends_dropped += ends_add(endings->ends, notice->id, notice->code,
						 now_ms + ends_keep_ms(timeout_ms), now_ms);
	if (eviction != NULL)
		answer(endings, eviction, true);
}

static bool may_still_end(const struct dataplane_judged *judged)
{
	return judged->state != SESSION_CLOSING && judged->state != SESSION_FREE;
}

// The owner of a session that an end missed because it had moved, or DIRECTORY_WORKERS_MAX.
static uint32_t moved_to(const struct endings *endings, const struct notice *notice)
{
	struct dataplane_judged judged;

	if (!find_session(endings, notice->handle, &judged) || !may_still_end(&judged) ||
	    judged.owner == notice->worker)
		return DIRECTORY_WORKERS_MAX;
	return judged.owner;
}

static void ask_again(struct endings *endings, uint32_t owner, const struct notice *notice,
		      uint16_t code, uint8_t reason)
{
	endings->tally->ends_asked_again++;
	courier_end(endings->courier, owner, notice->handle, code, reason, notice->token);
}

// An end that an endpoint wanted, as opposed to a verdict, from which a frame may rescue.
static bool wanted_by_endpoint(const struct notice *notice)
{
	return notice->token == 0 && notice->code != HOLDFAST_OK &&
	       notice->reason != SESSION_EXPIRED && notice->reason != SESSION_LET_GO;
}

void endings_refused(struct endings *endings, const struct notice *notice)
{
	struct eviction *eviction = find_eviction(endings, notice->token);
	const uint32_t owner = moved_to(endings, notice);

	if (eviction == NULL) {
		if (owner < DIRECTORY_WORKERS_MAX && wanted_by_endpoint(notice))
			ask_again(endings, owner, notice, notice->code, notice->reason);
		return;
	}
	if (owner < DIRECTORY_WORKERS_MAX && eviction->tries++ < TRIES_MAX)
		ask_again(endings, owner, notice, eviction->code, SESSION_EVICTED);
	else
		answer(endings, eviction, false);
}

int endings_evict(struct endings *endings, uint64_t handle, uint16_t code, gateway_evicted done,
		  void *context)
{
	struct dataplane_judged judged;
	uint32_t index = 0;

	if (!find_session(endings, handle, &judged) || !may_still_end(&judged))
		return -ENOENT;
	while (index < GATEWAY_EVICTIONS_MAX && endings->evictions[index].used)
		index++;
	if (index == GATEWAY_EVICTIONS_MAX || !endings_delete_record(handle))
		return -EAGAIN;
	if (++endings->serial >= UINT32_C(1) << (32 - TOKEN_INDEX_BITS))
		endings->serial = 1;
	endings->evictions[index] = (struct eviction){
	    .used = true,
	    .tries = 1,
	    .code = code,
	    .token = endings->serial << TOKEN_INDEX_BITS | index,
	    .handle = handle,
	    .done = done,
	    .context = context,
	};
	endings->waiting++;
	courier_end(endings->courier, judged.owner, handle, code, SESSION_EVICTED,
		    endings->evictions[index].token);
	return 0;
}

void endings_evict_forget(struct endings *endings, const void *context)
{
	for (uint32_t i = 0; i < GATEWAY_EVICTIONS_MAX; i++) {
		if (endings->evictions[i].used && endings->evictions[i].context == context)
			endings->evictions[i].done = NULL;
	}
}

uint32_t endings_waiting(const struct endings *endings)
{
	return endings->waiting;
}
