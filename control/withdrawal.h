// SPDX-License-Identifier: BSD-3-Clause
// Backends that an operator takes out of service: drained first, then removed.
//
// Control thread. Time is a parameter: monotonic milliseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/backends.h"

// It gets no new sessions from now on. Returns whether this call did it.
bool withdrawal_drain(struct backends *backends, uint16_t index);

// Takes its lanes away and forgets it: at once, or as soon as no session can refer to it any more.
// Its sessions are told that it is lost. What registers under its name before that is itself again.
// Returns 0, -EBUSY (it is connected and not draining) or -EALREADY.
int withdrawal_remove(struct backends *backends, uint16_t index, uint64_t now_ms);

// Forgets a removed one that no session refers to.
void withdrawal_forget(struct backends *backends, uint16_t index, uint64_t now_ms);
