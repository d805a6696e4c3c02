// SPDX-License-Identifier: BSD-3-Clause
// bench.preload.
#include "control/methods.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/preload.h"

enum { CLIENT_PORT = 10000 };

static const char client_default[] = "198.18.0.1:10000";

// Index of the first own address of the peer's family, or -1.
static int local_address(const struct settings *settings, const struct address *peer)
{
	for (uint32_t i = 0; i < settings->addresses_count; i++) {
		struct address own = {.port = 0};

		memcpy(own.ip, settings->addresses[i].ip, sizeof(own.ip));
		if (address_is_ipv4(&own) == address_is_ipv4(peer))
			return (int)i;
	}
	return -1;
}

// Whether count addresses from this one on differ in their last 32 bits only.
static bool room_behind(const struct address *address, uint64_t count)
{
	const uint8_t *last = address->ip + 12;
	const uint64_t start =
	    (uint64_t)last[0] << 24 | (uint64_t)last[1] << 16 | (uint64_t)last[2] << 8 | last[3];

	return start + count - 1 <= UINT32_MAX;
}

// Returns false after having packed an error; so do the functions below.
static bool client_read(const struct methods_call *call, struct preload_order *order)
{
	const char *given = client_default;
	uint32_t len = sizeof(client_default) - 1;
	char text[ADDRESS_TEXT_BYTES];
	int local;

	if (rpc_param_text(call->request, "client", &given, &len) == -EINVAL || len >= sizeof(text))
		goto invalid;
	memcpy(text, given, len);
	text[len] = '\0';
	if (strlen(text) != len || address_parse(text, CLIENT_PORT, &order->client.peer) != 0 ||
	    order->client.peer.port == 0)
		goto invalid;
	if (!room_behind(&order->client.peer, order->count)) {
		methods_invalid(call, "client", "there are not so many addresses behind this one");
		return false;
	}
	local = local_address(gateway_settings(call->methods->gateway), &order->client.peer);
	if (local < 0) {
		methods_invalid(call, "client", "the gateway has no address of this family");
		return false;
	}
	order->client.local = (uint8_t)local;
	return true;
invalid:
	methods_invalid(call, "client", "an address is wanted, as in 198.18.0.1:10000");
	return false;
}

static bool service_read(const struct methods_call *call, struct preload_order *order)
{
	const struct settings *settings = gateway_settings(call->methods->gateway);
	const char *text;
	uint32_t len;

	if (rpc_param_text(call->request, "service", &text, &len) != 0) {
		methods_invalid(call, "service", "the name of a service is wanted");
		return false;
	}
	for (uint32_t i = 0; i < settings->services_count; i++) {
		if (len > 0 && strlen(settings->services[i].name) == len &&
		    memcmp(settings->services[i].name, text, len) == 0) {
			order->service = (uint16_t)i;
			return true;
		}
	}
	rpc_error(call->packer, call->call->id, CONTROL_ERROR_NOT_FOUND, "no service of that name");
	return false;
}

static bool numbers_read(const struct methods_call *call, struct preload_order *order)
{
	const uint32_t workers = gateway_settings(call->methods->gateway)->gateway.workers;
	const struct rpc_request *request = call->request;
	uint64_t count = 0, worker = PRELOAD_ALL_WORKERS;

	if (rpc_param_uint(request, "count", 1, PRELOAD_MAX, &count) != 0) {
		methods_invalid(call, "count", "1 to 65536 are wanted");
		return false;
	}
	if (rpc_param_uint(request, "worker", 0, workers - 1, &worker) == -EINVAL) {
		methods_invalid(call, "worker", "there is no such worker");
		return false;
	}
	if (rpc_param_uint(request, "seed", 0, UINT64_MAX, &order->seed) == -EINVAL) {
		methods_invalid(call, "seed", "a number of 64 bits is wanted");
		return false;
	}
	if (rpc_param_uint(request, "first", 0, UINT64_C(1) << 62, &order->first) == -EINVAL) {
		methods_invalid(call, "first", "0 to 2^62 are wanted");
		return false;
	}
	order->count = (uint32_t)count;
	order->worker = (uint32_t)worker;
	return true;
}

static void preloaded(void *context, const uint64_t *handles, uint32_t count, uint32_t refused)
{
	struct methods *methods = context;
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	rpc_answer(&packer, methods->preloading.id);
	msgpack_pack_map(&packer, 3);
	rpc_pack_key_uint(&packer, "created", count - refused);
	rpc_pack_key_uint(&packer, "refused", refused);
	rpc_pack_text(&packer, "handles");
	msgpack_pack_array(&packer, count);
	for (uint32_t i = 0; i < count; i++)
		msgpack_pack_uint64(&packer, handles[i]);
	socket_server_answer(methods->server, &methods->preloading, buffer.data, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
}

static void refuse(const struct methods_call *call, int rc)
{
	const struct gateway *gateway = call->methods->gateway;
	char text[160];

	switch (rc) {
	case -EBUSY:
		snprintf(text, sizeof(text), "another preload is under way; wait for its answer");
		break;
	case -ENOSPC:
		snprintf(text, sizeof(text), "session.max is %u, and %u sessions are there",
			 gateway_settings(gateway)->session.max, gateway_sessions(gateway));
		break;
	case -ESHUTDOWN:
		snprintf(text, sizeof(text), "the gateway drains");
		break;
	case -EAGAIN:
		snprintf(text, sizeof(text),
			 "no backend of this service takes sessions; start one");
		break;
	default:
		snprintf(text, sizeof(text), "out of memory");
	}
	rpc_error(call->packer, call->call->id, CONTROL_ERROR_UNAVAILABLE, text);
}

void methods_bench_preload(const struct methods_call *call)
{
	struct methods *methods = call->methods;
	struct preload_order order = {.count = 0};
	int rc;

	if (!gateway_settings(methods->gateway)->bench) {
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_UNAVAILABLE,
			  "only for load tests: start holdfastd with --bench");
		return;
	}
	if (!numbers_read(call, &order) || !service_read(call, &order) ||
	    !client_read(call, &order))
		return;
	rc = preload_begin(gateway_preload(methods->gateway), &order, preloaded, methods);
	if (rc == 0)
		methods->preloading = *call->call; // preloaded() answers
	else
		refuse(call, rc);
}
