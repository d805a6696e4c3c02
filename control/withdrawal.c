// SPDX-License-Identifier: BSD-3-Clause
#include "control/withdrawal.h"

#include <errno.h>

#include "control/events.h"
#include "control/log.h"

static const char *service_of(const struct backends *backends, const struct backends_entry *entry)
{
	return backends->settings->services[entry->service].name;
}

bool withdrawal_drain(struct backends *backends, uint16_t index)
{
	struct backends_entry *entry = &backends->entries[index];

	if (entry->draining)
		return false;
	entry->draining = true;
	backends->changed = true;
	events_add_backend(backends->answerer.events, EVENT_BACKEND_DRAINING,
			   service_of(backends, entry), entry->name);
	log_line(LOG_LEVEL_NOTICE, "backend %s of service %s drains", entry->name,
		 service_of(backends, entry));
	return true;
}

int withdrawal_remove(struct backends *backends, uint16_t index, uint64_t now_ms)
{
	struct backends_entry *entry = &backends->entries[index];

	if (entry->removed)
		return -EALREADY;
	if (entry->connected && !entry->draining)
		return -EBUSY;
	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used)
			backends_drop_lane(backends, index, i, "removed by an operator", now_ms);
	}
	entry->removed = true;
	backends->answerer.tally->backends_removed++;
	withdrawal_forget(backends, index, now_ms);
	return 0;
}

void withdrawal_forget(struct backends *backends, uint16_t index, uint64_t now_ms)
{
	struct backends_entry *entry = &backends->entries[index];

	if (!entry->removed || !backends_forgettable(entry, now_ms))
		return;
	events_add_backend(backends->answerer.events, EVENT_BACKEND_FORGOTTEN,
			   service_of(backends, entry), entry->name);
	entry->used = false;
	entry->removed = false;
	backends->changed = true;
}
