// SPDX-License-Identifier: BSD-3-Clause
// What a worker tells control. Notices that control must not miss are marked in the session when
// the mailbox is full, and offered again each pass; the others are counted as lost. What is told of
// one session comes in the order in which it happened.
//
// Worker only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/dataplane.h"
#include "protocol/frame.h"

struct worker;

// Gives a frame to control: takes the packet; drops it, counted, when the mailbox is full.
// backend and lane: where it came from on a link, else DIRECTORY_NONE and 0.
void notice_frame(struct worker *worker, struct rte_mbuf *mbuf, uint16_t backend, uint16_t lane);

// Tells something about a session: CREATED, CONNECTED, RESUMED, DETACHED or GONE.
void notice_session(struct worker *worker, uint32_t slot, enum notice_kind kind,
		    enum session_reason reason);

// The same with a code and the token of a command: END_WANTED, CLOSING.
void notice_end(struct worker *worker, uint32_t slot, enum notice_kind kind, uint16_t code,
		enum session_reason reason, uint32_t token);

// REFUSED: nothing of the command was done for this handle.
void notice_refused(struct worker *worker, uint64_t handle, const struct command *command);

// PRELOADED: handle (or 0) of the session that the command asked for.
void notice_preloaded(struct worker *worker, uint64_t handle, const struct command *command);

// Whether the mailbox has room for the answers to one command, and nothing that is marked waits to
// be told before them.
bool notice_room(const struct worker *worker);

// Offers marked notices again, at most some. Each pass.
void notice_flush(struct worker *worker);

// Takes a session that goes away out of the list of marked ones; what it had to tell is lost, and
// counted.
void notice_forget(struct worker *worker, uint32_t slot);
