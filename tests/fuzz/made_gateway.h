// SPDX-License-Identifier: BSD-3-Clause
// A gateway that says to a client and a backend what an input lets it say: honest answers to what
// they said, with fields that are any, frames and datagrams of any bytes.
//
// What both send must be frames, and legal from their side. One thread.
#pragma once

#include "protocol/handshake.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/toy_net.h"

// What it can do; an input's numbers.
enum made_gateway_action {
	MADE_RETRY,
	MADE_WELCOME,
	MADE_REJECT,
	MADE_OPEN,
	MADE_DATA,
	MADE_ACK,
	MADE_NAK,
	MADE_EVENT,
	MADE_CLOSE,
	MADE_HEARTBEAT,
	MADE_FRAME,
	MADE_BYTES,
	MADE_ACTIONS,
};

// What it has seen of one side.
struct made_gateway_side {
	int socket; // of its last HELLO, -1: none yet
	struct handshake hello;
	uint64_t handle; // that the next frames have
	uint64_t up;     // number of the DATA that it sends next
	uint64_t down;   // number of the DATA that it is sent next
	uint16_t event;
};

struct made_gateway {
	struct toy_net *net;
	struct made_gateway_side sides[2]; // by enum wire_role
	uint8_t roles[TOY_SOCKETS_MAX];    // by socket, of those that said HELLO
};

// Plays the gateway of net.
void made_gateway_init(struct made_gateway *gateway, struct toy_net *net);

// Does one thing to one side, as the input says.
void made_gateway_act(struct made_gateway *gateway, enum made_gateway_action action, bool backend,
		      struct fuzz_input *input);
