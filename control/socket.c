// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

enum { ANSWERS_BYTES_MAX = 2 * CONTROL_FRAME_BYTES_MAX, SOCKET_BACKLOG = 16 };

struct connection {
	LIST_ENTRY(connection) link;
	struct socket_server *server;
	struct bufferevent *stream;
	uint64_t serial;
};

struct socket_server {
	struct event_base *base;
	struct evconnlistener *listener;
	socket_handler handler;
	void *context;
	struct sockaddr_un address;
	uint64_t last_serial;
	uint32_t connections_count;
	LIST_HEAD(, connection) connections;
	struct socket_counters counters;
};

static void connection_close(struct connection *connection)
{
	LIST_REMOVE(connection, link);
	connection->server->connections_count--;
	bufferevent_free(connection->stream);
	free(connection);
}

// Returns false where the connection was closed because its reader is too slow.
static bool connection_write(struct connection *connection, const char *bytes, size_t length)
{
	struct evbuffer *out = bufferevent_get_output(connection->stream);

	if (evbuffer_get_length(out) + length > ANSWERS_BYTES_MAX) {
		connection->server->counters.slow++;
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
		server->counters.malformed++;
		connection_close(connection);
		return false;
	}

	const struct socket_call call = {.connection = connection->serial, .id = request.id};
	bool open = true;

	server->counters.requests++;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	server->handler(server->context, &call, &request, &packer);
	if (!request.notification && buffer.size > 0)
		open = connection_write(connection, buffer.data, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
	rpc_request_fini(&request);
	return open;
}

static void connection_readable(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;
	struct evbuffer *in = bufferevent_get_input(stream);
	size_t length;

	while ((length = evbuffer_get_length(in)) > 0) {
		const uint8_t *bytes = evbuffer_pullup(in, -1);
		size_t whole = 0;
		const enum rpc_scan got = rpc_scan(bytes, length, &whole);

		if (got == RPC_SCAN_PARTIAL)
			return;
		if (got == RPC_SCAN_BAD) {
			connection->server->counters.malformed++;
			connection_close(connection);
			return;
		}
		if (!connection_request(connection, bytes, whole))
			return;
		evbuffer_drain(in, whole);
	}
}

static void connection_ended(struct bufferevent *stream, short what, void *context)
{
	(void)stream;
	(void)what;
	connection_close(context);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		     int length, void *context)
{
	struct socket_server *server = context;
	struct connection *connection;

	(void)listener;
	(void)address;
	(void)length;
	if (server->connections_count >= CONTROL_CONNECTIONS_MAX ||
	    (connection = calloc(1, sizeof(*connection))) == NULL) {
		server->counters.refused++;
		close(fd);
		return;
	}
	connection->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (connection->stream == NULL) {
		server->counters.refused++;
		free(connection);
		close(fd);
		return;
	}
	connection->server = server;
	connection->serial = ++server->last_serial;
	LIST_INSERT_HEAD(&server->connections, connection, link);
	server->connections_count++;
	bufferevent_setcb(connection->stream, connection_readable, NULL, connection_ended,
			  connection);
	bufferevent_setwatermark(connection->stream, EV_READ, 0, CONTROL_FRAME_BYTES_MAX + 1);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
}

// Removes a socket file that nobody listens on. Returns 0 where the path is free then.
static int stale_socket_remove(const struct sockaddr_un *address)
{
	struct stat found;

	if (lstat(address->sun_path, &found) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(found.st_mode))
		return -EEXIST;

	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;

	const int rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	const int reason = errno;

	close(fd);
	if (rc == 0)
		return -EADDRINUSE;
	if (reason != ECONNREFUSED)
		return -reason;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int group_set(const char *path, const char *group)
{
	if (group == NULL || group[0] == '\0')
		return 0;

	const struct group *entry = getgrnam(group);

	if (entry == NULL)
		return -ENOENT;
	return chown(path, (uid_t)-1, entry->gr_gid) == 0 ? 0 : -errno;
}

// Makes the last directory of a path, which nobody does on a machine that just started. What stands
// in the way of that is told by bind().
static void directory_make(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	(void)mkdir(folder, 0755);
}

// Binds and listens. Returns the descriptor, or -errno with a line in error.
static int listen_at(const struct sockaddr_un *address, const char *group,
		     char error[static SOCKET_ERROR_BYTES])
{
	const char *path = address->sun_path;
	int rc = stale_socket_remove(address);

	if (rc != 0) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: %s", path,
			 rc == -EADDRINUSE ? "another gateway answers there; stop it, or set "
					     "another path in [gateway] control"
			 : rc == -EEXIST   ? "a file that is no socket stands there; remove it"
					   : strerror(-rc));
		return rc;
	}

	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;

	directory_make(path);

	const mode_t mask = umask(0117);

	rc = bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
	umask(mask);
	if (rc != 0) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: %s%s", path, strerror(-rc),
			 rc == -ENOENT ? "; make the directories above it first" : "");
		goto fail;
	}
	rc = group_set(path, group);
	if (rc != 0) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: group %s: %s", path, group,
			 rc == -ENOENT ? "no such group; create it, or change [control] group"
				       : strerror(-rc));
		unlink(path);
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return rc;
}

struct socket_server *socket_server_create(struct event_base *base, const char *path,
					   const char *group, socket_handler handler, void *context,
					   char error[static SOCKET_ERROR_BYTES])
{
	struct socket_server *server = calloc(1, sizeof(*server));

	if (server == NULL) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket: out of memory");
		return NULL;
	}
	server->base = base;
	server->handler = handler;
	server->context = context;
	server->address.sun_family = AF_UNIX;
	LIST_INIT(&server->connections);
	if (strlen(path) >= sizeof(server->address.sun_path)) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: path longer than %zu bytes",
			 path, sizeof(server->address.sun_path) - 1);
		free(server);
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(server->address.sun_path, path);

	const int fd = listen_at(&server->address, group, error);

	if (fd < 0) {
		free(server);
		errno = -fd;
		return NULL;
	}
	server->listener =
	    evconnlistener_new(base, accepted, server,
			       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, SOCKET_BACKLOG, fd);
	if (server->listener == NULL) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: cannot listen", path);
		unlink(path);
		close(fd);
		free(server);
		errno = ENOMEM;
		return NULL;
	}
	return server;
}

void socket_server_answer(struct socket_server *server, const struct socket_call *call,
			  const char *bytes, size_t length)
{
	struct connection *connection;

	LIST_FOREACH(connection, &server->connections, link)
	{
		if (connection->serial == call->connection) {
			connection_write(connection, bytes, length);
			return;
		}
	}
}

const struct socket_counters *socket_server_counters(const struct socket_server *server)
{
	return &server->counters;
}

void socket_server_destroy(struct socket_server *server)
{
	if (server == NULL)
		return;
	while (!LIST_EMPTY(&server->connections)) {
		struct connection *connection = LIST_FIRST(&server->connections);
		struct evbuffer *out = bufferevent_get_output(connection->stream);

		evbuffer_write(out, bufferevent_getfd(connection->stream));
		connection_close(connection);
	}
	evconnlistener_free(server->listener);
	unlink(server->address.sun_path);
	free(server);
}
