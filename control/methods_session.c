// SPDX-License-Identifier: BSD-3-Clause
// session.list, session.get, session.evict.
#include "control/methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holdfast/control.h"
#include "holdfast/errors.h"
#include "protocol/session_state.h"

enum { LIST_DEFAULT = 100, ID_TEXT_BYTES = RPC_ID_TEXT_BYTES, CLOCK_EVERY = 32 };

// What session.list looks for. An index of DIRECTORY_NONE, an empty text: anything.
struct filter {
	uint64_t after; // slots looked at so far
	uint64_t limit;
	enum session_state state; // SESSION_FREE: any
	uint64_t idle_ms_min;
	const char *texts[3]; // service, backend, client; not terminated
	uint32_t lengths[3];
};

enum { FILTER_SERVICE, FILTER_BACKEND, FILTER_CLIENT };

static void pack_id(msgpack_packer *packer, const uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	char text[ID_TEXT_BYTES];

	rpc_pack_key_text(packer, "session", rpc_id_text(id, text));
}

static const char *service_name(const struct directory *directory, uint16_t index)
{
	return index < directory->services_count ? directory->services[index].name : "";
}

static const char *backend_name(const struct directory *directory, uint16_t index)
{
	return index < directory->backends_count ? directory->backends[index].name : "";
}

static void pack_direction(msgpack_packer *packer, const char *key,
			   const struct dataplane_direction_view *view)
{
	rpc_pack_text(packer, key);
	msgpack_pack_map(packer, 4);
	rpc_pack_key_uint(packer, "acked", view->acked);
	rpc_pack_key_uint(packer, "next", view->next);
	rpc_pack_key_uint(packer, "cached_frames", view->cached_frames);
	rpc_pack_key_uint(packer, "cached_bytes", view->cached_bytes);
}

static void pack_channel(msgpack_packer *packer, const struct directory *directory,
			 const struct dataplane_channel_view *view)
{
	msgpack_pack_map(packer, 4);
	rpc_pack_key_text(packer, "service", service_name(directory, view->service));
	rpc_pack_text(packer, "backend");
	if (view->backend == DIRECTORY_NONE)
		msgpack_pack_nil(packer);
	else
		rpc_pack_text(packer, backend_name(directory, view->backend));
	pack_direction(packer, "up", &view->up);
	pack_direction(packer, "down", &view->down);
}

static void pack_session(const struct methods_call *call, msgpack_packer *packer,
			 const struct dataplane_session_view *view)
{
	const struct settings *settings = gateway_settings(call->methods->gateway);
	const struct directory *directory =
	    dataplane_directory(gateway_dataplane(call->methods->gateway));
	char path[ADDRESS_TEXT_BYTES];
	const bool detached = view->state == SESSION_DETACHED;

	msgpack_pack_map(packer, 15 + detached);
	pack_id(packer, view->id);
	rpc_pack_key_uint(packer, "handle", view->handle);
	rpc_pack_key_text(packer, "state", session_state_name(view->state));
	rpc_pack_key_uint(packer, "epoch", view->epoch);
	rpc_pack_key_uint(packer, "generation", view->generation);
	rpc_pack_key_text(packer, "client", view->client);
	rpc_pack_key_text(packer, "subject", "");
	rpc_pack_key_text(packer, "path", address_format(&view->path.peer, path));
	rpc_pack_key_uint(packer, "owner", view->owner);
	rpc_pack_key_uint(packer, "age_ms", view->age_ms);
	rpc_pack_key_uint(packer, "heard_ms", view->heard_ms);
	if (detached)
		rpc_pack_key_uint(packer, "detached_ms", view->detached_ms);
	rpc_pack_key_uint(packer, "timeout_ms", view->timeout_ms);
	rpc_pack_key_uint(packer, "grace_ms", view->grace_ms);
	rpc_pack_key_uint(
	    packer, "heartbeat_ms",
	    liveness_interval_kept_ms(view->timeout_ms, settings->session.heartbeat_ms));
	rpc_pack_text(packer, "channels");
	msgpack_pack_array(packer, view->channels_count);
	for (uint32_t i = 0; i < view->channels_count; i++)
		pack_channel(packer, directory, &view->channels[i]);
}

static bool text_equal(const struct filter *filter, int which, const char *text)
{
	const uint32_t len = filter->lengths[which];

	return filter->texts[which] == NULL ||
	       (strlen(text) == len && memcmp(text, filter->texts[which], len) == 0);
}

static bool channels_match(const struct filter *filter, const struct directory *directory,
			   const struct dataplane_session_view *view)
{
	for (uint32_t i = 0; i < view->channels_count; i++) {
		const struct dataplane_channel_view *channel = &view->channels[i];

		if (text_equal(filter, FILTER_SERVICE, service_name(directory, channel->service)) &&
		    text_equal(filter, FILTER_BACKEND, backend_name(directory, channel->backend)))
			return true;
	}
	return false;
}

static bool matches(const struct filter *filter, const struct directory *directory,
		    const struct dataplane_session_view *view)
{
	return (filter->state == SESSION_FREE || filter->state == view->state) &&
	       view->heard_ms >= filter->idle_ms_min &&
	       text_equal(filter, FILTER_CLIENT, view->client) &&
	       channels_match(filter, directory, view);
}

// Reads a state by its name. Returns false where there is none of it.
static bool state_read(const char *text, uint32_t len, enum session_state *state)
{
	for (int i = SESSION_FREE + 1; i < SESSION_STATES; i++) {
		const char *name = session_state_name((enum session_state)i);

		if (strlen(name) == len && memcmp(name, text, len) == 0) {
			*state = (enum session_state)i;
			return true;
		}
	}
	return false;
}

// Reads the parameters. Returns false after having packed an error.
static bool filter_read(const struct methods_call *call, struct filter *filter)
{
	static const char *const keys[] = {"service", "backend", "client"};
	const struct rpc_request *request = call->request;
	const char *text;
	uint32_t len;
	int rc;

	*filter = (struct filter){.limit = LIST_DEFAULT};
	if (rpc_param_uint(request, "after", 0, UINT32_MAX, &filter->after) == -EINVAL) {
		methods_invalid(call, "after", "the cursor of an answer is wanted");
		return false;
	}
	if (rpc_param_uint(request, "limit", 1, CONTROL_LIST_MAX, &filter->limit) == -EINVAL) {
		methods_invalid(call, "limit", "1 to 1000 are wanted");
		return false;
	}
	if (rpc_param_uint(request, "idle_ms_min", 0, UINT32_MAX, &filter->idle_ms_min) ==
	    -EINVAL) {
		methods_invalid(call, "idle_ms_min", "milliseconds are wanted");
		return false;
	}
	rc = rpc_param_text(request, "state", &text, &len);
	if (rc == -EINVAL || (rc == 0 && !state_read(text, len, &filter->state))) {
		methods_invalid(call, "state",
				"OPENING, CONNECTED, DETACHED or CLOSING are wanted");
		return false;
	}
	for (int i = 0; i < 3; i++) {
		if (rpc_param_text(request, keys[i], &filter->texts[i], &filter->lengths[i]) ==
		    -EINVAL) {
			methods_invalid(call, keys[i], "a name is wanted");
			return false;
		}
	}
	return true;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// Whether a page ends after so many slots, because of them or of the time that they took. The
// clock is read now and then only.
static bool page_over(uint32_t looked, uint64_t begun_us)
{
	return looked >= METHODS_SLOTS_MAX ||
	       (looked % CLOCK_EVERY == CLOCK_EVERY - 1 && now_us() - begun_us >= METHODS_PAGE_US);
}

void methods_session_list(const struct methods_call *call)
{
	struct dataplane *dataplane = gateway_dataplane(call->methods->gateway);
	const struct directory *directory = dataplane_directory(dataplane);
	const uint32_t slots = dataplane_slots(dataplane);
	struct dataplane_session_view view;
	struct filter filter;
	const uint64_t begun_us = now_us();
	uint32_t count = 0, looked = 0;
	msgpack_sbuffer found; // an array's length stands before its items
	msgpack_packer packer;

	if (!filter_read(call, &filter))
		return;
	msgpack_sbuffer_init(&found);
	msgpack_packer_init(&packer, &found, msgpack_sbuffer_write);

	uint32_t slot = dataplane_slot_next(dataplane, (uint32_t)filter.after);

	while (slot < slots && count < filter.limit && !page_over(looked, begun_us) &&
	       found.size < METHODS_PAGE_BYTES) {
		if (dataplane_session_view(dataplane, slot, &view) &&
		    matches(&filter, directory, &view)) {
			pack_session(call, &packer, &view);
			count++;
		}
		looked++;
		slot = dataplane_slot_next(dataplane, slot + 1);
	}
	methods_page(call, "sessions", count, &found, slot < slots ? slot : METHODS_PAGE_LAST);
	msgpack_sbuffer_destroy(&found);
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// Reads which session is meant. Returns false after having packed an error; *handle is 0 where
// it is not known here.
static bool handle_read(const struct methods_call *call, uint64_t *handle)
{
	uint8_t id[WIRE_SESSION_ID_BYTES];
	const char *text;
	uint32_t len;
	int rc = rpc_param_text(call->request, "session", &text, &len);

	*handle = 0;
	if (rc == -ENOENT) {
		rc = rpc_param_uint(call->request, "handle", 1, UINT64_MAX, handle);
		if (rc != 0)
			methods_invalid(call, "session", "32 hex digits are wanted, or a handle");
		return rc == 0;
	}
	if (rc != 0 || len != 2 * WIRE_SESSION_ID_BYTES)
		goto invalid;
	for (uint32_t i = 0; i < WIRE_SESSION_ID_BYTES; i++) {
		const int high = hex_digit(text[2 * i]);
		const int low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			goto invalid;
		id[i] = (uint8_t)(high << 4 | low);
	}
	*handle = dataplane_find(gateway_dataplane(call->methods->gateway), id);
	return true;
invalid:
	methods_invalid(call, "session", "32 hex digits are wanted");
	return false;
}

static bool view_read(const struct methods_call *call, uint64_t handle,
		      struct dataplane_session_view *view)
{
	struct dataplane *dataplane = gateway_dataplane(call->methods->gateway);
	const uint64_t slot = handle >> 32;

	return handle != 0 && slot < dataplane_slots(dataplane) &&
	       dataplane_session_view(dataplane, (uint32_t)slot, view) && view->handle == handle;
}

void methods_session_get(const struct methods_call *call)
{
	struct dataplane_session_view view;
	uint64_t handle;

	if (!handle_read(call, &handle))
		return;
	if (!view_read(call, handle, &view)) {
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_NOT_FOUND,
			  "no such session here");
		return;
	}
	rpc_answer(call->packer, call->call->id);
	pack_session(call, call->packer, &view);
}

// An eviction whose answer is still to come.
struct eviction {
	struct methods *methods;
	struct socket_call call;
};

static void pack_evicted(msgpack_packer *packer, uint32_t id, bool evicted)
{
	rpc_answer(packer, id);
	msgpack_pack_map(packer, 1);
	rpc_pack_key_bool(packer, "evicted", evicted);
}

static void evicted_tell(void *context, uint64_t handle, bool evicted)
{
	struct eviction *eviction = context;
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	(void)handle;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	pack_evicted(&packer, eviction->call.id, evicted);
	socket_server_answer(eviction->methods->server, &eviction->call, buffer.data, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
	free(eviction);
}

void methods_session_evict(const struct methods_call *call)
{
	struct eviction *eviction;
	const char *reason;
	uint32_t len;
	uint64_t handle;

	if (!handle_read(call, &handle))
		return;
	if (rpc_param_text(call->request, "reason", &reason, &len) == -EINVAL) {
		methods_invalid(call, "reason", "a text is wanted");
		return;
	}
	eviction = malloc(sizeof(*eviction));
	if (eviction == NULL) {
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_UNAVAILABLE, "out of memory");
		return;
	}
	*eviction = (struct eviction){.methods = call->methods, .call = *call->call};

	const int rc = handle == 0 ? -ENOENT
				   : gateway_evict(call->methods->gateway, handle, HOLDFAST_EVICTED,
						   evicted_tell, eviction);

	if (rc == 0)
		return; // evicted_tell() answers, and frees
	free(eviction);
	if (rc == -ENOENT)
		pack_evicted(call->packer, call->call->id, false);
	else
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_UNAVAILABLE,
			  "too many evictions wait for their answer; try again");
}
