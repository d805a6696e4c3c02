// SPDX-License-Identifier: BSD-3-Clause
// Options: the msgpack map at the end of HELLO, WELCOME, REJECT, OPEN, CLOSE and EVENT.
//
// One struct holds every key that any frame can carry and a bit for each key that is there; what
// a frame does not use is ignored. Pure, without allocation (msgpack-c's callback parser and
// packer on the caller's memory); any thread. Text and binary values are borrowed from the bytes
// decoded, or from the caller when encoding; they are not zero-terminated.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/wire.h"

struct options_text {
	const char *bytes;
	uint32_t len;
};

enum options_key {
	OPTIONS_SERVICES = 1u << 0,
	OPTIONS_CLIENT = 1u << 1,
	OPTIONS_TIMEOUT_MS = 1u << 2,
	OPTIONS_GRACE_MS = 1u << 3,
	OPTIONS_TOKEN = 1u << 4,
	OPTIONS_META = 1u << 5,
	OPTIONS_AGENT = 1u << 6,
	OPTIONS_SERVICE = 1u << 7,
	OPTIONS_BACKEND = 1u << 8,
	OPTIONS_INSTANCE = 1u << 9,
	OPTIONS_CAPACITY = 1u << 10,
	OPTIONS_GATEWAY = 1u << 11,
	OPTIONS_HEARTBEAT_MS = 1u << 12,
	OPTIONS_WINDOW = 1u << 13,
	OPTIONS_FRAME_MAX = 1u << 14,
	OPTIONS_GENERATION = 1u << 15,
	OPTIONS_RESUMED = 1u << 16,
	OPTIONS_BACKENDS = 1u << 17,
	OPTIONS_GATEWAYS = 1u << 18,
	OPTIONS_WORKER = 1u << 19,
	OPTIONS_WORKERS = 1u << 20,
	OPTIONS_REASON = 1u << 21,
	OPTIONS_SUBJECT = 1u << 22,
	OPTIONS_EVENT = 1u << 23,
	OPTIONS_EPOCH = 1u << 24,
};

enum { OPTIONS_GATEWAYS_MAX = 8 };

struct options {
	uint32_t present; // bits of enum options_key
	uint32_t services_count;
	uint32_t backends_count;
	uint32_t gateways_count;
	struct options_text services[WIRE_CHANNELS_MAX];
	struct options_text backends[WIRE_CHANNELS_MAX]; // bytes NULL where the array has nil
	struct options_text gateways[OPTIONS_GATEWAYS_MAX];
	struct options_text client; // at most WIRE_CLIENT_LABEL_MAX
	struct options_text token;  // bin
	struct options_text meta;   // bin, at most WIRE_META_MAX
	struct options_text agent;  // at most WIRE_NAME_MAX, like the names below
	struct options_text service;
	struct options_text backend;
	struct options_text gateway;
	struct options_text reason;  // any length
	struct options_text subject; // at most WIRE_NAME_MAX
	struct options_text event;
	uint64_t instance;
	uint64_t capacity; // sessions
	uint64_t generation;
	uint32_t timeout_ms;
	uint32_t grace_ms;
	uint32_t heartbeat_ms;
	uint32_t window; // frames
	uint32_t frame_max;
	uint32_t worker;
	uint32_t workers;
	uint32_t epoch;
	bool resumed;
};

// Decodes the map at bytes (len bytes, padding included; 0 = absent = empty map).
//
// Returns 0, or -EBADMSG: no map, truncated, longer than WIRE_OPTIONS_BYTES_MAX, deeper than
// WIRE_OPTIONS_DEPTH_MAX, a key that is no string or stands twice, a known key with a value of
// another type or beyond its bounds, or bytes other than zero after the map. Then nothing is
// present in *options. Bytes that are all zero are padding after an absent map.
int options_decode(const uint8_t *bytes, uint32_t len, struct options *options);

// Writes the keys that are present, in the order of enum options_key, into at most room bytes.
//
// Returns the bytes written; 0 where nothing is present (an absent map); -ENOSPC where they are
// more than room or WIRE_OPTIONS_BYTES_MAX; -EINVAL where a value is beyond the bounds that
// options_decode holds it to.
int options_encode(const struct options *options, uint8_t *bytes, uint32_t room);

// A view of a zero-terminated string.
struct options_text options_text(const char *string);

// Whether both have the same bytes.
bool options_text_equal(struct options_text left, struct options_text right);
