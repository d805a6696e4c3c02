// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/instant.h"
#include "tests/sim/net.h"
#include "tests/sim/trace.h"

static void visit_send(struct server *server, struct visit *visit)
{
	uint8_t bytes[LEDGER_LETTER_MAX];
	const uint32_t len = ledger_write(server->ledger, visit->sending, bytes);

	if (len == 0 || holdfast_backend_send(visit->session, bytes, len,
					      server->ledger->lines[visit->sending].sent) != 0)
		return;
	ledger_sent(server->ledger, visit->sending);
}

// ---- What the library tells ------------------------------------------------------------------

static void opened(struct server *server, struct holdfast_session *session)
{
	struct visit *visit = calloc(1, sizeof(*visit));
	struct holdfast_session_info info;

	holdfast_backend_info(session, &info, sizeof(info));
	for (const struct visit *other = server->visits; other != NULL; other = other->next) {
		if (memcmp(other->id, info.session, sizeof(other->id)) == 0 &&
		    other->channel == info.channel)
			trace_fail("%s opens a channel that it has", server->name);
	}
	visit->session = session;
	memcpy(visit->id, info.session, sizeof(visit->id));
	visit->channel = info.channel;
	visit->receiving = LEDGER_NONE;
	visit->sending =
	    ledger_open(server->ledger, false, server->endpoint, visit->id, visit->channel);
	visit->next = server->visits;
	server->visits = visit;
	holdfast_backend_set_context(session, visit);
	trace_line("%s opens channel %u of %016lx", server->name, info.channel,
		   (unsigned long)info.handle);
}

static void closed(struct server *server, struct visit *visit, uint16_t code)
{
	struct visit **link = &server->visits;

	trace_line("%s closes channel %u, code %u", server->name, visit->channel, code);
	ledger_tell(server->ledger, visit->sending);
	while (*link != visit)
		link = &(*link)->next;
	*link = visit->next;
	free(visit);
}

static void session_event(void *context, struct holdfast_session *session,
			  const struct holdfast_session_event *event)
{
	struct server *server = context;
	struct visit *visit = holdfast_backend_context(session);

	if ((event->kind == HOLDFAST_SESSION_EVENT_OPENED) != (visit == NULL)) {
		trace_fail("%s is told of a session that it does not have, or of one twice",
			   server->name);
		return;
	}
	if (event->kind == HOLDFAST_SESSION_EVENT_OPENED)
		opened(server, session);
	else if (event->kind == HOLDFAST_SESSION_EVENT_CLOSED)
		closed(server, visit, event->code);
}

static bool message(void *context, struct holdfast_session *session,
		    const struct holdfast_message *message)
{
	struct server *server = context;
	struct visit *visit = holdfast_backend_context(session);

	if (server->holding)
		return false;
	if (visit == NULL) {
		trace_fail("%s gets a message of a session that was not opened", server->name);
		return true;
	}
	ledger_take(server->ledger, true, &visit->receiving, visit->id, message->channel,
		    message->bytes, message->len);
	if (dice_chance(&server->dice, server->answers))
		visit_send(server, visit);
	return true;
}

static void returned(void *context, struct holdfast_session *session,
		     const struct holdfast_returned *message)
{
	struct server *server = context;
	const struct visit *visit = holdfast_backend_context(session);

	ledger_return(server->ledger, visit != NULL ? visit->sending : LEDGER_NONE, message->tag,
		      message->mark);
}

static void link_event(void *context, struct holdfast_backend *backend,
		       const struct holdfast_link_event *event)
{
	struct server *server = context;

	server->registered |= event->kind == HOLDFAST_LINK_EVENT_REGISTERED;
	if (event->kind == HOLDFAST_LINK_EVENT_STOPPED)
		trace_fail("%s may not register: code %u", server->name, event->code);
}

static void logged(void *context, enum holdfast_log_level level, const char *line)
{
	const struct server *server = context;

	trace_line("%s: %s", server->name, line);
}

// ---- The process -----------------------------------------------------------------------------

void server_start(struct server *server)
{
	const char *const v4[] = {"192.0.2.10:7400", "192.0.2.11:7400"};
	const char *const v6[] = {"[2001:db8::a]:7400", "[2001:db8::b]:7400"};
	struct holdfast_backend_options options;
	char service[SIM_NAME_BYTES];

	net_enter(server->net, server->endpoint);
	net_name(server->net, server->endpoint, server->name);
	snprintf(service, sizeof(service), "s%u", server->service);
	holdfast_backend_options_init(&options, sizeof(options));
	options.gateways = server->net->ipv6 ? v6 : v4;
	options.gateways_count = server->gates;
	options.service = service;
	options.name = server->name;
	options.context = server;
	options.on_message = message;
	options.on_returned = returned;
	options.on_session = session_event;
	options.on_link = link_event;
	options.on_log = trace_wanted() ? logged : NULL;
	server->holding = false;
	server->backend = holdfast_backend_create(&options);
	if (server->backend == NULL)
		trace_fail("%s cannot be made", server->name);
	trace_line("%s starts", server->name);
}

void server_crash(struct server *server)
{
	if (server->backend == NULL)
		return;
	while (server->visits != NULL) {
		struct visit *visit = server->visits;

		ledger_forget(server->ledger, visit->sending);
		server->visits = visit->next;
		free(visit);
	}
	holdfast_backend_destroy(server->backend);
	server->backend = NULL;
	trace_line("%s is gone", server->name);
}

uint64_t server_turn(struct server *server)
{
	int wait_ms;

	if (server->backend == NULL)
		return UINT64_MAX;
	holdfast_backend_process(server->backend);
	wait_ms = holdfast_backend_timeout_ms(server->backend);
	return wait_ms >= 0 ? instant_us() + (uint64_t)wait_ms * 1000 : UINT64_MAX;
}

void server_send(struct server *server, uint32_t count)
{
	for (struct visit *visit = server->visits; visit != NULL; visit = visit->next) {
		for (uint32_t i = 0; i < count; i++)
			visit_send(server, visit);
	}
}

void server_hold(struct server *server, bool hold)
{
	server->holding = hold;
	for (struct visit *visit = server->visits; visit != NULL && !hold; visit = visit->next)
		holdfast_backend_continue(visit->session);
}

void server_end_one(struct server *server, uint32_t which, uint32_t flush_ms)
{
	struct visit *visit = server->visits;

	while (which > 0 && visit != NULL && visit->next != NULL) {
		visit = visit->next;
		which--;
	}
	if (visit != NULL)
		holdfast_backend_end(visit->session, HOLDFAST_NORMAL, flush_ms);
}
