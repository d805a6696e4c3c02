// SPDX-License-Identifier: BSD-3-Clause
// The listener for Prometheus, asked over real sockets by the thread that serves it.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <event2/buffer.h>
#include <event2/event.h>

#include "control/metrics.h"
#include "control/metrics_address.h"
#include "control/metrics_http.h"
#include "tests/support/fake_dataplane.h"

enum { WORKERS = 2, SLOTS = 64, ANSWER_BYTES = 1 << 20, PATIENCE_MS = 20000 };

static struct settings settings;
static struct dataplane *dataplane;
static struct gateway *gateway;
static struct metrics_http *http;
static char answer[ANSWER_BYTES];

static void start(void)
{
	char error[GATEWAY_ERROR_BYTES];

	settings_defaults(&settings);
	settings.gateway.workers = WORKERS;
	settings.session.max = SLOTS;
	settings.services_count = 1;
	strcpy(settings.services[0].name, "echo");
	settings.addresses_count = 1;
	dataplane = fake_create(WORKERS, SLOTS);
	gateway = gateway_create(&settings, dataplane, error);
	cr_assert_not_null(gateway);
	dataplane->counters[1].count[COUNTER_received] = 4711;
	http = metrics_http_start(gateway, "127.0.0.1:0", error);
	cr_assert_not_null(http, "%s", error);
}

static void stop(void)
{
	metrics_http_stop(http);
	gateway_destroy(gateway);
	fake_destroy(dataplane);
}

TestSuite(metrics_http, .init = start, .fini = stop, .timeout = 60);

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int dial(void)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(metrics_http_port(http)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void serve(void)
{
	event_base_loop(gateway_base(gateway), EVLOOP_NONBLOCK);
}

// Serves until the other end has closed. Returns how many bytes came.
static size_t read_all(int fd)
{
	const uint64_t until_ms = now_ms() + PATIENCE_MS;
	size_t len = 0;

	while (now_ms() < until_ms) {
		serve();
		const ssize_t got = recv(fd, answer + len, sizeof(answer) - 1 - len, MSG_DONTWAIT);

		if (got > 0)
			len += (size_t)got;
		else if (got == 0 || errno != EAGAIN)
			break;
		else
			usleep(1000);
	}
	cr_assert_lt(now_ms(), until_ms, "not closed");
	answer[len] = '\0';
	close(fd);
	return len;
}

static const char *ask(const char *request)
{
	const int fd = dial();

	cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	read_all(fd);
	return answer;
}

static void expect_status(const char *request, const char *status)
{
	cr_expect_eq(strncmp(ask(request), status, strlen(status)), 0, "%s: %s", request, answer);
}

Test(metrics_http, gives_the_same_bytes_as_are_rendered_for_others)
{
	struct evbuffer *buffer = evbuffer_new();
	struct stats stats;
	char length[64];

	stats_take(gateway, &stats);
	cr_assert_eq(metrics_render(&stats, buffer), 0);

	const size_t bytes = evbuffer_get_length(buffer);
	const char *body = strstr(ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "\r\n\r\n");

	cr_assert_not_null(body);
	cr_expect_eq(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
	cr_expect_not_null(strstr(answer, "\r\nContent-Type: " METRICS_CONTENT_TYPE "\r\n"));
	snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", bytes);
	cr_expect_not_null(strstr(answer, length));
	cr_expect_eq(strlen(body + 4), bytes);
	cr_expect_eq(memcmp(body + 4, evbuffer_pullup(buffer, -1), bytes), 0);
	cr_expect_not_null(strstr(body, "holdfast_received_packets_total{worker=\"1\"} 4711\n"));
	evbuffer_free(buffer);
}

Test(metrics_http, answers_what_it_does_not_have)
{
	expect_status("GET /metrics?name=x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
	expect_status("GET /metrics HTTP/1.0\n\n", "HTTP/1.1 200 ");
	expect_status("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
	expect_status("GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
	expect_status("GET /metric HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
	expect_status("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ");
	expect_status("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ");
	expect_status("GET\r\n\r\n", "HTTP/1.1 400 ");
	expect_status("\r\n\r\n", "HTTP/1.1 400 ");
	expect_status("GET  HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
	expect_status("GET /metrics\r\nX: HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
}

Test(metrics_http, takes_a_request_in_pieces)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	const int fd = dial();

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		cr_assert_eq(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
		serve();
	}
	read_all(fd);
	cr_expect_eq(strncmp(answer, "HTTP/1.1 200 ", 13), 0);
}

Test(metrics_http, refuses_a_head_without_an_end)
{
	char request[2 * METRICS_HTTP_HEAD_BYTES];
	const int fd = dial();

	memset(request, 'a', sizeof(request));
	memcpy(request, "GET /metrics HTTP/1.1\r\nX: ", 26);
	// Not more than is read: what is left unread could cut the answer off.
	cr_assert_eq(send(fd, request, METRICS_HTTP_HEAD_BYTES, MSG_NOSIGNAL),
		     METRICS_HTTP_HEAD_BYTES);
	read_all(fd);
	cr_expect_eq(strncmp(answer, "HTTP/1.1 431 ", 13), 0, "%s", answer);
}

Test(metrics_http, survives_whatever_is_said)
{
	srandom(1);
	for (uint32_t i = 0; i < 300; i++) {
		char request[256] = "GET /metrics HTTP/1.1\r\n\r\n";
		const size_t len = (size_t)random() % sizeof(request);
		const int fd = dial();

		for (size_t k = 0; k < len; k += 1 + (size_t)random() % 16)
			request[k] = (char)random();
		cr_assert_geq(send(fd, request, len, MSG_NOSIGNAL), 0);
		serve();
		close(fd);
		serve();
	}
	expect_status("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ");
}

Test(metrics_http, serves_a_few_at_a_time_and_closes_the_rest)
{
	int idle[METRICS_HTTP_CONNECTIONS_MAX];

	for (uint32_t i = 0; i < METRICS_HTTP_CONNECTIONS_MAX; i++) {
		idle[i] = dial();
		serve();
	}
	cr_expect_eq(read_all(dial()), 0);
	cr_expect_eq(gateway_tally(gateway)->scrapes_refused, 1);
	close(idle[3]);
	serve();
	expect_status("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ");
	for (uint32_t i = 0; i < METRICS_HTTP_CONNECTIONS_MAX; i++) {
		if (i != 3)
			close(idle[i]);
	}
}

Test(metrics_http, does_not_wait_for_one_that_says_nothing)
{
	const uint64_t began_ms = now_ms();

	cr_expect_eq(read_all(dial()), 0);
	cr_expect_geq(now_ms() - began_ms, METRICS_HTTP_TIMEOUT_MS - 100);
}

Test(metrics_http, does_not_wait_for_one_that_does_not_read)
{
	const int fd = dial(), small = 1;
	struct timespec began, ended;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	cr_assert_eq(send(fd, "GET /metrics HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL), 25);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
	for (uint32_t i = 0; i < 10; i++)
		serve();
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
	cr_expect_lt(
	    (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000, 100);
	close(fd);
}

Test(metrics_http, says_when_the_port_is_taken)
{
	char error[METRICS_HTTP_ERROR_BYTES], address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%u", metrics_http_port(http));
	cr_expect_null(metrics_http_start(gateway, address, error));
	cr_expect_eq(errno, EADDRINUSE);
	cr_expect_not_null(strstr(error, address));
	cr_expect_not_null(strstr(error, "Address already in use"));
	cr_expect_not_null(strstr(error, "choose another"));
}

Test(metrics_address, is_an_address_and_a_port)
{
	static const struct {
		const char *text;
		bool good, loopback;
	} cases[] = {
	    {"127.0.0.1:9464", true, true},
	    {"127.255.0.1:1", true, true},
	    {"[::1]:9464", true, true},
	    {"0.0.0.0:9464", true, false},
	    {"[::]:9464", true, false},
	    {"192.0.2.10:65535", true, false},
	    {"[::ffff:192.0.2.1]:80", true, false},
	    {"128.0.0.1:80", true, false},
	    {"127.0.0.1", false, false},
	    {"127.0.0.1:", false, false},
	    {"127.0.0.1:65536", false, false},
	    {"127.0.0.1:-1", false, false},
	    {"127.0.0.1:0x50", false, false},
	    {"127.0.0.1:999999999999999999999", false, false},
	    {"::1:9464", false, false},
	    {"[::1]", false, false},
	    {"[::1:9464", false, false},
	    {"[]:80", false, false},
	    {":9464", false, false},
	    {"localhost:9464", false, false},
	    {"", false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage address;
		socklen_t bytes;
		const bool good = metrics_address_parse(cases[i].text, &address, &bytes);

		cr_expect_eq(good, cases[i].good, "%s", cases[i].text);
		if (good)
			cr_expect_eq(metrics_address_loopback(&address), cases[i].loopback, "%s",
				     cases[i].text);
	}
}
