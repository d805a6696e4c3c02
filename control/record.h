// SPDX-License-Identifier: BSD-3-Clause
// Records: what the store keeps of a session, under its id, and of a backend, under
// SERVICE NUL NAME. Generation and owner stand in the store's value, the rest in its body: a
// msgpack array that begins with RECORD_VERSION.
//
// Pure, without allocation; any thread. Texts are views: of the body after decoding, of the caller
// when encoding.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/store_request.h"
#include "holdfast/wire.h"
#include "protocol/options.h"

enum {
	RECORD_VERSION = 1,
	// 8 channels with two names each, meta, three names and the label, with numbers around
	// them.
	RECORD_BYTES_MAX = WIRE_CHANNELS_MAX * (2 * (WIRE_NAME_MAX + 2) + 9 + 1) + WIRE_META_MAX +
			   3 + 3 * (WIRE_NAME_MAX + 2) + 4 * 5 + 2 * 9 + 4,
	RECORD_BACKEND_KEY_MAX = 2 * WIRE_NAME_MAX + 1,
};

struct record_channel {
	struct options_text service; // 1 to WIRE_NAME_MAX bytes
	struct options_text backend; // the same, or none: bytes NULL
	uint64_t instance;           // of the backend; 0 without one
};

struct record_session {
	uint64_t generation;
	uint64_t owner; // instance of the gateway that claimed it last
	uint32_t epoch;
	uint32_t timeout_ms, grace_ms, heartbeat_ms;
	uint64_t created_ms, changed_ms; // UTC
	struct options_text subject;     // of the token; at most WIRE_NAME_MAX bytes; none: len 0
	struct options_text client;      // label; at most WIRE_CLIENT_LABEL_MAX
	struct options_text gateway;     // the owner's name, for people; at most WIRE_NAME_MAX
	struct options_text meta;        // any bytes; at most WIRE_META_MAX
	uint32_t channels_count;         // at most WIRE_CHANNELS_MAX
	struct record_channel channels[WIRE_CHANNELS_MAX];
};

struct record_backend {
	uint64_t generation;
	uint64_t owner;
	uint64_t instance;
	uint64_t changed_ms; // UTC
	bool alive;          // else it is gone
	bool draining;
	struct options_text service, name; // 1 to WIRE_NAME_MAX bytes
	struct options_text gateway;       // the owner's name
};

// Writes a record into body, which value borrows.
// Returns 0, or -EINVAL: a text or a count beyond its bound.
int record_session_encode(const struct record_session *record,
			  uint8_t body[static RECORD_BYTES_MAX], struct store_value *value);
int record_backend_encode(const struct record_backend *record,
			  uint8_t body[static RECORD_BYTES_MAX], struct store_value *value);

// Reads a record. Returns 0, -ENOTSUP (of a later version) or -EBADMSG (malformed); *record is
// undefined then.
int record_session_decode(const struct store_value *value, struct record_session *record);
int record_backend_decode(const struct store_value *value, struct record_backend *record);

// Key of a backend's record. Returns its length. Both texts have 1 to WIRE_NAME_MAX bytes.
uint32_t record_backend_key(struct options_text service, struct options_text name,
			    uint8_t key[static RECORD_BACKEND_KEY_MAX]);
