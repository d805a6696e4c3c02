// SPDX-License-Identifier: BSD-3-Clause
// The watch over sessions at gates: which edges they take, and whether verdicts come in time, not
// late and never early; and over slots, that none is used again before its grace period is over. It
// sees what arrives at a gate's device, which no gate can see for sure.
//
// One thread. What is wrong is told by trace_fail().
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"
#include "tests/sim/bounds.h"

struct gate;

void watch_begin(void);

// The process behind a gate is another one.
void watch_gate(struct gate *gate);

// A whole packet with this frame stands in the device of a gate, for one of its workers.
void watch_heard(struct gate *gate, uint32_t worker, const struct address *from,
		 const uint8_t *frame, uint32_t len);

// Something of a gate does not run until then: its control thread or a worker.
void watch_stalled(struct gate *gate, uint64_t until_us);

// Looks for those who should have been found silent.
void watch_look(struct gate *gate);
