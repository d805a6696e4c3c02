// SPDX-License-Identifier: BSD-3-Clause
// Commands on their way to workers whose mailbox is full: kept here in order and offered again.
//
// Control thread. Two kinds of commands:
//   decisions (ends, what became of a backend, drain) are never dropped. Ends of the same code
//   and reason share a command, so what can wait is bounded by the number of sessions.
//   what comes again by itself (heartbeats, verdicts of the sweep, answers to frames that will be
//   repeated) is refused once OUTBOX_REPEATED_MAX wait for that worker, and counted.
// Commands for one worker stay in their order.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/tally.h"
#include "dataplane/dataplane.h"

enum { OUTBOX_REPEATED_MAX = 1024 };

struct outbox;

// Returns NULL with errno ENOMEM. dataplane and tally are borrowed and outlive it.
struct outbox *outbox_create(struct dataplane *dataplane, uint32_t workers, struct tally *tally);

// Frees the packets of what still waits.
void outbox_destroy(struct outbox *outbox);

// Gives a decision to a worker, now or later. Aborts the process if memory for the queue is gone:
// a decision that is lost could not be found again.
void outbox_decide(struct outbox *outbox, uint32_t worker, const struct command *command);

// The same to all workers.
void outbox_decide_all(struct outbox *outbox, const struct command *command);

// Asks a worker to end one session; joins it to the last waiting command where that is the same.
void outbox_end(struct outbox *outbox, uint32_t worker, uint64_t handle, uint16_t code,
		uint8_t reason, uint32_t token);

// Gives a command that comes again by itself. Returns 0, or -EAGAIN: refused, and its packet, if
// any, still the caller's.
int outbox_offer(struct outbox *outbox, uint32_t worker, const struct command *command);

// Holds back everything until outbox_release(): what follows from a directory must not be sent
// before that is published.
void outbox_hold(struct outbox *outbox);
void outbox_release(struct outbox *outbox);

// Whether nothing waits for this worker.
bool outbox_empty(const struct outbox *outbox, uint32_t worker);

// Commands that wait, in all.
uint32_t outbox_waiting(const struct outbox *outbox);

// Offers what waits again.
void outbox_flush(struct outbox *outbox);
