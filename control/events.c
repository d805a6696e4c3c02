// SPDX-License-Identifier: BSD-3-Clause
#include "control/events.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct events {
	struct tally *tally;
	uint64_t next; // offset of the next event
	uint64_t utc_ms, mono_ms;
	uint64_t second_ms; // when this second of refusals began, monotonic
	uint32_t refusals;  // told in it
	uint32_t untold;    // since the last one that was told
	uint32_t max;
	struct event ring[];
};

struct events *events_create(uint32_t max, struct tally *tally)
{
	struct events *events;

	if (max < EVENTS_MIN || max > EVENTS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	events = calloc(1, sizeof(*events) + max * sizeof(events->ring[0]));
	if (events == NULL)
		return NULL;
	events->tally = tally;
	events->max = max;
	return events;
}

void events_destroy(struct events *events)
{
	free(events);
}

void events_clock(struct events *events, uint64_t utc_ms, uint64_t mono_ms)
{
	events->utc_ms = utc_ms;
	events->mono_ms = mono_ms;
}

void events_add(struct events *events, const struct event *event)
{
	struct event *place;

	if (events == NULL)
		return;
	place = &events->ring[events->next % events->max];
	*place = *event;
	place->time_ms = events->utc_ms;
	events->tally->events++;
	events->tally->events_overwritten += events->next >= events->max;
	events->next++;
}

void events_add_session(struct events *events, enum event_kind kind,
			const struct event_session *session)
{
	const struct event event = {.kind = kind, .session = *session};

	events_add(events, &event);
}

void events_add_backend(struct events *events, enum event_kind kind, const char *service,
			const char *name)
{
	struct event event = {.kind = kind};

	snprintf(event.backend.service, sizeof(event.backend.service), "%s", service);
	snprintf(event.backend.name, sizeof(event.backend.name), "%s", name);
	events_add(events, &event);
}

void events_add_config(struct events *events, const char *key)
{
	struct event event = {.kind = EVENT_CONFIG_CHANGED};

	snprintf(event.key, sizeof(event.key), "%s", key);
	events_add(events, &event);
}

void events_add_refusal(struct events *events, const struct address *from, uint16_t code,
			bool backend)
{
	struct event event = {.kind = EVENT_REFUSED,
			      .refusal = {.from = *from, .code = code, .backend = backend}};

	if (events == NULL)
		return;
	if (events->mono_ms - events->second_ms >= 1000) {
		events->second_ms = events->mono_ms;
		events->refusals = 0;
	}
	if (events->refusals == EVENTS_REFUSALS_PER_SECOND) {
		events->untold++;
		return;
	}
	events->refusals++;
	event.refusal.more = events->untold;
	events->untold = 0;
	events_add(events, &event);
}

uint64_t events_first(const struct events *events)
{
	return events->next > events->max ? events->next - events->max : 0;
}

uint64_t events_next(const struct events *events)
{
	return events->next;
}

const struct event *events_get(const struct events *events, uint64_t offset)
{
	assert(offset >= events_first(events));
	assert(offset < events->next);
	return &events->ring[offset % events->max];
}

#define EVENTS_NAME(name, text, when) text,
static const char *const names[EVENT_KINDS] = {EVENTS(EVENTS_NAME)};
#undef EVENTS_NAME

const char *events_name(enum event_kind kind)
{
	return (uint32_t)kind < EVENT_KINDS ? names[kind] : "?";
}

uint32_t events_mask(const char *name, uint32_t len)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < EVENT_KINDS && len > 0; i++) {
		if (strncmp(names[i], name, len) == 0 &&
		    (names[i][len] == '\0' || names[i][len] == '.'))
			mask |= UINT32_C(1) << i;
	}
	return mask;
}
