// SPDX-License-Identifier: BSD-3-Clause
// A session loses its path, or its owner: detached by silence or SLEEP, moved after its client's
// flow. Worker; for sessions that it owns.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "protocol/session_state.h"

struct worker;

// CONNECTED -> DETACHED: grace begins, backends are told.
void detaching_begin(struct worker *worker, uint32_t slot, enum session_reason reason);

// SLEEP from the client: detached at once, answered by an ACK. Takes the packet.
void detaching_sleep(struct worker *worker, struct rte_mbuf *mbuf, uint32_t slot);

// Gives the session to another worker, unless something of it is still under way here. Returns
// whether it is the other's now.
bool detaching_move(struct worker *worker, uint32_t slot, uint8_t owner);
