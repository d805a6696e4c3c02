// SPDX-License-Identifier: BSD-3-Clause
// How a client is made from its options.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/client_state.h"

enum {
	POOL_KEPT_BYTES = 1 << 20,
	OUTGOING_BYTES = 64 * 1024,
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
	    options->frame_max < WIRE_FRAME_MAX_MIN || options->frame_max > WIRE_FRAME_MAX_LIMIT ||
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
