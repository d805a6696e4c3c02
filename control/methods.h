// SPDX-License-Identifier: BSD-3-Clause
// The methods of the control socket: one handler for each entry of CONTROL_METHODS.
//
// Control thread; a handler runs online for RCU, so it may read sessions. A page of sessions is
// bounded by CONTROL_LIST_MAX entries, METHODS_SLOTS_MAX slots looked at and METHODS_PAGE_US, so
// that no request keeps the thread for long.
#pragma once

#include <stdint.h>

#include <msgpack.h>

#include "control/gateway.h"
#include "control/rpc.h"
#include "control/socket.h"

enum {
	METHODS_SLOTS_MAX = 16384,
	METHODS_PAGE_US = 4000, // whatever machine this is
	// A page ends with the item that passes this; no item is as large as what is left then.
	METHODS_PAGE_BYTES = CONTROL_FRAME_BYTES_MAX / 2,
};

#define METHODS_PAGE_LAST UINT32_MAX // there is no next one

struct methods_pump; // what drives subscriptions and the socket's deadlines

struct methods {
	struct gateway *gateway;
	struct socket_server *server;
	struct methods_pump *pump;
	struct socket_call preloading; // the one call of bench.preload that waits for its answer
};

// Opens the control socket that the settings name and answers on it from now on.
// Returns NULL with errno and one line in error.
struct methods *methods_start(struct gateway *gateway, char error[static SOCKET_ERROR_BYTES]);

// Closes the socket. Evictions that still wait are not answered any more.
void methods_stop(struct methods *methods);

// What a handler works on.
struct methods_call {
	struct methods *methods;
	const struct socket_call *call;
	const struct rpc_request *request;
	msgpack_packer *packer; // for the answer
};

typedef void (*methods_handler)(const struct methods_call *call);

// What does a method.
methods_handler methods_handler_of(enum control_method method);

// The handlers: each packs a whole answer, or keeps the call and answers later.
void methods_session_list(const struct methods_call *call);
void methods_session_get(const struct methods_call *call);
void methods_session_evict(const struct methods_call *call);
void methods_backend_list(const struct methods_call *call);
void methods_backend_drain(const struct methods_call *call);
void methods_backend_remove(const struct methods_call *call);
void methods_service_list(const struct methods_call *call);
void methods_stats_get(const struct methods_call *call);
void methods_stats_subscribe(const struct methods_call *call);
void methods_events_subscribe(const struct methods_call *call);
void methods_metrics_get(const struct methods_call *call);
void methods_bench_preload(const struct methods_call *call);
void methods_config_get(const struct methods_call *call);
void methods_config_set(const struct methods_call *call);
void methods_config_reload(const struct methods_call *call);

// Packs METHODS_STATS_KEYS pairs: what stats.get answers, without its map's head.
enum { METHODS_STATS_KEYS = 6 };
void methods_stats_pack(struct gateway *gateway, msgpack_packer *packer);

// Returns NULL with errno ENOMEM.
struct methods_pump *methods_pump_start(struct methods *methods);
// Tells what has happened until now; the loop has ended.
void methods_pump_last(struct methods_pump *pump);
void methods_pump_stop(struct methods_pump *pump);

// Packs a page as the whole answer: count packed items under key, and where the next page begins.
void methods_page(const struct methods_call *call, const char *key, uint32_t count,
		  const msgpack_sbuffer *items, uint32_t next);

// Packs an INVALID_PARAMS error that names the key.
void methods_invalid(const struct methods_call *call, const char *key, const char *wanted);
