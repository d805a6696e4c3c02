// SPDX-License-Identifier: BSD-3-Clause
// What an application asks of its client: messages, the session's moves, what it wants to know.
#include <errno.h>
#include <string.h>

#include "endpoint/client_state.h"
#include "endpoint/tally.h"

int holdfast_client_send(struct holdfast_client *client, uint8_t channel, const void *bytes,
			 uint32_t len, uint64_t tag)
{
	int rc;

	if (channel >= client->channels_count)
		return -EINVAL;
	if (client->closing || client->state == HOLDFAST_CLIENT_CLOSED)
		return -EPIPE;
	rc = stream_send(client->channels[channel].stream, bytes, len, tag);
	if (stream_above_soft_mark(client->channels[channel].stream))
		client->channels[channel].above = true;
	return rc;
}

bool holdfast_client_writable(const struct holdfast_client *client, uint8_t channel)
{
	return channel < client->channels_count &&
	       !stream_above_soft_mark(client->channels[channel].stream);
}

int holdfast_client_datagram(struct holdfast_client *client, uint8_t channel, const void *bytes,
			     uint32_t len)
{
	const struct frame header = {
	    .type = WIRE_DATAGRAM, .channel = channel, .handle = client->handle};

	if (channel >= client->channels_count)
		return -EINVAL;
	if (len > client->frame_max - WIRE_HEADER_BYTES)
		return -EMSGSIZE;
	if (client->state != HOLDFAST_CLIENT_CONNECTED)
		return -ENOTCONN;
	if (client->outgoing.full)
		return -EAGAIN;
	client_say(client, &header, bytes, len);
	outgoing_flush(&client->outgoing, &client->io, client->socket);
	client->stats.counters.datagrams_sent++;
	return 0;
}

bool holdfast_client_peek(struct holdfast_client *client, struct holdfast_message *message)
{
	for (uint32_t i = 0; i < client->channels_count; i++) {
		const uint8_t *bytes;

		if (stream_next_message(client->channels[i].stream, &bytes, &message->len)) {
			message->bytes = bytes;
			message->channel = (uint8_t)i;
			return true;
		}
	}
	return false;
}

int holdfast_client_consume(struct holdfast_client *client)
{
	struct holdfast_message message;

	if (!holdfast_client_peek(client, &message))
		return -ENOMSG;
	if (stream_take_message(client->channels[message.channel].stream, client->now_us) ==
	    -EPROTO) {
		client->close_code = HOLDFAST_PROTOCOL_ERROR;
		holdfast_client_close(client, 0);
	}
	return 0;
}

void holdfast_client_continue(struct holdfast_client *client, uint8_t channel)
{
	if (channel >= client->channels_count)
		return;
	client->channels[channel].held = false;
	if (!client->processing)
		client_deliver(client);
}

int holdfast_client_move(struct holdfast_client *client, const char *bind)
{
	struct peer_address local;

	if (bind != NULL) {
		if (peer_address_parse(bind, 0, &local) != 0)
			return -EINVAL;
		client->local = local;
	}
	if (client->closing || client->state == HOLDFAST_CLIENT_CLOSED)
		return -EPIPE;
	client->fresh_socket = true;
	if (client->state == HOLDFAST_CLIENT_IDLE)
		return 0;
	client->now_us = sockets_now_us(&client->io);
	client_back_off(client, 0, "moving to another socket");
	return 0;
}

int holdfast_client_sleep(struct holdfast_client *client)
{
	if (client->state != HOLDFAST_CLIENT_CONNECTED || client->closing)
		return -ENOTCONN;
	client->now_us = sockets_now_us(&client->io);
	client->sleeping = true;
	client->courtesy_until_us = client->now_us + CLIENT_COURTESY_US;
	client_sleep_say(client);
	return 0;
}

void holdfast_client_retry(struct holdfast_client *client)
{
	reconnect_reset(&client->reconnect);
	if (client->state == HOLDFAST_CLIENT_BACKING_OFF)
		client->attempt_us = 0;
}

void holdfast_client_close(struct holdfast_client *client, uint32_t flush_ms)
{
	uint64_t until_us;

	if (client->state == HOLDFAST_CLIENT_CLOSED)
		return;
	client->now_us = sockets_now_us(&client->io);
	until_us = client->now_us + (uint64_t)flush_ms * 1000;
	if (!client->closing || until_us < client->flush_until_us)
		client->flush_until_us = until_us;
	client->closing = true;
	client->sleeping = false;
	if (client->close_code == 0)
		client->close_code = HOLDFAST_NORMAL;
	if (client->state == HOLDFAST_CLIENT_IDLE)
		client_over(client, client->close_code, "closed while not connected");
}

enum holdfast_client_state holdfast_client_state(const struct holdfast_client *client)
{
	return client->state;
}

const char *holdfast_client_state_name(enum holdfast_client_state state)
{
	static const char *const names[] = {"IDLE",        "BACKING_OFF", "CONNECTING",
					    "HANDSHAKING", "CONNECTED",   "CLOSED"};

	return (unsigned int)state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

uint16_t holdfast_client_code(const struct holdfast_client *client)
{
	return client->code;
}

void holdfast_client_stats(const struct holdfast_client *client,
			   struct holdfast_client_stats *stats, size_t size)
{
	struct holdfast_client_stats all = client->stats;
	const uint64_t now = sockets_now_us(&client->io);

	memcpy(all.session, client->id, sizeof(all.session));
	all.handle = client->handle;
	all.epoch = client->epoch;
	all.state = client->state;
	all.heard_ago_ms = client->heard_us != 0 ? (now - client->heard_us) / 1000 : 0;
	for (uint32_t i = 0; i < client->channels_count; i++) {
		struct stream_view view;

		stream_view(client->channels[i].stream, &view);
		all.queued_bytes += view.bytes_queued;
		all.queued_frames += view.frames_queued;
		if (i == 0)
			all.rtt_us = view.rtt_us;
		tally_add(&all.counters, client->channels[i].stream);
	}
	memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
}
