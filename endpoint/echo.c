// SPDX-License-Identifier: BSD-3-Clause
// holdfast-echo: a backend that sends every message back. Events on standard output, trouble on
// standard error. Exit 0 stopped by a signal, 1 failed, 2 usage.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/backend.h"

enum { GATEWAYS_MAX = 16, FLUSH_MS = 1000, WAIT_MS = 200 };

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

static void help(void)
{
	puts("usage: holdfast-echo --gateway ADDRESS[:PORT] [OPTIONS]\n\n"
	     "A backend that sends every message back.\n\n"
	     "  --gateway ADDRESS[:PORT]  gateway to register at (up to 16 times)\n"
	     "  --service NAME            service to serve (default echo)\n"
	     "  --name NAME               name of this backend (default echo)\n"
	     "  --bind ADDRESS            own address (default: the system's choice)\n"
	     "  --capacity N              sessions at a time (default 1000000)\n"
	     "  --instance N              number of this process (default: random)\n"
	     "  --help                    this text\n\n"
	     "exit: 0 stopped by a signal, 1 failed, 2 usage");
}

// Reads the command line. Returns -1 to go on, or an exit code.
static int arguments(int argc, char **argv, struct holdfast_backend_options *options,
		     const char **gateways)
{
	static const struct option long_options[] = {
	    {"gateway", required_argument, NULL, 'g'},  {"service", required_argument, NULL, 's'},
	    {"name", required_argument, NULL, 'n'},     {"bind", required_argument, NULL, 'b'},
	    {"capacity", required_argument, NULL, 'c'}, {"instance", required_argument, NULL, 'i'},
	    {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'g':
			if (options->gateways_count == GATEWAYS_MAX) {
				fprintf(stderr, "holdfast-echo: more than 16 gateways\n");
				return 2;
			}
			gateways[options->gateways_count++] = optarg;
			break;
		case 's':
			options->service = optarg;
			break;
		case 'n':
			options->name = optarg;
			break;
		case 'b':
			options->bind = optarg;
			break;
		case 'c':
			options->capacity = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'i':
			options->instance = strtoull(optarg, NULL, 0);
			break;
		case 'h':
			help();
			return 0;
		default:
			return 2;
		}
	}
	if (options->gateways_count > 0 && optind == argc)
		return -1;
	fprintf(stderr, "holdfast-echo: %s; --help tells more\n",
		optind < argc ? "too many arguments" : "--gateway is missing");
	return 2;
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
	struct holdfast_backend_options options;
	struct holdfast_backend *backend;

	holdfast_backend_options_init(&options, sizeof(options));
	options.gateways = gateways;
	options.service = options.name = "echo";
	options.capacity = 1000000;
	options.context = gateways;
	options.on_message = echo;
	options.on_datagram = echo_datagram;
	options.on_session = session_event;
	options.on_link = link_event;

	const int code = arguments(argc, argv, &options, gateways);

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
