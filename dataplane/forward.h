// SPDX-License-Identifier: BSD-3-Clause
// Forwarding: DATA, ACK, NAK and DATAGRAM of known sessions, both ways.
//
// Worker. A burst of frames whose sessions are the worker's own and whose senders are on path;
// each packet is sent on, kept as a copy, or dropped under one reason.
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

#include "protocol/frame.h"

struct worker;

// A frame, its session, and which endpoint sent it.
struct steered {
	struct rte_mbuf *mbuf;
	struct frame frame;
	uint32_t slot;
	enum frame_side from;
};

void forward_burst(struct worker *worker, const struct steered *frames, uint32_t count);

// Goes on with the replay to a client that has resumed: at most ATTEMPT_REPLAY_FRAMES in flight,
// oldest first; what has no copy is asked of its backend.
void forward_replay(struct worker *worker, uint32_t slot);

// Sends the cached frames of the client again to the backend of channel k, which has returned.
void forward_replay_up(struct worker *worker, uint32_t slot, uint32_t k);
