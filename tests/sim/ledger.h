// SPDX-License-Identifier: BSD-3-Clause
// The ledger: what applications sent, took and were handed back, of all endpoints. It knows what no
// endpoint can know, and so judges the promise: exactly once and in order, or told.
//
// One thread. What breaks the promise is told by trace_fail(), once for each.
//
// A line of the ledger is one direction of one channel of one session: it has one sender and one
// receiver, and its messages are numbered from 0.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/endpoint.h"
#include "tests/sim/bounds.h"

enum {
	LEDGER_MESSAGES_MAX = 2048, // of one line
	LEDGER_LINES_MAX = 1024,
	LEDGER_LETTER_BYTES = 12, // the shortest message
	LEDGER_LETTER_MAX = 8000,
};

#define LEDGER_NONE UINT32_MAX // no line

struct ledger_line {
	bool up;        // client to backend
	bool told;      // its end was told: every message was taken or handed back
	bool forgotten; // its sender has crashed
	bool taken_up;  // by a receiver
	uint8_t channel;
	uint32_t sender; // endpoint
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint32_t sent;
	uint32_t delivered;
	uint32_t returned, returned_next;
	bool returned_not_sent;
	uint8_t marks[LEDGER_MESSAGES_MAX];
};

struct ledger {
	uint32_t count;
	struct ledger_line *lines; // [LEDGER_LINES_MAX]
};

void ledger_begin(struct ledger *ledger);
void ledger_end(struct ledger *ledger);

// A sender's channel begins. Returns the line.
uint32_t ledger_open(struct ledger *ledger, bool up, uint32_t sender, const uint8_t *session,
		     uint8_t channel);

// Writes the next message of a line. Returns its bytes; 0: the line is full. It counts as sent
// with ledger_sent().
uint32_t ledger_write(const struct ledger *ledger, uint32_t line,
		      uint8_t bytes[static LEDGER_LETTER_MAX]);
// Returns its number.
uint32_t ledger_sent(struct ledger *ledger, uint32_t line);

// A receiver takes a message on a channel of a session. *line is the line that it has received so
// far, LEDGER_NONE before the first message.
void ledger_take(struct ledger *ledger, bool up, uint32_t *line, const uint8_t *session,
		 uint8_t channel, const uint8_t *bytes, uint32_t len);

// A message is handed back to its sender.
void ledger_return(struct ledger *ledger, uint32_t line, uint64_t number, enum holdfast_mark mark);

// The sender was told that the line is over.
void ledger_tell(struct ledger *ledger, uint32_t line);

// The sender is gone, without memory.
void ledger_forget(struct ledger *ledger, uint32_t line);

// Whether every message of the lines that are not over has been taken.
bool ledger_settled(const struct ledger *ledger);

// At the end of a run no line may be open, but for those whose sender has crashed.
void ledger_check_over(const struct ledger *ledger);
