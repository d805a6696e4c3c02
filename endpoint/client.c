// SPDX-License-Identifier: BSD-3-Clause
// The client's clockwork: what happens in a turn of the event loop, and when the next one is due.
#include <errno.h>

#include "endpoint/client_state.h"

enum {
	RECEIVE_PACKETS = 16,
	RECEIVE_ROUNDS = 8, // of so many packets in one call
};

int holdfast_client_connect(struct holdfast_client *client)
{
	if (client->closing || client->state == HOLDFAST_CLIENT_CLOSED)
		return -EPIPE;
	if (client->state != HOLDFAST_CLIENT_IDLE)
		return 0;
	client->now_us = sockets_now_us(&client->io);
	client->attempt_us = client->now_us;
	client->state = HOLDFAST_CLIENT_BACKING_OFF;
	return 0;
}

int holdfast_client_fd(const struct holdfast_client *client)
{
	return client->sockets.epoll;
}

static void receive(struct holdfast_client *client)
{
	static const uint32_t room = WIRE_FRAME_MAX_LIMIT;
	uint8_t *bytes = pool_take(&client->pool, RECEIVE_PACKETS * (size_t)room, NULL);

	for (int round = 0; bytes != NULL && round < RECEIVE_ROUNDS && client->socket >= 0;
	     round++) {
		struct sockets_packet packets[RECEIVE_PACKETS];
		const int socket = client->socket;
		int count;

		for (uint32_t i = 0; i < RECEIVE_PACKETS; i++)
			packets[i] = (struct sockets_packet){bytes + i * (size_t)room, room};
		count =
		    client->io.ops->receive(client->io.sockets, socket, packets, RECEIVE_PACKETS);
		for (int i = 0; i < count && client->socket == socket; i++)
			client_frame(client, packets[i].bytes, packets[i].len);
		if (count < RECEIVE_PACKETS)
			break;
	}
	pool_give(&client->pool, bytes, RECEIVE_PACKETS * (size_t)room);
}

// Shows messages to the application for as long as it takes them.
void client_deliver(struct holdfast_client *client)
{
	for (uint32_t i = 0; i < client->channels_count; i++) {
		struct client_channel *channel = &client->channels[i];
		struct holdfast_message message = {.channel = (uint8_t)i};
		const uint8_t *bytes;

		while (client->options.on_message != NULL && !channel->held &&
		       stream_next_message(channel->stream, &bytes, &message.len)) {
			message.bytes = bytes;
			if (!client->options.on_message(client->options.context, client,
							&message)) {
				channel->held = true;
			} else if (stream_take_message(channel->stream, client->now_us) ==
				   -EPROTO) {
				client->close_code = HOLDFAST_PROTOCOL_ERROR;
				holdfast_client_close(client, 0);
				return;
			}
		}
	}
}

bool client_flushed(const struct holdfast_client *client)
{
	for (uint32_t i = 0; i < client->channels_count; i++) {
		if (!stream_flushed(client->channels[i].stream))
			return false;
	}
	return true;
}

static void close_say(struct holdfast_client *client)
{
	const struct frame header = {.type = WIRE_CLOSE, .handle = client->handle};
	const struct frame_close close = {.code = client->close_code};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];

	client_say(client, &header, body, frame_encode_close(&close, body));
	client->courtesy_us = client->now_us + CLIENT_REPEAT_US;
}

void client_sleep_say(struct holdfast_client *client)
{
	const struct frame header = {.type = WIRE_SLEEP, .handle = client->handle};

	client_say(client, &header, NULL, 0);
	client->courtesy_us = client->now_us + CLIENT_REPEAT_US;
}

static void closing_poll(struct holdfast_client *client)
{
	if (client->close_said) {
		if (client->now_us >= client->courtesy_until_us)
			client_over(client, client->close_code, "closed, the gateway is silent");
		else if (client->now_us >= client->courtesy_us)
			close_say(client);
		return;
	}
	if (!client_flushed(client) && client->now_us < client->flush_until_us)
		return;
	if (client->state == HOLDFAST_CLIENT_CONNECTED) {
		client->close_said = true;
		client->courtesy_until_us = client->now_us + CLIENT_COURTESY_US;
		close_say(client);
	} else {
		client_over(client, client->close_code, "closed while not connected");
	}
}

static void attempt_poll(struct holdfast_client *client)
{
	if (client->now_us < client->give_up_us)
		return;
	reconnect_time_out(&client->reconnect);
	if (++client->silent_attempts >= CLIENT_TIMEOUTS_OF_GATEWAY && client->gateways_count > 1)
		client_next_gateway(client);
	client_reconnect(client, "no answer");
}

static void connected_poll(struct holdfast_client *client)
{
	if (client->now_us - client->heard_us >= client->silence_us) {
		client_reconnect(client, "the gateway was silent");
	} else if (client->sleeping && client->now_us >= client->courtesy_until_us) {
		client_asleep(client);
	} else if (client->sleeping && client->now_us >= client->courtesy_us) {
		client_sleep_say(client);
	}
}

static void timers(struct holdfast_client *client)
{
	if (client->state == HOLDFAST_CLIENT_BACKING_OFF && client->now_us >= client->attempt_us)
		client_attempt(client);
	if (client->state == HOLDFAST_CLIENT_CONNECTING ||
	    client->state == HOLDFAST_CLIENT_HANDSHAKING)
		attempt_poll(client);
	if (client->state == HOLDFAST_CLIENT_CONNECTED)
		connected_poll(client);
	if (client->closing && client->state != HOLDFAST_CLIENT_CLOSED)
		closing_poll(client);
}

static void greeting_send(struct holdfast_client *client)
{
	while (client->socket >= 0 && greeting_due_us(&client->greeting) <= client->now_us) {
		uint8_t *bytes = outgoing_place(&client->outgoing, &client->io, client->socket,
						client->options.frame_max);
		uint32_t len;

		if (bytes == NULL)
			return;
		len = greeting_transmit(&client->greeting, bytes, client->options.frame_max,
					client->now_us);
		if (len == 0)
			return;
		outgoing_add(&client->outgoing, len);
	}
}

static void streams_send(struct holdfast_client *client)
{
	const uint32_t room = client->frame_max > client->options.frame_max
				  ? client->frame_max
				  : client->options.frame_max;

	for (uint32_t i = 0; i < client->channels_count; i++) {
		for (;;) {
			uint8_t *bytes =
			    outgoing_place(&client->outgoing, &client->io, client->socket, room);
			uint32_t len;

			if (bytes == NULL)
				return;
			len = stream_transmit(client->channels[i].stream, bytes, room,
					      client->now_us);
			if (len == 0)
				break;
			outgoing_add(&client->outgoing, len);
		}
	}
}

// The socket can send no more: its address or way is gone.
static void trouble_poll(struct holdfast_client *client)
{
	if (client->socket < 0 || client->outgoing.trouble == 0)
		return;
	client->fresh_socket = true;
	if (client->state == HOLDFAST_CLIENT_CONNECTING)
		reconnect_refund(&client->reconnect);
	if (client->state == HOLDFAST_CLIENT_CONNECTED ||
	    client->state == HOLDFAST_CLIENT_CONNECTING ||
	    client->state == HOLDFAST_CLIENT_HANDSHAKING)
		client_back_off(client, reconnect_local_us(sockets_random32(&client->io)),
				"no way to the gateway from this address");
}

static void writable_tell(struct holdfast_client *client)
{
	for (uint32_t i = 0; i < client->channels_count; i++) {
		struct client_channel *channel = &client->channels[i];

		if (channel->above && !stream_above_soft_mark(channel->stream)) {
			channel->above = false;
			client_event(client, HOLDFAST_CLIENT_EVENT_WRITABLE, (uint8_t)i, 0, "");
		}
	}
}

void holdfast_client_process(struct holdfast_client *client)
{
	if (client->processing)
		return;
	client->processing = true;
	client->now_us = sockets_now_us(&client->io);
	if (client->socket >= 0 && client->outgoing.full)
		outgoing_retry(&client->outgoing, &client->io, client->socket);
	receive(client);
	client_deliver(client);
	timers(client);
	greeting_send(client);
	if (client->state == HOLDFAST_CLIENT_CONNECTED && !client->close_said && !client->sleeping)
		streams_send(client);
	if (client->socket >= 0)
		outgoing_flush(&client->outgoing, &client->io, client->socket);
	trouble_poll(client);
	writable_tell(client);
	client->processing = false;
}

static uint64_t sooner(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

static uint64_t closing_due_us(const struct holdfast_client *client)
{
	if (client->close_said)
		return sooner(client->courtesy_us, client->courtesy_until_us);
	return client_flushed(client) ? 0 : client->flush_until_us;
}

static uint64_t due_us(const struct holdfast_client *client)
{
	uint64_t due = STREAM_NEVER;

	switch (client->state) {
	case HOLDFAST_CLIENT_BACKING_OFF:
		due = client->attempt_us;
		break;
	case HOLDFAST_CLIENT_CONNECTING:
	case HOLDFAST_CLIENT_HANDSHAKING:
		due = sooner(client->give_up_us, greeting_due_us(&client->greeting));
		break;
	case HOLDFAST_CLIENT_CONNECTED:
		due = client->heard_us + client->silence_us;
		if (client->close_said || client->sleeping)
			return sooner(due, client->courtesy_us);
		for (uint32_t i = 0; i < client->channels_count && !client->outgoing.full; i++)
			due = sooner(due, stream_deadline_us(client->channels[i].stream));
		break;
	default:
		break;
	}
	if (client->closing && client->state != HOLDFAST_CLIENT_CLOSED)
		due = sooner(due, closing_due_us(client));
	return due;
}

int holdfast_client_timeout_ms(const struct holdfast_client *client)
{
	const uint64_t due = due_us(client);
	const uint64_t now = sockets_now_us(&client->io);

	if (due == STREAM_NEVER)
		return HOLDFAST_FOREVER;
	if (due <= now)
		return 0;
	return due - now > UINT64_C(3600000000) ? 3600000 : (int)((due - now + 999) / 1000);
}
