// SPDX-License-Identifier: BSD-3-Clause
// The methods of the control socket: one handler for each entry of CONTROL_METHODS.
//
// Control thread; a handler runs online for RCU, so it may read sessions. A page of sessions is
// bounded by CONTROL_LIST_MAX entries and METHODS_SLOTS_MAX slots looked at, so that no request
// keeps the thread for long.
#pragma once

#include <stdint.h>

#include <msgpack.h>

#include "control/gateway.h"
#include "control/rpc.h"
#include "control/socket.h"

enum {
	METHODS_SLOTS_MAX = 65536,
	// A page ends with the item that passes this; no item is as large as what is left then.
	METHODS_PAGE_BYTES = CONTROL_FRAME_BYTES_MAX / 2,
};

#define METHODS_PAGE_LAST UINT32_MAX // there is no next one

struct methods {
	struct gateway *gateway;
	struct socket_server *server;
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
void methods_service_list(const struct methods_call *call);
void methods_stats_get(const struct methods_call *call);
void methods_metrics_get(const struct methods_call *call);
void methods_config_get(const struct methods_call *call);
void methods_config_set(const struct methods_call *call);
void methods_config_reload(const struct methods_call *call);

// Packs a page as the whole answer: count packed items under key, and where the next page begins.
void methods_page(const struct methods_call *call, const char *key, uint32_t count,
		  const msgpack_sbuffer *items, uint32_t next);

// Packs an INVALID_PARAMS error that names the key.
void methods_invalid(const struct methods_call *call, const char *key, const char *wanted);
