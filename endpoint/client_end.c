// SPDX-License-Identifier: BSD-3-Clause
// How a session is lost or ended: what was not acknowledged is handed back, and a new one begins
// where the application wants it.
#include "endpoint/client_state.h"

struct giving {
	struct holdfast_client *client;
	uint8_t channel;
};

static void give_back(void *arg, const struct stream_handed *message)
{
	const struct giving *giving = arg;
	struct holdfast_client *client = giving->client;
	const struct holdfast_returned returned = {
	    .bytes = message->bytes,
	    .len = message->len,
	    .mark = message->mark == STREAM_NOT_SENT ? HOLDFAST_NOT_SENT : HOLDFAST_MAYBE_DELIVERED,
	    .tag = message->tag,
	    .channel = giving->channel,
	};

	client->stats.counters.messages_returned++;
	if (client->options.on_returned != NULL)
		client->options.on_returned(client->options.context, client, &returned);
}

static void hand_back(struct holdfast_client *client)
{
	for (uint32_t i = 0; i < client->channels_count; i++) {
		struct giving giving = {client, (uint8_t)i};

		stream_hand_back(client->channels[i].stream, give_back, &giving);
	}
}

void client_channel_restart(struct holdfast_client *client, uint8_t channel)
{
	struct giving giving = {client, channel};

	client->channels[channel].held = false;
	stream_restart(client->channels[channel].stream, give_back, &giving);
}

// Whether this code ends a session that should have gone on: one that the gateway knew, or says
// that it does not know. An end that either side wished for is none.
static bool session_lost(const struct holdfast_client *client, uint16_t code)
{
	return code != HOLDFAST_NORMAL &&
	       (client->welcomed || holdfast_code_policy(code) == HOLDFAST_NEW_SESSION);
}

void client_over(struct holdfast_client *client, uint16_t code, const char *reason)
{
	if (client->state == HOLDFAST_CLIENT_CLOSED)
		return;
	client->code = code;
	client->state = HOLDFAST_CLIENT_CLOSED;
	greeting_end(&client->greeting);
	hand_back(client);
	if (client->socket >= 0)
		outgoing_flush(&client->outgoing, &client->io, client->socket);
	client_socket_drop(client);
	if (session_lost(client, code))
		client_event(client, HOLDFAST_CLIENT_EVENT_LOST, 0, code, reason);
	client_event(client, HOLDFAST_CLIENT_EVENT_CLOSED, 0, code, reason);
}

static void session_begin(struct holdfast_client *client)
{
	client->io.ops->random(client->io.sockets, client->id, sizeof(client->id));
	client->epoch = 0;
	client->handle = 0;
	client->event = 0;
	client->welcomed = false;
	client->stale = 0;
	client->stats.sessions++;
}

void client_lost(struct holdfast_client *client, uint16_t code, const char *reason)
{
	client->code = code;
	client_streams_freeze(client);
	if (client->closing || !client->options.renew ||
	    holdfast_code_policy(code) != HOLDFAST_NEW_SESSION) {
		client_over(client, code, reason);
		return;
	}
	// The streams are new before anything is told: what a callback sends goes with the new
	// session.
	for (uint32_t i = 0; i < client->channels_count; i++)
		client_channel_restart(client, (uint8_t)i);
	client_event(client, HOLDFAST_CLIENT_EVENT_LOST, 0, code, reason);
	session_begin(client);
	client_event(client, HOLDFAST_CLIENT_EVENT_RENEWED, 0, 0, "");
	client_reconnect(client, reason);
}
