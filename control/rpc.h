// SPDX-License-Identifier: BSD-3-Clause
// MessagePack-RPC, one message at a time: bounds first, then decoding; answers are packed here.
//
// Pure but for memory: no sockets. Control thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "control/methods_list.h"
#include "holdfast/control.h"
#include "holdfast/wire.h"

enum {
	RPC_VALUES_MAX = 4096, // of one request, so that a small frame cannot ask for much memory
	RPC_ID_TEXT_BYTES = 2 * WIRE_SESSION_ID_BYTES + 1,
};

enum rpc_scan {
	RPC_SCAN_WHOLE,   // *bytes tells how long the first value is
	RPC_SCAN_PARTIAL, // more is needed, and still may come
	RPC_SCAN_BAD, // too long, too deep, too many values, or a byte that msgpack does not have
};

// Looks whether data begins with one whole MessagePack value within the limits of
// holdfast/control.h. Work is bounded by length.
enum rpc_scan rpc_scan(const uint8_t *data, size_t length, size_t *bytes);

// The same for what a gateway sends: its values are bounded by their bytes alone.
enum rpc_scan rpc_scan_answer(const uint8_t *data, size_t length, size_t *bytes);

// One request or notification. Everything in it lives in the zone of `unpacked`.
struct rpc_request {
	bool notification; // no answer is wanted
	uint32_t id;
	const char *method; // not zero-terminated
	uint32_t method_len;
	msgpack_object params; // a map; an empty one where there were none
	msgpack_unpacked unpacked;
};

// Decodes one whole value. Returns 0, or -EBADMSG: it is no MessagePack-RPC request; nothing is
// to be released then. After 0 the caller calls rpc_request_fini().
int rpc_request_init(struct rpc_request *request, const uint8_t *data, size_t bytes);
void rpc_request_fini(struct rpc_request *request);

// Values of params by key. Each returns 0, -ENOENT where the key is absent (*value untouched),
// or -EINVAL where it has another type or lies beyond [min, max].
int rpc_param_uint(const struct rpc_request *request, const char *key, uint64_t min, uint64_t max,
		   uint64_t *value);
int rpc_param_text(const struct rpc_request *request, const char *key, const char **text,
		   uint32_t *len);

// *array lives as long as the request.
int rpc_param_array(const struct rpc_request *request, const char *key,
		    const msgpack_object **array);

// Whether params has a key that is not among the known ones (ended by a NULL name); *unknown
// names it, not zero-terminated.
bool rpc_param_unknown(const struct rpc_request *request, const struct methods_list_param *known,
		       const char **unknown, uint32_t *unknown_len);

// Packs the head of an answer without error: [1, id, nil, ; the caller packs one value after it.
void rpc_answer(msgpack_packer *packer, uint32_t id);

// Packs a whole answer with an error.
void rpc_error(msgpack_packer *packer, uint32_t id, const char *code, const char *text);

// Packs a zero-terminated string; a map key followed by the value.
void rpc_pack_text(msgpack_packer *packer, const char *text);
void rpc_pack_key_text(msgpack_packer *packer, const char *key, const char *text);
void rpc_pack_key_uint(msgpack_packer *packer, const char *key, uint64_t value);
void rpc_pack_key_bool(msgpack_packer *packer, const char *key, bool value);

// A session id as 32 hex digits. Returns text.
const char *rpc_id_text(const uint8_t id[static WIRE_SESSION_ID_BYTES],
			char text[static RPC_ID_TEXT_BYTES]);
