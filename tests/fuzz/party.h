// SPDX-License-Identifier: BSD-3-Clause
// A client's session as both of its endpoints know it, their handshakes step by step, and the
// control thread, for fuzz_worker.c. A step for which nothing has come is none.
//
// One thread, one data plane, which outlives every input.
#pragma once

#include "tests/fuzz/fuzz.h"
#include "tests/support/rig_session.h"

enum { PARTY_WORKERS = 2 };

struct party {
	struct rig_session session;
	uint8_t cookie[WIRE_COOKIE_BYTES];
	uint32_t next[2]; // number of the next DATA: of the client, of the backend
	bool resume;
};

extern struct rig party_rig;

// Starts the data plane with the first call.
void party_start_once(void);

// Control does what waits for it: admits clients to RIG_ECHO, ends what is to be ended.
void party_control(void);

// What left the gateway must be legal from its side; what nobody takes is forgotten in time.
void party_inbox_look(void);

// Time goes on, with both of these.
void party_run(uint32_t ms);

// HELLO as the input says, and the cookie that answers it.
void party_hello(struct party *party, struct fuzz_input *input);
// The backend answers the oldest OPEN, with a code and numbers of the input.
void party_open_answer_any(const struct party *party, struct fuzz_input *input);
void party_welcome(struct party *party);
void party_confirm(const struct party *party);

// All of them, honest.
void party_open(struct party *party, struct fuzz_input *input);
