// SPDX-License-Identifier: BSD-3-Clause
// Opening and resuming: HELLO, OPEN_ACK, CONFIRM.
//
// The worker decides alone whatever concerns a session that it owns; a HELLO of a session that is
// not known here goes to control once its cookie, shape and wishes are found good. Rejected
// requests change nothing. Worker; each function takes the packet.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/dataplane.h"
#include "protocol/frame.h"

struct worker;

// A HELLO with its 64 fixed bytes; fault is FRAME_OK or FRAME_VERSION.
void opening_hello(struct worker *worker, struct rte_mbuf *mbuf, const struct frame *frame,
		   enum frame_fault fault);

// COMMAND_CREATE: the HELLO in command->packet has been admitted.
void opening_create(struct worker *worker, const struct command *command);

// OPEN_ACK from a backend of the session.
void opening_ack(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		 const struct frame *frame);

// CONFIRM, whether or not it comes from the session's path. Returns false, the packet not taken,
// where it fits neither the pending attempt nor the session.
bool opening_confirm(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		     const struct frame *frame);

// Whether a packet comes from the path of the session's pending attempt.
bool opening_pending_path(struct worker *worker, uint32_t slot, const struct rte_mbuf *mbuf);
