// SPDX-License-Identifier: BSD-3-Clause
// One session of holdfast-load: what it sends, and what becomes of it.
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "endpoint/load.h"

enum { BURST_MAX = 64 }; // messages of one session in one scan

static bool message_came(void *context, struct holdfast_client *client,
			 const struct holdfast_message *message)
{
	struct caller *caller = context;

	(void)client;
	ledger_check(&caller->ledger, message->bytes, message->len);
	return true;
}

static void message_returned(void *context, struct holdfast_client *client,
			     const struct holdfast_returned *message)
{
	struct caller *caller = context;

	(void)client;
	ledger_returned(&caller->ledger, message->tag);
}

// The session is over: what was neither delivered nor handed back was taken by the backend.
static void ledger_over(struct caller *caller)
{
	const uint64_t outstanding = ledger_outstanding(&caller->ledger);

	caller->unanswered += outstanding - caller->ledger.returned;
	ledger_renew(&caller->ledger);
}

static void happened(void *context, struct holdfast_client *client,
		     const struct holdfast_client_event *event)
{
	struct caller *caller = context;

	(void)client;
	if (event->kind == HOLDFAST_CLIENT_EVENT_RENEWED) {
		ledger_over(caller);
	} else if (event->kind == HOLDFAST_CLIENT_EVENT_CLOSED) {
		caller->closed = true;
		if (event->code != HOLDFAST_NORMAL)
			ledger_over(caller);
		caller->evicted = event->code == HOLDFAST_EVICTED;
		caller->failed = !caller->evicted && event->code != HOLDFAST_NORMAL;
		if (caller->failed && !caller->load->quiet)
			fprintf(stderr, "session %u closed: %s %s\n", caller->ledger.session,
				holdfast_code_name(event->code), event->reason);
	}
}

int load_caller_start(struct load *load, uint32_t index)
{
	struct caller *caller = &load->callers[index];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
	struct holdfast_client_options options;

	holdfast_client_options_init(&options, sizeof(options));
	options.gateways = load->gateways.items;
	options.gateways_count = load->gateways.count;
	options.services = load->services;
	options.services_count = 1;
	options.client = "load";
	options.timeout_ms = load->timeout_ms;
	options.grace_ms = load->grace_ms;
	options.renew = load->renew;
	if (load->binds.count > 0)
		options.bind = load->binds.items[0];
	options.context = caller;
	options.on_message = message_came;
	options.on_returned = message_returned;
	options.on_event = happened;
	caller->load = load;
	caller->ledger.session = index;
	caller->client = holdfast_client_create(&options);
	if (caller->client == NULL)
		return -errno;
	caller->started = true;
	caller->next_us = load_now_us();
	holdfast_client_connect(caller->client);
	return epoll_ctl(load->epoll, EPOLL_CTL_ADD, holdfast_client_fd(caller->client), &event);
}

static bool may_send(const struct load *load, const struct caller *caller, uint64_t now)
{
	const uint64_t sent = caller->ledger.sent + caller->ledger.sent_before;

	return !caller->closed && load_stopping == 0 &&
	       (load->messages == 0 || sent < load->messages) &&
	       (load->duration_us == 0 || now < load->sending_until_us);
}

// Sends what is due.
void load_caller_send(struct load *load, struct caller *caller, uint64_t now)
{
	const uint64_t step_us = load->rate > 0 ? (uint64_t)(1e6 / load->rate) : 0;

	for (int i = 0; i < BURST_MAX && caller->next_us <= now; i++) {
		if (!may_send(load, caller, now) || !holdfast_client_writable(caller->client, 0))
			return;
		ledger_write(&caller->ledger, load->message, load->bytes);
		if (holdfast_client_send(caller->client, 0, load->message, load->bytes,
					 caller->ledger.sent) != 0)
			return;
		ledger_sent(&caller->ledger);
		caller->next_us += step_us;
		if (caller->next_us + 1000000 < now)
			caller->next_us = now; // stopped for a while: no flood to catch up
	}
}

void load_caller_move(struct load *load, struct caller *caller)
{
	const char *bind = NULL;

	if (!caller->started || caller->closed)
		return;
	if (load->binds.count > 0) {
		caller->bind = (caller->bind + 1) % load->binds.count;
		bind = load->binds.items[caller->bind];
	}
	holdfast_client_move(caller->client, bind);
}
