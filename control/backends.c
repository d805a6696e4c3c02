// SPDX-License-Identifier: BSD-3-Clause
#include "control/backends.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "control/choice.h"
#include "control/log.h"

struct backends *backends_create(const struct settings *settings, const struct answerer *answerer,
				 uint64_t instance)
{
	struct backends *backends = calloc(1, sizeof(*backends));

	if (backends == NULL)
		return NULL;
	backends->unknown = rates_create(BACKENDS_UNKNOWN_PER_SECOND, BACKENDS_UNKNOWN_PER_SOURCE,
					 BACKENDS_UNKNOWN_SOURCES);
	if (backends->unknown == NULL) {
		free(backends);
		errno = ENOMEM;
		return NULL;
	}
	backends->settings = settings;
	backends->answerer = *answerer;
	backends->slots = dataplane_slots(answerer->dataplane);
	backends->workers = settings->gateway.workers;
	backends->instance = instance;
	backends->timeout_ms = settings->session.timeout_ms;
	backends->interval_ms =
	    liveness_interval_ms(settings->session.timeout_ms, settings->session.heartbeat_ms);
	return backends;
}

void backends_retime(struct backends *backends)
{
	const struct settings_session *session = &backends->settings->session;

	backends->timeout_ms = session->timeout_ms;
	backends->interval_ms = liveness_interval_ms(session->timeout_ms, session->heartbeat_ms);
}

void backends_destroy(struct backends *backends)
{
	if (backends == NULL)
		return;
	rates_destroy(backends->unknown);
	free(backends);
}

static bool name_is(const char *name, const char *text, uint32_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

uint16_t backends_service(const struct backends *backends, const char *name, uint32_t len)
{
	for (uint32_t i = 0; i < backends->settings->services_count && len > 0; i++) {
		if (name_is(backends->settings->services[i].name, name, len))
			return (uint16_t)i;
	}
	return DIRECTORY_NONE;
}

uint16_t backends_find(const struct backends *backends, uint16_t service, const char *name,
		       uint32_t len)
{
	for (uint32_t i = 0; i < backends->count; i++) {
		const struct backends_entry *entry = &backends->entries[i];

		if (entry->used && entry->service == service && name_is(entry->name, name, len))
			return (uint16_t)i;
	}
	return DIRECTORY_NONE;
}

bool backends_has_lane(const struct backends_entry *entry)
{
	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used)
			return true;
	}
	return false;
}

static void entry_tell(const struct backends *backends, const struct backends_entry *entry,
		       enum event_kind kind)
{
	events_add_backend(backends->answerer.events, kind,
			   backends->settings->services[entry->service].name, entry->name);
}

// Whether nothing refers to a lost backend any more: not a lane, not a session in the last whole
// turn. Since it was lost no session can have got it.
bool backends_forgettable(const struct backends_entry *entry, uint64_t now_ms)
{
	return !entry->connected && !backends_has_lane(entry) && entry->sessions == 0 &&
	       entry->counting == 0 && now_ms - entry->since_ms >= BACKENDS_LOST_MS;
}

// The place of the backend lost longest ago, or DIRECTORY_BACKENDS_MAX.
static uint32_t place_of_forgotten(const struct backends *backends, uint64_t now_ms)
{
	uint32_t oldest = DIRECTORY_BACKENDS_MAX;

	for (uint32_t i = 0; i < backends->count; i++) {
		const struct backends_entry *entry = &backends->entries[i];

		if (backends_forgettable(entry, now_ms) &&
		    (oldest == DIRECTORY_BACKENDS_MAX ||
		     entry->since_ms < backends->entries[oldest].since_ms))
			oldest = i;
	}
	if (oldest < DIRECTORY_BACKENDS_MAX) {
		backends->answerer.tally->backends_forgotten++;
		entry_tell(backends, &backends->entries[oldest], EVENT_BACKEND_FORGOTTEN);
	}
	return oldest;
}

uint16_t backends_add(struct backends *backends, uint16_t service, const char *name, uint32_t len,
		      uint64_t now_ms)
{
	uint32_t index = 0;

	assert(len <= WIRE_NAME_MAX);
	while (index < backends->count && backends->entries[index].used)
		index++;
	if (index == DIRECTORY_BACKENDS_MAX)
		index = place_of_forgotten(backends, now_ms);
	if (index == DIRECTORY_BACKENDS_MAX)
		return DIRECTORY_NONE;
	if (index == backends->count)
		backends->count++;
	struct backends_entry *entry = &backends->entries[index];

	// The tag in its handle must not be the one before.
	const uint64_t before = entry->handle;

	memset(entry, 0, sizeof(*entry));
	entry->used = true;
	entry->handle = before;
	entry->service = service;
	entry->since_ms = now_ms;
	memcpy(entry->name, name, len);
	entry->seed = choice_seed(backends->settings->services[service].name, entry->name);
	backends_new_handle(backends, (uint16_t)index);
	return (uint16_t)index;
}

void backends_new_handle(struct backends *backends, uint16_t index)
{
	struct backends_entry *entry = &backends->entries[index];
	const uint32_t before = (uint32_t)entry->handle;
	uint32_t tag;

	assert(!entry->connected);
	do
		tag = randombytes_random();
	while (tag == 0 || tag == before);
	entry->handle = directory_link_handle(backends->slots, index, tag);
	backends->changed = true;
}

static bool entry_full(const struct backends_entry *entry)
{
	return entry->capacity > 0 &&
	       (uint64_t)entry->sessions + entry->chosen + entry->chosen_before >= entry->capacity;
}

uint16_t backends_choose(struct backends *backends, uint16_t service,
			 const uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	uint16_t best = DIRECTORY_NONE;
	uint64_t best_weight = 0;

	for (uint32_t i = 0; i < backends->count; i++) {
		const struct backends_entry *entry = &backends->entries[i];

		if (!entry->connected || entry->draining || entry->service != service ||
		    entry_full(entry))
			continue;
		const uint64_t weight = choice_weight(entry->seed, id);

		if (best == DIRECTORY_NONE || weight > best_weight) {
			best = (uint16_t)i;
			best_weight = weight;
		}
	}
	if (best != DIRECTORY_NONE)
		backends->entries[best].chosen++;
	return best;
}

static bool any_live(const struct backends_entry *entry)
{
	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used && entry->lanes[i].live)
			return true;
	}
	return false;
}

static void entry_lost(struct backends *backends, uint16_t index, const char *why, uint64_t now_ms)
{
	struct backends_entry *entry = &backends->entries[index];
	const struct command command = {.kind = COMMAND_BACKEND_LOST, .backend = index};

	entry->connected = false;
	entry->since_ms = now_ms;
	backends->answerer.tally->backends_lost++;
	entry_tell(backends, entry, EVENT_BACKEND_LOST);
	courier_decide_all(backends->answerer.courier, &command);
	log_line(LOG_LEVEL_WARNING, "backend %s of service %s lost: %s", entry->name,
		 backends->settings->services[entry->service].name, why);
}

void backends_drop_lane(struct backends *backends, uint16_t index, uint16_t lane, const char *why,
			uint64_t now_ms)
{
	struct backends_entry *entry = &backends->entries[index];

	if (entry->lanes[lane].live)
		backends->answerer.tally->lanes_lost++;
	memset(&entry->lanes[lane], 0, sizeof(entry->lanes[lane]));
	backends->changed = true;
	if (entry->connected && !any_live(entry))
		entry_lost(backends, index, why, now_ms);
}

// Whether a lost backend has a session still, or may have got one since the last turn began.
static bool entry_counts(const struct backends_entry *entry)
{
	return entry->sessions > 0 || entry->counting > 0 || entry->chosen > 0 ||
	       entry->chosen_before > 0;
}

const char *backends_keep(struct backends *backends, uint16_t service)
{
	uint32_t sessions = backends->services[service];

	if (sessions < backends->services_counting[service])
		sessions = backends->services_counting[service];
	for (uint32_t i = 0; i < backends->count; i++) {
		const struct backends_entry *entry = &backends->entries[i];

		if (!entry->used || entry->service != service)
			continue;
		if (entry->connected || backends_has_lane(entry)) {
			snprintf(backends->kept, sizeof(backends->kept), "backend %s is registered",
				 entry->name);
			return backends->kept;
		}
		if (sessions == 0)
			sessions = entry_counts(entry);
	}
	if (sessions == 0)
		return NULL;
	snprintf(backends->kept, sizeof(backends->kept), "sessions use it (%u)", sessions);
	return backends->kept;
}

void backends_forget(struct backends *backends)
{
	for (uint32_t i = 0; i < backends->count; i++) {
		struct backends_entry *entry = &backends->entries[i];

		if (!entry->used || backends->settings->services[entry->service].name[0] != '\0')
			continue;
		entry->used = false; // its handle is kept: the next one here must have another
		backends->changed = true;
	}
}

void backends_count_channel(struct backends *backends, uint16_t service, uint16_t index)
{
	if (service < DIRECTORY_SERVICES_MAX)
		backends->services_counting[service]++;
	if (index < backends->count)
		backends->entries[index].counting++;
}

void backends_count_end(struct backends *backends)
{
	for (uint32_t i = 0; i < backends->count; i++) {
		struct backends_entry *entry = &backends->entries[i];

		entry->sessions = entry->counting;
		entry->counting = 0;
		// A session chosen during the turn may be in it or not: it counts twice until the
		// next turn, so that a backend is never given more than it can take.
		entry->chosen_before = entry->chosen;
		entry->chosen = 0;
	}
	memcpy(backends->services, backends->services_counting, sizeof(backends->services));
	memset(backends->services_counting, 0, sizeof(backends->services_counting));
}

// A worker sends over its own lane, else over any live one; those without spread over them.
static void fill_lane_of_worker(const struct backends *backends, struct directory_backend *to)
{
	uint8_t live[DIRECTORY_LANES_MAX];
	uint32_t count = 0;

	memset(to->lane_of_worker, DIRECTORY_LANE_NONE, sizeof(to->lane_of_worker));
	for (uint8_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (to->lanes[i].live)
			live[count++] = i;
	}
	if (count == 0)
		return;
	for (uint32_t worker = 0; worker < backends->workers; worker++)
		to->lane_of_worker[worker] = live[worker % count];
	for (uint32_t i = count; i-- > 0;)
		to->lane_of_worker[to->lanes[live[i]].worker] = live[i];
}

static void fill_entry(const struct backends *backends, const struct backends_entry *entry,
		       struct directory_backend *to)
{
	to->used = true;
	to->connected = entry->connected;
	to->draining = entry->draining;
	to->service = entry->service;
	memcpy(to->name, entry->name, sizeof(to->name));
	to->instance = entry->instance;
	to->link_handle = entry->handle;
	to->link_epoch = entry->epoch;
	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		const struct backends_lane *lane = &entry->lanes[i];

		if (!lane->used)
			continue;
		to->lanes[i].path = lane->path;
		to->lanes[i].number = lane->number;
		to->lanes[i].worker = lane->worker;
		to->lanes[i].live = lane->live;
	}
	fill_lane_of_worker(backends, to);
}

void backends_fill(const struct backends *backends, struct directory *directory)
{
	const struct settings *settings = backends->settings;

	directory->services_count = settings->services_count;
	for (uint32_t i = 0; i < settings->services_count; i++) {
		directory->services[i].used = settings->services[i].name[0] != '\0';
		memcpy(directory->services[i].name, settings->services[i].name,
		       sizeof(directory->services[i].name));
	}
	directory->backends_count = backends->count;
	for (uint32_t i = 0; i < backends->count; i++) {
		if (backends->entries[i].used)
			fill_entry(backends, &backends->entries[i], &directory->backends[i]);
	}
}

uint32_t backends_connected(const struct backends *backends)
{
	uint32_t connected = 0;

	for (uint32_t i = 0; i < backends->count; i++)
		connected += backends->entries[i].connected;
	return connected;
}

uint32_t backends_lanes_live(const struct backends *backends)
{
	uint32_t live = 0;

	for (uint32_t i = 0; i < backends->count; i++) {
		for (uint32_t lane = 0; lane < DIRECTORY_LANES_MAX; lane++)
			live += backends->entries[i].lanes[lane].live;
	}
	return live;
}
