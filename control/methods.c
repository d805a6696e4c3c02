// SPDX-License-Identifier: BSD-3-Clause
// The dispatcher, and the methods about the gateway itself.
#include "control/methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/control.h"

void methods_invalid(const struct methods_call *call, const char *key, const char *wanted)
{
	char text[160];

	snprintf(text, sizeof(text), "%s: %s", key, wanted);
	rpc_error(call->packer, call->call->id, CONTROL_ERROR_INVALID_PARAMS, text);
}

void methods_page(const struct methods_call *call, const char *key, uint32_t count,
		  const msgpack_sbuffer *items, uint32_t next)
{
	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, 2);
	rpc_pack_text(call->packer, key);
	msgpack_pack_array(call->packer, count);
	if (items->size > 0)
		call->packer->callback(call->packer->data, items->data, items->size);
	rpc_pack_text(call->packer, "next");
	if (next == METHODS_PAGE_LAST)
		msgpack_pack_nil(call->packer);
	else
		msgpack_pack_uint32(call->packer, next);
}

static void hello(const struct methods_call *call)
{
	const struct gateway *gateway = call->methods->gateway;
	uint64_t version = CONTROL_VERSION;

	if (rpc_param_uint(call->request, "version", 0, UINT32_MAX, &version) == -EINVAL) {
		methods_invalid(call, "version", "a number is wanted");
		return;
	}
	if (version != CONTROL_VERSION) {
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_VERSION,
			  "this gateway speaks version 1");
		return;
	}
	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, 3);
	rpc_pack_key_uint(call->packer, "version", CONTROL_VERSION);
	rpc_pack_key_text(call->packer, "program", "holdfastd " HOLDFAST_VERSION);
	rpc_pack_key_uint(call->packer, "started", gateway_started_ms(gateway));
}

static void pack_address(msgpack_packer *packer, const struct dataplane_address *address)
{
	struct address whole = {.port = 0};
	char text[ADDRESS_TEXT_BYTES];

	memcpy(whole.ip, address->ip, sizeof(whole.ip));
	address_format(&whole, text);

	// Without the port: "192.0.2.1:0" and "[2001:db8::1]:0".
	char *start = text[0] == '[' ? text + 1 : text;
	char *end = text[0] == '[' ? strchr(text, ']') : strrchr(text, ':');

	if (end != NULL)
		*end = '\0';
	rpc_pack_text(packer, start);
}

static void pack_port(msgpack_packer *packer, const struct settings *settings, uint32_t index,
		      const struct dataplane_port_view *view)
{
	char mac[18];
	uint32_t addresses = 0;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", view->mac[0], view->mac[1],
		 view->mac[2], view->mac[3], view->mac[4], view->mac[5]);
	for (uint32_t i = 0; i < settings->addresses_count; i++)
		addresses += settings->addresses[i].port == index;
	msgpack_pack_map(packer, 9);
	rpc_pack_key_text(packer, "name", view->name);
	rpc_pack_key_text(packer, "driver", view->driver);
	rpc_pack_key_text(packer, "device", view->device);
	rpc_pack_key_text(packer, "mac", mac);
	rpc_pack_key_uint(packer, "queues", view->queues);
	rpc_pack_key_text(packer, "link", view->link_up ? "up" : "down");
	rpc_pack_key_bool(packer, "checksum_receive", view->checksum_receive);
	rpc_pack_key_bool(packer, "checksum_transmit", view->checksum_transmit);
	rpc_pack_text(packer, "addresses");
	msgpack_pack_array(packer, addresses);
	for (uint32_t i = 0; i < settings->addresses_count; i++) {
		if (settings->addresses[i].port == index)
			pack_address(packer, &settings->addresses[i]);
	}
}

static void gateway_info(const struct methods_call *call)
{
	struct gateway *gateway = call->methods->gateway;
	const struct settings *settings = gateway_settings(gateway);
	struct dataplane_port_view ports[DATAPLANE_PORTS_MAX];
	const uint32_t count =
	    dataplane_ports(gateway_dataplane(gateway), ports, DATAPLANE_PORTS_MAX);
	msgpack_packer *packer = call->packer;

	rpc_answer(packer, call->call->id);
	msgpack_pack_map(packer, 11);
	rpc_pack_key_uint(packer, "version", CONTROL_VERSION);
	rpc_pack_key_text(packer, "build", HOLDFAST_VERSION);
	rpc_pack_key_text(packer, "gateway", settings->gateway.name);
	rpc_pack_key_uint(packer, "instance", gateway_instance(gateway));
	rpc_pack_key_uint(packer, "started", gateway_started_ms(gateway));
	rpc_pack_key_uint(packer, "uptime_ms", gateway_uptime_ms(gateway));
	rpc_pack_key_text(packer, "state", gateway_state_name(gateway_state(gateway)));
	rpc_pack_key_uint(packer, "workers", settings->gateway.workers);
	rpc_pack_key_uint(packer, "sessions_max", settings->session.max);
	rpc_pack_key_text(packer, "store", "memory");
	rpc_pack_text(packer, "ports");
	msgpack_pack_array(packer, count);
	for (uint32_t i = 0; i < count; i++)
		pack_port(packer, settings, i, &ports[i]);
}

// Both ways of stopping: answers whether this call started it.
static void stop(const struct methods_call *call,
		 bool (*start)(struct gateway *gateway, uint64_t deadline_ms))
{
	uint64_t deadline_ms = GATEWAY_DRAIN_MS;

	if (rpc_param_uint(call->request, "deadline_ms", 0, GATEWAY_DRAIN_MAX_MS, &deadline_ms) ==
	    -EINVAL) {
		methods_invalid(call, "deadline_ms", "0 to 86400000 milliseconds are wanted");
		return;
	}

	const bool started = start(call->methods->gateway, deadline_ms);

	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, 1);
	rpc_pack_key_bool(call->packer, "started", started);
}

static void drain(const struct methods_call *call)
{
	stop(call, gateway_drain);
}

static void shutdown_now(const struct methods_call *call)
{
	stop(call, gateway_shutdown);
}

static const methods_handler handlers[CONTROL_METHODS_COUNT] = {
    [CONTROL_METHOD_HELLO] = hello,
    [CONTROL_METHOD_GATEWAY_INFO] = gateway_info,
    [CONTROL_METHOD_GATEWAY_DRAIN] = drain,
    [CONTROL_METHOD_GATEWAY_SHUTDOWN] = shutdown_now,
    [CONTROL_METHOD_SESSION_LIST] = methods_session_list,
    [CONTROL_METHOD_SESSION_GET] = methods_session_get,
    [CONTROL_METHOD_SESSION_EVICT] = methods_session_evict,
    [CONTROL_METHOD_BACKEND_LIST] = methods_backend_list,
    [CONTROL_METHOD_BACKEND_DRAIN] = methods_backend_drain,
    [CONTROL_METHOD_BACKEND_REMOVE] = methods_backend_remove,
    [CONTROL_METHOD_SERVICE_LIST] = methods_service_list,
    [CONTROL_METHOD_STATS_GET] = methods_stats_get,
    [CONTROL_METHOD_STATS_SUBSCRIBE] = methods_stats_subscribe,
    [CONTROL_METHOD_EVENTS_SUBSCRIBE] = methods_events_subscribe,
    [CONTROL_METHOD_METRICS_GET] = methods_metrics_get,
    [CONTROL_METHOD_BENCH_PRELOAD] = methods_bench_preload,
    [CONTROL_METHOD_CONFIG_GET] = methods_config_get,
    [CONTROL_METHOD_CONFIG_SET] = methods_config_set,
    [CONTROL_METHOD_CONFIG_RELOAD] = methods_config_reload,
};

methods_handler methods_handler_of(enum control_method method)
{
	return handlers[method];
}

static void dispatch(void *context, const struct socket_call *socket_call,
		     const struct rpc_request *request, msgpack_packer *packer)
{
	const struct methods_call call = {
	    .methods = context, .call = socket_call, .request = request, .packer = packer};
	const enum control_method method = methods_list_find(request->method, request->method_len);
	const char *unknown;
	uint32_t unknown_len;
	char text[160];

	if (method == CONTROL_METHODS_COUNT) {
		snprintf(text, sizeof(text), "no method \"%.*s\"",
			 request->method_len < 64 ? (int)request->method_len : 64, request->method);
		rpc_error(packer, request->id, CONTROL_ERROR_UNKNOWN_METHOD, text);
		return;
	}
	if (socket_call->right < methods_list_get(method)->right) {
		gateway_tally_own(call.methods->gateway)->socket_forbidden++;
		snprintf(text, sizeof(text), "%s needs the right to %s",
			 methods_list_get(method)->name,
			 methods_list_right(methods_list_get(method)->right));
		rpc_error(packer, request->id, CONTROL_ERROR_FORBIDDEN, text);
		return;
	}
	if (rpc_param_unknown(request, methods_list_get(method)->params, &unknown, &unknown_len)) {
		snprintf(text, sizeof(text), "%.*s: no such parameter",
			 unknown_len < 64 ? (int)unknown_len : 64, unknown);
		rpc_error(packer, request->id, CONTROL_ERROR_INVALID_PARAMS, text);
		return;
	}
	gateway_online();
	handlers[method](&call);
	gateway_offline();
}

struct methods *methods_start(struct gateway *gateway, char error[static SOCKET_ERROR_BYTES])
{
	const struct settings *settings = gateway_settings(gateway);
	struct methods *methods = calloc(1, sizeof(*methods));

	if (methods == NULL) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket: out of memory");
		return NULL;
	}
	methods->gateway = gateway;
	methods->server =
	    socket_server_create(gateway_base(gateway),
				 &(struct socket_wants){.path = settings->gateway.control,
							.group = settings->control.group,
							.readers = settings->control.readers,
							.handler = dispatch,
							.context = methods,
							.tally = gateway_tally_own(gateway)},
				 error);
	if (methods->server == NULL) {
		free(methods);
		return NULL;
	}
	methods->pump = methods_pump_start(methods);
	if (methods->pump == NULL) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket: out of memory");
		socket_server_destroy(methods->server);
		free(methods);
		return NULL;
	}
	return methods;
}

void methods_stop(struct methods *methods)
{
	if (methods == NULL)
		return;
	methods_pump_last(methods->pump);
	methods_pump_stop(methods->pump);
	socket_server_destroy(methods->server);
	free(methods);
}
