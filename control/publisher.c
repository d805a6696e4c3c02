// SPDX-License-Identifier: BSD-3-Clause
#include "control/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

void publisher_init(struct publisher *publisher, const struct settings *settings,
		    struct dataplane *dataplane, struct backends *backends, struct tally *tally)
{
	memset(publisher, 0, sizeof(*publisher));
	publisher->settings = settings;
	publisher->dataplane = dataplane;
	publisher->backends = backends;
	publisher->tally = tally;
	// A key before the first one would be zero, which anybody can guess.
	randombytes_buf(publisher->keys, sizeof(publisher->keys));
	publisher->changed = true;
}

void publisher_fini(struct publisher *publisher)
{
	sodium_memzero(publisher->keys, sizeof(publisher->keys));
}

void publisher_change(struct publisher *publisher)
{
	publisher->changed = true;
}

void publisher_drain(struct publisher *publisher)
{
	publisher->draining = true;
	publisher->changed = true;
}

static void change_key(struct publisher *publisher, uint64_t now_ms)
{
	if (publisher->keyed_ms == 0)
		publisher->keyed_ms = now_ms;
	if (now_ms - publisher->keyed_ms < PUBLISHER_COOKIE_MS)
		return;
	memcpy(publisher->keys[1], publisher->keys[0], sizeof(publisher->keys[1]));
	randombytes_buf(publisher->keys[0], sizeof(publisher->keys[0]));
	publisher->keyed_ms = now_ms;
	publisher->changed = true;
	publisher->tally->cookie_keys++;
}

static void fill_limits(const struct publisher *publisher, struct directory *directory)
{
	const struct settings *settings = publisher->settings;

	memcpy(directory->cookie_keys, publisher->keys, sizeof(directory->cookie_keys));
	directory->draining = publisher->draining;
	directory->window = settings->session.window;
	directory->frame_max = WIRE_FRAME_MAX_DEFAULT;
	directory->timeout_default_ms = settings->session.timeout_ms;
	directory->heartbeat_ms = settings->session.heartbeat_ms;
	directory->grace_default_ms = settings->session.grace_ms;
	directory->grace_max_ms = LIVENESS_GRACE_MAX_MS;
	directory->opening_timeout_ms = BACKENDS_OPENING_MS;
	directory->replay_session_bytes = settings->replay.per_session_bytes;
	directory->resumes_per_second = settings->limits.resumes_per_second;
	directory->instance = publisher->backends->instance;
	memcpy(directory->gateway, settings->gateway.name, sizeof(directory->gateway));
}

static struct directory *make(const struct publisher *publisher)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	if (directory == NULL)
		return NULL;
	directory->backends = calloc(DIRECTORY_BACKENDS_MAX, sizeof(*directory->backends));
	if (directory->backends == NULL) {
		free(directory);
		return NULL;
	}
	fill_limits(publisher, directory);
	backends_fill(publisher->backends, directory);
	return directory;
}

int publisher_tick(struct publisher *publisher, uint64_t now_ms)
{
	change_key(publisher, now_ms);
	if (!publisher->changed && !publisher->backends->changed)
		return 0;
	struct directory *directory = make(publisher);

	if (directory == NULL)
		return -ENOMEM;
	publisher->changed = false;
	publisher->backends->changed = false;
	publisher->tally->snapshots++;
	dataplane_publish(publisher->dataplane, directory);
	return 0;
}
