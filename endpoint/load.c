// SPDX-License-Identifier: BSD-3-Clause
// holdfast-load: many sessions from one process, each message checked: every echo exactly once and
// in order. Progress on standard error, the verdict on standard output.
// Exit 0 nothing lost or doubled, 1 something was or nothing could be done, 2 usage.
//
// SIGUSR1 moves every client to a fresh socket (and to the next --bind address, if there are
// several). SIGTERM and SIGINT end the sending; what is outstanding is still waited for.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "endpoint/load.h"

enum {
	READY_MAX = 256,
	TICK_MS = 2,
	SCAN_US = 5000,
	DRAIN_US = 60 * 1000000, // for what is outstanding
	CLOSE_MS = 1000,
	CLOSE_US = 5 * 1000000,
	START_PER_SCAN = 20, // sessions begun at a time, so that they do not begin in step
};

volatile sig_atomic_t load_stopping;
static volatile sig_atomic_t moving;

static void on_stop(int number)
{
	(void)number;
	load_stopping = 1;
}

static void on_move(int number)
{
	(void)number;
	moving = 1;
}

uint64_t load_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void moves(struct load *load, uint64_t now)
{
	if (moving) {
		moving = 0;
		for (uint32_t i = 0; i < load->started; i++)
			load_caller_move(load, &load->callers[i]);
	}
	if (load->move_every_ms > 0 && now >= load->next_move_us && load->started > 0) {
		load->next_move_us = now + (uint64_t)load->move_every_ms * 1000;
		load_caller_move(load, &load->callers[(uint32_t)rand() % load->started]);
	}
}

// Everything that is not told by a readable descriptor.
static void scan(struct load *load, uint64_t now)
{
	for (uint32_t i = 0; i < START_PER_SCAN && load->started < load->sessions; i++) {
		const int rc = load_caller_start(load, load->started);

		if (rc != 0) {
			fprintf(stderr, "holdfast-load: session %u: %s\n", load->started,
				strerror(errno));
			load_stopping = 1;
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
		load_caller_send(load, caller, now);
		if (holdfast_client_timeout_ms(caller->client) == 0)
			holdfast_client_process(caller->client);
	}
}

// One turn of the loop; scans when it is time to.
static void turn(struct load *load, uint64_t *next_scan_us)
{
	struct epoll_event ready[READY_MAX];
	const int count = epoll_wait(load->epoll, ready, READY_MAX, TICK_MS);
	const uint64_t now = load_now_us();

	for (int i = 0; i < count; i++) {
		struct caller *caller = ready[i].data.ptr;

		holdfast_client_process(caller->client);
	}
	if (now >= *next_scan_us) {
		scan(load, now);
		*next_scan_us = load_now_us() + SCAN_US;
	}
}

static bool sending(const struct load *load, uint64_t now)
{
	if (load_stopping != 0)
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

	load->begun_us = load_now_us();
	load->sending_until_us = load->begun_us + load->duration_us;
	next_line_us = load->begun_us + 1000000;
	for (uint64_t now = load->begun_us; sending(load, now); now = load_now_us()) {
		turn(load, &next_scan_us);
		if (now >= next_line_us) {
			load_progress(load, now, &before);
			next_line_us += 1000000;
		}
	}
	load_stopping = 1;
	until_us = load_now_us() + DRAIN_US;
	for (uint64_t now = load_now_us(); outstanding(load) && now < until_us;
	     now = load_now_us()) {
		turn(load, &next_scan_us);
		if (now >= next_line_us) {
			load_progress(load, now, &before);
			next_line_us += 1000000;
		}
	}
	for (uint32_t i = 0; i < load->started; i++) {
		struct caller *caller = &load->callers[i];

		if (!caller->closed)
			holdfast_client_close(caller->client, CLOSE_MS);
	}
	until_us = load_now_us() + CLOSE_US;
	while (!all_closed(load) && load_now_us() < until_us)
		turn(load, &next_scan_us);
	for (uint32_t i = 0; i < load->started; i++) {
		struct ledger *ledger = &load->callers[i].ledger;

		ledger->lost += ledger_outstanding(ledger) - ledger->returned;
	}
}

int main(int argc, char **argv)
{
	const struct sigaction stop = {.sa_handler = on_stop}, move = {.sa_handler = on_move};
	static const char *gateways[LOAD_GATEWAYS_MAX], *binds[LOAD_BINDS_MAX];
	static struct load load = {.gateways = {gateways, 0, LOAD_GATEWAYS_MAX},
				   .binds = {binds, 0, LOAD_BINDS_MAX},
				   .services = {"echo"},
				   .rate = 10};
	const int code = load_arguments(&load, argc, argv);
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
	srand((unsigned int)load_now_us());
	load.callers = calloc(load.sessions, sizeof(*load.callers));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.callers == NULL || load.epoll < 0) {
		fprintf(stderr, "holdfast-load: %s\n", strerror(errno));
		return 1;
	}
	run(&load);
	good = load_verdict(&load);
	for (uint32_t i = 0; i < load.started; i++)
		holdfast_client_destroy(load.callers[i].client);
	free(load.callers);
	close(load.epoll);
	return good ? 0 : 1;
}
