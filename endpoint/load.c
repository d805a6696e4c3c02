// SPDX-License-Identifier: BSD-3-Clause
// holdfast-load: many sessions from one process, each message checked: every echo exactly once and
// in order. Progress on standard error, the verdict on standard output.
// Exit 0 nothing lost or doubled, 1 something was or nothing could be done, 2 usage.
//
// SIGUSR1 moves every client to a fresh socket (and to the next --bind address, if there are
// several). SIGTERM and SIGINT end the sending; what is outstanding is still waited for.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "endpoint/ledger.h"
#include "holdfast/client.h"

enum {
	GATEWAYS_MAX = 16,
	BINDS_MAX = 16,
	SESSIONS_MAX = 100000,
	MESSAGE_BYTES_MAX = 65536,
	READY_MAX = 256,
	TICK_MS = 2,
	SCAN_US = 5000,
	BURST_MAX = 64,          // messages of one session in one scan
	DRAIN_US = 60 * 1000000, // for what is outstanding
	CLOSE_MS = 1000,
	CLOSE_US = 5 * 1000000,
	START_PER_SCAN = 20, // sessions begun at a time, so that they do not begin in step
};

struct load;

struct caller {
	struct load *load;
	struct holdfast_client *client;
	struct ledger ledger;
	uint64_t next_us;    // when the next message is due
	uint64_t unanswered; // taken by the backend, echo gone with a lost session
	uint32_t bind;
	bool started;
	bool closed;
	bool evicted;
	bool failed; // closed by anything but an eviction or us
};

struct totals {
	uint64_t sent, delivered, doubled, lost, damaged, returned, unanswered;
	uint64_t resumes, renewed, evicted, failed, connected;
	uint64_t gap_max_ms, handshake_max_us;
};

struct load {
	const char *gateways[GATEWAYS_MAX];
	const char *binds[BINDS_MAX];
	const char *services[1];
	uint32_t gateways_count, binds_count, sessions;
	uint64_t messages;    // of each session, 0: by time
	uint64_t duration_us; // 0: by messages
	double rate;          // messages a second and session
	uint32_t bytes;
	uint32_t timeout_ms;
	int64_t grace_ms;
	uint32_t move_every_ms;
	bool json, renew, quiet;
	struct caller *callers;
	uint32_t started;
	uint64_t begun_us, sending_until_us, next_move_us;
	int epoll;
	uint8_t message[MESSAGE_BYTES_MAX];
};

static volatile sig_atomic_t stopping, moving;

static void on_stop(int number)
{
	(void)number;
	stopping = 1;
}

static void on_move(int number)
{
	(void)number;
	moving = 1;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool message_came(void *context, struct holdfast_client *client,
			 const struct holdfast_message *message)
{
	struct caller *caller = context;

	(void)client;
	ledger_check(&caller->ledger, message->bytes, message->len);
	return true;
}

static void message_returned(void *context, struct holdfast_client *client,
			     const struct holdfast_returned *message)
{
	struct caller *caller = context;

	(void)client;
	(void)message;
	ledger_returned(&caller->ledger);
}

// The session is over: what was neither delivered nor handed back was taken by the backend.
static void ledger_over(struct caller *caller)
{
	const uint64_t outstanding = ledger_outstanding(&caller->ledger);

	caller->unanswered += outstanding - caller->ledger.returned;
	ledger_renew(&caller->ledger);
}

static void happened(void *context, struct holdfast_client *client,
		     const struct holdfast_client_event *event)
{
	struct caller *caller = context;

	(void)client;
	if (event->kind == HOLDFAST_CLIENT_EVENT_RENEWED) {
		ledger_over(caller);
	} else if (event->kind == HOLDFAST_CLIENT_EVENT_CLOSED) {
		caller->closed = true;
		if (event->code != HOLDFAST_NORMAL)
			ledger_over(caller);
		caller->evicted = event->code == HOLDFAST_EVICTED;
		caller->failed = !caller->evicted && event->code != HOLDFAST_NORMAL;
		if (caller->failed && !caller->load->quiet)
			fprintf(stderr, "session %u closed: %s %s\n", caller->ledger.session,
				holdfast_code_name(event->code), event->reason);
	}
}

static int caller_start(struct load *load, uint32_t index)
{
	struct caller *caller = &load->callers[index];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
	struct holdfast_client_options options;

	holdfast_client_options_init(&options, sizeof(options));
	options.gateways = load->gateways;
	options.gateways_count = load->gateways_count;
	options.services = load->services;
	options.services_count = 1;
	options.client = "load";
	options.timeout_ms = load->timeout_ms;
	options.grace_ms = load->grace_ms;
	options.renew = load->renew;
	if (load->binds_count > 0)
		options.bind = load->binds[0];
	options.context = caller;
	options.on_message = message_came;
	options.on_returned = message_returned;
	options.on_event = happened;
	caller->load = load;
	caller->ledger.session = index;
	caller->client = holdfast_client_create(&options);
	if (caller->client == NULL)
		return -errno;
	caller->started = true;
	caller->next_us = now_us();
	holdfast_client_connect(caller->client);
	return epoll_ctl(load->epoll, EPOLL_CTL_ADD, holdfast_client_fd(caller->client), &event);
}

static bool may_send(const struct load *load, const struct caller *caller, uint64_t now)
{
	const uint64_t sent = caller->ledger.sent + caller->ledger.sent_before;

	return !caller->closed && stopping == 0 && (load->messages == 0 || sent < load->messages) &&
	       (load->duration_us == 0 || now < load->sending_until_us);
}

// Sends what is due.
static void caller_send(struct load *load, struct caller *caller, uint64_t now)
{
	const uint64_t step_us = load->rate > 0 ? (uint64_t)(1e6 / load->rate) : 0;

	for (int i = 0; i < BURST_MAX && caller->next_us <= now; i++) {
		if (!may_send(load, caller, now) || !holdfast_client_writable(caller->client, 0))
			return;
		ledger_write(&caller->ledger, load->message, load->bytes);
		if (holdfast_client_send(caller->client, 0, load->message, load->bytes, 0) != 0)
			return;
		ledger_sent(&caller->ledger);
		caller->next_us += step_us;
		if (caller->next_us + 1000000 < now)
			caller->next_us = now; // stopped for a while: no flood to catch up
	}
}

static void caller_move(struct load *load, struct caller *caller)
{
	const char *bind = NULL;

	if (!caller->started || caller->closed)
		return;
	if (load->binds_count > 0) {
		caller->bind = (caller->bind + 1) % load->binds_count;
		bind = load->binds[caller->bind];
	}
	holdfast_client_move(caller->client, bind);
}

static void moves(struct load *load, uint64_t now)
{
	if (moving) {
		moving = 0;
		for (uint32_t i = 0; i < load->started; i++)
			caller_move(load, &load->callers[i]);
	}
	if (load->move_every_ms > 0 && now >= load->next_move_us && load->started > 0) {
		load->next_move_us = now + (uint64_t)load->move_every_ms * 1000;
		caller_move(load, &load->callers[(uint32_t)rand() % load->started]);
	}
}

// Everything that is not told by a readable descriptor.
static void scan(struct load *load, uint64_t now)
{
	for (uint32_t i = 0; i < START_PER_SCAN && load->started < load->sessions; i++) {
		const int rc = caller_start(load, load->started);

		if (rc != 0) {
			fprintf(stderr, "holdfast-load: session %u: %s\n", load->started,
				strerror(errno));
			stopping = 1;
			load->sessions = load->started;
			return;
		}
		load->started++;
	}
	moves(load, now);
	for (uint32_t i = 0; i < load->started; i++) {
		struct caller *caller = &load->callers[i];

		if (caller->closed)
			continue;
		caller_send(load, caller, now);
		if (holdfast_client_timeout_ms(caller->client) == 0)
			holdfast_client_process(caller->client);
	}
}

// One turn of the loop; scans when it is time to.
static void turn(struct load *load, uint64_t *next_scan_us)
{
	struct epoll_event ready[READY_MAX];
	const int count = epoll_wait(load->epoll, ready, READY_MAX, TICK_MS);
	const uint64_t now = now_us();

	for (int i = 0; i < count; i++) {
		struct caller *caller = ready[i].data.ptr;

		holdfast_client_process(caller->client);
	}
	if (now >= *next_scan_us) {
		scan(load, now);
		*next_scan_us = now_us() + SCAN_US;
	}
}

static void caller_add(const struct caller *caller, struct totals *totals)
{
	struct holdfast_client_stats stats;

	totals->sent += caller->ledger.sent + caller->ledger.sent_before;
	totals->delivered += caller->ledger.delivered + caller->ledger.delivered_before;
	totals->doubled += caller->ledger.doubled;
	totals->lost += caller->ledger.lost;
	totals->damaged += caller->ledger.damaged;
	totals->returned += caller->ledger.returned + caller->ledger.returned_before;
	totals->unanswered += caller->unanswered;
	totals->evicted += caller->evicted;
	totals->failed += caller->failed;
	totals->renewed += caller->ledger.generation - (caller->evicted || caller->failed);
	if (!caller->started)
		return;
	holdfast_client_stats(caller->client, &stats, sizeof(stats));
	totals->connected += stats.state == HOLDFAST_CLIENT_CONNECTED;
	totals->resumes += stats.resumes;
	if (stats.gap_max_ms > totals->gap_max_ms)
		totals->gap_max_ms = stats.gap_max_ms;
	if (stats.handshake_us > totals->handshake_max_us)
		totals->handshake_max_us = stats.handshake_us;
}

static void totals_make(const struct load *load, struct totals *totals)
{
	*totals = (struct totals){0};
	for (uint32_t i = 0; i < load->sessions; i++)
		caller_add(&load->callers[i], totals);
}

// One line a second.
static void progress(const struct load *load, uint64_t now, struct totals *before)
{
	struct totals totals;

	totals_make(load, &totals);
	if (!load->quiet)
		fprintf(stderr,
			"%5.0f s  connected %" PRIu64 "/%u  sent %" PRIu64 "/s  echoed %" PRIu64
			"/s  outstanding %" PRIu64 "  resumes %" PRIu64 "  doubled %" PRIu64
			"  lost %" PRIu64 "\n",
			(double)(now - load->begun_us) / 1e6, totals.connected, load->sessions,
			totals.sent - before->sent, totals.delivered - before->delivered,
			totals.sent - totals.delivered - totals.returned - totals.unanswered,
			totals.resumes, totals.doubled, totals.lost);
	*before = totals;
}

static bool sending(const struct load *load, uint64_t now)
{
	if (stopping != 0)
		return false;
	if (load->duration_us != 0)
		return now < load->sending_until_us;
	for (uint32_t i = 0; i < load->sessions; i++) {
		const struct caller *caller = &load->callers[i];

		if (!caller->closed &&
		    caller->ledger.sent + caller->ledger.sent_before < load->messages)
			return true;
	}
	return false;
}

static bool outstanding(const struct load *load)
{
	for (uint32_t i = 0; i < load->started; i++) {
		const struct caller *caller = &load->callers[i];

		if (!caller->closed && ledger_outstanding(&caller->ledger) > 0)
			return true;
	}
	return false;
}

static bool all_closed(const struct load *load)
{
	for (uint32_t i = 0; i < load->started; i++) {
		if (!load->callers[i].closed)
			return false;
	}
	return true;
}

// Sends, waits for what is outstanding, closes.
static void run(struct load *load)
{
	struct totals before = {0};
	uint64_t next_scan_us = 0, next_line_us, until_us;

	load->begun_us = now_us();
	load->sending_until_us = load->begun_us + load->duration_us;
	next_line_us = load->begun_us + 1000000;
	for (uint64_t now = load->begun_us; sending(load, now); now = now_us()) {
		turn(load, &next_scan_us);
		if (now >= next_line_us) {
			progress(load, now, &before);
			next_line_us += 1000000;
		}
	}
	stopping = 1;
	until_us = now_us() + DRAIN_US;
	for (uint64_t now = now_us(); outstanding(load) && now < until_us; now = now_us()) {
		turn(load, &next_scan_us);
		if (now >= next_line_us) {
			progress(load, now, &before);
			next_line_us += 1000000;
		}
	}
	for (uint32_t i = 0; i < load->started; i++) {
		struct caller *caller = &load->callers[i];

		caller->ledger.lost += caller->closed ? 0 : ledger_outstanding(&caller->ledger);
		if (!caller->closed)
			holdfast_client_close(caller->client, CLOSE_MS);
	}
	until_us = now_us() + CLOSE_US;
	while (!all_closed(load) && now_us() < until_us)
		turn(load, &next_scan_us);
}

static bool verdict(const struct load *load)
{
	const double seconds = (double)(now_us() - load->begun_us) / 1e6;
	struct totals totals;

	totals_make(load, &totals);

	const bool good = totals.doubled == 0 && totals.lost == 0 && totals.damaged == 0 &&
			  totals.failed == 0 && totals.delivered > 0;

	if (load->json)
		printf("{\"sessions\": %u, \"sent\": %" PRIu64 ", \"delivered\": %" PRIu64
		       ", \"doubled\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"damaged\": %" PRIu64
		       ", \"handed_back\": %" PRIu64 ", \"unanswered\": %" PRIu64
		       ", \"resumes\": %" PRIu64 ", \"renewed\": %" PRIu64 ", \"evicted\": %" PRIu64
		       ", \"failed\": %" PRIu64 ", \"longest_gap_ms\": %" PRIu64
		       ", \"handshake_max_us\": %" PRIu64 ", \"seconds\": %.3f, \"good\": %s}\n",
		       load->sessions, totals.sent, totals.delivered, totals.doubled, totals.lost,
		       totals.damaged, totals.returned, totals.unanswered, totals.resumes,
		       totals.renewed, totals.evicted, totals.failed, totals.gap_max_ms,
		       totals.handshake_max_us, seconds, good ? "true" : "false");
	else
		printf("sessions %u, sent %" PRIu64 ", delivered %" PRIu64 ", doubled %" PRIu64
		       ", lost %" PRIu64 ", damaged %" PRIu64 "\nhanded back %" PRIu64
		       ", taken but unanswered when a session was lost %" PRIu64
		       "\nresumes %" PRIu64 ", new sessions after a loss %" PRIu64
		       ", evicted %" PRIu64 ", failed %" PRIu64 "\nlongest gap %" PRIu64
		       " ms, slowest handshake %" PRIu64 " us, %.0f messages/s echoed\n%s\n",
		       load->sessions, totals.sent, totals.delivered, totals.doubled, totals.lost,
		       totals.damaged, totals.returned, totals.unanswered, totals.resumes,
		       totals.renewed, totals.evicted, totals.failed, totals.gap_max_ms,
		       totals.handshake_max_us, (double)totals.delivered / seconds,
		       good ? "every message exactly once and in order" : "FAILED");
	return good;
}

static void help(void)
{
	puts("usage: holdfast-load --gateway ADDRESS[:PORT] [OPTIONS]\n\n"
	     "Many sessions with an echoing service; every echo is checked.\n\n"
	     "  --gateway ADDRESS[:PORT]  gateway (up to 16, tried in turn)\n"
	     "  --service NAME            default echo\n"
	     "  --sessions N              default 100\n"
	     "  --messages N              of each session; or\n"
	     "  --duration SECONDS        default 10\n"
	     "  --rate R                  messages a second and session; 0: as fast as it goes\n"
	     "                            (default 10)\n"
	     "  --size BYTES              of a message, 24 to 65536 (default 100)\n"
	     "  --bind ADDRESS            own address (up to 16; moves go round them)\n"
	     "  --move-every MS           one random session goes to a fresh socket so often\n"
	     "  --timeout-ms T            wish for the session's time-out\n"
	     "  --grace-ms G              wish for its grace\n"
	     "  --no-renew                a lost session is the end of its client\n"
	     "  --json                    verdict as JSON\n"
	     "  --quiet                   no progress\n"
	     "  --help                    this text\n\n"
	     "SIGUSR1 moves all sessions to fresh sockets; SIGTERM ends the sending.\n"
	     "exit: 0 nothing lost or doubled, 1 something was, 2 usage");
}

static bool list_add(const char **list, uint32_t *count, uint32_t max)
{
	if (*count == max)
		return false;
	list[(*count)++] = optarg;
	return true;
}

// Reads one option. Returns false where it is wrong.
static bool option_read(struct load *load, int option)
{
	switch (option) {
	case 'g':
		return list_add(load->gateways, &load->gateways_count, GATEWAYS_MAX);
	case 'b':
		return list_add(load->binds, &load->binds_count, BINDS_MAX);
	case 's':
		load->services[0] = optarg;
		return true;
	case 'n':
		load->sessions = (uint32_t)strtoul(optarg, NULL, 10);
		return load->sessions >= 1 && load->sessions <= SESSIONS_MAX;
	case 'm':
		load->messages = strtoull(optarg, NULL, 10);
		load->duration_us = 0;
		return load->messages >= 1;
	case 'd':
		load->duration_us = (uint64_t)(strtod(optarg, NULL) * 1e6);
		load->messages = 0;
		return load->duration_us >= 1;
	case 'r':
		load->rate = strtod(optarg, NULL);
		return load->rate >= 0;
	case 'z':
		load->bytes = (uint32_t)strtoul(optarg, NULL, 10);
		return load->bytes >= LEDGER_HEAD_BYTES && load->bytes <= MESSAGE_BYTES_MAX;
	case 'e':
		load->move_every_ms = (uint32_t)strtoul(optarg, NULL, 10);
		return load->move_every_ms >= 1;
	case 't':
		load->timeout_ms = (uint32_t)strtoul(optarg, NULL, 10);
		return true;
	case 'G':
		load->grace_ms = strtoll(optarg, NULL, 10);
		return load->grace_ms >= 0;
	case 'R':
		load->renew = false;
		return true;
	case 'j':
		load->json = true;
		return true;
	case 'q':
		load->quiet = true;
		return true;
	default:
		return false;
	}
}

// Reads the command line. Returns -1 to go on, or an exit code.
static int arguments(struct load *load, int argc, char **argv)
{
	static const struct option options[] = {{"gateway", required_argument, NULL, 'g'},
						{"service", required_argument, NULL, 's'},
						{"sessions", required_argument, NULL, 'n'},
						{"messages", required_argument, NULL, 'm'},
						{"duration", required_argument, NULL, 'd'},
						{"rate", required_argument, NULL, 'r'},
						{"size", required_argument, NULL, 'z'},
						{"bind", required_argument, NULL, 'b'},
						{"move-every", required_argument, NULL, 'e'},
						{"timeout-ms", required_argument, NULL, 't'},
						{"grace-ms", required_argument, NULL, 'G'},
						{"no-renew", no_argument, NULL, 'R'},
						{"json", no_argument, NULL, 'j'},
						{"quiet", no_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			help();
			return 0;
		}
		if (option == '?')
			return 2;
		if (!option_read(load, option)) {
			fprintf(stderr, "holdfast-load: %s is out of bounds; --help tells more\n",
				optarg);
			return 2;
		}
	}
	if (load->gateways_count > 0 && optind == argc)
		return -1;
	fprintf(stderr, "holdfast-load: %s; --help tells more\n",
		optind < argc ? "too many arguments" : "--gateway is missing");
	return 2;
}

int main(int argc, char **argv)
{
	const struct sigaction stop = {.sa_handler = on_stop}, move = {.sa_handler = on_move};
	static struct load load = {.services = {"echo"},
				   .sessions = 100,
				   .duration_us = 10 * 1000000,
				   .rate = 10,
				   .bytes = 100,
				   .grace_ms = -1,
				   .renew = true};
	const int code = arguments(&load, argc, argv);
	struct rlimit files;
	bool good;

	if (code >= 0)
		return code;
	// Two descriptors a session.
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGUSR1, &move, NULL);
	srand((unsigned int)now_us());
	load.callers = calloc(load.sessions, sizeof(*load.callers));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.callers == NULL || load.epoll < 0) {
		fprintf(stderr, "holdfast-load: %s\n", strerror(errno));
		return 1;
	}
	run(&load);
	good = verdict(&load);
	for (uint32_t i = 0; i < load.started; i++)
		holdfast_client_destroy(load.callers[i].client);
	free(load.callers);
	close(load.epoll);
	return good ? 0 : 1;
}
