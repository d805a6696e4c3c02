// SPDX-License-Identifier: BSD-3-Clause
// A HELLO makes an attempt: a lane that is there but not live. Its CONFIRM makes the lane live and
// only then changes anything else: what the entry knows, other lanes, sessions.
#include "control/registration.h"

#include <string.h>

#include "control/log.h"

enum {
	RETRY_DRAINING_MS = 1000,
	RETRY_OVERLOADED_MS = 1000,
};

static struct log_limit refusals;

static struct answer_refusal refusal_of(uint16_t code, const char *reason)
{
	return (struct answer_refusal){.code = code, .reason = reason};
}

// What a HELLO asks for, and where it has got in being decided.
struct registration {
	struct backends *backends;
	const struct notice *notice;
	uint64_t now_ms;
	struct handshake hello;
	struct options options;
	struct options_text named; // its name, once that can be shown
	uint16_t service;
	uint16_t entry; // DIRECTORY_NONE: a new name
	struct answer_refusal refusal;
};

static bool refuse(struct registration *registration, uint16_t code, const char *reason)
{
	registration->refusal = refusal_of(code, reason);
	return false;
}

// ---- May it register at all? ---------------------------------------------------------------

static bool from_allowed_place(const struct registration *registration)
{
	const struct settings *settings = registration->backends->settings;
	const struct path *path = &registration->notice->path;
	const struct settings_backend *allowed = &settings->backend;

	if (path->local >= settings->addresses_count)
		return false;
	for (uint32_t i = 0; i < allowed->listen_count; i++) {
		if (memcmp(allowed->listen[i], settings->addresses[path->local].ip,
			   sizeof(allowed->listen[i])) == 0)
			return settings_prefixes_have(allowed->from, allowed->from_count,
						      path->peer.ip);
	}
	return false;
}

static bool name_allowed(const struct settings_service *service, struct options_text name)
{
	if (service->any)
		return true;
	for (uint32_t i = 0; i < service->names_count; i++) {
		if (options_text_equal(options_text(service->names[i]), name))
			return true;
	}
	return false;
}

// Names are shown in logs and lists: control characters would let a backend write there.
static bool text_good(struct options_text text)
{
	for (uint32_t i = 0; i < text.len; i++) {
		if ((uint8_t)text.bytes[i] < ' ' || text.bytes[i] == 0x7f)
			return false;
	}
	return true;
}

static bool shape_good(const struct registration *registration)
{
	static const uint32_t needed = OPTIONS_SERVICE | OPTIONS_BACKEND | OPTIONS_INSTANCE;
	const struct options *options = &registration->options;

	return registration->hello.role == WIRE_ROLE_BACKEND &&
	       (options->present & needed) == needed && options->service.len > 0 &&
	       options->backend.len > 0 && text_good(options->backend) && text_good(options->agent);
}

// Version and shape, then place, service, name: the first that is wrong is told.
static bool admissible(struct registration *registration, const struct frame *frame,
		       enum frame_fault fault)
{
	struct options *options = &registration->options;
	const struct backends *backends = registration->backends;

	handshake_decode_fixed(frame, &registration->hello);
	if (fault == FRAME_VERSION)
		return refuse(registration, HOLDFAST_VERSION_MISMATCH, "version 1 is spoken here");
	if (handshake_decode(frame, &registration->hello) != 0 ||
	    options_decode(registration->hello.options, registration->hello.options_bytes,
			   options) != 0 ||
	    !shape_good(registration))
		return refuse(registration, HOLDFAST_MALFORMED, NULL);
	registration->named = options->backend;
	if (!from_allowed_place(registration))
		return refuse(registration, HOLDFAST_NOT_AUTHORIZED,
			      "no backend may register from or at this address");
	registration->service =
	    backends_service(backends, options->service.bytes, options->service.len);
	if (registration->service == DIRECTORY_NONE)
		return refuse(registration, HOLDFAST_UNKNOWN_SERVICE, NULL);
	if (!name_allowed(&backends->settings->services[registration->service], options->backend))
		return refuse(registration, HOLDFAST_NOT_AUTHORIZED,
			      "this name may not serve the service");
	registration->entry = backends_find(backends, registration->service, options->backend.bytes,
					    options->backend.len);
	return true;
}

// ---- Is the name free for it, and the attempt a new one? -----------------------------------

static bool attempt_of_another(const struct backends_entry *entry, uint64_t instance)
{
	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used && entry->lanes[i].instance != instance)
			return true;
	}
	return false;
}

// A live instance keeps its name, and so does one whose attempt is pending.
static bool name_free(struct registration *registration)
{
	struct backends *backends = registration->backends;

	if (registration->entry == DIRECTORY_NONE)
		return !backends->draining || refuse(registration, HOLDFAST_DRAINING, NULL);
	const struct backends_entry *entry = &backends->entries[registration->entry];

	if (entry->registered && entry->instance == registration->options.instance)
		return true;
	if (backends->draining)
		return refuse(registration, HOLDFAST_DRAINING, NULL);
	if (!entry->connected && !attempt_of_another(entry, registration->options.instance))
		return true;
	return refuse(registration, HOLDFAST_NAME_IN_USE, NULL);
}

static bool same_link(const uint8_t *left, const uint8_t *right)
{
	return memcmp(left, right, WIRE_SESSION_ID_BYTES) == 0;
}

static bool stale(struct registration *registration, uint32_t standing)
{
	refuse(registration, HOLDFAST_STALE_EPOCH, NULL);
	registration->refusal.epoch_standing = standing;
	return false;
}

// Epochs and paths are compared within one lane; no lane may be older than the link.
// Sets *same to the lane whose attempt this HELLO repeats, else to DIRECTORY_LANES_MAX.
static bool epoch_good(struct registration *registration, uint16_t *same)
{
	const struct handshake *hello = &registration->hello;

	*same = DIRECTORY_LANES_MAX;
	if (registration->entry == DIRECTORY_NONE)
		return true;
	const struct backends_entry *entry = &registration->backends->entries[registration->entry];

	if (entry->connected && same_link(entry->session, hello->session) &&
	    hello->epoch < entry->epoch)
		return stale(registration, entry->epoch);
	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		const struct backends_lane *lane = &entry->lanes[i];

		if (!lane->used || lane->number != hello->lane ||
		    !same_link(lane->session, hello->session))
			continue;
		if (hello->epoch < lane->epoch)
			return stale(registration, lane->epoch);
		if (hello->epoch > lane->epoch)
			continue;
		if (!address_equal(&lane->path.peer, &registration->notice->path.peer) ||
		    lane->path.local != registration->notice->path.local)
			return stale(registration, lane->epoch);
		*same = i;
	}
	return true;
}

// ---- A place for the attempt ---------------------------------------------------------------

static uint32_t lanes_on_worker(const struct backends_entry *entry, uint8_t worker)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++)
		count += entry->lanes[i].live && entry->lanes[i].worker == worker;
	return count;
}

// Which lane gives its place when all are taken: one whose worker has another one, else one of
// the link that this HELLO follows.
static uint16_t lane_spare(const struct backends_entry *entry, const struct handshake *hello)
{
	uint16_t spare = DIRECTORY_LANES_MAX;

	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		const struct backends_lane *lane = &entry->lanes[i];

		if (!lane->live)
			continue;
		if (lanes_on_worker(entry, lane->worker) > 1)
			return i;
		if (lane->number == hello->lane)
			spare = i;
	}
	return spare;
}

// That of an older attempt for the same lane, else a free one, else a spare one.
static uint16_t lane_place(const struct backends_entry *entry, const struct handshake *hello)
{
	uint16_t unused = DIRECTORY_LANES_MAX;

	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		const struct backends_lane *lane = &entry->lanes[i];

		if (lane->used && !lane->live && lane->number == hello->lane)
			return i;
		if (!lane->used && unused == DIRECTORY_LANES_MAX)
			unused = i;
	}
	return unused != DIRECTORY_LANES_MAX ? unused : lane_spare(entry, hello);
}

// Finds or makes the entry, and in it a lane for the attempt.
static bool place_attempt(struct registration *registration, uint16_t *place)
{
	struct backends *backends = registration->backends;
	const struct options *options = &registration->options;

	if (registration->entry == DIRECTORY_NONE)
		registration->entry =
		    backends_add(backends, registration->service, options->backend.bytes,
				 options->backend.len, registration->now_ms);
	if (registration->entry == DIRECTORY_NONE)
		return refuse(registration, HOLDFAST_OVERLOADED, "too many backends");
	struct backends_entry *entry = &backends->entries[registration->entry];

	*place = lane_place(entry, &registration->hello);
	if (*place == DIRECTORY_LANES_MAX)
		return refuse(registration, HOLDFAST_OVERLOADED, "too many lanes");
	// Another instance gets another handle, so that nothing of the old one counts for it.
	if (entry->registered && entry->instance != options->instance && !backends_has_lane(entry))
		backends_new_handle(backends, registration->entry);
	if (entry->lanes[*place].used)
		backends_drop_lane(backends, registration->entry, *place, "replaced by a new lane",
				   registration->now_ms);
	return true;
}

static void fill_attempt(struct registration *registration, uint16_t place)
{
	struct backends_entry *entry = &registration->backends->entries[registration->entry];
	struct backends_lane *lane = &entry->lanes[place];
	const struct options *options = &registration->options;

	lane->used = true;
	lane->worker = registration->notice->worker;
	lane->number = registration->hello.lane;
	lane->epoch = registration->hello.epoch;
	lane->instance = options->instance;
	lane->capacity = options->present & OPTIONS_CAPACITY ? options->capacity : 0;
	lane->opened_ms = registration->now_ms;
	lane->path = registration->notice->path;
	memcpy(lane->session, registration->hello.session, sizeof(lane->session));
	if (options->present & OPTIONS_AGENT) {
		memset(entry->agent, 0, sizeof(entry->agent));
		memcpy(entry->agent, options->agent.bytes, options->agent.len);
	}
	registration->backends->changed = true;
}

static void welcome(const struct registration *registration, uint16_t place)
{
	const struct backends *backends = registration->backends;
	const struct settings *settings = backends->settings;
	const struct backends_entry *entry = &backends->entries[registration->entry];
	const struct options options = {
	    .present = OPTIONS_GATEWAY | OPTIONS_INSTANCE | OPTIONS_HEARTBEAT_MS |
		       OPTIONS_TIMEOUT_MS | OPTIONS_GRACE_MS | OPTIONS_WINDOW | OPTIONS_FRAME_MAX |
		       OPTIONS_WORKER | OPTIONS_WORKERS,
	    .gateway = options_text(settings->gateway.name),
	    .instance = backends->instance,
	    .heartbeat_ms = backends->interval_ms,
	    .timeout_ms = backends->timeout_ms,
	    .grace_ms = settings->session.grace_ms,
	    .window = settings->session.window,
	    .frame_max = backends->answerer.frame_max,
	    .worker = entry->lanes[place].worker,
	    .workers = backends->workers,
	};

	answer_welcome(&backends->answerer, registration->notice, &registration->hello,
		       entry->handle, &options);
}

static void tell_refusal(struct registration *registration)
{
	struct answer_refusal *refusal = &registration->refusal;
	char from[ADDRESS_TEXT_BYTES];

	if (refusal->code == HOLDFAST_NAME_IN_USE)
		refusal->retry_after_ms = answer_spread_ms(registration->backends->timeout_ms / 4);
	else if (refusal->code == HOLDFAST_DRAINING)
		refusal->retry_after_ms = answer_spread_ms(RETRY_DRAINING_MS);
	else if (refusal->code == HOLDFAST_OVERLOADED)
		refusal->retry_after_ms = answer_spread_ms(RETRY_OVERLOADED_MS);
	answer_refuse(&registration->backends->answerer, registration->notice, &registration->hello,
		      refusal);
	log_limited(&refusals, LOG_LEVEL_NOTICE, "backend %.*s at %s refused: %s",
		    (int)registration->named.len,
		    registration->named.len > 0 ? registration->named.bytes : "",
		    address_format(&registration->notice->path.peer, from),
		    holdfast_code_name(refusal->code));
}

void registration_hello(struct backends *backends, const struct notice *notice,
			const struct frame *frame, enum frame_fault fault, uint64_t now_ms)
{
	struct registration registration = {
	    .backends = backends,
	    .notice = notice,
	    .now_ms = now_ms,
	    .entry = DIRECTORY_NONE,
	};
	uint16_t place;

	if ((fault != FRAME_OK && fault != FRAME_VERSION) ||
	    frame->body_bytes < WIRE_HANDSHAKE_BYTES) {
		backends->answerer.tally->malformed++;
		return;
	}
	if (!admissible(&registration, frame, fault) || !name_free(&registration) ||
	    !epoch_good(&registration, &place) ||
	    (place == DIRECTORY_LANES_MAX && !place_attempt(&registration, &place))) {
		tell_refusal(&registration);
		return;
	}
	if (!backends->entries[registration.entry].lanes[place].used)
		fill_attempt(&registration, place);
	welcome(&registration, place);
}
