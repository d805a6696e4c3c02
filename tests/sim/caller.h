// SPDX-License-Identifier: BSD-3-Clause
// The application of a client: sends what it is told to, takes what comes, and holds the library
// to what it says.
//
// One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/client.h"
#include "tests/sim/bounds.h"
#include "tests/sim/ledger.h"

struct net;

struct caller {
	struct net *net;
	struct ledger *ledger;
	uint32_t endpoint;
	uint32_t channels;
	uint32_t gates;
	uint32_t services;   // that there are: "s0", "s1"
	uint32_t timeout_ms; // wishes; 0: none
	int64_t grace_ms;    // -1: none
	char name[SIM_NAME_BYTES];
	struct holdfast_client *client; // NULL: the process is not there
	bool holding;                   // takes no messages
	bool sleeping;                  // it was told to sleep, and not to wake
	bool over;                      // CLOSED was told
	bool renewing;                  // LOST was told, RENEWED is to follow
	uint64_t attempts;              // begun until it was connected last
	uint64_t attempts_us;           // when that was
	uint32_t excused;               // attempts since then that cost no budget
	uint16_t code;                  // of the end
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint32_t sending[SIM_CHANNELS_MAX];   // line of each channel
	uint32_t receiving[SIM_CHANNELS_MAX]; // likewise, LEDGER_NONE
};

// Starts the process; everything else of *caller stands.
void caller_start(struct caller *caller);

// It is gone, without a word and without memory.
void caller_crash(struct caller *caller);

// A turn of its event loop. Returns the time of the next one, UINT64_MAX: when something comes.
uint64_t caller_turn(struct caller *caller);

void caller_send(struct caller *caller, uint32_t channel, uint32_t count);
void caller_hold(struct caller *caller, bool hold);
void caller_move(struct caller *caller);
void caller_sleep(struct caller *caller);
void caller_wake(struct caller *caller);
void caller_close(struct caller *caller, uint32_t flush_ms);

// Whether it is connected with nothing unacknowledged, or over, or asleep.
bool caller_settled(const struct caller *caller);
