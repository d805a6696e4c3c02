// SPDX-License-Identifier: BSD-3-Clause
// The simulator: gateways, clients, backends and the network between them, in one thread and in
// virtual time, from a seed.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/child.h"
#include "tests/sim/plan.h"
#include "tests/sim/real_time.h"
#include "tests/sim/shrink.h"

enum { TRACE_TAIL = 60, TRACE_ALL = 10000000 };

static const char usage[] =
    "usage: sim [--seed N | --seeds N..M | --random | --shrink N] [--seconds S] [--all]\n"
    "           [--brief] [--twice] [--without I,I...] [--trace] [--plan]\n"
    "\n"
    "  --seed N     one run\n"
    "  --seeds N..M these (default 1..1000)\n"
    "  --random     seeds from a random one on; it is printed\n"
    "  --seconds S  begins no run after S seconds\n"
    "  --all        goes on after a seed that fails\n"
    "  --brief      tells of a seed that fails in one line\n"
    "  --twice      each seed twice; both runs must be the same\n"
    "  --shrink N   takes events away from the schedule of seed N for as long as it fails\n"
    "  --without I  with --seed: without these events of the schedule\n"
    "  --trace      with --seed: everything that happens, a line each\n"
    "  --plan       with --seed: only prints the schedule\n"
    "Exit: 0 nothing was wrong, 1 something was, 2 usage.\n";

struct arguments {
	uint64_t first, last;
	uint32_t seconds; // 0: no limit
	bool one, shrink, all, brief, twice, trace, plan_only;
	const char *without;
};

static bool read_range(const char *text, struct arguments *arguments)
{
	char *end;

	arguments->first = strtoull(text, &end, 10);
	if (end == text || strncmp(end, "..", 2) != 0)
		return false;
	text = end + 2;
	arguments->last = strtoull(text, &end, 10);
	return end != text && *end == '\0' && arguments->first <= arguments->last;
}

static bool read_number(const char *text, uint64_t *number)
{
	char *end;

	*number = strtoull(text, &end, 10);
	return end != text && *end == '\0';
}

// Returns whether they can be used.
static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
	    {"seed", required_argument, NULL, 's'},    {"seeds", required_argument, NULL, 'r'},
	    {"random", no_argument, NULL, 'x'},        {"shrink", required_argument, NULL, 'k'},
	    {"seconds", required_argument, NULL, 't'}, {"all", no_argument, NULL, 'a'},
	    {"without", required_argument, NULL, 'w'}, {"trace", no_argument, NULL, 'v'},
	    {"plan", no_argument, NULL, 'p'},          {"twice", no_argument, NULL, '2'},
	    {"brief", no_argument, NULL, 'b'},         {NULL, 0, NULL, 0}};
	bool good = true;
	uint64_t number = 0;
	int option;

	while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
		case 'k':
			good = read_number(optarg, &arguments->first);
			arguments->one = true;
			arguments->shrink = option == 'k';
			break;
		case 'r':
			good = read_range(optarg, arguments);
			break;
		case 'x':
			arguments->first = real_time_seed();
			arguments->last = UINT64_MAX;
			break;
		case 't':
			good = read_number(optarg, &number);
			arguments->seconds = (uint32_t)number;
			break;
		case 'a':
			arguments->all = true;
			break;
		case 'b':
			arguments->brief = true;
			break;
		case '2':
			arguments->twice = true;
			break;
		case 'w':
			arguments->without = optarg;
			break;
		case 'v':
			arguments->trace = true;
			break;
		case 'p':
			arguments->plan_only = true;
			break;
		default:
			good = false;
		}
	}
	return good && optind == argc;
}

// ---- One seed --------------------------------------------------------------------------------

static void gone_read(const char *text, bool gone[static PLAN_EVENTS_MAX])
{
	while (text != NULL && *text != '\0') {
		const unsigned long event = strtoul(text, NULL, 10);

		if (event < PLAN_EVENTS_MAX)
			gone[event] = true;
		text = strchr(text, ',');
		text = text != NULL ? text + 1 : NULL;
	}
}

static void repeat_print(const char *program, uint64_t seed, const struct plan *plan,
			 const bool *gone)
{
	const char *between = " --without ";

	printf("repeat: %s --seed %" PRIu64, program, seed);
	for (uint32_t i = 0; i < plan->count; i++) {
		if (!gone[i])
			continue;
		printf("%s%u", between, i);
		between = ",";
	}
	printf(" --trace\n");
}

static int one_run(const char *program, const struct arguments *arguments)
{
	static struct plan plan;
	bool gone[PLAN_EVENTS_MAX] = {false};
	struct child_result result;

	plan_draw(&plan, arguments->first);
	gone_read(arguments->without, gone);
	if (arguments->plan_only) {
		plan_print(&plan, gone, stdout);
		return 0;
	}
	if (arguments->shrink && !shrink_plan(&plan, gone)) {
		printf("seed %" PRIu64 " does not fail\n", arguments->first);
		return 1;
	}
	plan_print(&plan, gone, stdout);
	child_run_plan(&plan, gone,
		       arguments->trace    ? TRACE_ALL
		       : arguments->shrink ? TRACE_TAIL
					   : 0,
		       &result);
	if (!result.failed) {
		printf("seed %" PRIu64 ": nothing wrong in %.1f virtual seconds, %" PRIu64
		       " messages\n",
		       arguments->first, (double)result.virtual_us / 1e6, result.messages);
		return 0;
	}
	printf("WRONG: seed %" PRIu64 ": %s\n", arguments->first, result.text);
	repeat_print(program, arguments->first, &plan, gone);
	return 1;
}

// ---- Many seeds ------------------------------------------------------------------------------

// Prints what is known of a seed that fails.
static void failure_print(const char *program, const struct child_result *failed, bool briefly)
{
	static const bool gone[PLAN_EVENTS_MAX];
	static struct plan plan;
	struct child_result again;

	printf("WRONG: seed %" PRIu64 ": %s\n", failed->seed, failed->text);
	if (briefly)
		return;
	plan_draw(&plan, failed->seed);
	plan_print(&plan, NULL, stdout);
	printf("... the end of its trace:\n");
	child_run_plan(&plan, NULL, TRACE_TAIL, &again);
	printf("WRONG: seed %" PRIu64 ": %s\n", failed->seed,
	       again.failed ? again.text : "not again: the run depends on the ones before it");
	repeat_print(program, failed->seed, &plan, gone);
	printf("shrink: %s --shrink %" PRIu64 "\n", program, failed->seed);
}

static void sum_print(uint64_t first, const struct child_result *sum, uint64_t failed, uint64_t ms)
{
	const double seconds = ms > 0 ? (double)ms / 1000 : 0.001;

	printf("%" PRIu64 " seeds from %" PRIu64 " on in %.1f s (%.0f a minute), %.0f virtual "
	       "seconds, %" PRIu64 " messages: %" PRIu64 " wrong\n",
	       sum->seeds + failed, first, seconds, (double)(sum->seeds + failed) * 60 / seconds,
	       (double)sum->virtual_us / 1e6, sum->messages, failed);
}

static int many_runs(const char *program, const struct arguments *arguments)
{
	const uint64_t began_ms = real_time_ms();
	struct child_task task = {
	    .first = arguments->first, .last = arguments->last, .twice = arguments->twice};
	struct child_result sum = {.seeds = 0}, result;
	uint64_t failed = 0;

	if (arguments->seconds > 0)
		task.until_ms = began_ms + (uint64_t)arguments->seconds * 1000;
	printf("seeds from %" PRIu64 " on\n", task.first);
	do {
		child_run(&task, &result);
		sum.seeds += result.seeds;
		sum.messages += result.messages;
		sum.virtual_us += result.virtual_us;
		if (result.failed) {
			failed++;
			failure_print(program, &result, arguments->all || arguments->brief);
		}
		task.first = result.seed + 1;
	} while (result.failed && arguments->all && task.first <= task.last);
	sum_print(arguments->first, &sum, failed, real_time_ms() - began_ms);
	return failed > 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.first = 1, .last = 1000};

	if (!read_arguments(argc, argv, &arguments)) {
		fputs(usage, stderr);
		return 2;
	}
	return arguments.one ? one_run(argv[0], &arguments) : many_runs(argv[0], &arguments);
}
