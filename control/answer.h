// SPDX-License-Identifier: BSD-3-Clause
// Frames that the control thread itself sends: REJECT, and what a backend's link gets.
//
// Control thread. Each goes back to where a notice came from, through that worker. An answer for
// which there is no buffer or no room is not sent and counted: what it answers will be repeated.
#pragma once

#include <stdint.h>

#include "control/courier.h"
#include "control/events.h"
#include "control/tally.h"
#include "dataplane/dataplane.h"
#include "protocol/handshake.h"
#include "protocol/options.h"

// What every answer needs. Borrowed.
struct answerer {
	struct dataplane *dataplane;
	struct courier *courier;
	struct tally *tally;
	struct events *events; // may be NULL
	uint32_t frame_max;    // bytes
};

struct answer_refusal {
	uint16_t code; // enum holdfast_code, never HOLDFAST_OK
	uint32_t retry_after_ms;
	uint32_t epoch_standing; // or 0
	const char *reason;      // for people; NULL: the code's own text
};

// REJECT for the attempt of hello (its session id and epoch); counted by code
// and told as an event.
void answer_refuse(const struct answerer *answerer, const struct notice *notice,
		   const struct handshake *hello, const struct answer_refusal *refusal);

// WELCOME to a backend's lane.
void answer_welcome(const struct answerer *answerer, const struct notice *notice,
		    const struct handshake *hello, uint64_t handle, const struct options *options);

// A frame without a body: ACK, CLOSE_ACK.
void answer_bare(const struct answerer *answerer, const struct notice *notice, uint8_t type,
		 uint8_t channel, uint64_t handle);

// base_ms to twice that, at random: so that those who were refused together do not come back
// together.
uint32_t answer_spread_ms(uint32_t base_ms);
