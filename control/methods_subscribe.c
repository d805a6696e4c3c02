// SPDX-License-Identifier: BSD-3-Clause
// events.subscribe, stats.subscribe, and what drives them.
#include "control/methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "control/events.h"
#include "control/subscriptions.h"

enum { INTERVAL_DEFAULT_MS = 1000, SECOND_MS = 1000 };

struct methods_pump {
	struct methods *methods;
	struct subscriptions *subscriptions;
	struct event *timer;
	uint64_t second_ms; // when the socket's tick was last due
};

static uint64_t mono_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct methods_pump *pump = context;
	const uint64_t now_ms = mono_ms();

	(void)fd;
	(void)what;
	if (now_ms - pump->second_ms >= SECOND_MS) {
		pump->second_ms = now_ms;
		socket_server_tick(pump->methods->server, now_ms);
	}
	if (subscriptions_count(pump->subscriptions) == 0)
		return;
	gateway_online();
	subscriptions_pump(pump->subscriptions, now_ms);
	gateway_offline();
}

static size_t link_waiting(void *context, uint64_t connection)
{
	const struct methods *methods = context;

	return socket_server_waiting(methods->server, connection);
}

static void link_send(void *context, uint64_t connection, const char *bytes, size_t length)
{
	const struct methods *methods = context;

	socket_server_send(methods->server, connection, bytes, length);
}

static void link_stats(void *context, msgpack_packer *packer)
{
	const struct methods *methods = context;

	methods_stats_pack(methods->gateway, packer);
}

struct methods_pump *methods_pump_start(struct methods *methods)
{
	const struct subscriptions_link link = {
	    .context = methods,
	    .waiting = link_waiting,
	    .send = link_send,
	    .stats = link_stats,
	    .stats_keys = METHODS_STATS_KEYS,
	};
	const struct timeval period = {.tv_usec = SUBSCRIPTIONS_PUMP_MS * 1000};
	struct methods_pump *pump = calloc(1, sizeof(*pump));

	if (pump == NULL)
		return NULL;
	pump->methods = methods;
	pump->subscriptions = subscriptions_create(gateway_events(methods->gateway), &link,
						   gateway_tally_own(methods->gateway));
	pump->timer = event_new(gateway_base(methods->gateway), -1, EV_PERSIST, on_timer, pump);
	if (pump->subscriptions == NULL || pump->timer == NULL ||
	    event_add(pump->timer, &period) != 0) {
		methods_pump_stop(pump);
		return NULL;
	}
	return pump;
}

void methods_pump_last(struct methods_pump *pump)
{
	subscriptions_pump(pump->subscriptions, mono_ms());
}

void methods_pump_stop(struct methods_pump *pump)
{
	if (pump == NULL)
		return;
	if (pump->timer != NULL)
		event_free(pump->timer);
	subscriptions_destroy(pump->subscriptions);
	free(pump);
}

static void refuse_more(const struct methods_call *call)
{
	char text[80];

	snprintf(text, sizeof(text), "no more than %d subscriptions a connection, %d in all",
		 SUBSCRIPTIONS_OF_ONE, SUBSCRIPTIONS_MAX);
	rpc_error(call->packer, call->call->id, CONTROL_ERROR_UNAVAILABLE, text);
}

// Reads `kinds`: an array of names, or none for all. Returns false after having packed an error.
static bool kinds_read(const struct methods_call *call, uint32_t *kinds)
{
	const msgpack_object *array;
	const int rc = rpc_param_array(call->request, "kinds", &array);

	*kinds = (UINT32_C(1) << EVENT_KINDS) - 1;
	if (rc == -ENOENT)
		return true;
	*kinds = 0;
	for (uint32_t i = 0; rc == 0 && i < array->via.array.size; i++) {
		const msgpack_object *name = &array->via.array.ptr[i];
		const uint32_t mask = name->type == MSGPACK_OBJECT_STR
					  ? events_mask(name->via.str.ptr, name->via.str.size)
					  : 0;

		if (mask == 0) {
			methods_invalid(call, "kinds", "one of them is no kind of event");
			return false;
		}
		*kinds |= mask;
	}
	if (*kinds == 0)
		methods_invalid(call, "kinds", "an array of kinds or groups is wanted");
	return *kinds != 0;
}

void methods_events_subscribe(const struct methods_call *call)
{
	struct methods_pump *pump = call->methods->pump;
	const struct events *events = gateway_events(call->methods->gateway);
	uint64_t from = events_next(events);
	uint32_t kinds, number;

	if (!kinds_read(call, &kinds))
		return;

	int rc = rpc_param_uint(call->request, "from", 0, UINT64_MAX, &from);

	if (rc != -EINVAL)
		rc = subscriptions_events(pump->subscriptions, call->call->connection, kinds, from,
					  &number);
	if (rc == -EAGAIN) {
		refuse_more(call);
		return;
	}
	if (rc != 0) {
		methods_invalid(call, "from", "an offset not beyond the next event is wanted");
		return;
	}
	socket_server_keep(call->methods->server, call->call->connection, true);
	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, 3);
	rpc_pack_key_uint(call->packer, "subscription", number);
	rpc_pack_key_uint(call->packer, "first", events_first(events));
	rpc_pack_key_uint(call->packer, "next", events_next(events));
}

void methods_stats_subscribe(const struct methods_call *call)
{
	uint64_t interval_ms = INTERVAL_DEFAULT_MS;
	uint32_t number;

	if (rpc_param_uint(call->request, "interval_ms", SUBSCRIPTIONS_INTERVAL_MIN_MS,
			   SUBSCRIPTIONS_INTERVAL_MAX_MS, &interval_ms) == -EINVAL) {
		methods_invalid(call, "interval_ms", "100 to 3600000 milliseconds are wanted");
		return;
	}
	if (subscriptions_stats(call->methods->pump->subscriptions, call->call->connection,
				(uint32_t)interval_ms, mono_ms(), &number) != 0) {
		refuse_more(call);
		return;
	}
	socket_server_keep(call->methods->server, call->call->connection, true);
	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, 1);
	rpc_pack_key_uint(call->packer, "subscription", number);
}
