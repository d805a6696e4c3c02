// SPDX-License-Identifier: BSD-3-Clause
// Carries commands to workers: those that find a mailbox full are kept here in order and offered
// again.
//
// Control thread. Two kinds of commands:
//   decisions (ends, what became of a backend, drain) are never dropped. Ends of the same code
//   and reason share a command, so what can wait is bounded by the number of sessions.
//   what comes again by itself (heartbeats, verdicts of the sweep, answers to frames that will be
//   repeated) is refused once COURIER_REPEATED_MAX wait for that worker, and counted.
// Commands for one worker stay in their order.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/tally.h"
#include "dataplane/dataplane.h"

enum { COURIER_REPEATED_MAX = 1024 };

struct courier;

// Returns NULL with errno ENOMEM. dataplane and tally are borrowed and outlive it.
struct courier *courier_create(struct dataplane *dataplane, uint32_t workers, struct tally *tally);

// Frees the packets of what still waits.
void courier_destroy(struct courier *courier);

// Gives a decision to a worker, now or later. Aborts the process if memory for the queue is gone:
// a decision that is lost could not be found again.
void courier_decide(struct courier *courier, uint32_t worker, const struct command *command);

// The same to all workers.
void courier_decide_all(struct courier *courier, const struct command *command);

// Asks a worker to end one session; joins it to the last waiting command where that is the same.
void courier_end(struct courier *courier, uint32_t worker, uint64_t handle, uint16_t code,
		 uint8_t reason, uint32_t token);

// Gives a command that comes again by itself. Returns 0, or -EAGAIN: refused, and its packet, if
// any, still the caller's.
int courier_offer(struct courier *courier, uint32_t worker, const struct command *command);

// Holds back everything until courier_release(): what follows from a directory must not be sent
// before that is published.
void courier_hold(struct courier *courier);
void courier_release(struct courier *courier);

// Whether nothing waits for this worker.
bool courier_empty(const struct courier *courier, uint32_t worker);

// Commands that wait, in all.
uint32_t courier_waiting(const struct courier *courier);

// Offers what waits again.
void courier_flush(struct courier *courier);
