// SPDX-License-Identifier: BSD-3-Clause
#include "control/subscriptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/event_pack.h"
#include "control/rpc.h"

struct subscription {
	uint64_t connection; // 0: free
	uint32_t number;
	uint32_t kinds; // 0: stats
	uint64_t next;  // offset that it gets next
	uint64_t due_ms;
	uint32_t interval_ms;
	uint32_t missed; // stats left out since the last one
};

struct subscriptions {
	struct events *events;
	struct tally *tally;
	struct subscriptions_link link;
	uint32_t last_number;
	uint32_t count;
	uint32_t turn; // whose turn is first
	struct subscription all[SUBSCRIPTIONS_MAX];
};

struct subscriptions *subscriptions_create(struct events *events,
					   const struct subscriptions_link *link,
					   struct tally *tally)
{
	struct subscriptions *subscriptions = calloc(1, sizeof(*subscriptions));

	if (subscriptions == NULL)
		return NULL;
	subscriptions->events = events;
	subscriptions->tally = tally;
	subscriptions->link = *link;
	return subscriptions;
}

void subscriptions_destroy(struct subscriptions *subscriptions)
{
	free(subscriptions);
}

// A free place for one more of the connection, or NULL.
static struct subscription *place(struct subscriptions *subscriptions, uint64_t connection)
{
	struct subscription *unused = NULL;
	uint32_t own = 0;

	for (uint32_t i = 0; i < SUBSCRIPTIONS_MAX; i++) {
		struct subscription *one = &subscriptions->all[i];

		own += one->connection == connection;
		if (one->connection == 0 && unused == NULL)
			unused = one;
	}
	if (own >= SUBSCRIPTIONS_OF_ONE || unused == NULL) {
		subscriptions->tally->subscriptions_refused++;
		return NULL;
	}
	return unused;
}

static uint32_t begin(struct subscriptions *subscriptions, struct subscription *one,
		      const struct subscription *wanted)
{
	*one = *wanted;
	one->number = ++subscriptions->last_number;
	subscriptions->count++;
	subscriptions->tally->subscriptions++;
	return one->number;
}

int subscriptions_events(struct subscriptions *subscriptions, uint64_t connection, uint32_t kinds,
			 uint64_t from, uint32_t *number)
{
	struct subscription *one;

	if (from > events_next(subscriptions->events))
		return -ERANGE;
	one = place(subscriptions, connection);
	if (one == NULL)
		return -EAGAIN;
	*number =
	    begin(subscriptions, one,
		  &(struct subscription){.connection = connection, .kinds = kinds, .next = from});
	return 0;
}

int subscriptions_stats(struct subscriptions *subscriptions, uint64_t connection,
			uint32_t interval_ms, uint64_t now_ms, uint32_t *number)
{
	struct subscription *one = place(subscriptions, connection);

	if (one == NULL)
		return -EAGAIN;
	*number =
	    begin(subscriptions, one,
		  &(struct subscription){
		      .connection = connection, .due_ms = now_ms, .interval_ms = interval_ms});
	return 0;
}

// [2, method, [{"subscription": number, and keys pairs more that the caller packs.
static void head(msgpack_packer *packer, const char *method, uint32_t number, uint32_t keys)
{
	msgpack_pack_array(packer, 3);
	msgpack_pack_int(packer, 2);
	rpc_pack_text(packer, method);
	msgpack_pack_array(packer, 1);
	msgpack_pack_map(packer, 1 + keys);
	rpc_pack_key_uint(packer, "subscription", number);
}

static void tell(struct subscriptions *subscriptions, const struct subscription *one,
		 const msgpack_sbuffer *buffer)
{
	if (buffer->size > 0)
		subscriptions->link.send(subscriptions->link.context, one->connection, buffer->data,
					 buffer->size);
}

// What was overwritten before it could be told.
static void pack_lost(struct subscriptions *subscriptions, struct subscription *one,
		      msgpack_packer *packer)
{
	const uint64_t first = events_first(subscriptions->events);

	if (one->next >= first)
		return;
	head(packer, "gap", one->number, 2);
	rpc_pack_key_uint(packer, "from", one->next);
	rpc_pack_key_uint(packer, "to", first);
	one->next = first;
	subscriptions->tally->subscriptions_gaps++;
}

// Returns how many events were looked at.
static uint32_t pump_events(struct subscriptions *subscriptions, struct subscription *one,
			    uint32_t budget)
{
	struct events *events = subscriptions->events;
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	uint32_t looked = 0;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	pack_lost(subscriptions, one, &packer);
	for (; looked < budget && one->next < events_next(events); looked++, one->next++) {
		const struct event *event = events_get(events, one->next);

		if (!(one->kinds & UINT32_C(1) << event->kind))
			continue;
		head(&packer, "event", one->number, event_pack_keys(event));
		event_pack(&packer, one->next, event);
		subscriptions->tally->notifications++;
	}
	tell(subscriptions, one, &buffer);
	msgpack_sbuffer_destroy(&buffer);
	return looked;
}

static void pump_stats(struct subscriptions *subscriptions, struct subscription *one,
		       uint64_t now_ms)
{
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	if (one->missed > 0) {
		head(&packer, "gap", one->number, 1);
		rpc_pack_key_uint(&packer, "missed", one->missed);
		one->missed = 0;
		subscriptions->tally->subscriptions_gaps++;
	}
	head(&packer, "stats", one->number, subscriptions->link.stats_keys);
	subscriptions->link.stats(subscriptions->link.context, &packer);
	subscriptions->tally->notifications++;
	one->due_ms = now_ms + one->interval_ms;
	tell(subscriptions, one, &buffer);
	msgpack_sbuffer_destroy(&buffer);
}

// Nothing can be told now: stats that are due are left out.
static void skip(struct subscriptions *subscriptions, struct subscription *one, uint64_t now_ms)
{
	if (one->kinds != 0 || now_ms < one->due_ms)
		return;
	one->missed++;
	one->due_ms = now_ms + one->interval_ms;
	subscriptions->tally->subscriptions_missed++;
}

// Returns how many events were looked at; *due becomes it where its stats are due for longest.
static uint32_t pump_one(struct subscriptions *subscriptions, struct subscription *one,
			 uint32_t budget, uint64_t now_ms, struct subscription **due)
{
	const struct subscriptions_link *link = &subscriptions->link;
	const size_t waiting = link->waiting(link->context, one->connection);

	if (waiting == SIZE_MAX) {
		memset(one, 0, sizeof(*one));
		subscriptions->count--;
	} else if (waiting > SUBSCRIPTIONS_WAITING_BYTES) {
		skip(subscriptions, one, now_ms);
	} else if (one->kinds != 0 && budget > 0) {
		return pump_events(subscriptions, one, budget);
	} else if (one->kinds == 0 && now_ms >= one->due_ms &&
		   (*due == NULL || one->due_ms < (*due)->due_ms)) {
		*due = one;
	}
	return 0;
}

void subscriptions_pump(struct subscriptions *subscriptions, uint64_t now_ms)
{
	const uint32_t first = subscriptions->turn;
	uint32_t left = SUBSCRIPTIONS_EVENTS_ALL;
	struct subscription *due = NULL;

	for (uint32_t i = 0; i < SUBSCRIPTIONS_MAX && subscriptions->count > 0; i++) {
		const uint32_t index = (first + i) % SUBSCRIPTIONS_MAX;
		const uint32_t budget =
		    left < SUBSCRIPTIONS_EVENTS_ONE ? left : SUBSCRIPTIONS_EVENTS_ONE;
		uint32_t looked = 0;

		if (subscriptions->all[index].connection != 0)
			looked = pump_one(subscriptions, &subscriptions->all[index], budget, now_ms,
					  &due);
		left -= looked;
		// Those who came too late this time are first next time.
		if (left == 0 && looked > 0)
			subscriptions->turn = index + 1;
	}
	if (due != NULL)
		pump_stats(subscriptions, due, now_ms);
}

uint32_t subscriptions_count(const struct subscriptions *subscriptions)
{
	return subscriptions->count;
}
