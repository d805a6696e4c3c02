// SPDX-License-Identifier: BSD-3-Clause
// Steering: whose is this frame? Decodes a burst, finds sessions, hands over what belongs to
// another worker, checks that senders are on path, and gives each frame to the part that takes it.
//
// Worker. Takes every packet.
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

struct worker;

// At most BURST_MAX frames, as packet_receive() leaves them or as another worker handed them over.
void steer_burst(struct worker *worker, struct rte_mbuf **frames, uint32_t count);
