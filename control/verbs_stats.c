// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl stats: what is counted, once, or with --watch again and again with rates.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/json.h"
#include "control/rpc.h"
#include "control/terminal.h"
#include "control/verbs.h"

enum {
	NAME_WIDTH = 28,
	TOTAL_WIDTH = 20,
	RATE_WIDTH = 14,
	SECOND_MS = 1000,
	INTERVAL_MIN_MS = 100,
	INTERVAL_MAX_MS = 3600000,
};

// A sample, and the one before it.
struct samples {
	bool known;     // whether there is one before
	double seconds; // between the two, by this program's clock
	const msgpack_object *now;
	const msgpack_object *before;
};

// How much room is left on the screen.
struct screen {
	uint32_t lines; // UINT32_MAX: no terminal
	uint32_t left_out;
};

static void line_end(struct screen *screen)
{
	putchar('\n');
	if (screen->lines != UINT32_MAX)
		screen->lines--;
}

// Whether there is room for one more line, and one for how many were left out.
static bool room(struct screen *screen)
{
	if (screen->lines > 2)
		return true;
	screen->left_out++;
	return false;
}

// A change a second of what only grows.
static double rate(const struct samples *samples, const char *map, const msgpack_object *key,
		   uint64_t now)
{
	char name[TABLE_CELL_BYTES];

	snprintf(name, sizeof(name), "%.*s", (int)key->via.str.size, key->via.str.ptr);

	const uint64_t before = caller_get_uint(caller_get(samples->before, map), name);

	return now >= before ? (double)(now - before) / samples->seconds : 0;
}

static void heading_print(const char *heading, const struct samples *samples, bool rates,
			  struct screen *screen)
{
	printf("%s%s%s", terminal_style(TERMINAL_HEADING), heading, terminal_style(TERMINAL_PLAIN));
	if (rates && samples->known)
		printf("%*s", NAME_WIDTH + TOTAL_WIDTH + RATE_WIDTH + 4 - (int)strlen(heading),
		       "a second");
	line_end(screen);
}

// Prints what is not zero of a map of numbers, under its name; rates for what only grows.
static void numbers_print(const char *map, const struct samples *samples, bool rates,
			  struct screen *screen)
{
	const msgpack_object *numbers = caller_get(samples->now, map);

	if (!room(screen))
		return;
	heading_print(map, samples, rates, screen);
	for (uint32_t i = 0;
	     numbers != NULL && numbers->type == MSGPACK_OBJECT_MAP && i < numbers->via.map.size;
	     i++) {
		const msgpack_object *key = &numbers->via.map.ptr[i].key;
		const msgpack_object *value = &numbers->via.map.ptr[i].val;
		char name[TABLE_CELL_BYTES];

		if (key->type != MSGPACK_OBJECT_STR ||
		    value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 == 0 ||
		    !room(screen))
			continue;
		table_text(key->via.str.ptr, key->via.str.size, name);
		printf("  %-*s %*" PRIu64, NAME_WIDTH, name, TOTAL_WIDTH, value->via.u64);
		if (rates && samples->known)
			printf(" %*.1f", RATE_WIDTH, rate(samples, map, key, value->via.u64));
		line_end(screen);
	}
}

static void sample_print(const struct samples *samples, bool rates, struct screen *screen)
{
	numbers_print("drops", samples, rates, screen);
	numbers_print("counters", samples, rates, screen);
	numbers_print("gauges", samples, false, screen);
	if (screen->left_out > 0)
		printf("%" PRIu32 " lines more: a taller terminal shows them, or --json\n",
		       screen->left_out);
}

static int stats_once(struct command_line *line)
{
	struct caller_result result;
	const int rc = verbs_call(line, "stats.get", NULL, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json)
		verbs_json(&result.result);
	else
		sample_print(&(struct samples){.now = &result.result}, false,
			     &(struct screen){.lines = UINT32_MAX});
	caller_result_fini(&result);
	return EXIT_DONE;
}

static void clock_text(char text[static 32])
{
	const time_t now = time(NULL);
	struct tm broken;

	gmtime_r(&now, &broken);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &broken);
}

// One map of a sample as JSON: its numbers, or their rates.
static void map_json(const char *key, const char *map, const struct samples *samples, bool rates)
{
	const msgpack_object *numbers = caller_get(samples->now, map);
	const char *before = "";

	printf(", \"%s\": ", key);
	if (!rates) {
		json_print(stdout, numbers);
		return;
	}
	if (!samples->known) {
		fputs("null", stdout);
		return;
	}
	putchar('{');
	for (uint32_t i = 0; i < numbers->via.map.size; i++) {
		const msgpack_object *name = &numbers->via.map.ptr[i].key;
		const msgpack_object *value = &numbers->via.map.ptr[i].val;

		if (name->type != MSGPACK_OBJECT_STR ||
		    value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
			continue;
		fputs(before, stdout);
		json_print(stdout, name);
		printf(": %.3f", rate(samples, map, name, value->via.u64));
		before = ", ";
	}
	putchar('}');
}

static void watch_json(const struct samples *samples, const char *time_now)
{
	printf("{\"time\": \"%s\", \"seconds\": ", time_now);
	if (samples->known)
		printf("%.6f", samples->seconds);
	else
		fputs("null", stdout);
	map_json("counters", "counters", samples, false);
	map_json("counter_rates", "counters", samples, true);
	map_json("drops", "drops", samples, false);
	map_json("drop_rates", "drops", samples, true);
	map_json("gauges", "gauges", samples, false);
	puts("}");
}

static bool complete(const msgpack_object *sample)
{
	static const char *const maps[] = {"counters", "drops", "gauges"};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		const msgpack_object *map = caller_get(sample, maps[i]);

		if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
			return false;
	}
	return true;
}

static void watch_print(const struct command_line *line, const struct samples *samples, bool first)
{
	struct screen screen = {.lines = terminal_is() ? terminal_height() : UINT32_MAX};
	char time_now[32];

	clock_text(time_now);
	if (line->json) {
		watch_json(samples, time_now);
		return;
	}
	if (terminal_is())
		fputs(terminal_clear(), stdout);
	else if (!first)
		putchar('\n');
	printf("%s", time_now);
	if (samples->known)
		printf(", rates over %.1f s", samples->seconds);
	line_end(&screen);
	sample_print(samples, true, &screen);
}

// Reads how often: "" or seconds, with a fraction. Returns false where it is neither.
static bool interval_read(const char *text, uint64_t *interval_ms)
{
	char *end;
	const double seconds = text[0] == '\0' ? 1 : strtod(text, &end);
	const double ms = round(seconds * SECOND_MS);

	if (text[0] != '\0' && (*end != '\0' || text[0] < '0' || text[0] > '9'))
		return false;
	if (!(ms >= INTERVAL_MIN_MS && ms <= INTERVAL_MAX_MS))
		return false;
	*interval_ms = (uint64_t)ms;
	return true;
}

static int subscribe(struct command_line *line, uint64_t interval_ms)
{
	struct caller_result result;
	struct verbs_params params;
	int rc;

	verbs_params_init(&params, 1);
	rpc_pack_key_uint(&params.packer, "interval_ms", interval_ms);
	rc = verbs_call(line, "stats.subscribe", &params.buffer, &result);
	msgpack_sbuffer_destroy(&params.buffer);
	if (rc == EXIT_DONE)
		caller_result_fini(&result);
	return rc;
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// The next sample; samples left out because this program was slow are told.
static int sample_take(struct command_line *line, const sigset_t *mask,
		       struct caller_result *result)
{
	for (;;) {
		const int rc =
		    verbs_stopped() ? -EINTR : caller_next(&line->caller, mask, -1, result);

		if (rc != 0)
			return rc;
		if (result->method_len == 5 && memcmp(result->method, "stats", 5) == 0) {
			if (complete(&result->result))
				return 0;
			snprintf(line->caller.error, sizeof(line->caller.error),
				 "stats without counters, drops or gauges");
			caller_result_fini(result);
			return -EBADMSG;
		}
		fprintf(stderr, "holdfastctl: %" PRIu64 " samples left out: they were not read\n",
			caller_get_uint(&result->result, "missed"));
		caller_result_fini(result);
	}
}

static int stats_watch(struct command_line *line, uint64_t interval_ms)
{
	struct caller_result now, before;
	double taken = 0, taken_before = 0;
	bool known = false;
	sigset_t mask;
	int rc;

	verbs_stop_begin(&mask);
	rc = subscribe(line, interval_ms);
	if (rc != EXIT_DONE)
		return rc;
	while ((rc = sample_take(line, &mask, &now)) == 0) {
		taken = now_seconds();
		watch_print(line,
			    &(struct samples){.known = known && taken > taken_before,
					      .seconds = taken - taken_before,
					      .now = &now.result,
					      .before = known ? &before.result : NULL},
			    !known);
		if (known)
			caller_result_fini(&before);
		before = now;
		taken_before = taken;
		known = true;
		if (!terminal_flush())
			break;
	}
	if (known)
		caller_result_fini(&before);
	return rc == 0 || rc == -EINTR ? EXIT_DONE : verbs_ended(line, rc);
}

int verbs_stats(struct command_line *line)
{
	const char *text = command_line_option(line, "watch");
	uint64_t interval_ms;

	if (text == NULL)
		return stats_once(line);
	if (!interval_read(text, &interval_ms))
		return command_line_wrong(line, "--watch: 0.1 to 3600 seconds are wanted, not %s",
					  text);
	return stats_watch(line, interval_ms);
}
