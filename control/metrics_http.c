// SPDX-License-Identifier: BSD-3-Clause
#include "control/metrics_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include "control/gateway.h"
#include "control/metrics.h"
#include "control/metrics_address.h"

enum { BACKLOG = 16 };

struct connection {
	struct metrics_http *http;
	struct bufferevent *stream; // NULL: free
	struct event *deadline;
	bool answered;
};

struct metrics_http {
	struct gateway *gateway;
	struct evconnlistener *listener;
	struct connection connections[METRICS_HTTP_CONNECTIONS_MAX];
};

// ---- One connection ------------------------------------------------------------------------

static void connection_close(struct connection *connection)
{
	bufferevent_free(connection->stream);
	event_free(connection->deadline);
	*connection = (struct connection){.http = connection->http};
}

static void answer(struct connection *connection, const char *status, const char *more,
		   struct evbuffer *body)
{
	struct evbuffer *out = bufferevent_get_output(connection->stream);

	connection->answered = true;
	bufferevent_disable(connection->stream, EV_READ);
	if (evbuffer_add_printf(out,
				"HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
				status, more, evbuffer_get_length(body)) < 0 ||
	    evbuffer_add_buffer(out, body) != 0)
		connection_close(connection);
}

static void answer_metrics(struct connection *connection)
{
	struct evbuffer *body = evbuffer_new();
	struct stats stats;

	if (body == NULL) {
		connection_close(connection);
		return;
	}
	stats_take(connection->http->gateway, &stats);
	if (metrics_render(&stats, body) == 0)
		answer(connection, "200 OK", "Content-Type: " METRICS_CONTENT_TYPE "\r\n", body);
	else
		connection_close(connection);
	evbuffer_free(body);
}

static void answer_refusal(struct connection *connection, const char *status, const char *more,
			   const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL || evbuffer_add_printf(body, "%s\n", text) < 0)
		connection_close(connection);
	else
		answer(connection, status, more, body);
	if (body != NULL)
		evbuffer_free(body);
}

// "GET /metrics HTTP/1.1", perhaps with a query, which is passed over.
static void request_take(struct connection *connection, const char *head)
{
	static const char plain[] = "Content-Type: text/plain\r\n";
	static const char allow[] = "Allow: GET\r\nContent-Type: text/plain\r\n";
	const size_t line = strcspn(head, "\r\n");
	const size_t method = strcspn(head, " ");
	const size_t path = method < line ? strcspn(head + method + 1, " ?\r\n") : 0;

	if (path == 0 || memmem(head, line, " HTTP/1.", 8) == NULL)
		answer_refusal(connection, "400 Bad Request", plain, "GET /metrics is wanted");
	else if (method != 3 || memcmp(head, "GET", 3) != 0)
		answer_refusal(connection, "405 Method Not Allowed", allow,
			       "GET /metrics is wanted");
	else if (path != strlen("/metrics") || memcmp(head + method + 1, "/metrics", path) != 0)
		answer_refusal(connection, "404 Not Found", plain, "only /metrics is here");
	else
		answer_metrics(connection);
}

static void on_read(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;
	struct evbuffer *in = bufferevent_get_input(stream);
	char head[METRICS_HTTP_HEAD_BYTES + 1];
	const ev_ssize_t len = evbuffer_copyout(in, head, METRICS_HTTP_HEAD_BYTES);

	head[len > 0 ? len : 0] = '\0';
	if (strstr(head, "\r\n\r\n") != NULL || strstr(head, "\n\n") != NULL)
		request_take(connection, head);
	else if (len == METRICS_HTTP_HEAD_BYTES)
		answer_refusal(connection, "431 Request Header Fields Too Large",
			       "Content-Type: text/plain\r\n", "too many headers");
}

// Everything has been written.
static void on_written(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;

	if (connection->answered)
		connection_close(connection);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	connection_close(context);
}

static void on_deadline(evutil_socket_t socket, short what, void *context)
{
	connection_close(context);
}

// ---- The listener --------------------------------------------------------------------------

static struct connection *connection_free(struct metrics_http *http)
{
	for (uint32_t i = 0; i < METRICS_HTTP_CONNECTIONS_MAX; i++) {
		if (http->connections[i].stream == NULL)
			return &http->connections[i];
	}
	return NULL;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		      int len, void *context)
{
	const struct timeval patience = {.tv_sec = METRICS_HTTP_TIMEOUT_MS / 1000,
					 .tv_usec = METRICS_HTTP_TIMEOUT_MS % 1000 * 1000};
	struct metrics_http *http = context;
	struct connection *connection = connection_free(http);
	struct event_base *base = gateway_base(http->gateway);

	if (connection == NULL) {
		gateway_count_scrape_refused(http->gateway);
		evutil_closesocket(fd);
		return;
	}
	connection->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	connection->deadline = evtimer_new(base, on_deadline, connection);
	if (connection->stream == NULL || connection->deadline == NULL ||
	    event_add(connection->deadline, &patience) != 0) {
		if (connection->stream != NULL)
			bufferevent_free(connection->stream);
		else
			evutil_closesocket(fd);
		if (connection->deadline != NULL)
			event_free(connection->deadline);
		*connection = (struct connection){.http = http};
		return;
	}
	bufferevent_setcb(connection->stream, on_read, on_written, on_event, connection);
	bufferevent_setwatermark(connection->stream, EV_READ, 0, METRICS_HTTP_HEAD_BYTES);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
}

struct metrics_http *metrics_http_start(struct gateway *gateway, const char *address,
					char error[static METRICS_HTTP_ERROR_BYTES])
{
	const unsigned int flags =
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct metrics_http *http = calloc(1, sizeof(*http));
	struct sockaddr_storage where;
	socklen_t bytes;
	int reason = EINVAL;

	if (http == NULL) {
		snprintf(error, METRICS_HTTP_ERROR_BYTES, "[metrics] listen: out of memory");
		errno = ENOMEM;
		return NULL;
	}
	http->gateway = gateway;
	for (uint32_t i = 0; i < METRICS_HTTP_CONNECTIONS_MAX; i++)
		http->connections[i].http = http;
	errno = 0;
	if (metrics_address_parse(address, &where, &bytes)) {
		http->listener =
		    evconnlistener_new_bind(gateway_base(gateway), on_accept, http, flags, BACKLOG,
					    (struct sockaddr *)&where, (int)bytes);
		reason = errno != 0 ? errno : ENOMEM;
	}
	if (http->listener != NULL)
		return http;
	snprintf(error, METRICS_HTTP_ERROR_BYTES,
		 "[metrics] listen = %s: %s; choose another address or port, or remove the key",
		 address, strerror(reason));
	free(http);
	errno = reason;
	return NULL;
}

uint16_t metrics_http_port(const struct metrics_http *http)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);

	getsockname(evconnlistener_get_fd(http->listener), (struct sockaddr *)&address, &len);
	// IPv4 and IPv6 have their ports at the same place.
	return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

void metrics_http_stop(struct metrics_http *http)
{
	if (http == NULL)
		return;
	evconnlistener_free(http->listener);
	for (uint32_t i = 0; i < METRICS_HTTP_CONNECTIONS_MAX; i++) {
		if (http->connections[i].stream != NULL)
			connection_close(&http->connections[i]);
	}
	free(http);
}
