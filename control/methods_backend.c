// SPDX-License-Identifier: BSD-3-Clause
// backend.list, backend.drain, backend.remove, service.list.
#include "control/methods.h"

#include <errno.h>
#include <string.h>

// Reads an optional name to look for. Returns false after having packed an error.
static bool name_read(const struct methods_call *call, const char *key, const char **text,
		      uint32_t *len)
{
	*text = NULL;
	if (rpc_param_text(call->request, key, text, len) != -EINVAL)
		return true;
	methods_invalid(call, key, "a name is wanted");
	return false;
}

static bool name_is(const char *name, const char *text, uint32_t len)
{
	return text == NULL || (strlen(name) == len && memcmp(name, text, len) == 0);
}

static void pack_lane(msgpack_packer *packer, const struct gateway_lane_view *lane)
{
	char path[ADDRESS_TEXT_BYTES];

	msgpack_pack_map(packer, 6);
	rpc_pack_key_uint(packer, "lane", lane->number);
	rpc_pack_key_uint(packer, "worker", lane->worker);
	rpc_pack_key_bool(packer, "live", lane->live);
	rpc_pack_key_uint(packer, "epoch", lane->epoch);
	rpc_pack_key_text(packer, "path", address_format(&lane->path.peer, path));
	rpc_pack_key_uint(packer, "heard_ms", lane->heard_ms);
}

static void pack_backend(msgpack_packer *packer, const struct gateway_backend_view *view)
{
	msgpack_pack_map(packer, 11);
	rpc_pack_key_text(packer, "service", view->service);
	rpc_pack_key_text(packer, "backend", view->name);
	rpc_pack_key_text(packer, "agent", view->agent);
	rpc_pack_key_text(packer, "state",
			  view->removed      ? "removed"
			  : !view->connected ? "lost"
			  : view->draining   ? "draining"
					     : "connected");
	rpc_pack_key_bool(packer, "draining", view->draining);
	rpc_pack_key_uint(packer, "instance", view->instance);
	rpc_pack_key_uint(packer, "handle", view->handle);
	rpc_pack_key_uint(packer, "capacity", view->capacity);
	rpc_pack_key_uint(packer, "sessions", view->sessions);
	rpc_pack_key_uint(packer, "age_ms", view->age_ms);
	rpc_pack_text(packer, "lanes");
	msgpack_pack_array(packer, view->lanes_count);
	for (uint32_t i = 0; i < view->lanes_count; i++)
		pack_lane(packer, &view->lanes[i]);
}

void methods_backend_list(const struct methods_call *call)
{
	struct gateway_backend_view view;
	const char *service, *backend;
	uint32_t service_len = 0, backend_len = 0, count = 0;
	uint64_t index = 0;
	msgpack_sbuffer found; // an array's length stands before its items
	msgpack_packer packer;

	if (!name_read(call, "service", &service, &service_len) ||
	    !name_read(call, "backend", &backend, &backend_len))
		return;
	if (rpc_param_uint(call->request, "after", 0, UINT32_MAX, &index) == -EINVAL) {
		methods_invalid(call, "after", "the cursor of an answer is wanted");
		return;
	}
	msgpack_sbuffer_init(&found);
	msgpack_packer_init(&packer, &found, msgpack_sbuffer_write);
	for (; index < DIRECTORY_BACKENDS_MAX && found.size < METHODS_PAGE_BYTES; index++) {
		if (!gateway_backend(call->methods->gateway, (uint32_t)index, &view) ||
		    !name_is(view.service, service, service_len) ||
		    !name_is(view.name, backend, backend_len))
			continue;
		pack_backend(&packer, &view);
		count++;
	}
	methods_page(call, "backends", count, &found,
		     index < DIRECTORY_BACKENDS_MAX ? (uint32_t)index : METHODS_PAGE_LAST);
	msgpack_sbuffer_destroy(&found);
}

void methods_service_list(const struct methods_call *call)
{
	struct gateway_service_view view;
	uint32_t count = 0;

	for (uint32_t i = 0; gateway_service(call->methods->gateway, i, &view); i++)
		count += view.name[0] != '\0';
	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, 1);
	rpc_pack_text(call->packer, "services");
	msgpack_pack_array(call->packer, count);
	for (uint32_t i = 0; gateway_service(call->methods->gateway, i, &view); i++) {
		if (view.name[0] == '\0')
			continue;
		msgpack_pack_map(call->packer, 4);
		rpc_pack_key_text(call->packer, "service", view.name);
		rpc_pack_key_uint(call->packer, "backends", view.backends_connected);
		rpc_pack_key_uint(call->packer, "backends_known", view.backends_known);
		rpc_pack_key_uint(call->packer, "sessions", view.sessions);
	}
}

// Reads which backend is meant. Returns false after having packed an error.
static bool backend_read(const struct methods_call *call, struct gateway_backend_name *name)
{
	if (rpc_param_text(call->request, "service", &name->service, &name->service_len) != 0) {
		methods_invalid(call, "service", "the name of a service is wanted");
		return false;
	}
	if (rpc_param_text(call->request, "backend", &name->name, &name->name_len) != 0) {
		methods_invalid(call, "backend", "the name of a backend is wanted");
		return false;
	}
	return true;
}

// Answers what came of it, under key.
static void answer(const struct methods_call *call, int rc, const char *key, bool done)
{
	if (rc == -ENOENT) {
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_NOT_FOUND,
			  "no backend of that service and name");
	} else if (rc != 0) {
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_UNAVAILABLE,
			  "it is connected; drain it first, or stop it");
	} else {
		rpc_answer(call->packer, call->call->id);
		msgpack_pack_map(call->packer, 1);
		rpc_pack_key_bool(call->packer, key, done);
	}
}

void methods_backend_drain(const struct methods_call *call)
{
	struct gateway_backend_name name;
	bool started = false;
	int rc;

	if (!backend_read(call, &name))
		return;
	rc = gateway_backend_drain(call->methods->gateway, &name, &started);
	answer(call, rc, "started", started);
}

void methods_backend_remove(const struct methods_call *call)
{
	struct gateway_backend_name name;
	bool removed = false;
	int rc;

	if (!backend_read(call, &name))
		return;
	rc = gateway_backend_remove(call->methods->gateway, &name, &removed);
	answer(call, rc, "removed", removed);
}
