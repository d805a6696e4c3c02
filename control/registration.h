// SPDX-License-Identifier: BSD-3-Clause
// How a backend registers: its HELLO, for each lane.
//
// Control thread. docs/protocol.md tells the rules for lanes and epochs; backends.h what is kept.
#pragma once

#include <stdint.h>

#include "control/backends.h"
#include "protocol/frame.h"

// Decides a backend's HELLO, which came with a good cookie: WELCOME, REJECT, or silence where it
// is too short to be answered. fault is what frame_decode() said of it. The packet stays the
// caller's.
void registration_hello(struct backends *backends, const struct notice *notice,
			const struct frame *frame, enum frame_fault fault, uint64_t now_ms);
