// SPDX-License-Identifier: BSD-3-Clause
// The Holdfast protocol, version 1, as numbers: frame types, flags, sizes, limits.
//
// One frame is one UDP payload: a 24-byte header and a body whose length is what remains. All
// integers are in network byte order. docs/protocol.md tells the rules; the codec that reads and
// writes these bytes is protocol/frame.h.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

enum {
	WIRE_VERSION = 1,
	WIRE_PORT_DEFAULT = 7400,
	WIRE_HEADER_BYTES = 24,
	WIRE_FRAME_MAX_DEFAULT = 1200, // UDP payload, header included
	WIRE_FRAME_MAX_MIN = 256,
	WIRE_FRAME_MAX_LIMIT = 8192, // largest frame_max that can be configured
	WIRE_CHANNELS_MAX = 8,       // channels of one session: 0 to 7
	WIRE_SESSION_ID_BYTES = 16,
	WIRE_COOKIE_BYTES = 16,

	WIRE_WINDOW_MIN = 64, // frames; 4096 is also the largest gap in a handshake triple
	WIRE_WINDOW_DEFAULT = 256,
	WIRE_WINDOW_MAX = 4096,
	WIRE_NAK_PAIRS_MAX = 32,
	WIRE_EVENTS_QUEUED_MAX = 16, // per handle and endpoint, one of them outstanding

	WIRE_MESSAGE_MAX_DEFAULT = 65536, // bytes of one message, over all of its frames

	// Options: one msgpack map with string keys at the end of some frames.
	WIRE_OPTIONS_BYTES_MAX = 900,
	WIRE_OPTIONS_DEPTH_MAX = 4, // the outer map is 1
	WIRE_CLIENT_LABEL_MAX = 32, // bytes
	WIRE_META_MAX = 512,        // bytes
	WIRE_NAME_MAX = 63,         // bytes of a service, backend, gateway or agent name
};

enum wire_type {
	WIRE_HELLO = 1,          // endpoint -> gateway
	WIRE_RETRY = 2,          // gateway -> endpoint
	WIRE_WELCOME = 3,        // gateway -> endpoint
	WIRE_REJECT = 4,         // gateway -> endpoint
	WIRE_OPEN = 5,           // gateway -> backend
	WIRE_OPEN_ACK = 6,       // backend -> gateway
	WIRE_DATA = 7,           // any
	WIRE_ACK = 8,            // any
	WIRE_NAK = 9,            // any
	WIRE_DATAGRAM = 10,      // any
	WIRE_HEARTBEAT = 11,     // gateway -> endpoint
	WIRE_HEARTBEAT_ACK = 12, // endpoint -> gateway
	WIRE_EVENT = 13,         // gateway -> endpoint
	WIRE_EVENT_ACK = 14,     // endpoint -> gateway
	WIRE_CLOSE = 15,         // any
	WIRE_CLOSE_ACK = 16,     // any
	WIRE_UNKNOWN = 17,       // any
	WIRE_SLEEP = 18,         // client -> gateway
	WIRE_CONFIRM = 19,       // endpoint -> gateway
	WIRE_TYPE_MAX = WIRE_CONFIRM,
};

enum wire_flag {
	WIRE_FLAG_MORE = 0x01,     // DATA: the message goes on in the next frame
	WIRE_FLAG_BUNDLE = 0x02,   // DATA: several messages, each with a 2-byte length in front
	WIRE_FLAG_REPLAYED = 0x04, // DATA: sent before, from a replay cache or an outbox
	WIRE_FLAG_RESUME = 0x08,   // HELLO, OPEN: there was a WELCOME for this session id before
	WIRE_FLAG_SEALED = 0x80,   // reserved; a frame that has it is malformed
};

// aux of an ACK: bit 0 asks the other endpoint for an ACK, the others count holes asked for since
// the last ACK.
enum {
	WIRE_ACK_ASKS = 0x0001,
	WIRE_ACK_HOLES_SHIFT = 1,
	WIRE_ACK_HOLES_MAX = 0x7fff,
};

enum wire_role { WIRE_ROLE_CLIENT = 0, WIRE_ROLE_BACKEND = 1 };

// Names that EVENT carries under its key "event".
#define WIRE_EVENT_PEER_DETACHED "peer_detached"
#define WIRE_EVENT_CHANNEL_DOWN "channel_down"
#define WIRE_EVENT_CHANNEL_RESET "channel_reset"
#define WIRE_EVENT_CHANNEL_UP "channel_up"
#define WIRE_EVENT_DRAINING "draining"
#define WIRE_EVENT_OPERATION "operation"

// Sizes of fixed bodies and of the fixed parts of the others.
enum {
	WIRE_HANDSHAKE_BYTES = 40, // block before the triples
	WIRE_TRIPLE_BYTES = 24,    // oldest, next, expected
	WIRE_HELLO_FIXED_BYTES = WIRE_HEADER_BYTES + WIRE_HANDSHAKE_BYTES, // same in all versions
	WIRE_RETRY_BODY_BYTES = 36,
	WIRE_REJECT_BODY_BYTES = 32, // options follow
	WIRE_OPEN_ACK_BODY_BYTES = 32,
	WIRE_NAK_PAIR_BYTES = 8,
	WIRE_HEARTBEAT_BODY_BYTES = 8,
	WIRE_CLOSE_BODY_BYTES = 4, // options follow
	WIRE_CONFIRM_BODY_BYTES = 4,
};

#ifdef __cplusplus
}
#endif
