// SPDX-License-Identifier: BSD-3-Clause
// HELLO: a peer wants a session, or its own back.
//
// The worker decides alone whatever concerns a session that it owns; a HELLO of a session that is
// not known here goes to control once its cookie, shape and wishes are found good. Rejected
// requests change nothing. Worker; each function takes the packet.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/dataplane.h"
#include "protocol/frame.h"

struct worker;

// A HELLO with its 64 fixed bytes; fault is FRAME_OK or FRAME_VERSION.
void hello_take(struct worker *worker, struct rte_mbuf *mbuf, const struct frame *frame,
		enum frame_fault fault);

// COMMAND_CREATE: the HELLO in command->packet has been admitted.
void hello_create(struct worker *worker, const struct command *command);
