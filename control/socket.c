// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "control/rights.h"
#include "control/socket_listen.h"

enum {
	ANSWERS_BYTES_MAX = 2 * CONTROL_FRAME_BYTES_MAX,
	SOCKET_BACKLOG = 16,
};

struct connection {
	LIST_ENTRY(connection) link;
	struct socket_server *server;
	struct bufferevent *stream;
	struct event *turn; // its next request, after others had their turn
	uint64_t serial;
	enum control_right right;
	bool kept;         // see socket_server_keep()
	bool half;         // a request has begun
	uint64_t begun_ms; // when, while half
	uint64_t heard_ms; // the last whole request
	uint64_t read_ms;  // when its reader last took something
};

struct socket_server {
	struct event_base *base;
	struct evconnlistener *listener;
	socket_handler handler;
	void *context;
	struct tally *tally;
	struct rights_rule rule;
	struct sockaddr_un address;
	uint64_t now_ms; // of the last tick
	uint64_t last_serial;
	uint32_t connections_count;
	uint32_t counts[CONTROL_RIGHTS]; // of connections with this right
	LIST_HEAD(, connection) connections;
};

static void connection_close(struct connection *connection)
{
	LIST_REMOVE(connection, link);
	connection->server->connections_count--;
	connection->server->counts[connection->right]--;
	event_free(connection->turn);
	bufferevent_free(connection->stream);
	free(connection);
}

static struct connection *find(const struct socket_server *server, uint64_t serial)
{
	struct connection *connection;

	LIST_FOREACH(connection, &server->connections, link)
	{
		if (connection->serial == serial)
			return connection;
	}
	return NULL;
}

// Returns false where the connection was closed because its reader is too slow.
static bool connection_write(struct connection *connection, const char *bytes, size_t length)
{
	struct evbuffer *out = bufferevent_get_output(connection->stream);

	if (evbuffer_get_length(out) == 0)
		connection->read_ms = connection->server->now_ms;
	if (evbuffer_get_length(out) + length > ANSWERS_BYTES_MAX) {
		connection->server->tally->socket_slow++;
		connection_close(connection);
		return false;
	}
	bufferevent_write(connection->stream, bytes, length);
	return true;
}

// Does the request that stands whole at bytes. Returns false where the connection is closed.
static bool connection_request(struct connection *connection, const uint8_t *bytes, size_t length)
{
	struct socket_server *server = connection->server;
	struct rpc_request request;
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	if (rpc_request_init(&request, bytes, length) != 0) {
		server->tally->socket_malformed++;
		connection_close(connection);
		return false;
	}

	const struct socket_call call = {connection->serial, request.id, request.notification,
					 connection->right};
	bool open = true;

	server->tally->socket_requests++;
	connection->heard_ms = server->now_ms;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	server->handler(server->context, &call, &request, &packer);
	if (!request.notification && buffer.size > 0)
		open = connection_write(connection, buffer.data, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
	rpc_request_fini(&request);
	return open;
}

// Does one request, if there is a whole one and what waits for the reader leaves room; the next
// one after everybody else had a turn, so that many at once keep nobody waiting.
static void connection_turn(struct connection *connection)
{
	struct evbuffer *in = bufferevent_get_input(connection->stream);
	const size_t waiting = evbuffer_get_length(bufferevent_get_output(connection->stream));
	const size_t length = evbuffer_get_length(in);
	const uint8_t *bytes;
	size_t whole = 0;
	enum rpc_scan got;

	if (length == 0 || waiting > CONTROL_FRAME_BYTES_MAX)
		return;
	bytes = evbuffer_pullup(in, -1);
	got = bytes == NULL ? RPC_SCAN_BAD : rpc_scan(bytes, length, &whole);
	if (got == RPC_SCAN_BAD) {
		connection->server->tally->socket_malformed++;
		connection_close(connection);
		return;
	}
	if (got == RPC_SCAN_PARTIAL) {
		if (!connection->half)
			connection->begun_ms = connection->server->now_ms;
		connection->half = true;
		return;
	}
	connection->half = false;
	if (!connection_request(connection, bytes, whole))
		return;
	evbuffer_drain(in, whole);
	if (evbuffer_get_length(in) > 0)
		event_add(connection->turn, &(struct timeval){0});
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	connection_turn(context);
}

static void connection_readable(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;

	(void)stream;
	if (!event_pending(connection->turn, EV_TIMEOUT, NULL))
		connection_turn(connection);
}

// Enough has been read for the next request.
static void connection_writable(struct bufferevent *stream, void *context)
{
	connection_readable(stream, context);
}

static void connection_read_by_peer(struct evbuffer *out, const struct evbuffer_cb_info *info,
				    void *context)
{
	struct connection *connection = context;

	(void)out;
	if (info->n_deleted > 0)
		connection->read_ms = connection->server->now_ms;
}

static void connection_ended(struct bufferevent *stream, short what, void *context)
{
	(void)stream;
	(void)what;
	connection_close(context);
}

// Those who may not steer can take some of the places only.
static bool place_free(const struct socket_server *server, enum control_right right)
{
	const uint32_t strangers = server->counts[CONTROL_RIGHT_NONE];

	if (right == CONTROL_RIGHT_NONE && strangers >= CONTROL_STRANGERS_MAX)
		return false;
	if (right < CONTROL_RIGHT_STEER &&
	    strangers + server->counts[CONTROL_RIGHT_LOOK] >= CONTROL_READERS_MAX)
		return false;
	return server->connections_count < CONTROL_CONNECTIONS_MAX;
}

static bool connection_open(struct socket_server *server, int fd, enum control_right right)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return false;
	connection->turn = evtimer_new(server->base, on_turn, connection);
	if (connection->turn != NULL)
		connection->stream =
		    bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (connection->stream == NULL) {
		if (connection->turn != NULL)
			event_free(connection->turn);
		free(connection);
		return false;
	}
	connection->server = server;
	connection->right = right;
	connection->serial = ++server->last_serial;
	connection->heard_ms = connection->read_ms = server->now_ms;
	LIST_INSERT_HEAD(&server->connections, connection, link);
	server->connections_count++;
	server->counts[right]++;
	evbuffer_add_cb(bufferevent_get_output(connection->stream), connection_read_by_peer,
			connection);
	bufferevent_setcb(connection->stream, connection_readable, connection_writable,
			  connection_ended, connection);
	bufferevent_setwatermark(connection->stream, EV_READ, 0, CONTROL_FRAME_BYTES_MAX + 1);
	bufferevent_setwatermark(connection->stream, EV_WRITE, CONTROL_FRAME_BYTES_MAX, 0);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
	return true;
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		     int length, void *context)
{
	struct socket_server *server = context;
	struct rights_peer peer;
	enum control_right right;

	(void)listener;
	(void)address;
	(void)length;
	if (rights_peer_init(&peer, fd) != 0)
		goto refuse;
	right = rights_of(&server->rule, &peer);
	if (!place_free(server, right) || !connection_open(server, fd, right))
		goto refuse;
	return;
refuse:
	server->tally->socket_refused++;
	close(fd);
}

// Returns 0, or -errno with a line in error; then nothing stands.
static int server_listen(struct socket_server *server, const struct socket_wants *wants,
			 char error[static SOCKET_ERROR_BYTES])
{
	const int fd = socket_listen(&server->address, wants, &server->rule, error);

	if (fd < 0)
		return fd;
	server->listener =
	    evconnlistener_new(server->base, accepted, server,
			       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, SOCKET_BACKLOG, fd);
	if (server->listener != NULL)
		return 0;
	snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: cannot listen",
		 server->address.sun_path);
	unlink(server->address.sun_path);
	close(fd);
	return -ENOMEM;
}

struct socket_server *socket_server_create(struct event_base *base,
					   const struct socket_wants *wants,
					   char error[static SOCKET_ERROR_BYTES])
{
	struct socket_server *server = calloc(1, sizeof(*server));
	int rc;

	if (server == NULL) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket: out of memory");
		return NULL;
	}
	server->base = base;
	server->handler = wants->handler;
	server->context = wants->context;
	server->tally = wants->tally;
	server->address.sun_family = AF_UNIX;
	LIST_INIT(&server->connections);
	if (strlen(wants->path) >= sizeof(server->address.sun_path)) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: path longer than %zu bytes",
			 wants->path, sizeof(server->address.sun_path) - 1);
		rc = -ENAMETOOLONG;
		goto fail;
	}
	strcpy(server->address.sun_path, wants->path);
	rc = server_listen(server, wants, error);
	if (rc == 0)
		return server;
fail:
	free(server);
	errno = -rc;
	return NULL;
}

// What the connection is to be closed for, or NULL.
static uint64_t *overdue(const struct connection *connection)
{
	const uint64_t now_ms = connection->server->now_ms;
	const bool waiting = evbuffer_get_length(bufferevent_get_output(connection->stream)) > 0;

	if (connection->half && now_ms - connection->begun_ms >= CONTROL_HALF_REQUEST_MS)
		return &connection->server->tally->socket_half;
	if (waiting && now_ms - connection->read_ms >= CONTROL_IDLE_MS)
		return &connection->server->tally->socket_slow;
	if (!connection->kept && now_ms - connection->heard_ms >= CONTROL_IDLE_MS)
		return &connection->server->tally->socket_idle;
	return NULL;
}

void socket_server_tick(struct socket_server *server, uint64_t now_ms)
{
	struct connection *connection = LIST_FIRST(&server->connections);

	// Times that stand from before the first tick begin with it.
	for (struct connection *early = connection; server->now_ms == 0 && early != NULL;
	     early = LIST_NEXT(early, link))
		early->begun_ms = early->heard_ms = early->read_ms = now_ms;
	server->now_ms = now_ms;
	while (connection != NULL) {
		struct connection *next = LIST_NEXT(connection, link);
		uint64_t *counter = overdue(connection);

		if (counter != NULL) {
			(*counter)++;
			connection_close(connection);
		}
		connection = next;
	}
}

void socket_server_send(struct socket_server *server, uint64_t connection, const char *bytes,
			size_t length)
{
	struct connection *to = find(server, connection);

	if (to != NULL)
		connection_write(to, bytes, length);
}

void socket_server_answer(struct socket_server *server, const struct socket_call *call,
			  const char *bytes, size_t length)
{
	if (!call->notification)
		socket_server_send(server, call->connection, bytes, length);
}

size_t socket_server_waiting(const struct socket_server *server, uint64_t connection)
{
	const struct connection *to = find(server, connection);

	return to != NULL ? evbuffer_get_length(bufferevent_get_output(to->stream)) : SIZE_MAX;
}

void socket_server_keep(struct socket_server *server, uint64_t connection, bool keep)
{
	struct connection *to = find(server, connection);

	if (to != NULL)
		to->kept = keep;
}

void socket_server_destroy(struct socket_server *server)
{
	if (server == NULL)
		return;
	while (!LIST_EMPTY(&server->connections)) {
		struct connection *connection = LIST_FIRST(&server->connections);
		struct evbuffer *out = bufferevent_get_output(connection->stream);

		evbuffer_unfreeze(out, 1); // a bufferevent lets nobody else take from it
		evbuffer_write(out, bufferevent_getfd(connection->stream));
		connection_close(connection);
	}
	evconnlistener_free(server->listener);
	unlink(server->address.sun_path);
	free(server);
}
