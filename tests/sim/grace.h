// SPDX-License-Identifier: BSD-3-Clause
// RCU in virtual time: what waits for a grace period runs when every worker of its gateway has
// made a pass since, and some more time is over, as long as the dice say.
//
// One thread. The linker puts this in place of liburcu's calls of those names.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/dice.h"

// Nothing waits; delays come from dice of this seed.
void grace_begin(uint64_t seed);

// Whose code runs from here on.
void grace_enter(uint32_t gate);

// A worker of a gateway has made a pass.
void grace_passed(uint32_t gate, uint32_t worker);

// How many passes it has made.
uint64_t grace_passes(uint32_t gate, uint32_t worker);

// Runs what is due.
void grace_run(void);

// How many callbacks of a gateway wait.
uint32_t grace_waiting(uint32_t gate);

// Whether the gateway's control thread has waited for its workers since the last time it was
// asked.
bool grace_awaited(uint32_t gate);
