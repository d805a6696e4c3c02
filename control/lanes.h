// SPDX-License-Identifier: BSD-3-Clause
// The lanes of backends once there is an attempt: confirmed, asked, silent, closed.
//
// Control thread. Time is a parameter: monotonic milliseconds; what is judged is the workers' own
// time, which stands still while they do not run.
#pragma once

#include <stdint.h>

#include "control/backends.h"
#include "protocol/frame.h"

// Does what a frame from a lane asks for: CONFIRM, CLOSE, UNKNOWN. Others are counted as ignored.
// The packet stays the caller's.
void lanes_frame(struct backends *backends, const struct notice *notice, const struct frame *frame,
		 uint64_t now_ms);

// Looks at a slice of the lanes: orders HEARTBEATs, removes silent lanes and attempts that were
// never confirmed. Each lane is looked at once in liveness_sweep_period_ms() or more often.
// Online for RCU.
void lanes_tick(struct backends *backends, uint64_t now_ms);
