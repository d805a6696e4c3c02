// SPDX-License-Identifier: BSD-3-Clause
// The client's public calls and its clockwork.
#include "holdfast/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/client_state.h"
#include "endpoint/tally.h"

enum {
	POOL_KEPT_BYTES = 1 << 20,
	OUTGOING_BYTES = 64 * 1024,
	RECEIVE_PACKETS = 16,
	RECEIVE_ROUNDS = 8, // of so many packets in one call
	SOCKET_BUFFER_BYTES = 1 << 20,
};

void holdfast_client_options_init(struct holdfast_client_options *options, size_t size)
{
	memset(options, 0, size);
	options->size = size;
	options->grace_ms = -1;
	options->frame_max = WIRE_FRAME_MAX_DEFAULT;
	options->window = WIRE_WINDOW_DEFAULT;
	options->message_max = WIRE_MESSAGE_MAX_DEFAULT;
	options->soft_frames = STREAM_SOFT_FRAMES_DEFAULT;
	options->soft_bytes = STREAM_SOFT_BYTES_DEFAULT;
	options->hard_factor = STREAM_HARD_FACTOR_DEFAULT;
}

// Copies a text of min to max bytes. Returns false where it is not.
static bool text_keep(char *kept, const char *text, size_t min, size_t max)
{
	const size_t len = text != NULL ? strlen(text) : 0;

	if (len < min || len > max)
		return false;
	memcpy(kept, text != NULL ? text : "", len + 1);
	return true;
}

// Takes over what options point at. Returns 0 or -EINVAL.
static int options_keep(struct holdfast_client *client)
{
	const struct holdfast_client_options *options = &client->options;

	if (options->gateways_count == 0 || options->gateways_count > HOLDFAST_GATEWAYS_MAX ||
	    options->services_count == 0 || options->services_count > WIRE_CHANNELS_MAX ||
	    options->meta_bytes > WIRE_META_MAX || options->token_bytes > WIRE_OPTIONS_BYTES_MAX ||
	    options->frame_max < 256 || options->frame_max > WIRE_FRAME_MAX_LIMIT ||
	    options->grace_ms > UINT32_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < options->gateways_count; i++) {
		if (peer_address_parse(options->gateways[i], WIRE_PORT_DEFAULT,
				       &client->gateways[i]) != 0)
			return -EINVAL;
	}
	for (uint32_t i = 0; i < options->services_count; i++) {
		if (!text_keep(client->services[i], options->services[i], 1, WIRE_NAME_MAX))
			return -EINVAL;
	}
	if (!text_keep(client->label, options->client, 0, WIRE_CLIENT_LABEL_MAX) ||
	    (options->bind != NULL && peer_address_parse(options->bind, 0, &client->local) != 0))
		return -EINVAL;
	if (options->meta_bytes > 0)
		memcpy(client->meta, options->meta, options->meta_bytes);
	if (options->token_bytes > 0)
		memcpy(client->token, options->token, options->token_bytes);
	client->gateways_count = options->gateways_count;
	client->frame_max = options->frame_max;
	return 0;
}

static int streams_create(struct holdfast_client *client)
{
	const struct holdfast_client_options *options = &client->options;

	for (uint32_t i = 0; i < options->services_count; i++) {
		struct stream_settings settings;

		stream_settings_default(&settings, &client->pool);
		settings.channel = (uint8_t)i;
		settings.frame_max = options->frame_max;
		settings.window = options->window;
		settings.message_max = options->message_max;
		settings.soft_frames = options->soft_frames;
		settings.soft_bytes = options->soft_bytes;
		settings.hard_factor = options->hard_factor;
		client->channels[i].stream = stream_create(&settings);
		if (client->channels[i].stream == NULL)
			return -errno;
		client->channels_count++;
	}
	return 0;
}

// Whether a HELLO has room for everything. Returns 0, -EINVAL or -ENOMEM.
static int hello_try(struct holdfast_client *client)
{
	const int rc = client_greet(client);

	greeting_end(&client->greeting);
	return rc == -ENOSPC ? -EINVAL : rc;
}

struct holdfast_client *holdfast_client_create(const struct holdfast_client_options *options)
{
	struct holdfast_client *client = calloc(1, sizeof(*client));
	int rc;

	if (client == NULL)
		return NULL;
	holdfast_client_options_init(&client->options, sizeof(client->options));
	memcpy(&client->options, options,
	       options->size < sizeof(*options) ? options->size : sizeof(*options));
	client->socket = -1;
	pool_init(&client->pool, POOL_KEPT_BYTES);
	journal_init(&client->journal, client->options.on_log, client->options.context);
	rc = sockets_init(&client->sockets, SOCKET_BUFFER_BYTES);
	if (rc != 0)
		goto no_sockets;
	sockets_bind(&client->sockets, &client->io);
	rc = outgoing_init(&client->outgoing, OUTGOING_BYTES);
	if (rc == 0)
		rc = options_keep(client);
	if (rc == 0)
		rc = streams_create(client);
	if (rc == 0)
		rc = hello_try(client);
	if (rc != 0) {
		holdfast_client_destroy(client);
		errno = -rc;
		return NULL;
	}
	client->now_us = sockets_now_us(&client->io);
	client->io.ops->random(client->io.sockets, client->id, sizeof(client->id));
	client->stats.sessions = 1;
	return client;
no_sockets:
	pool_fini(&client->pool);
	free(client);
	errno = -rc;
	return NULL;
}

void holdfast_client_destroy(struct holdfast_client *client)
{
	if (client == NULL)
		return;
	greeting_end(&client->greeting);
	for (uint32_t i = 0; i < client->channels_count; i++)
		stream_destroy(client->channels[i].stream);
	if (client->socket >= 0)
		client->io.ops->close(client->io.sockets, client->socket);
	outgoing_fini(&client->outgoing);
	sockets_fini(&client->sockets);
	pool_fini(&client->pool);
	free(client);
}

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

static bool flushed(const struct holdfast_client *client)
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

static void sleep_say(struct holdfast_client *client)
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
	if (!flushed(client) && client->now_us < client->flush_until_us)
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
		client->sleeping = false;
		for (uint32_t i = 0; i < client->channels_count; i++)
			stream_freeze(client->channels[i].stream);
		client->state = HOLDFAST_CLIENT_IDLE;
		client_event(client, HOLDFAST_CLIENT_EVENT_SLEEPING, 0, 0, "");
	} else if (client->sleeping && client->now_us >= client->courtesy_us) {
		sleep_say(client);
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
		due = sooner(due, flushed(client) ? 0 : client->flush_until_us);
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
	sleep_say(client);
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
