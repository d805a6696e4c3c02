// SPDX-License-Identifier: BSD-3-Clause
#include "toy_world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const gateways[] = {"192.0.2.10"};
static const char *const services[] = {"echo"};

// ---- The backend ---------------------------------------------------------------------------

static bool backend_message(void *context, struct holdfast_session *session,
			    const struct holdfast_message *message)
{
	struct toy_world *world = context;

	if (world->hold || holdfast_backend_send(session, message->bytes, message->len, 0) != 0)
		return false;
	world->taken++;
	return true;
}

static void backend_datagram(void *context, struct holdfast_session *session,
			     const struct holdfast_message *datagram)
{
	holdfast_backend_datagram(session, datagram->bytes, datagram->len);
}

static void backend_session(void *context, struct holdfast_session *session,
			    const struct holdfast_session_event *event)
{
	struct toy_world *world = context;
	struct holdfast_session_info info;

	switch (event->kind) {
	case HOLDFAST_SESSION_EVENT_OPENED:
		holdfast_backend_info(session, &info, sizeof(info));
		world->opened++;
		world->last = world->of_channel[info.channel] = session;
		break;
	case HOLDFAST_SESSION_EVENT_DETACHED:
		world->detached++;
		break;
	case HOLDFAST_SESSION_EVENT_RESUMED:
		world->resumed++;
		break;
	case HOLDFAST_SESSION_EVENT_WRITABLE:
		holdfast_backend_continue(session);
		break;
	case HOLDFAST_SESSION_EVENT_CLOSED:
		world->closed++;
		world->closed_code = event->code;
		if (world->last == session)
			world->last = NULL;
		break;
	}
}

static void backend_link(void *context, struct holdfast_backend *backend,
			 const struct holdfast_link_event *event)
{
	struct toy_world *world = context;

	world->registered += event->kind == HOLDFAST_LINK_EVENT_REGISTERED;
	world->lanes_told += event->kind == HOLDFAST_LINK_EVENT_LANES;
	world->link_lost += event->kind == HOLDFAST_LINK_EVENT_LOST;
}

static void backend_returned(void *context, struct holdfast_session *session,
			     const struct holdfast_returned *message)
{
	struct toy_world *world = context;

	world->backend_returned++;
}

// ---- Clients -------------------------------------------------------------------------------

static uint32_t message_bytes(uint32_t number)
{
	static const uint32_t sizes[] = {4, 5, 60, 200, 1172, 1176, 1177, 3000};

	return sizes[(number * UINT32_C(2654435761) >> 16) % 8];
}

static void message_write(uint32_t number, uint8_t *bytes)
{
	memcpy(bytes, &number, sizeof(number));
	for (uint32_t i = sizeof(number); i < message_bytes(number); i++)
		bytes[i] = (uint8_t)(number * 7 + i);
}

static bool client_message(void *context, struct holdfast_client *client,
			   const struct holdfast_message *message)
{
	struct toy_caller *caller = context;
	uint8_t wanted[TOY_MESSAGE_MAX];
	uint32_t number;

	cr_assert(message->len >= sizeof(number));
	memcpy(&number, message->bytes, sizeof(number));
	cr_assert_eq(number, caller->delivered, "echo %u, not %u", number, caller->delivered);
	cr_assert_eq(message->len, message_bytes(number));
	message_write(number, wanted);
	cr_assert_eq(memcmp(message->bytes, wanted, message->len), 0);
	caller->delivered++;
	return true;
}

static void client_datagram(void *context, struct holdfast_client *client,
			    const struct holdfast_message *datagram)
{
	struct toy_caller *caller = context;

	caller->datagrams++;
}

// In order, and what was not sent behind what was.
static void client_returned(void *context, struct holdfast_client *client,
			    const struct holdfast_returned *message)
{
	struct toy_caller *caller = context;

	cr_assert(message->tag >= caller->returned_next);
	cr_assert_eq(message->len, message_bytes((uint32_t)message->tag));
	caller->returned_next = (uint32_t)message->tag + 1;
	if (message->mark == HOLDFAST_NOT_SENT) {
		caller->returned_not_sent++;
	} else {
		cr_assert_eq(caller->returned_not_sent, 0);
		caller->returned_maybe++;
	}
	if (caller->send_again)
		cr_assert_eq(holdfast_client_send(client, message->channel, message->bytes,
						  message->len, message->tag),
			     0);
}

static void client_happened(void *context, struct holdfast_client *client,
			    const struct holdfast_client_event *event)
{
	struct toy_caller *caller = context;

	cr_assert(event->reason);
	caller->connected += event->kind == HOLDFAST_CLIENT_EVENT_CONNECTED;
	caller->resumed += event->kind == HOLDFAST_CLIENT_EVENT_CONNECTED && event->resumed;
	caller->disconnected += event->kind == HOLDFAST_CLIENT_EVENT_DISCONNECTED;
	caller->refused += event->kind == HOLDFAST_CLIENT_EVENT_REFUSED;
	caller->exhausted += event->kind == HOLDFAST_CLIENT_EVENT_EXHAUSTED;
	if (event->kind == HOLDFAST_CLIENT_EVENT_LOST) {
		cr_assert_eq(caller->closed, 0);
		caller->lost++;
		caller->lost_returned = caller->returned_maybe + caller->returned_not_sent;
	}
	caller->renewed += event->kind == HOLDFAST_CLIENT_EVENT_RENEWED;
	caller->closed += event->kind == HOLDFAST_CLIENT_EVENT_CLOSED;
	caller->sleeping += event->kind == HOLDFAST_CLIENT_EVENT_SLEEPING;
	caller->writable += event->kind == HOLDFAST_CLIENT_EVENT_WRITABLE;
	if (event->kind == HOLDFAST_CLIENT_EVENT_CONNECTED)
		caller->gap_ms = event->gap_ms;
	if (event->code != 0)
		caller->code = event->code;
}

// ---- The world -----------------------------------------------------------------------------

void toy_world_options(struct holdfast_client_options *options)
{
	holdfast_client_options_init(options, sizeof(*options));
	options->gateways = gateways;
	options->gateways_count = 1;
	options->services = services;
	options->services_count = 1;
	options->client = "caller";
}

struct toy_caller *toy_world_caller(struct toy_world *world,
				    struct holdfast_client_options *options)
{
	struct toy_caller *caller = &world->callers[world->callers_count++];
	struct holdfast_client_options own;

	cr_assert(world->callers_count <= TOY_CLIENTS_MAX);
	if (!options) {
		toy_world_options(&own);
		options = &own;
	}
	caller->world = world;
	options->context = caller;
	options->on_message = client_message;
	options->on_datagram = client_datagram;
	options->on_returned = client_returned;
	options->on_event = client_happened;
	caller->client = toy_net_client(&world->net, options);
	return caller;
}

static struct holdfast_backend *backend_start(struct toy_world *world)
{
	struct holdfast_backend_options options;

	holdfast_backend_options_init(&options, sizeof(options));
	options.gateways = gateways;
	options.gateways_count = 1;
	options.service = options.name = "echo";
	options.capacity = 1000;
	options.token = "proof";
	options.token_bytes = 5;
	options.context = world;
	options.on_message = backend_message;
	options.on_datagram = backend_datagram;
	options.on_session = backend_session;
	options.on_link = backend_link;
	options.on_returned = backend_returned;
	return toy_net_backend(&world->net, &options);
}

static bool lanes_told(void *arg)
{
	const struct toy_world *world = arg;

	return world->lanes_told > 0;
}

struct toy_world *toy_world_start(uint64_t seed, uint32_t workers)
{
	struct toy_world *world = calloc(1, sizeof(*world));

	cr_assert(world);
	toy_net_init(&world->net, seed);
	toy_gateway_init(&world->gateway, &world->net, workers);
	world->backend = backend_start(world);
	cr_assert(toy_net_until(&world->net, 5000000, lanes_told, world), "did not register");
	return world;
}

void toy_world_end(struct toy_world *world)
{
	for (uint32_t i = 0; i < world->callers_count; i++)
		toy_net_client_end(&world->net, world->callers[i].client);
	if (world->backend)
		toy_net_backend_end(&world->net, world->backend);
	toy_net_fini(&world->net);
	free(world);
}

static bool connected(void *arg)
{
	const struct toy_caller *caller = arg;

	return holdfast_client_state(caller->client) == HOLDFAST_CLIENT_CONNECTED;
}

void toy_world_connect(struct toy_world *world, struct toy_caller *caller)
{
	cr_assert_eq(holdfast_client_connect(caller->client), 0);
	cr_assert(toy_net_until(&world->net, 30000000, connected, caller), "did not connect");
}

void toy_world_send(struct toy_world *world, struct toy_caller *caller, uint32_t count)
{
	uint8_t bytes[TOY_MESSAGE_MAX];

	for (uint32_t i = 0; i < count; i++) {
		message_write(caller->sent, bytes);
		cr_assert_eq(holdfast_client_send(caller->client, 0, bytes,
						  message_bytes(caller->sent), caller->sent),
			     0);
		caller->sent++;
	}
}

static bool settled(void *arg)
{
	const struct toy_world *world = arg;

	for (uint32_t i = 0; i < world->callers_count; i++) {
		if (world->callers[i].delivered < world->callers[i].sent)
			return false;
	}
	return true;
}

void toy_world_settle(struct toy_world *world, uint64_t us)
{
	const bool done = toy_net_until(&world->net, us, settled, world);

	for (uint32_t i = 0; i < world->callers_count && !done; i++)
		cr_log_error(
		    "caller %u: %u of %u, %s", i, world->callers[i].delivered,
		    world->callers[i].sent,
		    holdfast_client_state_name(holdfast_client_state(world->callers[i].client)));
	cr_assert(done, "not everything came back");
}

struct toy_session *toy_world_session(struct toy_world *world, struct toy_caller *caller)
{
	struct holdfast_client_stats stats;

	holdfast_client_stats(caller->client, &stats, sizeof(stats));
	return toy_gateway_find(&world->gateway, stats.session);
}
