// SPDX-License-Identifier: BSD-3-Clause
// holdfast-ping: a client that sends numbered messages to an echoing service and shows how long
// they take, through reconnects, which it tells. Results on standard output, trouble on standard
// error. Exit 0 every message came back, 1 not, 2 usage.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "endpoint/arguments.h"
#include "holdfast/client.h"

enum {
	GATEWAYS_MAX = 16,
	COUNT_MAX = 1000000,
	BYTES_MIN = 16, // number and time
	BYTES_MAX = 65536,
	FLUSH_MS = 2000,
	LAST_MS = 10000, // for the last echoes
	INTERVAL_MS_MAX = 3600000,
	TIMEOUT_MS_MIN = 2000, // what a client may wish for
	TIMEOUT_MS_MAX = 300000,
};

struct ping {
	struct argument_list gateways;
	const char *service, *bind;
	uint64_t count; // 0: until stopped
	uint64_t interval_ms, bytes, timeout_ms;
	bool json;
	uint64_t sent, received;
	uint64_t *times_us; // of the first COUNT_MAX echoes
	bool closed;
	uint8_t message[BYTES_MAX];
};

static volatile sig_atomic_t stopping;

static void on_stop(int number)
{
	(void)number;
	stopping = 1;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool echoed(void *context, struct holdfast_client *client,
		   const struct holdfast_message *message)
{
	struct ping *ping = context;
	uint64_t head[2];
	uint64_t took_us;

	(void)client;
	if (message->len < sizeof(head))
		return true;
	memcpy(head, message->bytes, sizeof(head));
	took_us = now_us() - head[1];
	if (ping->received < COUNT_MAX)
		ping->times_us[ping->received] = took_us;
	ping->received++;
	if (!ping->json) {
		printf("%u bytes: number=%" PRIu64 " time=%.3f ms\n", message->len, head[0],
		       (double)took_us / 1000);
		fflush(stdout);
	}
	return true;
}

static void returned(void *context, struct holdfast_client *client,
		     const struct holdfast_returned *message)
{
	uint64_t number;

	(void)context;
	(void)client;
	memcpy(&number, message->bytes, sizeof(number));
	fprintf(stderr, "number=%" PRIu64 " handed back: %s\n", number,
		message->mark == HOLDFAST_NOT_SENT ? "not sent" : "may have been delivered");
}

static void happened(void *context, struct holdfast_client *client,
		     const struct holdfast_client_event *event)
{
	struct ping *ping = context;

	(void)client;
	if (event->kind == HOLDFAST_CLIENT_EVENT_CLOSED)
		ping->closed = true;
	if (event->kind == HOLDFAST_CLIENT_EVENT_CONNECTED && event->resumed)
		fprintf(stderr, "session resumed after %" PRIu64 " ms\n", event->gap_ms);
	else if (event->kind == HOLDFAST_CLIENT_EVENT_DISCONNECTED)
		fprintf(stderr, "disconnected: %s\n", event->reason);
	else if (event->kind == HOLDFAST_CLIENT_EVENT_REFUSED)
		fprintf(stderr, "refused: %s\n", event->reason);
	else if (event->kind == HOLDFAST_CLIENT_EVENT_LOST)
		fprintf(stderr, "session lost: %s\n", event->reason);
	else if (event->kind == HOLDFAST_CLIENT_EVENT_CLOSED && event->code != HOLDFAST_NORMAL)
		fprintf(stderr, "closed: %s\n", event->reason);
}

// Processes until a time, or until done.
static void run_until(struct ping *ping, struct holdfast_client *client, uint64_t until_us)
{
	while (!ping->closed && stopping == 0) {
		const uint64_t now = now_us();

		if (now >= until_us)
			return;
		holdfast_client_wait(client, (int)((until_us - now + 999) / 1000));
	}
}

static void send_all(struct ping *ping, struct holdfast_client *client)
{
	uint64_t next_us = now_us();

	while (!ping->closed && stopping == 0 && (ping->count == 0 || ping->sent < ping->count)) {
		const uint64_t head[2] = {ping->sent, now_us()};

		memcpy(ping->message, head, sizeof(head));
		if (holdfast_client_send(client, 0, ping->message, (uint32_t)ping->bytes,
					 ping->sent) == 0)
			ping->sent++;
		holdfast_client_process(client);
		next_us += ping->interval_ms * 1000;
		run_until(ping, client, next_us);
	}
}

static int shorter(const void *left, const void *right)
{
	const uint64_t l = *(const uint64_t *)left, r = *(const uint64_t *)right;

	return (l > r) - (l < r);
}

static void statistics(const struct ping *ping, const struct holdfast_client *client)
{
	const uint64_t count = ping->received < COUNT_MAX ? ping->received : COUNT_MAX;
	struct holdfast_client_stats stats;
	double sum = 0, squares = 0, mean, deviation;

	holdfast_client_stats(client, &stats, sizeof(stats));
	if (count == 0) {
		printf(ping->json ? "{\"sent\": %" PRIu64 ", \"received\": 0}\n"
				  : "%" PRIu64 " sent, none came back\n",
		       ping->sent);
		return;
	}
	qsort(ping->times_us, count, sizeof(*ping->times_us), shorter);
	for (uint64_t i = 0; i < count; i++) {
		sum += (double)ping->times_us[i];
		squares += (double)ping->times_us[i] * (double)ping->times_us[i];
	}
	mean = sum / (double)count;
	deviation = sqrt(fmax(squares / (double)count - mean * mean, 0));
	printf(ping->json ? "{\"sent\": %" PRIu64 ", \"received\": %" PRIu64
			    ", \"resumes\": %" PRIu64
			    ", \"min_ms\": %.3f, \"mean_ms\": %.3f, \"p50_ms\": %.3f, "
			    "\"p99_ms\": %.3f, \"max_ms\": %.3f, \"deviation_ms\": %.3f}\n"
			  : "%" PRIu64 " sent, %" PRIu64 " came back, %" PRIu64
			    " resumes\nmin %.3f, mean %.3f, median %.3f, 99 %% %.3f, max %.3f, "
			    "deviation %.3f ms\n",
	       ping->sent, ping->received, stats.resumes, (double)ping->times_us[0] / 1000,
	       mean / 1000, (double)ping->times_us[count / 2] / 1000,
	       (double)ping->times_us[count * 99 / 100] / 1000,
	       (double)ping->times_us[count - 1] / 1000, deviation / 1000);
}

// Reads the command line. Returns -1 to go on, or an exit code.
static int read_arguments(struct ping *ping, int argc, char **argv)
{
	const struct argument list[] = {
	    {"gateway", "ADDRESS[:PORT]", "gateway (up to 16, tried in turn)", ARGUMENT_LIST,
	     &ping->gateways, 0, 0},
	    {"service", "NAME", "default echo", ARGUMENT_TEXT, &ping->service, 0, 0},
	    {"count", "N", "messages (default: until interrupted)", ARGUMENT_NUMBER, &ping->count,
	     1, UINT64_MAX / 2},
	    {"interval", "MS", "between two (default 1000)", ARGUMENT_NUMBER, &ping->interval_ms, 1,
	     INTERVAL_MS_MAX},
	    {"size", "BYTES", "16 to 65536 (default 64)", ARGUMENT_NUMBER, &ping->bytes, BYTES_MIN,
	     BYTES_MAX},
	    {"bind", "ADDRESS", "own address", ARGUMENT_TEXT, &ping->bind, 0, 0},
	    {"timeout-ms", "T", "wish for the session's time-out", ARGUMENT_NUMBER,
	     &ping->timeout_ms, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX},
	    {"json", NULL, "only the statistics, as JSON", ARGUMENT_FLAG, &ping->json, 0, 0},
	};
	const struct arguments arguments = {
	    .program = "holdfast-ping",
	    .usage = "--gateway ADDRESS[:PORT] [OPTIONS]",
	    .about = "Sends numbered messages to an echoing service and shows their round trips.",
	    .end = "exit: 0 every message came back, 1 not, 2 usage",
	    .list = list,
	    .count = sizeof(list) / sizeof(list[0])};
	const int code = arguments_read(&arguments, argc, argv);

	if (code < 0 && ping->gateways.count == 0)
		return arguments_wrong(&arguments, "--gateway is missing");
	return code;
}

int main(int argc, char **argv)
{
	const struct sigaction stop = {.sa_handler = on_stop};
	static const char *gateways[GATEWAYS_MAX];
	static struct ping ping = {.gateways = {gateways, 0, GATEWAYS_MAX},
				   .service = "echo",
				   .interval_ms = 1000,
				   .bytes = 64};
	const int code = read_arguments(&ping, argc, argv);
	struct holdfast_client_options options;
	struct holdfast_client *client;
	uint64_t until_us;

	if (code >= 0)
		return code;
	holdfast_client_options_init(&options, sizeof(options));
	options.gateways = ping.gateways.items;
	options.gateways_count = ping.gateways.count;
	options.services = &ping.service;
	options.services_count = 1;
	options.bind = ping.bind;
	options.client = "ping";
	options.timeout_ms = (uint32_t)ping.timeout_ms;
	options.context = &ping;
	options.on_message = echoed;
	options.on_returned = returned;
	options.on_event = happened;
	client = holdfast_client_create(&options);
	ping.times_us = calloc(COUNT_MAX, sizeof(*ping.times_us));
	if (client == NULL || ping.times_us == NULL) {
		fprintf(stderr, "holdfast-ping: %s\n",
			errno == EINVAL ? "an address or a name is not one" : strerror(errno));
		return 1;
	}
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	holdfast_client_connect(client);
	send_all(&ping, client);
	until_us = now_us() + (uint64_t)LAST_MS * 1000;
	stopping = 0;
	while (!ping.closed && ping.received < ping.sent && now_us() < until_us && stopping == 0)
		run_until(&ping, client, now_us() + 10000);
	if (!ping.closed)
		holdfast_client_close_wait(client, FLUSH_MS);
	statistics(&ping, client);
	holdfast_client_destroy(client);
	free(ping.times_us);
	return ping.sent > 0 && ping.received == ping.sent ? 0 : 1;
}
