// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/caller.h"

// Copies a text, cut to bytes - 1; empty where it is absent.
static void text_read(char *to, size_t bytes, const msgpack_object *map, const char *key)
{
	uint32_t len;
	const char *text = caller_get_text(map, key, &len);

	snprintf(to, bytes, "%.*s", (int)len, text);
}

// The array under a key, or NULL where there is none.
static const msgpack_object_array *array_of(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = caller_get(map, key);

	return value != NULL && value->type == MSGPACK_OBJECT_ARRAY ? &value->via.array : NULL;
}

static int compare_names(const void *left, const void *right)
{
	const struct top_row *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int rows_make(struct top_rows *rows, uint32_t count)
{
	*rows = (struct top_rows){.count = 0};
	if (count == 0)
		return 0;
	rows->rows = calloc(count, sizeof(*rows->rows));
	return rows->rows == NULL ? -ENOMEM : 0;
}

static int drops_read(struct top_rows *drops, const msgpack_object *map)
{
	if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
		return -EBADMSG;

	const int rc = rows_make(drops, map->via.map.size);

	for (uint32_t i = 0; rc == 0 && i < map->via.map.size; i++) {
		const msgpack_object_kv *pair = &map->via.map.ptr[i];

		if (pair->key.type != MSGPACK_OBJECT_STR ||
		    pair->val.type != MSGPACK_OBJECT_POSITIVE_INTEGER)
			continue;

		struct top_row *row = &drops->rows[drops->count++];

		snprintf(row->name, sizeof(row->name), "%.*s", (int)pair->key.via.str.size,
			 pair->key.via.str.ptr);
		row->total = pair->val.via.u64;
	}
	if (drops->count > 1)
		qsort(drops->rows, drops->count, sizeof(*drops->rows), compare_names);
	return rc;
}

static const char *const state_gauges[TOP_STATES] = {"sessions_opening", "sessions_connected",
						     "sessions_detached", "sessions_closing"};

static void worker_read(struct top_worker_sample *worker, const msgpack_object *map)
{
	const msgpack_object *counters = caller_get(map, "counters");
	const msgpack_object *gauges = caller_get(map, "gauges");

	*worker = (struct top_worker_sample){
	    .received = caller_get_uint(counters, "received"),
	    .handed_over = caller_get_uint(counters, "handed_over"),
	    .polls = caller_get_uint(counters, "polls"),
	    .busy_us = caller_get_uint(counters, "busy_us"),
	    .stalled_ms = caller_get_uint(counters, "stalled_ms"),
	};
	for (int i = 0; i < TOP_STATES; i++)
		worker->sessions += caller_get_uint(gauges, state_gauges[i]);
}

int top_sample_read(struct top_sample *sample, const msgpack_object *map, uint64_t now_us)
{
#define TOP_TOTALS_TEXT(name) #name,
	static const char *const totals[TOP_TOTALS_COUNT] = {TOP_TOTALS(TOP_TOTALS_TEXT)};
#undef TOP_TOTALS_TEXT
	const msgpack_object_array *workers = array_of(map, "workers");
	const msgpack_object *counters = caller_get(map, "counters");
	const msgpack_object *gauges = caller_get(map, "gauges");

	memset(sample, 0, sizeof(*sample));
	if (workers == NULL || workers->size > TOP_WORKERS_MAX || counters == NULL)
		return -EBADMSG;
	sample->taken_us = now_us;
	for (int i = 0; i < TOP_TOTALS_COUNT; i++)
		sample->totals[i] = caller_get_uint(counters, totals[i]);
	for (int i = 0; i < TOP_STATES; i++)
		sample->states[i] = caller_get_uint(gauges, state_gauges[i]);
	sample->workers_count = workers->size;
	for (uint32_t i = 0; i < workers->size; i++)
		worker_read(&sample->workers[i], &workers->ptr[i]);
	return drops_read(&sample->drops, caller_get(map, "drops"));
}

int top_sample_services(struct top_rows *services, const msgpack_object *map)
{
	const msgpack_object_array *array = array_of(map, "services");

	if (array == NULL)
		return -EBADMSG;

	const int rc = rows_make(services, array->size);

	for (uint32_t i = 0; rc == 0 && i < array->size; i++) {
		struct top_row *row = &services->rows[services->count++];

		text_read(row->name, sizeof(row->name), &array->ptr[i], "service");
		row->total = caller_get_uint(&array->ptr[i], "sessions");
		row->backends = caller_get_uint(&array->ptr[i], "backends");
	}
	if (services->count > 1)
		qsort(services->rows, services->count, sizeof(*services->rows), compare_names);
	return rc;
}

static struct top_direction direction_read(const msgpack_object *map)
{
	return (struct top_direction){
	    .acked = caller_get_uint(map, "acked"),
	    .next = caller_get_uint(map, "next"),
	    .cached_frames = caller_get_uint(map, "cached_frames"),
	    .cached_bytes = caller_get_uint(map, "cached_bytes"),
	};
}

static void channel_read(struct top_channel *channel, const msgpack_object *map)
{
	text_read(channel->service, sizeof(channel->service), map, "service");
	text_read(channel->backend, sizeof(channel->backend), map, "backend");
	channel->up = direction_read(caller_get(map, "up"));
	channel->down = direction_read(caller_get(map, "down"));
}

int top_sample_session(struct top_session *session, struct top_channel *channels,
		       const msgpack_object *map)
{
	const msgpack_object_array *array = array_of(map, "channels");

	memset(session, 0, sizeof(*session));
	if (array == NULL || array->size > TOP_CHANNELS_MAX)
		return -EBADMSG;
	text_read(session->id, sizeof(session->id), map, "session");
	text_read(session->state, sizeof(session->state), map, "state");
	text_read(session->client, sizeof(session->client), map, "client");
	text_read(session->path, sizeof(session->path), map, "path");
	session->handle = caller_get_uint(map, "handle");
	session->epoch = caller_get_uint(map, "epoch");
	session->generation = caller_get_uint(map, "generation");
	session->owner = caller_get_uint(map, "owner");
	session->age_ms = caller_get_uint(map, "age_ms");
	session->heard_ms = caller_get_uint(map, "heard_ms");
	session->detached_ms = caller_get_uint(map, "detached_ms");
	session->timeout_ms = caller_get_uint(map, "timeout_ms");
	session->grace_ms = caller_get_uint(map, "grace_ms");
	session->heartbeat_ms = caller_get_uint(map, "heartbeat_ms");
	session->channels_count = array->size;
	for (uint32_t i = 0; i < array->size; i++) {
		struct top_channel channel;

		channel_read(&channel, &array->ptr[i]);
		session->up_next += channel.up.next;
		session->down_next += channel.down.next;
		session->cached_bytes += channel.up.cached_bytes + channel.down.cached_bytes;
		if (i == 0)
			session->first = channel;
		if (channels != NULL)
			channels[i] = channel;
	}
	return 0;
}

int top_sample_sessions(struct top_sessions *sessions, const msgpack_object *map, uint64_t *next)
{
	const msgpack_object_array *array = array_of(map, "sessions");

	*sessions = (struct top_sessions){.count = 0};
	*next = caller_get_uint(map, "next");
	if (array == NULL || array->size > TOP_SESSIONS_MAX)
		return -EBADMSG;
	if (array->size == 0)
		return 0;
	sessions->rows = calloc(array->size, sizeof(*sessions->rows));
	if (sessions->rows == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < array->size; i++) {
		if (top_sample_session(&sessions->rows[i], NULL, &array->ptr[i]) != 0) {
			top_sessions_fini(sessions);
			return -EBADMSG;
		}
	}
	sessions->count = array->size;
	return 0;
}

int top_sample_info(struct top_info *info, const msgpack_object *map)
{
	memset(info, 0, sizeof(*info));
	if (map->type != MSGPACK_OBJECT_MAP)
		return -EBADMSG;
	text_read(info->gateway, sizeof(info->gateway), map, "gateway");
	text_read(info->build, sizeof(info->build), map, "build");
	text_read(info->state, sizeof(info->state), map, "state");
	info->uptime_ms = caller_get_uint(map, "uptime_ms");
	info->sessions_max = caller_get_uint(map, "sessions_max");
	return 0;
}
