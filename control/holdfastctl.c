// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl: the control socket on a command line. Results on stdout, trouble on stderr.
// Exit 0 done, 1 refused or failed, 2 usage, 3 no gateway there.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/verbs.h"
#include "holdfast/control.h"

struct verb {
	const char *noun;
	const char *verb;      // NULL where the noun stands alone
	const char *arguments; // for help
	const char *text;
	int (*run)(struct command_line *line);
};

static int version(struct command_line *line)
{
	(void)line;
	printf("holdfastctl %s, control interface %d\n", HOLDFAST_VERSION, CONTROL_VERSION);
	return EXIT_DONE;
}

static const struct verb verbs[] = {
    {"info", NULL, "", "what runs here: build, workers, ports, state", verbs_info},
    {"session", "list", "[STATE]", "all sessions, or those in one state", verbs_session_list},
    {"session", "show", "SESSION|HANDLE", "everything known of one session", verbs_session_show},
    {"session", "evict", "SESSION|HANDLE [REASON]", "end one session", verbs_session_evict},
    {"backend", "list", "", "backends, their state and lanes", verbs_backend_list},
    {"service", "list", "", "services and their backends", verbs_service_list},
    {"stats", NULL, "", "counters, drops and gauges that are not zero", verbs_stats},
    {"metrics", NULL, "", "everything counted, as text for Prometheus", verbs_metrics},
    {"config", "get", "[KEY]", "settings in force and where each comes from", verbs_config_get},
    {"config", "set", "KEY VALUE", "change a live key until the next reload", verbs_config_set},
    {"config", "reload", "", "read the configuration file anew, all or nothing",
     verbs_config_reload},
    {"config", "check", "FILE", "look at a file, without a gateway", verbs_config_check},
    {"config", "keys", "", "all keys: defaults, bounds, meaning", verbs_config_keys},
    {"drain", NULL, "[DEADLINE_MS]", "refuse new sessions, then let go and stop", verbs_drain},
    {"shutdown", NULL, "[DEADLINE_MS]", "let go of all sessions and stop", verbs_shutdown},
    {"version", NULL, "", "version of this program", version},
};

static void help(void)
{
	puts("usage: holdfastctl [--socket PATH] [--json] COMMAND [ARGUMENTS]\n\n"
	     "  --socket PATH  control socket (default " CONTROL_SOCKET_DEFAULT
	     ", or $HOLDFAST_SOCKET)\n"
	     "  --json         results as JSON, for programs\n"
	     "  --help         this text\n\ncommands:");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s %s", verbs[i].noun,
			 verbs[i].verb != NULL ? " " : "",
			 verbs[i].verb != NULL ? verbs[i].verb : "", verbs[i].arguments);
		printf("  %-40s %s\n", left, verbs[i].text);
	}
	puts("\nexit: 0 done, 1 refused or failed, 2 usage, 3 no gateway there");
}

// Whether the command has nothing to ask of a gateway.
static bool alone(const struct verb *verb)
{
	return verb->run == version || verb->run == verbs_config_check ||
	       verb->run == verbs_config_keys;
}

static const struct verb *verb_find(int argc, char **argv, int *words)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const struct verb *verb = &verbs[i];

		if (strcmp(verb->noun, argv[0]) != 0)
			continue;
		if (verb->verb != NULL && (argc < 2 || strcmp(verb->verb, argv[1]) != 0))
			continue;
		*words = verb->verb != NULL ? 2 : 1;
		return verb;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *from_environment = getenv("HOLDFAST_SOCKET");
	struct command_line line = {.socket = CONTROL_SOCKET_DEFAULT};
	int option, words = 0;

	if (from_environment != NULL && from_environment[0] != '\0')
		line.socket = from_environment;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's') {
			line.socket = optarg;
		} else if (option == 'j') {
			line.json = true;
		} else if (option == 'h') {
			help();
			return EXIT_DONE;
		} else {
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return verbs_usage("no command", "");

	const struct verb *verb = verb_find(argc - optind, argv + optind, &words);

	if (verb == NULL)
		return verbs_usage("no such command: ", argv[optind]);
	line.argc = argc - optind - words;
	line.argv = argv + optind + words;
	if (!alone(verb) && caller_open(&line.caller, line.socket) != 0) {
		fprintf(stderr, "holdfastctl: %s\n", line.caller.error);
		return EXIT_NO_GATEWAY;
	}

	const int rc = verb->run(&line);

	if (!alone(verb))
		caller_close(&line.caller);
	return rc;
}
