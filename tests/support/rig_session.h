// SPDX-License-Identifier: BSD-3-Clause
// Both endpoints of a session on a rig, frame by frame.
//
// One thread; frames stay good as in rig.h.
#pragma once

#include "tests/support/rig.h"

// A client and its session as a test knows them. Numbers are those of the client.
struct rig_session {
	struct rig_peer client;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint32_t epoch;
	uint64_t handle; // 0 until WELCOME
	struct frame_triple numbers;
	uint32_t timeout_ms, grace_ms; // wishes; 0: none
};

// Session number n of a client.
struct rig_session rig_session(const struct rig_peer *client, uint32_t n);

// HELLO of the session's epoch, with the cookie that a RETRY brings. Leaves the answer in the
// inbox.
void rig_hello(struct rig *rig, const struct rig_session *session, bool resume);
// The same with a cookie of the caller's, or none.
void rig_hello_cookie(struct rig *rig, const struct rig_session *session, bool resume,
		      const uint8_t *cookie);

// The backend takes the oldest OPEN and answers it with code (0: accepted) and these numbers.
// Returns the OPEN's epoch.
uint32_t rig_answer_open(struct rig *rig, uint16_t code, uint32_t standing,
			 const struct frame_triple *numbers);

// Takes WELCOME; sets the session's handle.
void rig_welcome(struct rig *rig, struct rig_session *session);

void rig_confirm(struct rig *rig, const struct rig_session *session);

// All of these: a new session, CONNECTED; nothing of it is left in the inbox.
void rig_open(struct rig *rig, struct rig_session *session);

// The session comes back with the next epoch from another place; whole, as rig_open(). The backend
// answers OPEN with its numbers.
void rig_resume(struct rig *rig, struct rig_session *session, const struct rig_peer *from,
		const struct frame_triple *backend);

// Takes REJECT to the session's client. Returns its code.
uint16_t rig_rejected(struct rig *rig, const struct rig_session *session);

// DATA with a number, an acknowledgement and text.
void rig_up(struct rig *rig, const struct rig_session *session, uint32_t seq, uint32_t ack,
	    const char *text);
void rig_down(struct rig *rig, const struct rig_session *session, uint32_t seq, uint32_t ack,
	      const char *text);

// A frame with nothing but a header, from either endpoint.
void rig_bare(struct rig *rig, const struct rig_peer *from, uint8_t type, uint64_t handle,
	      uint32_t ack);

// NAK of count numbers from first on.
void rig_nak(struct rig *rig, const struct rig_peer *from, uint64_t handle, uint32_t first,
	     uint32_t count);

void rig_close(struct rig *rig, const struct rig_peer *from, uint64_t handle, uint16_t code);

// Checks that the next DATA to a peer has this number and text.
void rig_want_data(struct rig *rig, const struct rig_peer *to, uint32_t seq, const char *text);
