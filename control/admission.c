// SPDX-License-Identifier: BSD-3-Clause
#include "control/admission.h"

#include <errno.h>
#include <string.h>

#include "control/log.h"

enum {
	RETRY_NO_BACKEND_MS = 1000,
	RETRY_OVERLOADED_MS = 1000,
	RETRY_DRAINING_MS = 1000,
};

// A HELLO on its way through the decisions.
struct asked {
	struct handshake hello;
	struct options options;
	uint32_t timeout_ms;
	uint16_t services[WIRE_CHANNELS_MAX];
	uint16_t backends[WIRE_CHANNELS_MAX];
};

uint16_t admission_judge(const struct admission_facts *facts)
{
	if (facts->ended != HOLDFAST_OK)
		return facts->ended;
	if (facts->known)
		return HOLDFAST_OK;
	if (facts->draining)
		return HOLDFAST_DRAINING;
	if (facts->full)
		return HOLDFAST_OVERLOADED;
	// Without a record to restore it from there is nothing to go on with.
	return facts->resuming ? HOLDFAST_STATE_MISMATCH : HOLDFAST_OK;
}

static uint16_t read_services(const struct admission *admission, struct asked *asked)
{
	const struct options *options = &asked->options;

	for (uint32_t i = 0; i < options->services_count; i++) {
		asked->services[i] = backends_service(
		    admission->backends, options->services[i].bytes, options->services[i].len);
		if (asked->services[i] == DIRECTORY_NONE)
			return HOLDFAST_UNKNOWN_SERVICE;
	}
	return HOLDFAST_OK;
}

static uint16_t read_wishes(const struct admission *admission, struct asked *asked)
{
	const struct options *options = &asked->options;
	const struct settings_session *session = &admission->settings->session;

	asked->timeout_ms = session->timeout_ms;
	if (options->present & OPTIONS_TIMEOUT_MS) {
		asked->timeout_ms = options->timeout_ms;
		if (!liveness_timeout_valid(asked->timeout_ms))
			return HOLDFAST_INVALID_TIMEOUT;
	}
	if (liveness_interval_ms(asked->timeout_ms, session->heartbeat_ms) == 0)
		return HOLDFAST_INVALID_TIMEOUT;
	return HOLDFAST_OK;
}

// Version, shape, services, wishes. Returns the code of the first that is wrong.
static uint16_t read_hello(const struct admission *admission, const struct frame *frame,
			   enum frame_fault fault, struct asked *asked)
{
	struct handshake *hello = &asked->hello;

	handshake_decode_fixed(frame, hello);
	if (fault == FRAME_VERSION)
		return HOLDFAST_VERSION_MISMATCH;
	if (handshake_decode(frame, hello) != 0 || hello->role != WIRE_ROLE_CLIENT ||
	    options_decode(hello->options, hello->options_bytes, &asked->options) != 0 ||
	    asked->options.services_count != hello->count)
		return HOLDFAST_MALFORMED;
	const uint16_t code = read_services(admission, asked);

	return code != HOLDFAST_OK ? code : read_wishes(admission, asked);
}

static bool resuming(const struct asked *asked, const struct frame *frame)
{
	if (frame->flags & WIRE_FLAG_RESUME)
		return true;
	for (uint32_t i = 0; i < asked->hello.count; i++) {
		if (asked->hello.triples[i].expected > 0)
			return true;
	}
	return false;
}

// Chooses for each channel. Returns whether at least one has a backend.
static bool choose_backends(const struct admission *admission, struct asked *asked)
{
	bool any = false;

	for (uint32_t i = 0; i < WIRE_CHANNELS_MAX; i++) {
		asked->backends[i] = DIRECTORY_NONE;
		if (i >= asked->hello.count)
			continue;
		asked->backends[i] =
		    backends_choose(admission->backends, asked->services[i], asked->hello.session);
		any = any || asked->backends[i] != DIRECTORY_NONE;
	}
	return any;
}

static uint16_t decide(struct admission *admission, const struct notice *notice,
		       const struct frame *frame, struct asked *asked, uint64_t now_ms)
{
	const struct admission_facts facts = {
	    .ended = ends_find(admission->ends, asked->hello.session, now_ms),
	    .known = dataplane_find(admission->answerer.dataplane, asked->hello.session) != 0,
	    .draining = admission->draining,
	    .full = admission->sessions >= admission->settings->session.max,
	    .resuming = resuming(asked, frame),
	};
	const uint16_t code = admission_judge(&facts);

	if (code != HOLDFAST_OK)
		return code;
	if (facts.known)
		admission->answerer.tally->decided_again++;
	else if (rates_take(admission->rates, &notice->path.peer, now_ms) != RATES_GOOD)
		return HOLDFAST_OVERLOADED;
	return choose_backends(admission, asked) ? HOLDFAST_OK : HOLDFAST_NO_BACKEND;
}

static uint32_t retry_after_ms(uint16_t code)
{
	switch (code) {
	case HOLDFAST_NO_BACKEND:
		return answer_spread_ms(RETRY_NO_BACKEND_MS);
	case HOLDFAST_OVERLOADED:
		return answer_spread_ms(RETRY_OVERLOADED_MS);
	case HOLDFAST_DRAINING:
		return answer_spread_ms(RETRY_DRAINING_MS);
	default:
		return 0;
	}
}

static void refuse(const struct admission *admission, const struct notice *notice,
		   const struct asked *asked, uint16_t code)
{
	static struct log_limit limit;
	const struct answer_refusal refusal = {
	    .code = code,
	    .retry_after_ms = retry_after_ms(code),
	    .reason = code == HOLDFAST_VERSION_MISMATCH ? "version 1 is spoken here" : NULL,
	};
	char from[ADDRESS_TEXT_BYTES];

	answer_refuse(&admission->answerer, notice, &asked->hello, &refusal);
	log_limited(&limit, LOG_LEVEL_INFO, "session of %s refused: %s",
		    address_format(&notice->path.peer, from), holdfast_code_name(code));
}

static bool create(struct admission *admission, const struct notice *notice,
		   const struct asked *asked)
{
	struct command command = {
	    .kind = COMMAND_CREATE,
	    .path = notice->path,
	    .packet = notice->packet,
	    .backend = DIRECTORY_NONE,
	};

	memcpy(command.backends, asked->backends, sizeof(command.backends));
	// Refused where too much waits for this worker already: the client will say HELLO again.
	if (courier_offer(admission->answerer.courier, notice->worker, &command) != 0)
		return false;
	admission->answerer.tally->admitted++;
	admission->sessions++;
	return true;
}

bool admission_hello(struct admission *admission, const struct notice *notice,
		     const struct frame *frame, enum frame_fault fault, uint64_t now_ms)
{
	struct asked asked;

	if ((fault != FRAME_OK && fault != FRAME_VERSION) ||
	    frame->body_bytes < WIRE_HANDSHAKE_BYTES) {
		admission->answerer.tally->malformed++;
		return false;
	}
	memset(&asked, 0, sizeof(asked));
	uint16_t code = read_hello(admission, frame, fault, &asked);

	if (code == HOLDFAST_OK)
		code = decide(admission, notice, frame, &asked, now_ms);
	if (code == HOLDFAST_OK)
		return create(admission, notice, &asked);
	refuse(admission, notice, &asked, code);
	return false;
}

// Link-layer address at which a backend is reached: a load generator's clients are behind the same
// one until they are heard.
static void mac_behind(const struct admission *admission, uint16_t backend, uint8_t mac[static 6])
{
	const struct backends_entry *entry = &admission->backends->entries[backend];

	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		if (entry->lanes[i].used && entry->lanes[i].live) {
			memcpy(mac, entry->lanes[i].path.mac, 6);
			return;
		}
	}
}

int admission_preload(struct admission *admission, uint32_t worker, struct command *command)
{
	if (admission->draining || admission->sessions >= admission->settings->session.max)
		return -EPERM;
	// Before a backend is chosen, which counts.
	if (!courier_empty(admission->answerer.courier, worker))
		return -EAGAIN;
	command->backends[0] =
	    backends_choose(admission->backends, command->birth.service, command->birth.id);
	if (command->backends[0] == DIRECTORY_NONE)
		return -EPERM;
	mac_behind(admission, command->backends[0], command->path.mac);
	if (courier_offer(admission->answerer.courier, worker, command) != 0)
		return -EAGAIN;
	admission->answerer.tally->admitted++;
	admission->sessions++;
	return 0;
}

bool admission_claim_record(const struct notice *notice)
{
	(void)notice;
	return true;
}
