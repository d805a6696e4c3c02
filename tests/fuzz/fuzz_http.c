// SPDX-License-Identifier: BSD-3-Clause
// The listener for Prometheus: any bytes as a request, in slices.
//
// The first byte says how long the slices are. Each request that is answered is answered by a whole
// HTTP answer, after which the connection is closed.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/gateway.h"
#include "control/metrics_http.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_dataplane.h"

enum {
	WORKERS = 2,
	SLOTS = 16,
	ANSWER_BYTES = 1 << 18,
	REQUEST_BYTES_MAX = 2 * METRICS_HTTP_HEAD_BYTES,
	SLICES_MAX = 32,
	PATIENCE_MS = 2000,
};

static struct settings settings;
static struct gateway *gateway;
static struct metrics_http *http;
static char answer[ANSWER_BYTES];

static void start_once(void)
{
	char error[GATEWAY_ERROR_BYTES];

	if (http != NULL)
		return;
	settings_defaults(&settings);
	settings.gateway.workers = WORKERS;
	settings.session.max = SLOTS;
	settings.services_count = 1;
	strcpy(settings.services[0].name, "echo");
	settings.addresses_count = 1;
	gateway = gateway_create(&settings, fake_create(WORKERS, SLOTS), error);
	FUZZ_CHECK(gateway != NULL, "%s", error);
	http = metrics_http_start(gateway, "127.0.0.1:0", error);
	FUZZ_CHECK(http != NULL, "%s", error);
}

static int dial(void)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(metrics_http_port(http)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	// A reset at the end, so that no address stays in use for a minute.
	const struct linger at_once = {.l_onoff = 1};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	FUZZ_CHECK(fd >= 0, "%s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	FUZZ_CHECK(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0, "%s",
		   strerror(errno));
	return fd;
}

static void serve(void)
{
	event_base_loop(gateway_base(gateway), EVLOOP_NONBLOCK);
}

// Takes what is there. Returns whether the listener has closed.
static bool answer_take(int fd, size_t *len)
{
	const ssize_t got = recv(fd, answer + *len, sizeof(answer) - 1 - *len, MSG_DONTWAIT);

	if (got > 0)
		*len += (size_t)got;
	FUZZ_CHECK(*len < sizeof(answer) - 1, "a longer answer than any");
	return got == 0 || (got < 0 && errno != EAGAIN);
}

// Whether what was sent asks for an answer: its head is over, or is too long.
static bool complete(const uint8_t *bytes, size_t len)
{
	char head[METRICS_HTTP_HEAD_BYTES + 1];
	const size_t seen = len < METRICS_HTTP_HEAD_BYTES ? len : METRICS_HTTP_HEAD_BYTES;

	memcpy(head, bytes, seen);
	head[seen] = '\0';
	return strstr(head, "\r\n\r\n") != NULL || strstr(head, "\n\n") != NULL ||
	       seen == METRICS_HTTP_HEAD_BYTES;
}

static void judge(size_t len)
{
	size_t body = 0;

	answer[len] = '\0';
	const char *end = strstr(answer, "\r\n\r\n");
	const char *length = strstr(answer, "\r\nContent-Length: ");

	FUZZ_CHECK(strncmp(answer, "HTTP/1.1 ", 9) == 0, "no answer: %s", answer);
	FUZZ_CHECK(end != NULL && length != NULL && length < end, "no head: %s", answer);
	body = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
	FUZZ_CHECK((size_t)(answer + len - end) - 4 == body, "%zu bytes of body", body);
	FUZZ_CHECK(strstr(answer, "\r\nConnection: close\r\n") != NULL, "it stays open");
}

// Sends slices, serves between them. Returns how many bytes the listener can have seen.
static size_t talk(int fd, const uint8_t *bytes, size_t size, size_t slice, size_t *len)
{
	size_t sent = 0;

	while (sent < size && !answer_take(fd, len)) {
		const size_t left = size - sent;
		const ssize_t rc = send(fd, bytes + sent, left < slice ? left : slice,
					MSG_NOSIGNAL | MSG_DONTWAIT);

		if (rc < 0)
			break;
		sent += (size_t)rc;
		serve();
	}
	return sent;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = 0, slice;
	bool closed = false;

	if (size < 2 || size > REQUEST_BYTES_MAX)
		return 0;
	start_once();
	slice = (size - 1) / (1 + data[0] % SLICES_MAX) + 1;

	const int fd = dial();
	const size_t sent = talk(fd, data + 1, size - 1, slice, &len);

	for (int i = 0; i < PATIENCE_MS && complete(data + 1, sent) && !closed; i++) {
		serve();
		closed = answer_take(fd, &len);
		if (!closed && i > 10)
			poll(NULL, 0, 1);
	}
	if (complete(data + 1, sent)) {
		FUZZ_CHECK(closed, "not answered, or not closed");
		judge(len);
	}
	close(fd);
	// It learns of the reset.
	for (int i = 0; i < 3; i++)
		serve();
	return 0;
}
