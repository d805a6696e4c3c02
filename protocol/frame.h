// SPDX-License-Identifier: BSD-3-Clause
// The frame codec: header and fixed bodies of every frame type, as docs/protocol.md lists them.
//
// Pure: no clock, no allocation, no state; any thread. Decoders read nothing beyond the length
// they are given and copy no payload: what they return points into the caller's bytes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/wire.h"

// One frame, decoded: header in host order, body borrowed.
struct frame {
	uint8_t type;  // enum wire_type
	uint8_t flags; // enum wire_flag
	uint8_t channel;
	uint16_t window; // frames beyond ack that the sender can still take
	uint16_t aux;
	uint64_t handle;
	uint32_t seq; // low 32 bits
	uint32_t ack; // low 32 bits
	const uint8_t *body;
	uint32_t body_bytes;
};

// Who sent a frame. A type that is not legal from its side is dropped under its own reason.
enum frame_side { FRAME_FROM_CLIENT, FRAME_FROM_BACKEND, FRAME_FROM_GATEWAY };

// Why bytes are no frame. All but FRAME_VERSION mean silence; that one, in a HELLO with its 64
// fixed bytes, is answered VERSION_MISMATCH once the cookie is good.
enum frame_fault {
	FRAME_OK = 0,
	FRAME_SHORT,   // no full header
	FRAME_VERSION, // version is not WIRE_VERSION (type, flags and body were not judged)
	FRAME_TYPE,    // no such type
	FRAME_FLAGS,   // unknown flag, or one that this type cannot carry, or MORE with BUNDLE
	FRAME_CHANNEL, // above 7, or other than 0 in a type that has none
	FRAME_HANDLE,  // other than 0 in HELLO and RETRY, 0 where the type needs a session
	FRAME_BODY,    // body too short for the type's fixed part, or not of its exact size
};

// Decodes len bytes into *frame and judges everything that needs only the header and the body's
// length. On FRAME_VERSION and later faults the header fields are filled in all the same.
// A HELLO shorter than WIRE_HELLO_FIXED_BYTES is FRAME_BODY.
// window, aux, seq and ack are not judged: in a type that does not use them they mean nothing,
// whatever they are. Nor are the bytes that the protocol calls zero inside of bodies.
enum frame_fault frame_decode(const uint8_t *bytes, uint32_t len, struct frame *frame);

// Writes the 24 header bytes of *frame. body is not touched: it follows at bytes + 24.
void frame_encode_header(const struct frame *frame, uint8_t *bytes);

// Whether a frame of this type may come from this side.
bool frame_legal_from(uint8_t type, enum frame_side side);

// Static name of a type ("DATA"), or "type ?" for one that does not exist.
const char *frame_type_name(uint8_t type);

struct frame_retry {
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint32_t epoch;
	uint8_t cookie[WIRE_COOKIE_BYTES];
};

struct frame_reject {
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint32_t epoch; // the one refused
	uint16_t code;  // enum holdfast_code
	bool retriable;
	uint32_t retry_after_ms;
	uint32_t epoch_standing; // or 0
};

// Numbers of one channel as one side tells them. oldest <= next <= oldest + 4096.
struct frame_triple {
	uint64_t oldest;   // oldest frame still in the outbox; next if it is empty
	uint64_t next;     // next number to be given
	uint64_t expected; // next number wanted from the peer
};

struct frame_open_ack {
	uint16_t code;  // 0 = accepted
	uint32_t epoch; // that stands at the backend
	struct frame_triple triple;
};

struct frame_nak_pair {
	uint32_t first; // low 32 bits
	uint32_t count;
};

struct frame_close {
	uint16_t code;
};

// Bodies. A decoder takes the body of a frame that frame_decode accepted as that type; the
// encoders write the fixed body of the type at body and return its bytes. Options, where the
// type has them, follow and belong to protocol/options.h.
void frame_decode_retry(const struct frame *frame, struct frame_retry *retry);
uint32_t frame_encode_retry(const struct frame_retry *retry, uint8_t *body);
void frame_decode_reject(const struct frame *frame, struct frame_reject *reject);
uint32_t frame_encode_reject(const struct frame_reject *reject, uint8_t *body);
void frame_decode_open_ack(const struct frame *frame, struct frame_open_ack *ack);
uint32_t frame_encode_open_ack(const struct frame_open_ack *ack, uint8_t *body);
void frame_decode_close(const struct frame *frame, struct frame_close *close);
uint32_t frame_encode_close(const struct frame_close *close, uint8_t *body);
uint32_t frame_decode_confirm(const struct frame *frame); // epoch
uint32_t frame_encode_confirm(uint32_t epoch, uint8_t *body);
void frame_encode_triple(const struct frame_triple *triple, uint8_t *bytes);
void frame_decode_triple(const uint8_t *bytes, struct frame_triple *triple);

// Whether the three numbers can be true: ordered, at most 4096 apart, below 2^63.
bool frame_triple_valid(const struct frame_triple *triple);

// Reads the pairs of a NAK, 1 to 32 of them. Returns how many.
uint32_t frame_decode_nak(const struct frame *frame,
			  struct frame_nak_pair pairs[static WIRE_NAK_PAIRS_MAX]);
// Writes count pairs (1 to 32) at body. Returns the bytes written.
uint32_t frame_encode_nak(const struct frame_nak_pair *pairs, uint32_t count, uint8_t *body);
