// SPDX-License-Identifier: BSD-3-Clause
#include "control/top.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "control/top_feed.h"
#include "control/top_keys.h"
#include "control/top_page.h"
#include "control/top_screen.h"
#include "control/verbs.h"

enum {
	INTERVAL_MIN_MS = 100,
	INTERVAL_MAX_MS = 60000,
	INTERVAL_DEFAULT_MS = 1000,
	BLOCK_ROWS = 300,
	BLOCK_COLUMNS = 80,
	TICK_MS = 1000, // the clock on the screen
	AWAY_TICK_MS = 100,
	ONCE_US = CALLER_TIMEOUT_MS * 1000, // beyond the interval
};

struct options {
	uint32_t interval_ms;
	bool once, plain;
};

struct run {
	struct options options;
	struct top_state state;
	struct top_feed feed;
	struct top_canvas canvas;
	int signals;
	bool over;
	uint32_t printed; // samples there were at the last block
	bool told;        // that the gateway is away
	int code;
};

static uint64_t mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// ---- Command line ------------------------------------------------------------------------------

static bool interval_read(const char *text, uint32_t *interval_ms)
{
	char *end;
	const double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds * 1000 >= INTERVAL_MIN_MS) ||
	    !(seconds * 1000 <= INTERVAL_MAX_MS))
		return false;
	*interval_ms = (uint32_t)lround(seconds * 1000);
	return true;
}

// Returns an exit code: EXIT_DONE to go on.
static int options_read(struct options *options, const struct command_line *line)
{
	const char *interval = command_line_option(line, "interval");

	*options = (struct options){
	    .interval_ms = INTERVAL_DEFAULT_MS,
	    .once = command_line_option(line, "once") != NULL,
	    .plain = command_line_option(line, "plain") != NULL,
	};
	if (line->json)
		return command_line_wrong(line, "top is for people; for programs: stats --json");
	if (interval != NULL && !interval_read(interval, &options->interval_ms))
		return command_line_wrong(line, "--interval takes 0.1 to 60 seconds, not %s",
					  interval);
	if (options->once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		options->plain = true;
	return EXIT_DONE;
}

// ---- Text --------------------------------------------------------------------------------------

static void clock_set(struct top_view *view)
{
	const time_t now = time(NULL);
	struct tm parts;

	localtime_r(&now, &parts);
	strftime(view->clock, sizeof(view->clock), "%H:%M:%S", &parts);
}

// Prints a block for each sample, once its lists are there too.
static void block_print(struct run *run)
{
	if (run->printed == run->feed.samples || !top_feed_settled(&run->feed))
		return;
	if (top_canvas_resize(&run->canvas, BLOCK_ROWS, BLOCK_COLUMNS) != 0) {
		fprintf(stderr, "holdfastctl: out of memory\n");
		run->code = EXIT_REFUSED;
		run->over = true;
		return;
	}
	run->printed = run->feed.samples;
	clock_set(&run->state.view);
	top_canvas_write(&run->canvas, 0, top_page_block(&run->canvas, &run->state), stdout);
	if (!run->options.once)
		putchar('\n');
	// Nobody reads any more: enough.
	if (fflush(stdout) != 0 || run->options.once)
		run->over = true;
}

// Says on standard error that the gateway went, and that it is back; --once ends with it.
static void trouble_print(struct run *run, uint64_t now_us)
{
	const struct top_data *data = &run->state.data;
	const uint64_t patience_us = (uint64_t)run->options.interval_ms * 1000 + ONCE_US;

	if (run->options.once && !data->connected) {
		fprintf(stderr, "holdfastctl: %s\n", run->feed.link.error);
		run->code = EXIT_NO_GATEWAY;
		run->over = true;
	} else if (run->options.once && now_us - run->feed.heard_us > patience_us) {
		fprintf(stderr, "holdfastctl: the gateway does not answer\n");
		run->code = EXIT_REFUSED;
		run->over = true;
	} else if (!data->connected && !run->told) {
		fprintf(stderr, "holdfastctl: %s\n", data->trouble);
	} else if (data->connected && run->told) {
		fprintf(stderr, "holdfastctl: the gateway is back\n");
	}
	run->told = !data->connected;
}

// ---- Screen ------------------------------------------------------------------------------------

static void screen_draw(struct run *run)
{
	int rows, columns;

	top_screen_size(&rows, &columns);
	if (top_canvas_resize(&run->canvas, rows, columns) != 0) {
		run->code = EXIT_REFUSED;
		run->over = true;
		return;
	}
	clock_set(&run->state.view);
	top_page_draw(&run->canvas, &run->state);
	top_screen_show(&run->canvas);
}

static void keys_take(struct run *run, uint64_t now_us)
{
	int key;

	while ((key = top_screen_key()) != 0 && !run->over) {
		const enum top_wish wish = top_keys_press(&run->state, key);

		if (wish == TOP_WISH_ASK)
			top_feed_ask(&run->feed, now_us);
		else if (wish == TOP_WISH_EVICT)
			top_feed_evict(&run->feed);
		run->over = run->state.view.quit;
	}
	run->feed.changed = true;
}

// ---- Loop --------------------------------------------------------------------------------------

// Signals become readable: they end the loop, never a system call, so the terminal is put back.
static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGWINCH);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void signals_take(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			run->feed.changed = true;
		else
			run->over = true;
	}
}

static void loop_pass(struct run *run)
{
	const bool away = run->feed.link.fd < 0;
	// Of a pipe only its end matters.
	struct pollfd fds[] = {
	    {.fd = run->options.plain ? STDOUT_FILENO : STDIN_FILENO,
	     .events = run->options.plain ? 0 : POLLIN},
	    {.fd = run->signals, .events = POLLIN},
	    {.fd = run->feed.link.fd, .events = away ? 0 : top_link_events(&run->feed.link)},
	};
	const int ready = poll(fds, 3, away ? AWAY_TICK_MS : TICK_MS);
	const uint64_t now_us = mono_us();

	if (ready > 0 && (fds[1].revents & POLLIN) != 0)
		signals_take(run);
	if (ready > 0 && (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
		run->over = true;
	if (ready > 0 && (fds[0].revents & POLLIN) != 0)
		keys_take(run, now_us);
	top_feed_pump(&run->feed, now_us);
	if (run->feed.refused)
		run->over = true;
	if (run->over)
		return;
	if (run->options.plain) {
		block_print(run);
		if (!run->over)
			trouble_print(run, now_us);
	} else if (run->feed.changed || ready == 0) {
		run->feed.changed = false;
		screen_draw(run);
	}
}

static void loop(struct run *run)
{
	if (!run->options.plain)
		screen_draw(run);
	while (!run->over)
		loop_pass(run);
}

int top_run(struct command_line *line)
{
	struct run run = {.code = EXIT_DONE};
	const int rc = options_read(&run.options, line);

	if (rc != EXIT_DONE)
		return rc;
	setlocale(LC_CTYPE, "");
	run.canvas.ascii = run.options.plain || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	run.signals = signals_open();
	if (run.signals < 0) {
		fprintf(stderr, "holdfastctl: signals: %s\n", strerror(errno));
		return EXIT_REFUSED;
	}
	if (!run.options.plain && top_screen_begin() != 0) {
		fprintf(stderr,
			"holdfastctl: no screen on a terminal of type \"%s\"; use --plain\n",
			getenv("TERM") != NULL ? getenv("TERM") : "");
		close(run.signals);
		return EXIT_REFUSED;
	}
	top_state_init(&run.state, run.options.interval_ms);
	top_feed_init(&run.feed, &run.state, line->socket, line->caller.fd, mono_us());
	line->caller.fd = -1; // the feed's by now
	loop(&run);
	if (!run.options.plain)
		top_screen_end();
	if (run.feed.refused) {
		fprintf(stderr, "holdfastctl: %s\n", run.state.data.trouble);
		run.code = EXIT_REFUSED;
	}
	top_feed_fini(&run.feed);
	top_state_fini(&run.state);
	top_canvas_fini(&run.canvas);
	close(run.signals);
	return run.code;
}
