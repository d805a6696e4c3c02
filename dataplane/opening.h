// SPDX-License-Identifier: BSD-3-Clause
// Opening and resuming, once a HELLO has been accepted: OPEN_ACK from the backends, CONFIRM from
// the client.
//
// Worker; for sessions that it owns.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "protocol/frame.h"

struct worker;

// OPEN_ACK from a backend of the session. Takes the packet.
void opening_ack(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		 const struct frame *frame);

// CONFIRM, whether or not it comes from the session's path. Returns false, the packet not taken,
// where it fits neither the pending attempt nor the session.
bool opening_confirm(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		     const struct frame *frame);

// Whether a packet comes from the path of the session's pending attempt.
bool opening_pending_path(struct worker *worker, uint32_t slot, const struct rte_mbuf *mbuf);
