// SPDX-License-Identifier: BSD-3-Clause
// Attempts to reach a gateway: how one begins, and what comes after one that failed.
#include <inttypes.h>
#include <string.h>

#include "endpoint/client_state.h"

static void attempt_write(struct holdfast_client *client)
{
	char gateway[PEER_ADDRESS_TEXT_BYTES];

	peer_address_format(&client->gateways[client->gateway], gateway);
	journal_write(&client->journal, client->now_us, HOLDFAST_LOG_INFO,
		      "attempt %u to %s, waiting %u ms", client->epoch, gateway,
		      (uint32_t)((client->give_up_us - client->now_us) / 1000));
}

void client_say(struct holdfast_client *client, const struct frame *header, const uint8_t *body,
		uint32_t body_bytes)
{
	uint8_t *bytes;

	if (client->socket < 0)
		return;
	bytes = outgoing_place(&client->outgoing, &client->io, client->socket,
			       WIRE_HEADER_BYTES + body_bytes);
	if (bytes == NULL)
		return;
	frame_encode_header(header, bytes);
	if (body_bytes > 0)
		memcpy(bytes + WIRE_HEADER_BYTES, body, body_bytes);
	outgoing_add(&client->outgoing, WIRE_HEADER_BYTES + body_bytes);
}

void client_socket_drop(struct holdfast_client *client)
{
	if (client->socket >= 0)
		client->io.ops->close(client->io.sockets, client->socket);
	client->socket = -1;
	outgoing_reset(&client->outgoing);
}

void client_streams_freeze(struct holdfast_client *client)
{
	for (uint32_t i = 0; i < client->channels_count; i++)
		stream_freeze(client->channels[i].stream);
}

static void options_fill(const struct holdfast_client *client, struct options *options)
{
	*options = (struct options){.present = OPTIONS_SERVICES | OPTIONS_AGENT,
				    .services_count = client->channels_count,
				    .agent = options_text("libholdfast/0.1.0")};
	for (uint32_t i = 0; i < client->channels_count; i++)
		options->services[i] = options_text(client->services[i]);
	if (client->label[0] != '\0') {
		options->present |= OPTIONS_CLIENT;
		options->client = options_text(client->label);
	}
	if (client->options.token_bytes > 0) {
		options->present |= OPTIONS_TOKEN;
		options->token =
		    (struct options_text){(const char *)client->token, client->options.token_bytes};
	}
	if (client->options.meta_bytes > 0) {
		options->present |= OPTIONS_META;
		options->meta =
		    (struct options_text){(const char *)client->meta, client->options.meta_bytes};
	}
	if (client->options.timeout_ms != 0) {
		options->present |= OPTIONS_TIMEOUT_MS;
		options->timeout_ms = client->options.timeout_ms;
	}
	if (client->options.grace_ms >= 0) {
		options->present |= OPTIONS_GRACE_MS;
		options->grace_ms = (uint32_t)client->options.grace_ms;
	}
}

int client_greet(struct holdfast_client *client)
{
	struct handshake block = {.epoch = client->epoch, .count = (uint8_t)client->channels_count};
	struct options options;

	memcpy(block.session, client->id, sizeof(block.session));
	for (uint32_t i = 0; i < client->channels_count; i++)
		stream_triple(client->channels[i].stream, &block.triples[i]);
	options_fill(client, &options);
	return greeting_begin(&client->greeting, &block, client->welcomed, &options,
			      client->options.frame_max, client->now_us);
}

// Begins the next attempt.
void client_attempt(struct holdfast_client *client)
{
	if (client->fresh_socket)
		client_socket_drop(client);
	if (client->socket < 0) {
		client->socket = client->io.ops->open(
		    client->io.sockets, &client->gateways[client->gateway], &client->local);
		if (client->socket < 0) {
			client_back_off(client, reconnect_local_us(sockets_random32(&client->io)),
					"no way to the gateway from here");
			return;
		}
		client->fresh_socket = false;
	}
	client_streams_freeze(client);
	reconnect_begin(&client->reconnect, client->now_us);
	client->stats.attempts++;
	client->epoch++;
	if (client_greet(client) != 0) { // they fitted when the client was created
		client_back_off(client, reconnect_local_us(sockets_random32(&client->io)),
				"no memory for a HELLO");
		return;
	}
	client->give_up_us = client->now_us + reconnect_timeout_us(&client->reconnect);
	client->state = HOLDFAST_CLIENT_CONNECTING;
	attempt_write(client);
}

void client_back_off(struct holdfast_client *client, uint64_t delay_us, const char *reason)
{
	const bool was = client->state == HOLDFAST_CLIENT_CONNECTED;

	client_streams_freeze(client);
	greeting_end(&client->greeting);
	client->attempt_us = client->now_us + delay_us;
	client->state = HOLDFAST_CLIENT_BACKING_OFF;
	client->sleeping = false;
	if (was)
		client_event(client, HOLDFAST_CLIENT_EVENT_DISCONNECTED, 0, client->code, reason);
	else
		journal_write(&client->journal, client->now_us, HOLDFAST_LOG_INFO,
			      "next attempt in %" PRIu64 " ms: %s", delay_us / 1000, reason);
}

void client_reconnect(struct holdfast_client *client, const char *reason)
{
	const bool exhausted = reconnect_exhausted(&client->reconnect, client->now_us);

	client_back_off(
	    client,
	    reconnect_delay_us(&client->reconnect, client->now_us, sockets_random32(&client->io)),
	    reason);
	if (exhausted)
		client_event(client, HOLDFAST_CLIENT_EVENT_EXHAUSTED, 0, client->code, reason);
}

void client_next_gateway(struct holdfast_client *client)
{
	client->gateway = (client->gateway + 1) % client->gateways_count;
	client->silent_attempts = 0;
	client->fresh_socket = true;
}
