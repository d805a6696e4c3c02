// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/errand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/attempt.h"
#include "dataplane/closing.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/reply.h"
#include "dataplane/worker.h"

int errand_pool_init(struct errands *errands, uint32_t max)
{
	errands->pool = calloc(max, sizeof(*errands->pool));
	if (errands->pool == NULL)
		return -ENOMEM;
	errands->max = max;
	errands->free = SESSION_NONE;
	return 0;
}

void errand_pool_fini(struct errands *errands)
{
	free(errands->pool);
	errands->pool = NULL;
}

static struct errand *errand_of(struct worker *worker, uint32_t slot)
{
	const uint32_t index = worker->sessions->hot[slot].errand;

	return index != SESSION_NONE ? &worker->errands->pool[index] : NULL;
}

static uint32_t place_take(struct errands *errands)
{
	uint32_t place = errands->free;

	if (place != SESSION_NONE)
		errands->free = errands->pool[place].next_free;
	else if (errands->fresh < errands->max)
		place = errands->fresh++;
	errands->used += place != SESSION_NONE;
	return place;
}

// The session's errand, made where it has none. NULL: the pool is empty.
static struct errand *errand_get(struct worker *worker, uint32_t slot)
{
	struct errand *errand = errand_of(worker, slot);

	if (errand != NULL)
		return errand;

	const uint32_t place = place_take(worker->errands);

	if (place == SESSION_NONE)
		return NULL;
	worker->sessions->hot[slot].errand = place;
	errand = &worker->errands->pool[place];
	*errand = (struct errand){.slot = slot, .timer = {.kind = TIMER_ERRAND}};
	return errand;
}

void errand_drop(struct worker *worker, uint32_t slot)
{
	struct errands *errands = worker->errands;
	struct errand *errand = errand_of(worker, slot);

	if (errand == NULL)
		return;
	wheel_stop(&errand->timer);
	errand->next_free = errands->free;
	errands->free = (uint32_t)(errand - errands->pool);
	errands->used--;
	worker->sessions->hot[slot].errand = SESSION_NONE;
}

static void errand_settle(struct worker *worker, struct errand *errand)
{
	for (int side = 0; side < ERRAND_SIDES; side++) {
		if (errand->sides[side].waiting != 0 || errand->sides[side].outstanding)
			return;
	}
	if (errand->closing == 0)
		errand_drop(worker, errand->slot);
}

static const char *event_name(enum errand_event event)
{
	static const char *const names[ERRAND_EVENTS] = {
	    [ERRAND_CHANNEL_DOWN] = WIRE_EVENT_CHANNEL_DOWN,
	    [ERRAND_CHANNEL_UP] = WIRE_EVENT_CHANNEL_UP,
	    [ERRAND_CHANNEL_RESET] = WIRE_EVENT_CHANNEL_RESET,
	    [ERRAND_PEER_DETACHED] = WIRE_EVENT_PEER_DETACHED,
	    [ERRAND_DRAINING] = WIRE_EVENT_DRAINING,
	};

	return names[event];
}

static void event_send(struct worker *worker, const struct errand *errand, int side)
{
	const struct session *session = &worker->sessions->hot[errand->slot];
	const struct errand_side *from = &errand->sides[side];
	const struct options options = {
	    .present = OPTIONS_EVENT | OPTIONS_EPOCH,
	    .event = options_text(event_name((enum errand_event)from->event)),
	    .epoch = session->announced,
	};
	struct path path = session->path;

	if (side == ERRAND_CLIENT ? session->state != SESSION_CONNECTED
				  : !reply_backend_path(worker, session->backend, &path))
		return;
	reply_event(worker, &path, session_table_handle(worker->sessions, errand->slot),
		    from->number, &options);
}

// Sends the next event to a side that has none outstanding.
static void event_next(struct worker *worker, struct errand *errand, int side)
{
	struct session_cold *cold = &worker->sessions->cold[errand->slot];
	uint16_t *number = side == ERRAND_CLIENT ? &cold->events_client : &cold->events_backend;
	struct errand_side *to = &errand->sides[side];

	if (to->outstanding || to->waiting == 0)
		return;
	to->event = (uint8_t)__builtin_ctz(to->waiting);
	to->waiting &= (uint8_t) ~(1u << to->event);
	to->number = ++*number;
	to->outstanding = true;
	event_send(worker, errand, side);
	if (!wheel_is_set(&errand->timer))
		wheel_set(worker->wheel, &errand->timer, ERRAND_REPEAT_MS);
}

void errand_event(struct worker *worker, uint32_t slot, enum frame_side to, enum errand_event event)
{
	const uint8_t channel =
	    1u << ERRAND_CHANNEL_DOWN | 1u << ERRAND_CHANNEL_UP | 1u << ERRAND_CHANNEL_RESET;
	struct errand *errand = errand_get(worker, slot);

	if (errand == NULL) {
		counters_add(&worker->counters, COUNTER_events_lost, 1);
		return;
	}
	if ((channel & 1u << event) != 0)
		errand->sides[to].waiting &= (uint8_t)~channel;
	errand->sides[to].waiting |= (uint8_t)(1u << event);
	event_next(worker, errand, (int)to);
}

void errand_resumed(struct worker *worker, uint32_t slot)
{
	struct errand *errand = errand_of(worker, slot);

	if (errand == NULL)
		return;

	struct errand_side *backend = &errand->sides[ERRAND_BACKEND];

	backend->waiting &= (uint8_t) ~(1u << ERRAND_PEER_DETACHED);
	if (backend->outstanding && backend->event == ERRAND_PEER_DETACHED)
		backend->outstanding = false;
	event_next(worker, errand, ERRAND_BACKEND);
	errand_settle(worker, errand);
}

bool errand_event_ack(struct worker *worker, uint32_t slot, enum frame_side from, uint16_t number)
{
	struct errand *errand = errand_of(worker, slot);

	if (errand == NULL || !errand->sides[from].outstanding ||
	    errand->sides[from].number != number)
		return false;
	errand->sides[from].outstanding = false;
	event_next(worker, errand, (int)from);
	errand_settle(worker, errand);
	return true;
}

static void close_send(struct worker *worker, struct errand *errand)
{
	const struct session *session = &worker->sessions->hot[errand->slot];
	const uint64_t handle = session_table_handle(worker->sessions, errand->slot);
	const uint16_t code = worker->sessions->cold[errand->slot].end_code;
	struct path path;

	if ((errand->closing & 1u << ERRAND_CLIENT) != 0)
		reply_close(worker, &session->path, handle, 0, code);
	if ((errand->closing & 1u << ERRAND_BACKEND) != 0 &&
	    reply_backend_path(worker, session->backend, &path))
		reply_close(worker, &path, handle, 0, code);
	errand->closes++;
	wheel_set(worker->wheel, &errand->timer, ERRAND_REPEAT_MS);
}

bool errand_close(struct worker *worker, uint32_t slot, uint8_t sides)
{
	struct errand *errand = errand_get(worker, slot);

	if (errand == NULL)
		return false;
	memset(errand->sides, 0, sizeof(errand->sides)); // what was to be told is over
	errand->closing = sides;
	close_send(worker, errand);
	return true;
}

bool errand_close_answered(struct worker *worker, uint32_t slot, enum frame_side from)
{
	struct errand *errand = errand_of(worker, slot);

	if (errand == NULL)
		return false;
	errand->closing &= (uint8_t) ~(1u << from);
	return errand->closing == 0;
}

void errand_due(struct worker *worker, struct errand *errand)
{
	if (errand->closing != 0) {
		if (errand->closes >= ERRAND_CLOSES_MAX)
			closing_finish(worker, errand->slot);
		else
			close_send(worker, errand);
		return;
	}
	for (int side = 0; side < ERRAND_SIDES; side++) {
		if (errand->sides[side].outstanding)
			event_send(worker, errand, side);
	}
	wheel_set(worker->wheel, &errand->timer, ERRAND_REPEAT_MS);
}
