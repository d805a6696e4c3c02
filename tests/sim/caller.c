// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/caller.h"

#include <stdio.h>
#include <string.h>

#include "endpoint/client_state.h"
#include "tests/sim/instant.h"
#include "tests/sim/net.h"
#include "tests/sim/trace.h"

// ---- What the library tells ------------------------------------------------------------------

static void lines_open(struct caller *caller)
{
	for (uint32_t k = 0; k < caller->channels; k++) {
		caller->receiving[k] = LEDGER_NONE;
		caller->sending[k] = ledger_open(caller->ledger, true, caller->endpoint,
						 caller->session, (uint8_t)k);
	}
}

static void lines_tell(struct caller *caller)
{
	for (uint32_t k = 0; k < caller->channels; k++)
		ledger_tell(caller->ledger, caller->sending[k]);
}

static void session_look(struct caller *caller)
{
	struct holdfast_client_stats stats;

	holdfast_client_stats(caller->client, &stats, sizeof(stats));
	memcpy(caller->session, stats.session, sizeof(caller->session));
}

static void channel_reset(struct caller *caller, uint32_t channel)
{
	ledger_tell(caller->ledger, caller->sending[channel]);
	caller->receiving[channel] = LEDGER_NONE;
	caller->sending[channel] =
	    ledger_open(caller->ledger, true, caller->endpoint, caller->session, (uint8_t)channel);
}

static void attempts_note(struct caller *caller)
{
	caller->attempts = caller->client->stats.attempts;
	caller->attempts_us = instant_us();
	caller->excused = 0;
}

// Whoever does not get through tries so often and then rarely.
static void attempts_check(const struct caller *caller)
{
	const uint64_t since = caller->client->stats.attempts - caller->attempts;
	const uint64_t slow = (instant_us() - caller->attempts_us) / RECONNECT_DELAY_MAX_US;

	if (since > RECONNECT_BUDGET + 1 + slow + caller->excused)
		trace_fail("%s has begun %u attempts in %u ms", caller->name, (uint32_t)since,
			   (uint32_t)((instant_us() - caller->attempts_us) / 1000));
}

static void happened(void *context, struct holdfast_client *client,
		     const struct holdfast_client_event *event)
{
	struct caller *caller = context;

	if (caller->over)
		trace_fail("%s is told of something after CLOSED", caller->name);
	switch (event->kind) {
	case HOLDFAST_CLIENT_EVENT_CONNECTED:
		attempts_note(caller);
		break;
	case HOLDFAST_CLIENT_EVENT_REFUSED:
		caller->excused++;
		break;
	case HOLDFAST_CLIENT_EVENT_LOST:
		lines_tell(caller);
		caller->renewing = true;
		break;
	case HOLDFAST_CLIENT_EVENT_RENEWED:
		if (!caller->renewing)
			trace_fail("%s begins a new session that it was not told of", caller->name);
		caller->renewing = false;
		session_look(caller);
		lines_open(caller);
		break;
	case HOLDFAST_CLIENT_EVENT_CHANNEL_RESET:
		channel_reset(caller, event->channel);
		break;
	case HOLDFAST_CLIENT_EVENT_SLEEPING:
		if (!caller->sleeping) // it is to wake already
			holdfast_client_connect(client);
		break;
	case HOLDFAST_CLIENT_EVENT_CLOSED:
		if (!caller->renewing)
			lines_tell(caller);
		caller->over = true;
		caller->code = event->code;
		break;
	default:
		break;
	}
}

static bool message(void *context, struct holdfast_client *client,
		    const struct holdfast_message *message)
{
	struct caller *caller = context;

	if (caller->holding)
		return false;
	if (message->channel >= caller->channels) {
		trace_fail("%s gets a message on channel %u", caller->name, message->channel);
		return true;
	}
	ledger_take(caller->ledger, false, &caller->receiving[message->channel], caller->session,
		    message->channel, message->bytes, message->len);
	return true;
}

static void returned(void *context, struct holdfast_client *client,
		     const struct holdfast_returned *message)
{
	struct caller *caller = context;

	ledger_return(caller->ledger, caller->sending[message->channel], message->tag,
		      message->mark);
}

static void logged(void *context, enum holdfast_log_level level, const char *line)
{
	const struct caller *caller = context;

	trace_line("%s: %s", caller->name, line);
}

// ---- The process -----------------------------------------------------------------------------

void caller_start(struct caller *caller)
{
	static const char *const names[SIM_SERVICES_MAX] = {"s0", "s1", "s2"};
	const char *services[SIM_CHANNELS_MAX];
	const char *const v4[] = {"192.0.2.10:7400", "192.0.2.11:7400"};
	const char *const v6[] = {"[2001:db8::a]:7400", "[2001:db8::b]:7400"};
	struct holdfast_client_options options;

	for (uint32_t k = 0; k < caller->channels; k++)
		services[k] = names[(caller->endpoint + k) % caller->services];
	net_enter(caller->net, caller->endpoint);
	net_name(caller->net, caller->endpoint, caller->name);
	holdfast_client_options_init(&options, sizeof(options));
	options.gateways = caller->net->ipv6 ? v6 : v4;
	options.gateways_count = caller->gates;
	options.services = services;
	options.services_count = caller->channels;
	options.client = caller->name;
	options.timeout_ms = caller->timeout_ms;
	options.grace_ms = caller->grace_ms;
	options.renew = true;
	options.context = caller;
	options.on_message = message;
	options.on_returned = returned;
	options.on_event = happened;
	options.on_log = trace_wanted() ? logged : NULL;
	caller->over = caller->renewing = caller->holding = caller->sleeping = false;
	caller->client = holdfast_client_create(&options);
	if (caller->client == NULL) {
		trace_fail("%s cannot be made", caller->name);
		return;
	}
	attempts_note(caller);
	session_look(caller);
	lines_open(caller);
	holdfast_client_connect(caller->client);
	trace_line("%s starts", caller->name);
}

void caller_crash(struct caller *caller)
{
	if (caller->client == NULL)
		return;
	for (uint32_t k = 0; k < caller->channels && !caller->over; k++)
		ledger_forget(caller->ledger, caller->sending[k]);
	holdfast_client_destroy(caller->client);
	caller->client = NULL;
	trace_line("%s is gone", caller->name);
}

uint64_t caller_turn(struct caller *caller)
{
	int wait_ms;

	if (caller->client == NULL)
		return UINT64_MAX;
	holdfast_client_process(caller->client);
	if (memcmp(caller->client->id, caller->session, sizeof(caller->session)) != 0)
		trace_fail("the session of %s was replaced silently", caller->name);
	attempts_check(caller);
	wait_ms = holdfast_client_timeout_ms(caller->client);
	return wait_ms >= 0 ? instant_us() + (uint64_t)wait_ms * 1000 : UINT64_MAX;
}

void caller_send(struct caller *caller, uint32_t channel, uint32_t count)
{
	uint8_t bytes[LEDGER_LETTER_MAX];

	channel %= caller->channels;
	for (uint32_t i = 0; i < count && caller->client != NULL && !caller->over; i++) {
		const uint32_t line = caller->sending[channel];
		const uint32_t len = ledger_write(caller->ledger, line, bytes);

		if (len == 0 || holdfast_client_send(caller->client, (uint8_t)channel, bytes, len,
						     caller->ledger->lines[line].sent) != 0)
			return;
		ledger_sent(caller->ledger, line);
	}
}

void caller_hold(struct caller *caller, bool hold)
{
	caller->holding = hold;
	for (uint32_t k = 0; k < caller->channels && !hold && caller->client != NULL; k++)
		holdfast_client_continue(caller->client, (uint8_t)k);
}

void caller_move(struct caller *caller)
{
	caller->excused++;
	holdfast_client_move(caller->client, NULL);
}

void caller_sleep(struct caller *caller)
{
	caller->sleeping = holdfast_client_sleep(caller->client) == 0;
}

void caller_wake(struct caller *caller)
{
	caller->sleeping = false;
	caller->excused++;
	if (caller->client != NULL)
		holdfast_client_connect(caller->client);
}

void caller_close(struct caller *caller, uint32_t flush_ms)
{
	if (caller->client != NULL)
		holdfast_client_close(caller->client, flush_ms);
}

bool caller_settled(const struct caller *caller)
{
	return caller->client == NULL || caller->over ||
	       (holdfast_client_state(caller->client) == HOLDFAST_CLIENT_CONNECTED &&
		client_flushed(caller->client));
}
