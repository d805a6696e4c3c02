// SPDX-License-Identifier: BSD-3-Clause
// A client and a backend of libholdfast, whose gateway is the input: any datagrams at any time.
//
// An input is a byte of options and a list of actions: honest answers with fields that are any,
// frames and datagrams of any bytes, what the two applications do, time (all of it made up:
// tests/support/toy_net.h). Whatever the gateway says, both send nothing but legal frames, come to
// rest, and account for every message: acknowledged, or handed back when its session has ended.
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/made_gateway.h"

enum {
	ACTIONS_MAX = 128,
	HELD_MAX = 16, // sessions of the backend that are known here
	RUN_US = 4000,
	LONG_RUN_US = 250000,
	LAST_RUN_US_MAX = 20000000,
	MESSAGE_MAX = 3000,
};

// Behind those of the gateway.
enum { ACT_CLIENT = MADE_ACTIONS, ACT_BACKEND, ACT_RUN, ACT_LONG_RUN, ACTIONS };

struct world {
	struct toy_net net;
	struct made_gateway gateway;
	struct holdfast_client *client;
	struct holdfast_backend *backend;
	struct holdfast_session *held[HELD_MAX];
	bool hold;    // neither application takes messages
	bool hang_up; // the backend ends sessions from inside of callbacks
};

// ---- The applications ------------------------------------------------------------------------

static bool client_message(void *context, struct holdfast_client *client,
			   const struct holdfast_message *message)
{
	const struct world *world = context;

	FUZZ_CHECK(message->len <= MESSAGE_MAX, "%u bytes", message->len);
	return !world->hold;
}

static void client_returned(void *context, struct holdfast_client *client,
			    const struct holdfast_returned *message)
{
	const struct world *world = context;

	// An application that hurries to send it again.
	if (world->hang_up)
		holdfast_client_send(client, message->channel, message->bytes, message->len, 0);
}

static bool backend_message(void *context, struct holdfast_session *session,
			    const struct holdfast_message *message)
{
	const struct world *world = context;

	FUZZ_CHECK(message->len <= MESSAGE_MAX, "%u bytes", message->len);
	if (world->hang_up)
		holdfast_backend_end(session, HOLDFAST_NORMAL, 0);
	else if (!world->hold)
		holdfast_backend_send(session, message->bytes, message->len, 0);
	return !world->hold;
}

static void backend_session(void *context, struct holdfast_session *session,
			    const struct holdfast_session_event *event)
{
	struct world *world = context;
	uint32_t i = 0;

	while (i < HELD_MAX &&
	       world->held[i] != (event->kind == HOLDFAST_SESSION_EVENT_OPENED ? NULL : session))
		i++;
	if (i < HELD_MAX && event->kind == HOLDFAST_SESSION_EVENT_OPENED)
		world->held[i] = session;
	else if (i < HELD_MAX && event->kind == HOLDFAST_SESSION_EVENT_CLOSED)
		world->held[i] = NULL;
	if (world->hang_up && event->kind != HOLDFAST_SESSION_EVENT_CLOSED)
		holdfast_backend_end(session, HOLDFAST_NORMAL, 0);
}

static void client_acts(struct world *world, struct fuzz_input *input)
{
	static const uint8_t text[2 * MESSAGE_MAX];
	const uint8_t what = fuzz_take8(input);
	const uint8_t channel = what >> 4 & 3;

	switch (what % 8) {
	case 0:
		holdfast_client_connect(world->client);
		break;
	case 1:
		holdfast_client_sleep(world->client);
		break;
	case 2:
		holdfast_client_datagram(world->client, channel, text, fuzz_take8(input) * 8u);
		break;
	case 3:
		world->hold = !world->hold;
		for (uint8_t i = 0; i < WIRE_CHANNELS_MAX && !world->hold; i++)
			holdfast_client_continue(world->client, i);
		break;
	case 4:
		holdfast_client_close(world->client, fuzz_take8(input));
		break;
	default:
		for (uint8_t left = fuzz_take8(input) % 32; left > 0; left--)
			holdfast_client_send(world->client, channel, text, fuzz_take8(input) * 16u,
					     1);
	}
}

static void backend_acts(struct world *world, struct fuzz_input *input)
{
	static const uint8_t text[2 * MESSAGE_MAX];
	const uint8_t what = fuzz_take8(input);
	struct holdfast_session *session = world->held[what >> 4];

	if (what % 8 == 0) {
		holdfast_backend_retry(world->backend);
	} else if (what % 8 == 1) {
		world->hang_up = !world->hang_up;
	} else if (session == NULL) {
		return;
	} else if (what % 8 == 2) {
		holdfast_backend_datagram(session, text, fuzz_take8(input) * 8u);
	} else if (what % 8 == 3) {
		holdfast_backend_continue(session);
	} else if (what % 8 == 4) {
		holdfast_backend_end(session, fuzz_take8(input), fuzz_take8(input));
	} else {
		for (uint8_t left = fuzz_take8(input) % 32; left > 0 && session != NULL; left--)
			holdfast_backend_send(session, text, fuzz_take8(input) * 16u, 1);
	}
}

// ---- Beginning and end -----------------------------------------------------------------------

static void act(struct world *world, struct fuzz_input *input)
{
	const uint8_t byte = fuzz_take8(input);
	const bool backend = (byte & 0x80) != 0;
	const uint8_t action = byte % ACTIONS;

	switch (action) {
	case ACT_CLIENT:
		client_acts(world, input);
		break;
	case ACT_BACKEND:
		backend_acts(world, input);
		break;
	case ACT_RUN:
		toy_net_run(&world->net, fuzz_take8(input) * RUN_US);
		break;
	case ACT_LONG_RUN:
		toy_net_run(&world->net, fuzz_take8(input) * LONG_RUN_US);
		break;
	default:
		made_gateway_act(&world->gateway, (enum made_gateway_action)action, backend, input);
	}
	// What was just said arrives.
	toy_net_run(&world->net, world->net.delay_us + 1);
}

static void client_make(struct world *world, uint8_t how)
{
	static const char *const gateways[] = {"192.0.2.10", "192.0.2.11"};
	static const char *const services[] = {"echo", "chat", "other"};
	struct holdfast_client_options options;

	holdfast_client_options_init(&options, sizeof(options));
	options.gateways = gateways;
	options.gateways_count = 1 + (how & 1);
	options.services = services;
	options.services_count = 1 + (how >> 1 & 3) % 3;
	options.renew = (how & 8) != 0;
	options.window = 64;
	options.message_max = MESSAGE_MAX;
	options.context = world;
	options.on_message = client_message;
	options.on_returned = client_returned;
	world->client = toy_net_client(&world->net, &options);
	holdfast_client_connect(world->client);
}

static void backend_make(struct world *world)
{
	static const char *const gateways[] = {"192.0.2.10"};
	struct holdfast_backend_options options;

	holdfast_backend_options_init(&options, sizeof(options));
	options.gateways = gateways;
	options.gateways_count = 1;
	options.service = options.name = "echo";
	options.capacity = 12;
	options.window = 64;
	options.message_max = MESSAGE_MAX;
	options.context = world;
	options.on_message = backend_message;
	options.on_session = backend_session;
	world->backend = toy_net_backend(&world->net, &options);
}

static bool over(void *arg)
{
	const struct world *world = arg;
	struct holdfast_backend_stats stats;

	holdfast_backend_stats(world->backend, &stats, sizeof(stats));
	return stats.sessions == 0 &&
	       holdfast_client_state(world->client) == HOLDFAST_CLIENT_CLOSED;
}

// Both applications stop; then every message has had an end.
static void account(struct world *world)
{
	struct holdfast_client_stats client;
	struct holdfast_backend_stats backend;

	world->hang_up = false; // nothing is sent again
	holdfast_client_close(world->client, 0);
	for (uint32_t i = 0; i < HELD_MAX; i++) {
		if (world->held[i] != NULL)
			holdfast_backend_end(world->held[i], HOLDFAST_NORMAL, 0);
	}
	toy_net_until(&world->net, LAST_RUN_US_MAX, over, world);
	holdfast_client_stats(world->client, &client, sizeof(client));
	FUZZ_CHECK(client.state == HOLDFAST_CLIENT_CLOSED, "the client is in state %d",
		   client.state);
	FUZZ_CHECK(client.counters.messages_sent ==
		       client.counters.messages_acked + client.counters.messages_returned,
		   "client: %lu sent, %lu acknowledged, %lu handed back",
		   client.counters.messages_sent, client.counters.messages_acked,
		   client.counters.messages_returned);
	holdfast_backend_stats(world->backend, &backend, sizeof(backend));
	FUZZ_CHECK(backend.sessions == 0, "%lu sessions are left", backend.sessions);
	FUZZ_CHECK(backend.counters.messages_sent ==
		       backend.counters.messages_acked + backend.counters.messages_returned,
		   "backend: %lu sent, %lu acknowledged, %lu handed back",
		   backend.counters.messages_sent, backend.counters.messages_acked,
		   backend.counters.messages_returned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data_bytes, size_t size)
{
	struct fuzz_input input = {data_bytes, size};
	struct world *world = calloc(1, sizeof(*world));

	FUZZ_CHECK(world != NULL, "out of memory");
	toy_net_init(&world->net, 1);
	made_gateway_init(&world->gateway, &world->net);
	client_make(world, fuzz_take8(&input));
	backend_make(world);
	toy_net_run(&world->net, 2 * world->net.delay_us);
	for (uint32_t i = 0; i < ACTIONS_MAX && input.left > 0; i++)
		act(world, &input);
	account(world);
	toy_net_client_end(&world->net, world->client);
	toy_net_backend_end(&world->net, world->backend);
	toy_net_fini(&world->net);
	free(world);
	return 0;
}
