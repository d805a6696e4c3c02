// SPDX-License-Identifier: BSD-3-Clause
// The control socket: a Unix stream socket on the control thread's loop, its connections and
// their requests. What the methods do is control/methods.h's.
//
// Bounds: CONTROL_CONNECTIONS_MAX connections (one more is closed at once), fewer of those that may
// not steer, so that they keep no operator out; one request of CONTROL_FRAME_BYTES_MAX; twice that
// of answers waiting for a slow reader (then it is closed); CONTROL_HALF_REQUEST_MS for a request
// that has begun, CONTROL_IDLE_MS for a connection that asks nothing, or reads nothing of what
// waits for it. A malformed request closes its own connection only. All that is counted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "control/rpc.h"
#include "control/tally.h"

enum { SOCKET_ERROR_BYTES = 256 };

struct event_base;
struct socket_server;

// Names one request, as long as its connection lives; may be kept after the handler returned.
struct socket_call {
	uint64_t connection; // serial number, never used again
	uint32_t id;
	bool notification;        // wants no answer
	enum control_right right; // that its caller has
};

// Does one request: packs a whole answer (rpc_answer and a value, or rpc_error) into packer, or
// packs nothing and answers later with socket_server_answer(). For a notification whatever is
// packed is thrown away. request is good until it returns.
typedef void (*socket_handler)(void *context, const struct socket_call *call,
			       const struct rpc_request *request, msgpack_packer *packer);

// Who may use a socket, and by what name it is reached. Borrowed until the server stands.
struct socket_wants {
	const char *path;
	const char *group;   // name; "": as it comes
	const char *readers; // see rights_rule_init()
	socket_handler handler;
	void *context;
	struct tally *tally; // outlives the server
};

// Listens at path, mode 0660; 0666 where there are readers, whose right is then judged here, as
// everybody's. A socket file that nobody listens on any more is replaced. Returns NULL with errno
// and one line in error.
struct socket_server *socket_server_create(struct event_base *base,
					   const struct socket_wants *wants,
					   char error[static SOCKET_ERROR_BYTES]);

// Closes what has been idle, or half of a request, for too long. The loop calls it every second;
// time is a parameter: monotonic milliseconds.
void socket_server_tick(struct socket_server *server, uint64_t now_ms);

// Sends a whole answer packed by the caller; nothing where the connection is gone, or where none is
// wanted.
void socket_server_answer(struct socket_server *server, const struct socket_call *call,
			  const char *bytes, size_t length);

// Sends bytes to a connection: notifications. Nothing where it is gone.
void socket_server_send(struct socket_server *server, uint64_t connection, const char *bytes,
			size_t length);

// Bytes that wait for the connection's reader; SIZE_MAX where the connection is gone.
size_t socket_server_waiting(const struct socket_server *server, uint64_t connection);

// Whether the connection may be silent for as long as it likes: it has subscribed.
void socket_server_keep(struct socket_server *server, uint64_t connection, bool keep);

// Closes every connection, what they have not read yet given at most one write, and removes the
// socket file.
void socket_server_destroy(struct socket_server *server);
