// SPDX-License-Identifier: BSD-3-Clause
// Admission: what becomes of a HELLO for a session that no worker knows.
//
// Control thread. The order of decisions is that of docs/protocol.md, first match wins; whatever
// is decided about a session that is known belongs to its owner. A refusal changes nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/answer.h"
#include "control/backends.h"
#include "control/ends.h"
#include "control/rates.h"
#include "control/settings.h"
#include "protocol/frame.h"

// What is borrowed, and what the gateway keeps up to date.
struct admission {
	const struct settings *settings;
	struct answerer answerer;
	struct backends *backends;
	struct ends *ends;
	struct rates *rates;
	bool draining;
	uint32_t sessions; // in all, as of this tick, and those admitted since
};

// The facts that decide, apart from rates and backends.
struct admission_facts {
	uint16_t ended; // code of its end a short while ago, or HOLDFAST_OK
	bool known;     // has become known meanwhile
	bool draining;
	bool full;
	bool resuming; // RESUME, or a number > 0 in what it expects
};

// Code with which to refuse, or HOLDFAST_OK. A session that ended is told so before anything
// else; one that is known is not judged here.
uint16_t admission_judge(const struct admission_facts *facts);

// Decides a client's HELLO, which came with a good cookie: COMMAND_CREATE to the worker on which
// it landed, REJECT, or silence where it is too short to be answered.
// Returns whether the packet was taken; else it is still the caller's.
bool admission_hello(struct admission *admission, const struct notice *notice,
		     const struct frame *frame, enum frame_fault fault, uint64_t now_ms);

// Decides COMMAND_PRELOAD of one session, whose id and service stand in command->birth: it gets
// what a HELLO gets, a place and a backend, and counts as admitted.
// Returns 0, -EAGAIN (too much waits for this worker: again later) or -EPERM (draining, full, or no
// backend).
int admission_preload(struct admission *admission, uint32_t worker, struct command *command);

// A session was confirmed at an epoch: the place where its record is claimed. Records live
// nowhere but in the gateway's memory here, so the claim is good at once.
bool admission_claim_record(const struct notice *notice);
