// SPDX-License-Identifier: BSD-3-Clause
// The command line of holdfast-load.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "endpoint/load.h"

enum { SESSIONS_MAX = 100000 };

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
		return list_add(load->gateways, &load->gateways_count, LOAD_GATEWAYS_MAX);
	case 'b':
		return list_add(load->binds, &load->binds_count, LOAD_BINDS_MAX);
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
		return load->bytes >= LEDGER_HEAD_BYTES && load->bytes <= LOAD_MESSAGE_BYTES_MAX;
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
int load_arguments(struct load *load, int argc, char **argv)
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
