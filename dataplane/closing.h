// SPDX-License-Identifier: BSD-3-Clause
// How sessions end at their owner: by CLOSE in any direction, by control's command, by a failed
// opening, by being let go.
//
// Worker; each function is called for a session that the worker owns.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "protocol/frame.h"
#include "protocol/session_state.h"

struct worker;

// Ends a session for good: CLOSING, CLOSE to the endpoints that do not know yet. token is that of
// the command. Returns false where its state cannot be ended.
bool closing_begin(struct worker *worker, uint32_t slot, uint16_t code, enum session_reason reason,
		   uint32_t token);

// The endpoints know, or had their second: the slot is given back.
void closing_finish(struct worker *worker, uint32_t slot);

// Forgets a session here without ending it: no CLOSE, its record stays.
void closing_let_go(struct worker *worker, uint32_t slot, uint32_t token);

// Gives up a session that was never connected: one CLOSE to the backends that opened it.
void closing_abandon(struct worker *worker, uint32_t slot, enum session_reason reason);

// Asks control to end a session, once.
void closing_want(struct worker *worker, uint32_t slot, uint16_t code, enum session_reason reason);

// CLOSE and CLOSE_ACK from an endpoint, UNKNOWN from a backend. Take the packet.
void closing_close(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		   enum frame_side from, const struct frame *frame);
void closing_close_ack(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		       enum frame_side from);
void closing_unknown(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot,
		     enum frame_side from);
