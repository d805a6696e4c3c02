// SPDX-License-Identifier: BSD-3-Clause
// The control socket: a Unix stream socket on the control thread's loop, its connections and
// their requests. What the methods do is control/methods.h's.
//
// Bounds: CONTROL_CONNECTIONS_MAX connections (one more is closed at once, counted), one request
// of CONTROL_FRAME_BYTES_MAX, twice that of answers waiting for a slow reader (then it is closed,
// counted). A malformed request closes its own connection only.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "control/rpc.h"

enum { SOCKET_ERROR_BYTES = 256 };

struct event_base;
struct socket_server;

// Names one request, as long as its connection lives; may be kept after the handler returned.
struct socket_call {
	uint64_t connection; // serial number, never used again
	uint32_t id;
};

// Does one request: packs a whole answer (rpc_answer and a value, or rpc_error) into packer, or
// packs nothing and answers later with socket_server_answer(). For a notification whatever is
// packed is thrown away. request is good until it returns.
typedef void (*socket_handler)(void *context, const struct socket_call *call,
			       const struct rpc_request *request, msgpack_packer *packer);

struct socket_counters {
	uint64_t requests;
	uint64_t refused;   // connections beyond the limit
	uint64_t malformed; // connections closed for what they sent
	uint64_t slow;      // connections closed because they did not read
};

// Listens at path, mode 0660, group by name (NULL: leave it). A socket file that nobody listens
// on any more is replaced. Returns NULL with errno and one line in error.
struct socket_server *socket_server_create(struct event_base *base, const char *path,
					   const char *group, socket_handler handler, void *context,
					   char error[static SOCKET_ERROR_BYTES]);

// Sends a whole answer packed by the caller; nothing where the connection is gone.
void socket_server_answer(struct socket_server *server, const struct socket_call *call,
			  const char *bytes, size_t length);

const struct socket_counters *socket_server_counters(const struct socket_server *server);

// Closes every connection, what they have not read yet given at most one write, and removes the
// socket file.
void socket_server_destroy(struct socket_server *server);
