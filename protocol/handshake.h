// SPDX-License-Identifier: BSD-3-Clause
// The handshake block of HELLO, WELCOME and OPEN: who, which attempt, which numbers.
//
// Pure; any thread. The options after the block are protocol/options.h's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "protocol/frame.h"

struct handshake {
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint32_t epoch; // from 1
	uint8_t role;   // enum wire_role
	uint8_t count;  // triples: a client's HELLO and WELCOME 1 to 8, OPEN 1, a backend's 0
	uint16_t lane;  // backend's HELLO and WELCOME, else 0
	uint8_t cookie[WIRE_COOKIE_BYTES]; // HELLO; zero in the first and in all other types
	struct frame_triple triples[WIRE_CHANNELS_MAX];
	const uint8_t *options; // borrowed: what follows the triples
	uint32_t options_bytes; // padding included
};

// Reads only what keeps its place in all versions: session id, epoch, cookie. The frame is a
// HELLO with at least its 64 fixed bytes, of any version.
void handshake_decode_fixed(const struct frame *frame, struct handshake *handshake);

// Reads the whole block of a HELLO, WELCOME or OPEN that frame_decode accepted.
// Returns 0, or -EBADMSG: shorter than its count of triples says, a role or count that the type
// cannot have, epoch 0, a lane from a client, or triples that cannot be true.
int handshake_decode(const struct frame *frame, struct handshake *handshake);

// Writes block and triples at body, which has room for WIRE_HANDSHAKE_BYTES + count *
// WIRE_TRIPLE_BYTES. Returns the bytes written.
uint32_t handshake_encode(const struct handshake *handshake, uint8_t *body);

// Result of the sequence check of docs/protocol.md: may this client and this backend go on?
enum handshake_verdict {
	HANDSHAKE_GOOD = 0,
	HANDSHAKE_CLIENT_FORGOT,  // client.oldest > backend.expected
	HANDSHAKE_BACKEND_FORGOT, // backend.oldest > client.expected
	HANDSHAKE_CLIENT_CLAIMS,  // client.expected > backend.next: claims what was never sent
	HANDSHAKE_BACKEND_CLAIMS, // backend.expected > client.next: took what was never sent
};

enum handshake_verdict handshake_check(const struct frame_triple *client,
				       const struct frame_triple *backend);

// The two rules that stay true when an OPEN arrives behind the frames around it (a resume at the
// same gateway): client.oldest <= backend.expected and client.expected <= backend.next.
enum handshake_verdict handshake_check_late(const struct frame_triple *client,
					    const struct frame_triple *backend);
