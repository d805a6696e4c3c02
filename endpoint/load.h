// SPDX-License-Identifier: BSD-3-Clause
// What the files of holdfast-load share.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint/arguments.h"
#include "endpoint/ledger.h"
#include "holdfast/client.h"

enum {
	LOAD_GATEWAYS_MAX = 16,
	LOAD_BINDS_MAX = 16,
	LOAD_MESSAGE_BYTES_MAX = 65536,
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
	struct argument_list gateways, binds;
	const char *services[1];
	uint32_t sessions;
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
	uint8_t message[LOAD_MESSAGE_BYTES_MAX];
};

extern volatile sig_atomic_t load_stopping; // nothing more is sent

uint64_t load_now_us(void);

// ---- load_arguments.c
// Reads the command line. Returns -1 to go on, or an exit code.
int load_arguments(struct load *load, int argc, char **argv);

// ---- load_caller.c
// Returns 0, or not: errno tells why.
int load_caller_start(struct load *load, uint32_t index);
// Sends what is due.
void load_caller_send(struct load *load, struct caller *caller, uint64_t now);
// To a fresh socket, and the next of its own addresses.
void load_caller_move(struct load *load, struct caller *caller);

// ---- load_report.c
// One line a second; *before is what the last one told.
void load_progress(const struct load *load, uint64_t now, struct totals *before);
// Prints what has come of it. Returns whether nothing was lost or doubled.
bool load_verdict(const struct load *load);
