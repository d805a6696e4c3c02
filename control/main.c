// SPDX-License-Identifier: BSD-3-Clause
// holdfastd: reads the settings, starts the data plane, the control thread's parts and the
// control socket, runs until it is told to stop, and takes everything down in reverse order.
#include <assert.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/check.h"
#include "control/gateway.h"
#include "control/gateway_config.h"
#include "control/log.h"
#include "control/methods.h"
#include "control/metrics_http.h"
#include "control/notify.h"
#include "control/settings.h"

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct arguments {
	const char *config; // NULL: the built-in configuration
	bool check;
	bool json; // of --check
	bool bench;
	int eal_argc;
	char **eal_argv;
};

static const char usage[] =
    "usage: holdfastd [--config FILE] [--check [--json]] [--bench] [-- EAL OPTIONS]\n"
    "\n"
    "The Holdfast session gateway. Runs in the foreground and logs to stderr.\n"
    "\n"
    "  --config FILE  settings; without it a built-in configuration for a first look\n"
    "                 (also HOLDFAST_CONFIG)\n"
    "  --check        print the effective settings and where each comes from, and exit\n"
    "  --json         with --check: as JSON, for programs\n"
    "  --bench        allow what only load tests need (also HOLDFAST_BENCH=1)\n"
    "  --help         this text\n"
    "  --version      version\n"
    "  --             what follows goes to DPDK's environment abstraction layer\n"
    "\n"
    "SIGTERM drains (10 s at most), a second one stops at once. SIGHUP reads FILE anew.\n"
    "Exit: 0 stopped, 1 failed, 2 usage.\n";

// Returns -1 to go on, else the exit status.
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'},
	    {"json", no_argument, NULL, 'j'},
	    {"bench", no_argument, NULL, 'b'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	const char *bench = getenv("HOLDFAST_BENCH");
	int option;

	arguments->config = getenv("HOLDFAST_CONFIG");
	arguments->bench = bench != NULL && strcmp(bench, "1") == 0;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments->config = optarg;
			break;
		case 'k':
			arguments->check = true;
			break;
		case 'j':
			arguments->json = true;
			break;
		case 'b':
			arguments->bench = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_STOPPED;
		case 'v':
			puts("holdfastd " HOLDFAST_VERSION);
			return EXIT_STOPPED;
		default:
			fputs("try holdfastd --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		fprintf(stderr, "holdfastd: %s: no such argument; try holdfastd --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if (arguments->json && !arguments->check) {
		fputs("holdfastd: --json goes with --check\n", stderr);
		return EXIT_USAGE;
	}
	arguments->eal_argc = argc - optind;
	arguments->eal_argv = argv + optind;
	return -1;
}

// The part of the settings that the data plane is started with.
static void dataplane_wants(const struct settings *settings, struct dataplane_settings *wants)
{
	memset(wants, 0, sizeof(*wants));
	wants->workers = settings->gateway.workers;
	wants->ports_count = settings->ports_count;
	wants->addresses_count = settings->addresses_count;
	for (uint32_t i = 0; i < settings->ports_count; i++) {
		memcpy(wants->ports[i].name, settings->ports[i].name, sizeof(wants->ports[i].name));
		memcpy(wants->ports[i].device, settings->ports[i].device,
		       sizeof(wants->ports[i].device));
		wants->ports[i].mtu = settings->ports[i].mtu;
		wants->ports[i].vlan = settings->ports[i].vlan;
		wants->ports[i].checksum = settings->ports[i].checksum;
	}
	memcpy(wants->addresses, settings->addresses, sizeof(wants->addresses));
	wants->udp_port = settings->gateway.port;
	wants->sessions_max = settings->session.max;
	// More channels than one are rare: a side for one session in sixteen.
	wants->sides_max = settings->session.max / 16 + 16;
	wants->attempts_max = settings->limits.openings;
	wants->replay_bytes = settings->replay.memory_bytes;
	wants->frame_max = WIRE_FRAME_MAX_DEFAULT;
	// Workers that share cores with others, or with control, must give them away.
	wants->yield_when_idle = (long)settings->gateway.workers >= sysconf(_SC_NPROCESSORS_ONLN);
	wants->telemetry = true;
	wants->eal_argc = settings->eal_argc;
	wants->eal_argv = settings->eal_argv;
}

// Workers inherit the mask: signals are control's alone, and only while it runs its loop.
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int failed(const char *error)
{
	log_line(LOG_LEVEL_ERROR, "%s", error);
	return EXIT_FAILED;
}

static int serve(struct gateway *gateway)
{
	const struct settings *settings = gateway_settings(gateway);
	const bool metrics_wanted = settings->metrics.listen[0] != '\0';
	char error[SOCKET_ERROR_BYTES];
	struct methods *methods = methods_start(gateway, error);
	struct metrics_http *metrics =
	    methods != NULL && metrics_wanted
		? metrics_http_start(gateway, settings->metrics.listen, error)
		: NULL;

	if (methods == NULL || (metrics_wanted && metrics == NULL)) {
		methods_stop(methods);
		return failed(error);
	}
	log_line(LOG_LEVEL_NOTICE, "gateway %s ready: %u workers, %u ports, control socket %s",
		 settings->gateway.name, settings->gateway.workers, settings->ports_count,
		 settings->gateway.control);
	notify_start();
	const int result = gateway_run(gateway);

	notify_stop();
	metrics_http_stop(metrics);
	methods_stop(methods);
	return result == 0 ? EXIT_STOPPED : failed("the control thread's loop failed");
}

static int run(struct config *config)
{
	const struct settings *settings = &config->settings;
	char error[GATEWAY_ERROR_BYTES];
	struct dataplane_settings wants;
	bool huge;

	dataplane_wants(settings, &wants);
	block_signals();
	struct dataplane *dataplane = dataplane_start(&wants, &huge, error);

	if (dataplane == NULL)
		return failed(error);
	if (!huge)
		log_line(LOG_LEVEL_WARNING, "no hugepages: running on ordinary memory, slower");
	struct gateway *gateway = gateway_create(settings, dataplane, error);
	int status = EXIT_FAILED;

	if (gateway != NULL) {
		gateway_configure(gateway, config);
		status = serve(gateway);
	} else {
		failed(error);
	}

	gateway_destroy(gateway);
	dataplane_stop(dataplane);
	return status;
}

int main(int argc, char **argv)
{
	// Too large for a stack, and needed until the end.
	static struct config config;
	struct settings *settings = &config.settings;
	struct arguments arguments = {.config = NULL};
	char error[SETTINGS_ERROR_BYTES];
	const int status = read_arguments(argc, argv, &arguments);

	static_assert((int)GATEWAY_ERROR_BYTES >= (int)DATAPLANE_ERROR_BYTES,
		      "one buffer for both");
	static_assert((int)SOCKET_ERROR_BYTES >= (int)METRICS_HTTP_ERROR_BYTES, "likewise");
	if (status >= 0)
		return status;
	if (arguments.check)
		return check_file(arguments.config, arguments.json) == 0 ? EXIT_STOPPED
									 : EXIT_FAILED;
	signal(SIGPIPE, SIG_IGN);
	if (config_load(&config, arguments.config, error) != 0)
		return failed(error);
	settings->bench = arguments.bench;
	settings->eal_argc = arguments.eal_argc;
	settings->eal_argv = arguments.eal_argv;
	return run(&config);
}
