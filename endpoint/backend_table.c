// SPDX-License-Identifier: BSD-3-Clause
// How the sessions of a backend are found.
#include <errno.h>
#include <string.h>

#include "endpoint/backend_state.h"

struct handle_key {
	const struct backend_link *link;
	uint64_t handle;
	uint8_t channel;
};

struct id_key {
	const uint8_t *id;
	uint8_t channel;
};

static bool handle_same(const void *value, const void *key)
{
	const struct holdfast_session *session = value;
	const struct handle_key *wanted = key;

	return session->link == wanted->link && session->handle == wanted->handle &&
	       session->channel == wanted->channel;
}

static bool id_same(const void *value, const void *key)
{
	const struct holdfast_session *session = value;
	const struct id_key *wanted = key;

	return session->channel == wanted->channel &&
	       memcmp(session->id, wanted->id, sizeof(session->id)) == 0;
}

static uint64_t handle_hash(const struct backend_link *link, uint64_t handle, uint8_t channel)
{
	const uint64_t key[3] = {link->index, handle, channel};

	return id_table_hash(link->backend->secret, key, sizeof(key));
}

static uint64_t session_hash(const struct holdfast_session *session)
{
	return handle_hash(session->link, session->handle, session->channel);
}

static uint64_t id_hash(const struct holdfast_backend *backend, const uint8_t *id, uint8_t channel)
{
	uint8_t key[WIRE_SESSION_ID_BYTES + 1];

	memcpy(key, id, WIRE_SESSION_ID_BYTES);
	key[WIRE_SESSION_ID_BYTES] = channel;
	return id_table_hash(backend->secret, key, sizeof(key));
}

struct holdfast_session *backend_table_find(struct backend_link *link, uint64_t handle,
					    uint8_t channel)
{
	const struct handle_key key = {link, handle, channel};

	return id_table_find(&link->backend->by_handle, handle_hash(link, handle, channel),
			     handle_same, &key);
}

struct holdfast_session *backend_table_find_id(struct holdfast_backend *backend, const uint8_t *id,
					       uint8_t channel)
{
	const struct id_key key = {id, channel};

	return id_table_find(&backend->by_id, id_hash(backend, id, channel), id_same, &key);
}

int backend_table_reserve(struct holdfast_backend *backend)
{
	const uint32_t count = backend->sessions_count + 1;

	if (heap_reserve(&backend->timers, count) != 0 ||
	    id_table_reserve(&backend->by_handle, count) != 0 ||
	    id_table_reserve(&backend->by_id, count) != 0)
		return -ENOMEM;
	return 0;
}

void backend_table_insert(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;

	id_table_insert(&backend->by_handle, session_hash(session), session);
	id_table_insert(&backend->by_id, id_hash(backend, session->id, session->channel), session);
	backend->sessions_count++;
}

void backend_table_remove(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;

	id_table_remove(&backend->by_handle, session_hash(session), session);
	id_table_remove(&backend->by_id, id_hash(backend, session->id, session->channel), session);
	backend->sessions_count--;
}

void backend_table_move(struct holdfast_session *session, struct backend_link *link,
			uint64_t handle)
{
	struct holdfast_backend *backend = session->backend;

	id_table_remove(&backend->by_handle, session_hash(session), session);
	session->link = link;
	session->handle = handle;
	id_table_insert(&backend->by_handle, session_hash(session), session);
}

void backend_table_end(struct holdfast_session *session)
{
	struct holdfast_backend *backend = session->backend;
	const uint64_t hash = id_hash(backend, session->id, session->channel);

	backend->ended[hash % BACKEND_ENDED] =
	    (struct backend_ended){.hash = hash, .epoch = session->epoch};
}

bool backend_table_ended(const struct holdfast_backend *backend, const uint8_t *id, uint8_t channel,
			 uint32_t epoch)
{
	const uint64_t hash = id_hash(backend, id, channel);
	const struct backend_ended *ended = &backend->ended[hash % BACKEND_ENDED];

	return ended->hash == hash && epoch <= ended->epoch;
}
