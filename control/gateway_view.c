// SPDX-License-Identifier: BSD-3-Clause
// What may be seen of the gateway.
#include "control/gateway_parts.h"

#include <errno.h>
#include <string.h>

#include "control/withdrawal.h"

struct event_base *gateway_base(struct gateway *gateway)
{
	return gateway->base;
}

struct dataplane *gateway_dataplane(struct gateway *gateway)
{
	return gateway->dataplane;
}

const struct settings *gateway_settings(const struct gateway *gateway)
{
	return gateway->settings;
}

enum gateway_state gateway_state(const struct gateway *gateway)
{
	return gateway->drain.state;
}

uint64_t gateway_instance(const struct gateway *gateway)
{
	return gateway->instance;
}

uint64_t gateway_started_ms(const struct gateway *gateway)
{
	return gateway->started_ms;
}

uint64_t gateway_uptime_ms(const struct gateway *gateway)
{
	return gateway->now_ms - gateway->started_mono_ms;
}

uint32_t gateway_sessions(const struct gateway *gateway)
{
	return gateway->sessions;
}

const struct tally *gateway_tally(const struct gateway *gateway)
{
	return &gateway->tally;
}

const struct histogram *gateway_ticks(const struct gateway *gateway)
{
	return &gateway->ticks;
}

void gateway_count_scrape_refused(struct gateway *gateway)
{
	gateway->tally.scrapes_refused++;
}

struct tally *gateway_tally_own(struct gateway *gateway)
{
	return &gateway->tally;
}

struct preload *gateway_preload(struct gateway *gateway)
{
	return gateway->preload;
}

struct events *gateway_events(struct gateway *gateway)
{
	return gateway->events;
}

void gateway_gauges(const struct gateway *gateway, struct gateway_gauges *gauges)
{
	*gauges = (struct gateway_gauges){
	    .ends_kept = ends_count(gateway->ends),
	    .ends_max = ends_max(gateway->ends),
	    .commands_waiting = courier_waiting(gateway->courier),
	    .evictions_waiting = endings_waiting(gateway->endings),
	    .backends_connected = backends_connected(gateway->backends),
	    .lanes_live = backends_lanes_live(gateway->backends),
	};
}

static void view_lane(const struct gateway *gateway, uint16_t index, uint16_t number,
		      struct gateway_lane_view *view)
{
	const struct backends_lane *lane = &gateway->backends->entries[index].lanes[number];
	struct liveness liveness;
	uint32_t now_ms;

	*view = (struct gateway_lane_view){
	    .number = lane->number,
	    .worker = lane->worker,
	    .live = lane->live,
	    .epoch = lane->epoch,
	    .path = lane->path,
	};
	if (!lane->live)
		return;
	dataplane_judge_lane(gateway->dataplane, index, number, &now_ms, &liveness);
	// A frame may have come between the reading of the clock and of the stamp.
	if ((int32_t)(now_ms - liveness.heard_ms) > 0)
		view->heard_ms = now_ms - liveness.heard_ms;
}

bool gateway_backend(const struct gateway *gateway, uint32_t index,
		     struct gateway_backend_view *view)
{
	if (index >= gateway->backends->count || !gateway->backends->entries[index].used)
		return false;
	const struct backends_entry *entry = &gateway->backends->entries[index];

	memset(view, 0, sizeof(*view));
	memcpy(view->service, gateway->settings->services[entry->service].name,
	       sizeof(view->service));
	memcpy(view->name, entry->name, sizeof(view->name));
	memcpy(view->agent, entry->agent, sizeof(view->agent));
	view->connected = entry->connected;
	view->draining = entry->draining;
	view->removed = entry->removed;
	view->instance = entry->instance;
	view->handle = entry->handle;
	view->capacity = entry->capacity;
	view->sessions = entry->sessions;
	view->age_ms = entry->registered ? gateway->now_ms - entry->since_ms : 0;
	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used)
			view_lane(gateway, (uint16_t)index, i, &view->lanes[view->lanes_count++]);
	}
	return true;
}

bool gateway_service(const struct gateway *gateway, uint32_t index,
		     struct gateway_service_view *view)
{
	if (index >= gateway->settings->services_count)
		return false;
	const struct settings_service *service = &gateway->settings->services[index];

	memset(view, 0, sizeof(*view));
	memcpy(view->name, service->name, sizeof(view->name));
	view->lost = service->lost;
	for (uint32_t i = 0; i < gateway->backends->count; i++) {
		const struct backends_entry *entry = &gateway->backends->entries[i];

		if (!entry->used || entry->service != index)
			continue;
		view->backends_known += entry->registered;
		view->backends_connected += entry->connected;
		view->sessions += entry->sessions;
	}
	return true;
}

static uint16_t find_backend(const struct gateway *gateway, const struct gateway_backend_name *name)
{
	const uint16_t service =
	    backends_service(gateway->backends, name->service, name->service_len);

	return service == DIRECTORY_NONE
		   ? DIRECTORY_NONE
		   : backends_find(gateway->backends, service, name->name, name->name_len);
}

int gateway_backend_drain(struct gateway *gateway, const struct gateway_backend_name *name,
			  bool *started)
{
	const uint16_t index = find_backend(gateway, name);

	if (index == DIRECTORY_NONE)
		return -ENOENT;
	*started = withdrawal_drain(gateway->backends, index);
	return 0;
}

int gateway_backend_remove(struct gateway *gateway, const struct gateway_backend_name *name,
			   bool *removed)
{
	const uint16_t index = find_backend(gateway, name);
	int rc;

	if (index == DIRECTORY_NONE)
		return -ENOENT;
	// What its sessions are told must not overtake the directory that says so.
	courier_hold(gateway->courier);
	rc = withdrawal_remove(gateway->backends, index, gateway->now_ms);
	*removed = rc == 0;
	return rc == -EBUSY ? rc : 0;
}

int gateway_evict(struct gateway *gateway, uint64_t handle, uint16_t code, gateway_evicted done,
		  void *context)
{
	return endings_evict(gateway->endings, handle, code, done, context);
}

void gateway_evict_forget(struct gateway *gateway, const void *context)
{
	endings_evict_forget(gateway->endings, context);
}
