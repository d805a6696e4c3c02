// SPDX-License-Identifier: BSD-3-Clause
// The command line of holdfast-load.
#include "endpoint/arguments.h"
#include "endpoint/load.h"

enum {
	SESSIONS_MAX = 100000,
	TIMEOUT_MS_MIN = 2000,
	TIMEOUT_MS_MAX = 300000,
	GRACE_MS_MAX = 86400000,
	SECONDS_MAX = 31536000,
	MOVE_MS_MAX = 3600000,
	RATE_MAX = 10000000,
	DEFAULT_SECONDS = 10,
};

struct wanted {
	uint64_t sessions, messages, bytes, move_every_ms, timeout_ms, grace_ms;
	double seconds;
	bool no_renew;
};

// What was read as it is kept. Returns -1 to go on, or 2.
static int keep(struct load *load, const struct arguments *arguments, const struct wanted *wanted)
{
	if (load->gateways.count == 0)
		return arguments_wrong(arguments, "--gateway is missing");
	if (wanted->messages > 0 && wanted->seconds > 0)
		return arguments_wrong(arguments,
				       "--messages and --duration: one of them is wanted");
	load->sessions = (uint32_t)wanted->sessions;
	load->messages = wanted->messages;
	load->duration_us =
	    wanted->messages > 0
		? 0
		: (uint64_t)((wanted->seconds > 0 ? wanted->seconds : DEFAULT_SECONDS) * 1e6);
	load->bytes = (uint32_t)wanted->bytes;
	load->move_every_ms = (uint32_t)wanted->move_every_ms;
	load->timeout_ms = (uint32_t)wanted->timeout_ms;
	load->grace_ms = wanted->grace_ms > GRACE_MS_MAX ? -1 : (int64_t)wanted->grace_ms;
	load->renew = !wanted->no_renew;
	return -1;
}

int load_arguments(struct load *load, int argc, char **argv)
{
	struct wanted wanted = {.sessions = 100, .bytes = 100, .grace_ms = UINT64_MAX};
	const struct argument list[] = {
	    {"gateway", "ADDRESS[:PORT]", "gateway (up to 16, tried in turn)", ARGUMENT_LIST,
	     &load->gateways, 0, 0},
	    {"service", "NAME", "default echo", ARGUMENT_TEXT, &load->services[0], 0, 0},
	    {"sessions", "N", "default 100", ARGUMENT_NUMBER, &wanted.sessions, 1, SESSIONS_MAX},
	    {"messages", "N", "of each session; or", ARGUMENT_NUMBER, &wanted.messages, 1,
	     UINT32_MAX},
	    {"duration", "SECONDS", "default 10", ARGUMENT_REAL, &wanted.seconds, 1,
	     SECONDS_MAX * 1000ULL},
	    {"rate", "R", "messages a second and session; 0: as fast as it goes\n(default 10)",
	     ARGUMENT_REAL, &load->rate, 0, RATE_MAX * 1000ULL},
	    {"size", "BYTES", "of a message, 24 to 65536 (default 100)", ARGUMENT_NUMBER,
	     &wanted.bytes, LEDGER_HEAD_BYTES, LOAD_MESSAGE_BYTES_MAX},
	    {"bind", "ADDRESS", "own address (up to 16; moves go round them)", ARGUMENT_LIST,
	     &load->binds, 0, 0},
	    {"move-every", "MS", "one random session goes to a fresh socket so often",
	     ARGUMENT_NUMBER, &wanted.move_every_ms, 1, MOVE_MS_MAX},
	    {"timeout-ms", "T", "wish for the session's time-out", ARGUMENT_NUMBER,
	     &wanted.timeout_ms, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX},
	    {"grace-ms", "G", "wish for its grace", ARGUMENT_NUMBER, &wanted.grace_ms, 0,
	     GRACE_MS_MAX},
	    {"no-renew", NULL, "a lost session is the end of its client", ARGUMENT_FLAG,
	     &wanted.no_renew, 0, 0},
	    {"json", NULL, "verdict as JSON", ARGUMENT_FLAG, &load->json, 0, 0},
	    {"quiet", NULL, "no progress", ARGUMENT_FLAG, &load->quiet, 0, 0},
	};
	const struct arguments arguments = {
	    .program = "holdfast-load",
	    .usage = "--gateway ADDRESS[:PORT] [OPTIONS]",
	    .about = "Many sessions with an echoing service; every echo is checked.",
	    .end = "SIGUSR1 moves all sessions to fresh sockets; SIGTERM ends the sending.\n"
		   "exit: 0 nothing lost or doubled, 1 something was, 2 usage",
	    .list = list,
	    .count = sizeof(list) / sizeof(list[0])};
	const int code = arguments_read(&arguments, argc, argv);

	return code >= 0 ? code : keep(load, &arguments, &wanted);
}
