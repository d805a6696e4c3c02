// SPDX-License-Identifier: BSD-3-Clause
// What the gateway tells by EVENT, to clients with one channel and with several, and to backends.
#include <criterion/criterion.h>
#include <string.h>

#include "../support/toy_world.h"

enum { SECOND_US = 1000000, EVENTS_MAX = HOLDFAST_CLIENT_EVENT_CLOSED + 1 };

static const char *const gateways[] = {"192.0.2.10", "192.0.2.11"};
static const char *const services[] = {"echo", "echo", "echo"};

// A client that counts channel by channel.
struct party {
	struct holdfast_client *client;
	uint32_t sent[WIRE_CHANNELS_MAX];
	uint32_t delivered[WIRE_CHANNELS_MAX];
	uint32_t returned[WIRE_CHANNELS_MAX];
	uint32_t events[EVENTS_MAX];
	uint8_t channel; // of the last event
	bool send_again;
};

static struct toy_world *world;
static struct party party;

static void end(void)
{
	if (party.client != NULL)
		toy_net_client_end(&world->net, party.client);
	toy_world_end(world);
	memset(&party, 0, sizeof(party));
}

TestSuite(relay_events, .fini = end, .timeout = 60);

static bool message_came(void *context, struct holdfast_client *client,
			 const struct holdfast_message *message)
{
	uint32_t number;

	cr_assert_eq(message->len, 5);
	memcpy(&number, message->bytes, sizeof(number));
	cr_assert_eq(((const uint8_t *)message->bytes)[4], message->channel);
	cr_assert_eq(number, party.delivered[message->channel]);
	party.delivered[message->channel]++;
	return true;
}

static void message_returned(void *context, struct holdfast_client *client,
			     const struct holdfast_returned *message)
{
	party.returned[message->channel]++;
	if (party.send_again)
		cr_assert_eq(holdfast_client_send(client, message->channel, message->bytes,
						  message->len, message->tag),
			     0);
}

static void happened(void *context, struct holdfast_client *client,
		     const struct holdfast_client_event *event)
{
	party.events[event->kind]++;
	party.channel = event->channel;
}

static void party_start(uint64_t seed, uint32_t channels, uint32_t gateways_count)
{
	struct holdfast_client_options options;

	world = toy_world_start(seed, 1);
	holdfast_client_options_init(&options, sizeof(options));
	options.gateways = gateways;
	options.gateways_count = gateways_count;
	options.services = services;
	options.services_count = channels;
	options.on_message = message_came;
	options.on_returned = message_returned;
	options.on_event = happened;
	party.client = toy_net_client(&world->net, &options);
	holdfast_client_connect(party.client);
	toy_net_run(&world->net, SECOND_US);
	cr_assert_eq(holdfast_client_state(party.client), HOLDFAST_CLIENT_CONNECTED);
}

static struct toy_session *session(void)
{
	struct holdfast_client_stats stats;

	holdfast_client_stats(party.client, &stats, sizeof(stats));
	return toy_gateway_find(&world->gateway, stats.session);
}

static void party_send(uint8_t channel, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t bytes[5];

		memcpy(bytes, &party.sent[channel], sizeof(uint32_t));
		bytes[4] = channel;
		cr_assert_eq(
		    holdfast_client_send(party.client, channel, bytes, 5, party.sent[channel]), 0);
		party.sent[channel]++;
	}
}

static bool settled(void *arg)
{
	return memcmp(party.sent, party.delivered, sizeof(party.sent)) == 0;
}

Test(relay_events, channels_of_one_session_at_one_backend_are_kept_apart)
{
	party_start(1, 3, 1);
	world->net.loss_permille = 20;
	world->net.jitter_us = 3000;
	for (uint32_t i = 0; i < 50; i++) {
		party_send((uint8_t)(i % 3), 1 + i % 7);
		toy_net_run(&world->net, 20000);
	}
	cr_assert(toy_net_until(&world->net, 20 * SECOND_US, settled, NULL), "%u %u %u",
		  party.delivered[0], party.delivered[1], party.delivered[2]);
	cr_expect_eq(world->opened, 3);
	holdfast_client_move(party.client, NULL);
	party_send(1, 20);
	party_send(2, 20);
	cr_assert(toy_net_until(&world->net, 20 * SECOND_US, settled, NULL));
	cr_expect_eq(world->opened, 3);
}

Test(relay_events, each_event_is_told_with_its_channel_and_acknowledged_whenever_it_comes)
{
	static const struct {
		const char *name;
		enum holdfast_client_event_kind kind;
		bool of_channel;
	} cases[] = {
	    {WIRE_EVENT_CHANNEL_DOWN, HOLDFAST_CLIENT_EVENT_CHANNEL_DOWN, true},
	    {WIRE_EVENT_CHANNEL_UP, HOLDFAST_CLIENT_EVENT_CHANNEL_UP, true},
	    {WIRE_EVENT_DRAINING, HOLDFAST_CLIENT_EVENT_DRAINING, false},
	};

	for (uint32_t channels = 1; channels <= 3; channels += 2) {
		const uint8_t last = (uint8_t)(channels - 1);

		party_start(channels, channels, 1);
		for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			toy_gateway_event(&world->gateway, session(), true, cases[i].name, last,
					  false);
			toy_net_run(&world->net, SECOND_US / 5);
			cr_expect_eq(world->gateway.client_event_acks, 2 * i + 1);
			toy_gateway_event(&world->gateway, session(), true, cases[i].name, last,
					  true);
			toy_net_run(&world->net, SECOND_US / 5);
			cr_expect_eq(world->gateway.client_event_acks, 2 * i + 2);
			cr_expect_eq(party.events[cases[i].kind], 1, "%s", cases[i].name);
			cr_expect_eq(party.channel, cases[i].of_channel ? last : 0, "%s",
				     cases[i].name);
		}
		cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_DISCONNECTED], 0);
		party_send(last, 10);
		cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL));
		if (channels == 1)
			end();
	}
}

Test(relay_events, an_event_of_a_channel_that_is_none_is_only_acknowledged)
{
	party_start(2, 1, 1);
	toy_gateway_event(&world->gateway, session(), true, WIRE_EVENT_CHANNEL_RESET, 5, false);
	toy_net_run(&world->net, SECOND_US / 10);
	toy_gateway_event(&world->gateway, session(), true, WIRE_EVENT_PEER_DETACHED, 0, false);
	toy_net_run(&world->net, SECOND_US / 10);
	toy_gateway_event(&world->gateway, session(), true, "something_new", 0, false);
	toy_net_run(&world->net, SECOND_US / 10);
	cr_expect_eq(world->gateway.client_event_acks, 3);
	for (uint32_t i = HOLDFAST_CLIENT_EVENT_DISCONNECTED; i < EVENTS_MAX; i++)
		cr_expect_eq(party.events[i], 0, "event %u", i);
	party_send(0, 10);
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL));
}

// What a new process behind a channel looks like: its numbers are gone.
static void channel_lose(uint8_t channel)
{
	toy_gateway_forget(session(), channel);
	holdfast_backend_end(world->of_channel[channel], HOLDFAST_NORMAL, 0);
	toy_net_run(&world->net, SECOND_US / 10);
	toy_gateway_event(&world->gateway, session(), true, WIRE_EVENT_CHANNEL_RESET, channel,
			  false);
}

static bool lose_data_to_backend(void *arg, int socket, bool to_gateway, const uint8_t *bytes,
				 uint32_t len)
{
	return to_gateway && bytes[1] == WIRE_DATA;
}

Test(relay_events, a_channel_that_is_up_again_does_not_wait_for_a_long_probe)
{
	party_start(3, 3, 1);
	party_send(1, 1);
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL));
	world->net.lose = lose_data_to_backend;
	toy_gateway_event(&world->gateway, session(), true, WIRE_EVENT_CHANNEL_DOWN, 1, false);
	party_send(1, 3);
	toy_net_run(&world->net, 30 * SECOND_US); // probes have become rare
	world->net.lose = NULL;
	toy_gateway_event(&world->gateway, session(), true, WIRE_EVENT_CHANNEL_UP, 1, false);
	cr_assert(toy_net_until(&world->net, SECOND_US, settled, NULL));
}

Test(relay_events, a_reset_hands_back_that_channel_and_begins_it_anew)
{
	party_start(4, 3, 1);
	for (uint8_t k = 0; k < 3; k++)
		party_send(k, 10);
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL));
	world->net.lose = lose_data_to_backend;
	for (uint8_t k = 0; k < 3; k++)
		party_send(k, 5);
	toy_net_run(&world->net, SECOND_US / 2);
	world->net.lose = NULL;
	channel_lose(1);
	toy_net_run(&world->net, SECOND_US);
	party.delivered[1] += 5; // never came
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL), "the others go on");
	cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_CHANNEL_RESET], 1);
	cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_LOST], 0);
	cr_expect_eq(party.returned[0] + party.returned[2], 0);
	cr_expect_eq(party.returned[1], 5);
	toy_net_run(&world->net, SECOND_US);
	cr_expect_eq(world->opened, 4);
	cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_CONNECTED], 2);
	for (uint8_t k = 0; k < 3; k++)
		party_send(k, 10);
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL));
}

Test(relay_events, a_reset_of_the_only_channel_begins_it_anew)
{
	party_start(5, 1, 1);
	party.send_again = true;
	party_send(0, 10);
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL));
	world->net.lose = lose_data_to_backend;
	party_send(0, 5);
	toy_net_run(&world->net, SECOND_US / 2);
	world->net.lose = NULL;
	channel_lose(0);
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL),
		  "what was sent again goes in the new life");
	cr_expect_eq(party.returned[0], 5);
	cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_LOST], 0);
}

Test(relay_events, a_draining_gateway_is_left_for_another_where_one_is_known)
{
	party_start(6, 1, 2);
	toy_gateway_event(&world->gateway, session(), true, WIRE_EVENT_DRAINING, 0, false);
	toy_net_run(&world->net, 5 * SECOND_US);
	cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_DRAINING], 1);
	cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_DISCONNECTED], 1);
	cr_expect_eq(party.events[HOLDFAST_CLIENT_EVENT_CONNECTED], 2);
}

Test(relay_events, a_backend_detaches_every_channel_of_a_client_that_is_away)
{
	party_start(7, 3, 1);
	toy_gateway_detach(&world->gateway, session());
	toy_net_run(&world->net, SECOND_US / 10);
	cr_expect_eq(world->detached, 3);
	cr_expect_eq(world->gateway.backend_event_acks, 1);
	toy_gateway_event(&world->gateway, session(), false, WIRE_EVENT_PEER_DETACHED, 0, true);
	toy_net_run(&world->net, SECOND_US / 10);
	cr_expect_eq(world->detached, 3);
	cr_expect_eq(world->gateway.backend_event_acks, 2);
	party_send(0, 1);
	party_send(2, 1);
	cr_assert(toy_net_until(&world->net, 30 * SECOND_US, settled, NULL));
	cr_expect_eq(world->resumed, 3);
	cr_expect_eq(world->opened, 3);
}

Test(relay_events, a_backend_acknowledges_what_does_not_concern_it)
{
	static const char *const names[] = {WIRE_EVENT_DRAINING, WIRE_EVENT_CHANNEL_DOWN,
					    WIRE_EVENT_CHANNEL_UP, WIRE_EVENT_CHANNEL_RESET};

	party_start(8, 3, 1);
	for (uint32_t i = 0; i < 4; i++) {
		toy_gateway_event(&world->gateway, session(), false, names[i], 0, false);
		toy_net_run(&world->net, SECOND_US / 10);
		toy_gateway_event(&world->gateway, session(), false, names[i], 0, true);
		toy_net_run(&world->net, SECOND_US / 10);
		cr_expect_eq(world->gateway.backend_event_acks, 2 * i + 2, "%s", names[i]);
	}
	cr_expect_eq(world->detached, 0);
	party_send(1, 10);
	cr_assert(toy_net_until(&world->net, 5 * SECOND_US, settled, NULL));
}
