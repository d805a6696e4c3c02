// SPDX-License-Identifier: BSD-3-Clause
// How a backend is made from its options.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/backend_state.h"

enum {
	POOL_KEPT_BYTES = 32 << 20,
	SOCKET_BYTES_DEFAULT = 4 << 20,
};

void holdfast_backend_options_init(struct holdfast_backend_options *options, size_t size)
{
	memset(options, 0, size);
	options->size = size;
	options->frame_max = WIRE_FRAME_MAX_DEFAULT;
	options->window = WIRE_WINDOW_DEFAULT;
	options->message_max = WIRE_MESSAGE_MAX_DEFAULT;
	options->soft_frames = STREAM_SOFT_FRAMES_DEFAULT;
	options->soft_bytes = STREAM_SOFT_BYTES_DEFAULT;
	options->hard_factor = STREAM_HARD_FACTOR_DEFAULT;
	options->socket_bytes = SOCKET_BYTES_DEFAULT;
}

static bool name_keep(char *kept, const char *text)
{
	const size_t len = text != NULL ? strlen(text) : 0;

	if (len == 0 || len > WIRE_NAME_MAX)
		return false;
	memcpy(kept, text, len + 1);
	return true;
}

// Whether a HELLO has room for everything. Returns 0, -EINVAL or -ENOMEM.
static int hello_try(struct backend_link *link)
{
	struct backend_lane lane = {.state = LANE_FREE};
	const int rc = backend_greet(link, &lane);

	greeting_end(&lane.greeting);
	return rc == -ENOSPC ? -EINVAL : rc;
}

static int options_keep(struct holdfast_backend *backend)
{
	const struct holdfast_backend_options *options = &backend->options;
	struct stream_settings settings;

	backend_stream_settings(backend, 0, &settings);
	if (options->gateways_count == 0 || options->gateways_count > HOLDFAST_GATEWAYS_MAX ||
	    !name_keep(backend->service, options->service) ||
	    !name_keep(backend->name, options->name) || options->on_message == NULL ||
	    options->frame_max < WIRE_FRAME_MAX_MIN || options->frame_max > WIRE_FRAME_MAX_LIMIT ||
	    options->token_bytes > WIRE_OPTIONS_BYTES_MAX || !stream_settings_valid(&settings) ||
	    (options->bind != NULL && peer_address_parse(options->bind, 0, &backend->local) != 0))
		return -EINVAL;
	if (options->token_bytes > 0)
		memcpy(backend->token, options->token, options->token_bytes);
	for (uint32_t i = 0; i < options->gateways_count; i++) {
		struct backend_link *link = &backend->links[i];

		link->backend = backend;
		link->index = i;
		link->frame_max = options->frame_max;
		if (peer_address_parse(options->gateways[i], WIRE_PORT_DEFAULT, &link->gateway) !=
		    0)
			return -EINVAL;
		backend_link_start(link);
		backend->links_count++;
	}
	return hello_try(&backend->links[0]);
}

struct holdfast_backend *holdfast_backend_create(const struct holdfast_backend_options *options)
{
	struct holdfast_backend *backend = calloc(1, sizeof(*backend));
	int rc;

	if (backend == NULL)
		return NULL;
	holdfast_backend_options_init(&backend->options, sizeof(backend->options));
	memcpy(&backend->options, options,
	       options->size < sizeof(*options) ? options->size : sizeof(*options));
	pool_init(&backend->pool, POOL_KEPT_BYTES);
	journal_init(&backend->journal, backend->options.on_log, backend->options.context);
	journal_init(&backend->sessions, backend->options.on_log, backend->options.context);
	rc = sockets_init(&backend->sockets, backend->options.socket_bytes);
	if (rc == 0) {
		sockets_bind(&backend->sockets, &backend->io);
		backend->secret[0] = sockets_random64(&backend->io);
		backend->secret[1] = sockets_random64(&backend->io);
		backend->instance = backend->options.instance != 0 ? backend->options.instance
								   : sockets_random64(&backend->io);
		rc = options_keep(backend);
		if (rc == 0)
			return backend;
		sockets_fini(&backend->sockets);
	}
	pool_fini(&backend->pool);
	free(backend);
	errno = -rc;
	return NULL;
}

static void sessions_free(struct holdfast_backend *backend)
{
	for (uint32_t i = 0; i < backend->by_id.room;) {
		// Removal moves what stands behind to the front: the same place again.
		if (backend->by_id.entries[i].value != NULL)
			backend_session_free(backend->by_id.entries[i].value);
		else
			i++;
	}
}

void holdfast_backend_destroy(struct holdfast_backend *backend)
{
	if (backend == NULL)
		return;
	sessions_free(backend);
	for (uint32_t i = 0; i < backend->links_count; i++) {
		backend->links[i].state = LINK_STOPPED;
		backend_link_close(&backend->links[i]);
	}
	heap_fini(&backend->timers);
	id_table_fini(&backend->by_handle);
	id_table_fini(&backend->by_id);
	sockets_fini(&backend->sockets);
	pool_fini(&backend->pool);
	free(backend);
}
