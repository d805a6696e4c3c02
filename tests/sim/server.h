// SPDX-License-Identifier: BSD-3-Clause
// The application of a backend: takes messages, answers some, and holds the library to what it
// says.
//
// One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/backend.h"
#include "tests/sim/bounds.h"
#include "tests/sim/dice.h"
#include "tests/sim/ledger.h"

struct net;

// One channel of a client's session, as its application knows it.
struct visit {
	struct visit *next;
	struct holdfast_session *session;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint8_t channel;
	uint32_t sending;   // line
	uint32_t receiving; // line, LEDGER_NONE
};

struct server {
	struct net *net;
	struct ledger *ledger;
	uint32_t endpoint;
	uint32_t gates;
	uint32_t service;
	uint32_t answers; // permille of messages that are answered
	char name[SIM_NAME_BYTES];
	struct dice dice;
	struct holdfast_backend *backend; // NULL: the process is not there
	bool holding;
	bool registered; // with any gate, at least once
	struct visit *visits;
};

void server_start(struct server *server);

// It is gone, without a word and without memory.
void server_crash(struct server *server);

// As caller_turn().
uint64_t server_turn(struct server *server);

// Sends count messages in each of its sessions.
void server_send(struct server *server, uint32_t count);
void server_hold(struct server *server, bool hold);

// Ends one of its sessions.
void server_end_one(struct server *server, uint32_t which, uint32_t flush_ms);
