// SPDX-License-Identifier: BSD-3-Clause
#include "control/lanes.h"

#include <string.h>

#include "control/liveness_sweep.h"
#include "control/log.h"
#include "control/withdrawal.h"

// ---- Frames --------------------------------------------------------------------------------

static bool same_link(const struct backends_lane *left, const struct backends_lane *right)
{
	return left->epoch == right->epoch && left->instance == right->instance &&
	       memcmp(left->session, right->session, sizeof(left->session)) == 0;
}

// The attempt that a CONFIRM from this path is for. A new attempt can have the path of an older
// lane, so the epoch decides.
static uint16_t find_attempt(const struct backends_entry *entry, const struct path *path,
			     uint32_t epoch)
{
	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		const struct backends_lane *lane = &entry->lanes[i];

		if (lane->used && lane->epoch == epoch && lane->path.local == path->local &&
		    address_equal(&lane->path.peer, &path->peer))
			return i;
	}
	return DIRECTORY_LANES_MAX;
}

// A confirmed lane ends those of another link, epoch or instance.
static void end_others(struct backends *backends, struct backends_entry *entry,
		       const struct backends_lane *confirmed)
{
	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		struct backends_lane *lane = &entry->lanes[i];

		if (!lane->used || same_link(lane, confirmed))
			continue;
		backends->answerer.tally->lanes_lost += lane->live;
		memset(lane, 0, sizeof(*lane));
	}
}

// What the sessions of a backend must be told after its link came up.
static void tell_sessions(struct backends *backends, uint16_t index, bool reset)
{
	const struct backends_entry *entry = &backends->entries[index];
	struct tally *tally = backends->answerer.tally;
	const char *service = backends->settings->services[entry->service].name;
	struct events *events = backends->answerer.events;
	const struct command command = {
	    .kind = reset ? COMMAND_BACKEND_RESET : COMMAND_BACKEND_RETURNED,
	    .backend = index,
	};

	if (!entry->registered) {
		tally->backends_registered++;
		events_add_backend(events, EVENT_BACKEND_CONNECTED, service, entry->name);
		log_line(LOG_LEVEL_INFO, "backend %s of service %s registered", entry->name,
			 service);
		return;
	}
	if (reset)
		tally->backends_reset++;
	else
		tally->backends_returned++;
	events_add_backend(events, reset ? EVENT_BACKEND_RESET : EVENT_BACKEND_RETURNED, service,
			   entry->name);
	log_line(LOG_LEVEL_INFO, "backend %s of service %s %s", entry->name, service,
		 reset ? "is a new instance: its channels are reset" : "returned");
	courier_decide_all(backends->answerer.courier, &command);
}

static void lane_confirmed(struct backends *backends, uint16_t index, uint16_t number,
			   uint64_t now_ms)
{
	struct backends_entry *entry = &backends->entries[index];
	struct backends_lane *lane = &entry->lanes[number];
	const bool reset = entry->registered && entry->instance != lane->instance;
	const bool same = entry->connected && entry->epoch == lane->epoch &&
			  memcmp(entry->session, lane->session, sizeof(lane->session)) == 0;

	end_others(backends, entry, lane);
	lane->live = true;
	entry->removed = false;
	if (reset)
		entry->draining = false;
	entry->instance = lane->instance;
	entry->capacity = lane->capacity;
	entry->epoch = lane->epoch;
	memcpy(entry->session, lane->session, sizeof(entry->session));
	dataplane_lane_heard(backends->answerer.dataplane, index, number, &lane->path);
	backends->answerer.tally->lanes_opened++;
	backends->changed = true;
	if (!entry->connected)
		entry->since_ms = now_ms;
	entry->connected = true;
	if (!same)
		tell_sessions(backends, index, reset);
	entry->registered = true;
}

// Nobody here under this handle: the backend registers again.
static void say_unknown(struct backends *backends, const struct notice *notice,
			const struct frame *frame, uint64_t now_ms)
{
	backends->answerer.tally->ignored++;
	if (rates_take(backends->unknown, &notice->path.peer, now_ms) == RATES_GOOD)
		answer_bare(&backends->answerer, notice, WIRE_UNKNOWN, 0, frame->handle);
}

static void confirm(struct backends *backends, const struct notice *notice,
		    const struct frame *frame, uint64_t now_ms)
{
	const struct backends_entry *entry = &backends->entries[notice->backend];
	const uint16_t lane = find_attempt(entry, &notice->path, frame_decode_confirm(frame));

	if (lane == DIRECTORY_LANES_MAX) {
		say_unknown(backends, notice, frame, now_ms);
		return;
	}
	if (!entry->lanes[lane].live)
		lane_confirmed(backends, notice->backend, lane, now_ms);
	answer_bare(&backends->answerer, notice, WIRE_ACK, 0, entry->handle);
}

static void close_link(struct backends *backends, const struct notice *notice,
		       const struct frame *frame, uint64_t now_ms)
{
	const struct backends_entry *entry = &backends->entries[notice->backend];

	answer_bare(&backends->answerer, notice, WIRE_CLOSE_ACK, frame->channel, entry->handle);
	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used)
			backends_drop_lane(backends, notice->backend, i, "it closed its link",
					   now_ms);
	}
}

static bool from_live_lane(const struct backends_entry *entry, const struct notice *notice)
{
	return notice->lane < DIRECTORY_LANES_MAX && entry->lanes[notice->lane].live &&
	       address_equal(&entry->lanes[notice->lane].path.peer, &notice->path.peer);
}

void lanes_frame(struct backends *backends, const struct notice *notice, const struct frame *frame,
		 uint64_t now_ms)
{
	const struct backends_entry *entry = &backends->entries[notice->backend];

	const bool known = entry->used && frame->handle == entry->handle;

	if (!known && frame->type == WIRE_CONFIRM)
		say_unknown(backends, notice, frame, now_ms);
	else if (!known)
		backends->answerer.tally->ignored++;
	else if (frame->type == WIRE_CONFIRM)
		confirm(backends, notice, frame, now_ms);
	else if (frame->type == WIRE_CLOSE && from_live_lane(entry, notice))
		close_link(backends, notice, frame, now_ms);
	else if (frame->type == WIRE_UNKNOWN && from_live_lane(entry, notice))
		backends_drop_lane(backends, notice->backend, notice->lane,
				   "it does not know its link any more", now_ms);
	else
		backends->answerer.tally->ignored++;
}

// ---- Liveness ------------------------------------------------------------------------------

static void ask(struct backends *backends, uint16_t index, uint16_t number, uint64_t now_ms)
{
	struct backends_lane *lane = &backends->entries[index].lanes[number];
	const struct command command = {
	    .kind = COMMAND_LANE_HEARTBEAT,
	    .backend = index,
	    .lane = number,
	};

	// The worker's stamps tell only once it has run: do not order twice meanwhile.
	if (now_ms - lane->asked_ms < liveness_sweep_period_ms(backends->settings))
		return;
	if (courier_offer(backends->answerer.courier, lane->worker, &command) != 0)
		return;
	lane->asked_ms = now_ms;
}

static void judge_lane(struct backends *backends, uint16_t index, uint16_t number, uint64_t now_ms)
{
	const struct backends_lane *lane = &backends->entries[index].lanes[number];
	struct dataplane_judged judged = {
	    .handle = backends->entries[index].handle + number,
	    .timeout_ms = backends->timeout_ms,
	};

	if (!lane->live) {
		if (now_ms - lane->opened_ms >= BACKENDS_OPENING_MS) {
			backends->answerer.tally->lanes_expired++;
			backends_drop_lane(backends, index, number, "never confirmed", now_ms);
		}
		return;
	}
	dataplane_judge_lane(backends->answerer.dataplane, index, number, &judged.now_ms,
			     &judged.liveness);
	switch (liveness_sweep_judge(&judged, backends->settings)) {
	case LIVENESS_SILENT:
		backends_drop_lane(backends, index, number, "silent", now_ms);
		break;
	case LIVENESS_ASK:
		ask(backends, index, number, now_ms);
		break;
	case LIVENESS_REST:
		break;
	}
}

// An entry that was never registered lives only as long as its attempts.
static void judge_entry(struct backends *backends, uint16_t index, uint64_t now_ms)
{
	struct backends_entry *entry = &backends->entries[index];

	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used)
			judge_lane(backends, index, i, now_ms);
	}
	withdrawal_forget(backends, index, now_ms);
	if (entry->used && !entry->registered && !backends_has_lane(entry)) {
		entry->used = false;
		backends->changed = true;
	}
}

void lanes_tick(struct backends *backends, uint64_t now_ms)
{
	const uint64_t period_ms = liveness_sweep_period_ms(backends->settings);
	const uint64_t passed_ms = now_ms - backends->lanes_ticked_ms;
	const uint64_t wanted = (backends->count * passed_ms + period_ms - 1) / period_ms;
	const uint32_t slice = wanted < backends->count ? (uint32_t)wanted : backends->count;

	backends->lanes_ticked_ms = now_ms;
	for (uint32_t i = 0; i < slice; i++) {
		if (backends->lanes_next >= backends->count)
			backends->lanes_next = 0;
		if (backends->entries[backends->lanes_next].used)
			judge_entry(backends, (uint16_t)backends->lanes_next, now_ms);
		backends->lanes_next++;
	}
}
