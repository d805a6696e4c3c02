// SPDX-License-Identifier: BSD-3-Clause
// holdfast-echo: a backend that sends every message back. Events on standard output, trouble on
// standard error. Exit 0 stopped by a signal, 1 failed, 2 usage.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/arguments.h"
#include "holdfast/backend.h"

enum { GATEWAYS_MAX = 16, FLUSH_MS = 1000, WAIT_MS = 200, CAPACITY = 1000000 };

static volatile sig_atomic_t stopping;

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

// Answers a message. At the session's hard limit the message stays with the session, so that its
// client is slowed down, until the session is writable again.
static bool echo(void *context, struct holdfast_session *session,
		 const struct holdfast_message *message)
{
	(void)context;
	return holdfast_backend_send(session, message->bytes, message->len, 0) != -EAGAIN;
}

static void echo_datagram(void *context, struct holdfast_session *session,
			  const struct holdfast_message *datagram)
{
	(void)context;
	holdfast_backend_datagram(session, datagram->bytes, datagram->len);
}

static void session_event(void *context, struct holdfast_session *session,
			  const struct holdfast_session_event *event)
{
	(void)context;
	if (event->kind == HOLDFAST_SESSION_EVENT_WRITABLE)
		holdfast_backend_continue(session);
}

static void link_event(void *context, struct holdfast_backend *backend,
		       const struct holdfast_link_event *event)
{
	const char *const *gateways = context;
	static const char *const names[] = {
	    [HOLDFAST_LINK_EVENT_REGISTERED] = "registered",
	    [HOLDFAST_LINK_EVENT_LANES] = "all lanes open",
	    [HOLDFAST_LINK_EVENT_LOST] = "link lost",
	    [HOLDFAST_LINK_EVENT_REFUSED] = "refused",
	    [HOLDFAST_LINK_EVENT_EXHAUSTED] = "still trying",
	    [HOLDFAST_LINK_EVENT_STOPPED] = "refused for good",
	};

	(void)backend;
	printf("%s: %s%s%s (%u of %u lanes)\n", gateways[event->gateway], names[event->kind],
	       event->reason[0] != '\0' ? ": " : "", event->reason, event->lanes, event->workers);
	fflush(stdout);
	if (event->kind == HOLDFAST_LINK_EVENT_STOPPED)
		stopping = 2;
}

// Reads the command line. Returns -1 to go on, or an exit code.
static int read_arguments(struct argument_list *gateways, struct holdfast_backend_options *options,
			  int argc, char **argv)
{
	uint64_t capacity = CAPACITY;
	const struct argument list[] = {
	    {"gateway", "ADDRESS[:PORT]", "gateway to register at (up to 16 times)", ARGUMENT_LIST,
	     gateways, 0, 0},
	    {"service", "NAME", "service to serve (default echo)", ARGUMENT_TEXT, &options->service,
	     0, 0},
	    {"name", "NAME", "name of this backend (default echo)", ARGUMENT_TEXT, &options->name,
	     0, 0},
	    {"bind", "ADDRESS", "own address (default: the system's choice)", ARGUMENT_TEXT,
	     &options->bind, 0, 0},
	    {"capacity", "N", "sessions at a time (default 1000000)", ARGUMENT_NUMBER, &capacity, 1,
	     UINT32_MAX},
	    {"instance", "N", "number of this process (default: random)", ARGUMENT_NUMBER,
	     &options->instance, 1, UINT64_MAX},
	};
	const struct arguments arguments = {.program = "holdfast-echo",
					    .usage = "--gateway ADDRESS[:PORT] [OPTIONS]",
					    .about = "A backend that sends every message back.",
					    .end = "exit: 0 stopped by a signal, 1 failed, 2 usage",
					    .list = list,
					    .count = sizeof(list) / sizeof(list[0])};
	const int code = arguments_read(&arguments, argc, argv);

	if (code < 0 && gateways->count == 0)
		return arguments_wrong(&arguments, "--gateway is missing");
	options->gateways = gateways->items;
	options->gateways_count = gateways->count;
	options->capacity = (uint32_t)capacity;
	return code;
}

static void statistics(const struct holdfast_backend *backend)
{
	struct holdfast_backend_stats stats;

	holdfast_backend_stats(backend, &stats, sizeof(stats));
	printf("sessions opened %" PRIu64 ", closed %" PRIu64 ", expired %" PRIu64
	       "; messages received %" PRIu64 ", sent %" PRIu64 "\n",
	       stats.sessions_opened, stats.sessions_closed, stats.sessions_expired,
	       stats.counters.messages_received, stats.counters.messages_sent);
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = stop};
	const char *gateways[GATEWAYS_MAX];
	struct argument_list list = {gateways, 0, GATEWAYS_MAX};
	struct holdfast_backend_options options;
	struct holdfast_backend *backend;

	holdfast_backend_options_init(&options, sizeof(options));
	options.service = options.name = "echo";
	options.context = gateways;
	options.on_message = echo;
	options.on_datagram = echo_datagram;
	options.on_session = session_event;
	options.on_link = link_event;

	const int code = read_arguments(&list, &options, argc, argv);

	if (code >= 0)
		return code;
	backend = holdfast_backend_create(&options);
	if (backend == NULL) {
		fprintf(stderr, "holdfast-echo: %s\n",
			errno == EINVAL ? "an address or a name is not one" : strerror(errno));
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	while (stopping == 0)
		holdfast_backend_wait(backend, WAIT_MS);
	holdfast_backend_close(backend, FLUSH_MS);
	while (!holdfast_backend_closed(backend))
		holdfast_backend_wait(backend, WAIT_MS);
	statistics(backend);
	holdfast_backend_destroy(backend);
	return stopping == 1 ? 0 : 1;
}
