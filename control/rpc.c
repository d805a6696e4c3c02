// SPDX-License-Identifier: BSD-3-Clause
// MessagePack-RPC requests and answers, by its public specification (msgpack-rpc, spec.md).
#include "control/rpc.h"

#include <errno.h>
#include <string.h>

enum { RPC_REQUEST = 0, RPC_RESPONSE = 1, RPC_NOTIFICATION = 2 };

// What one value's first bytes tell: how long its head is, how many bytes follow that are its
// own, how many values it contains.
struct head {
	size_t bytes;
	uint64_t payload;
	uint64_t values;
	bool container;
};

static uint64_t big_endian(const uint8_t *data, size_t width)
{
	uint64_t value = 0;

	for (size_t i = 0; i < width; i++)
		value = value << 8 | data[i];
	return value;
}

// Bytes of the length or value field that follows a first byte of 0xc0 and above.
static size_t field_width(uint8_t first)
{
	static const uint8_t widths[0x20] = {
	    [0x04] = 1, [0x05] = 2, [0x06] = 4,                         // bin
	    [0x07] = 1, [0x08] = 2, [0x09] = 4,                         // ext
	    [0x0a] = 4, [0x0b] = 8,                                     // float
	    [0x0c] = 1, [0x0d] = 2, [0x0e] = 4, [0x0f] = 8,             // uint
	    [0x10] = 1, [0x11] = 2, [0x12] = 4, [0x13] = 8,             // int
	    [0x14] = 0, [0x15] = 0, [0x16] = 0, [0x17] = 0, [0x18] = 0, // fixext
	    [0x19] = 1, [0x1a] = 2, [0x1b] = 4,                         // str
	    [0x1c] = 2, [0x1d] = 4, [0x1e] = 2, [0x1f] = 4,             // array, map
	};

	return widths[first - 0xc0];
}

static void head_of_long_form(uint8_t first, uint64_t field, struct head *head)
{
	if (first <= 0xc6 || (first >= 0xd9 && first <= 0xdb)) { // bin and str; nil has field 0
		head->payload = field;
	} else if (first <= 0xc9) { // ext: a type byte besides
		head->payload = field + 1;
	} else if (first >= 0xd4 && first <= 0xd8) { // fixext 1, 2, 4, 8, 16
		head->payload = (UINT64_C(1) << (first - 0xd4)) + 1;
	} else if (first >= 0xdc) { // array and map
		head->container = true;
		head->values = first <= 0xdd ? field : 2 * field;
	}
}

// Reads one head. Returns RPC_SCAN_WHOLE when it is all there.
static enum rpc_scan head_read(const uint8_t *data, size_t length, struct head *head)
{
	if (length == 0)
		return RPC_SCAN_PARTIAL;

	const uint8_t first = data[0];

	*head = (struct head){.bytes = 1};
	if (first <= 0x7f || first >= 0xe0)
		return RPC_SCAN_WHOLE;
	if (first <= 0x9f) {
		head->container = true;
		head->values = first <= 0x8f ? 2 * (first & 0x0f) : first & 0x0f;
		return RPC_SCAN_WHOLE;
	}
	if (first <= 0xbf) {
		head->payload = first & 0x1f;
		return RPC_SCAN_WHOLE;
	}
	if (first == 0xc1)
		return RPC_SCAN_BAD;

	const size_t width = field_width(first);

	if (length < 1 + width)
		return RPC_SCAN_PARTIAL;
	head->bytes = 1 + width;
	head_of_long_form(first, big_endian(data + 1, width), head);
	return RPC_SCAN_WHOLE;
}

static enum rpc_scan scan(const uint8_t *data, size_t length, uint32_t values_max, size_t *bytes)
{
	uint64_t left[CONTROL_DEPTH_MAX + 1] = {1}; // values still to come, by depth
	uint32_t depth = 0;
	uint32_t values = 0;
	size_t at = 0;

	while (depth > 0 || left[0] > 0) {
		struct head head;

		if (left[depth] == 0) {
			depth--;
			continue;
		}
		if (++values > values_max)
			return RPC_SCAN_BAD;

		const enum rpc_scan got = head_read(data + at, length - at, &head);

		if (got != RPC_SCAN_WHOLE)
			return got == RPC_SCAN_PARTIAL && length > CONTROL_FRAME_BYTES_MAX
				   ? RPC_SCAN_BAD
				   : got;
		left[depth]--;
		if (head.payload > CONTROL_FRAME_BYTES_MAX || head.values > values_max ||
		    at + head.bytes + head.payload > CONTROL_FRAME_BYTES_MAX)
			return RPC_SCAN_BAD;
		if (at + head.bytes + head.payload > length)
			return RPC_SCAN_PARTIAL;
		at += head.bytes + head.payload;
		if (head.container) {
			if (++depth > CONTROL_DEPTH_MAX)
				return RPC_SCAN_BAD;
			left[depth] = head.values;
		}
	}
	*bytes = at;
	return RPC_SCAN_WHOLE;
}

enum rpc_scan rpc_scan(const uint8_t *data, size_t length, size_t *bytes)
{
	return scan(data, length, RPC_VALUES_MAX, bytes);
}

enum rpc_scan rpc_scan_answer(const uint8_t *data, size_t length, size_t *bytes)
{
	return scan(data, length, CONTROL_FRAME_BYTES_MAX, bytes);
}

static int request_read(struct rpc_request *request, const msgpack_object *object)
{
	if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size < 3)
		return -EBADMSG;

	const msgpack_object *values = object->via.array.ptr;
	const uint32_t count = object->via.array.size;

	if (values[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return -EBADMSG;
	request->notification = values[0].via.u64 == RPC_NOTIFICATION;
	if (!request->notification && values[0].via.u64 != RPC_REQUEST)
		return -EBADMSG;
	if (count != (request->notification ? 3 : 4))
		return -EBADMSG;
	if (!request->notification) {
		if (values[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
		    values[1].via.u64 > UINT32_MAX)
			return -EBADMSG;
		request->id = (uint32_t)values[1].via.u64;
	}

	const msgpack_object *method = &values[count - 2];
	const msgpack_object *params = &values[count - 1];

	if (method->type != MSGPACK_OBJECT_STR || params->type != MSGPACK_OBJECT_ARRAY ||
	    params->via.array.size > 1)
		return -EBADMSG;
	request->method = method->via.str.ptr;
	request->method_len = method->via.str.size;
	request->params = (msgpack_object){.type = MSGPACK_OBJECT_MAP};
	if (params->via.array.size == 1 && params->via.array.ptr[0].type != MSGPACK_OBJECT_NIL) {
		if (params->via.array.ptr[0].type != MSGPACK_OBJECT_MAP)
			return -EBADMSG;
		request->params = params->via.array.ptr[0];
	}
	return 0;
}

int rpc_request_init(struct rpc_request *request, const uint8_t *data, size_t bytes)
{
	size_t offset = 0;

	*request = (struct rpc_request){0};
	msgpack_unpacked_init(&request->unpacked);

	const msgpack_unpack_return got =
	    msgpack_unpack_next(&request->unpacked, (const char *)data, bytes, &offset);
	int rc = -EBADMSG;

	if (got == MSGPACK_UNPACK_SUCCESS || got == MSGPACK_UNPACK_EXTRA_BYTES)
		rc = request_read(request, &request->unpacked.data);
	if (rc != 0)
		msgpack_unpacked_destroy(&request->unpacked);
	return rc;
}

void rpc_request_fini(struct rpc_request *request)
{
	msgpack_unpacked_destroy(&request->unpacked);
}

static bool text_is(const msgpack_object *object, const char *text)
{
	return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(text) &&
	       memcmp(object->via.str.ptr, text, object->via.str.size) == 0;
}

static const msgpack_object *param(const struct rpc_request *request, const char *key)
{
	for (uint32_t i = 0; i < request->params.via.map.size; i++) {
		const msgpack_object_kv *pair = &request->params.via.map.ptr[i];

		if (text_is(&pair->key, key))
			return &pair->val;
	}
	return NULL;
}

int rpc_param_uint(const struct rpc_request *request, const char *key, uint64_t min, uint64_t max,
		   uint64_t *value)
{
	const msgpack_object *object = param(request, key);

	if (object == NULL || object->type == MSGPACK_OBJECT_NIL)
		return -ENOENT;
	if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 < min ||
	    object->via.u64 > max)
		return -EINVAL;
	*value = object->via.u64;
	return 0;
}

int rpc_param_text(const struct rpc_request *request, const char *key, const char **text,
		   uint32_t *len)
{
	const msgpack_object *object = param(request, key);

	if (object == NULL || object->type == MSGPACK_OBJECT_NIL)
		return -ENOENT;
	if (object->type != MSGPACK_OBJECT_STR)
		return -EINVAL;
	*text = object->via.str.ptr;
	*len = object->via.str.size;
	return 0;
}

int rpc_param_array(const struct rpc_request *request, const char *key,
		    const msgpack_object **array)
{
	const msgpack_object *object = param(request, key);

	if (object == NULL || object->type == MSGPACK_OBJECT_NIL)
		return -ENOENT;
	if (object->type != MSGPACK_OBJECT_ARRAY)
		return -EINVAL;
	*array = object;
	return 0;
}

bool rpc_param_unknown(const struct rpc_request *request, const struct methods_list_param *known,
		       const char **unknown, uint32_t *unknown_len)
{
	for (uint32_t i = 0; i < request->params.via.map.size; i++) {
		const msgpack_object *key = &request->params.via.map.ptr[i].key;
		const struct methods_list_param *param = known;

		while (param->name != NULL && !text_is(key, param->name))
			param++;
		if (param->name != NULL)
			continue;
		*unknown = key->type == MSGPACK_OBJECT_STR ? key->via.str.ptr : "(not a string)";
		*unknown_len = key->type == MSGPACK_OBJECT_STR ? key->via.str.size
							       : (uint32_t)strlen(*unknown);
		return true;
	}
	return false;
}

void rpc_answer(msgpack_packer *packer, uint32_t id)
{
	msgpack_pack_array(packer, 4);
	msgpack_pack_int(packer, RPC_RESPONSE);
	msgpack_pack_uint32(packer, id);
	msgpack_pack_nil(packer);
}

void rpc_error(msgpack_packer *packer, uint32_t id, const char *code, const char *text)
{
	msgpack_pack_array(packer, 4);
	msgpack_pack_int(packer, RPC_RESPONSE);
	msgpack_pack_uint32(packer, id);
	msgpack_pack_map(packer, 2);
	rpc_pack_key_text(packer, "code", code);
	rpc_pack_key_text(packer, "message", text);
	msgpack_pack_nil(packer);
}

void rpc_pack_text(msgpack_packer *packer, const char *text)
{
	const size_t len = strlen(text);

	msgpack_pack_str(packer, len);
	msgpack_pack_str_body(packer, text, len);
}

void rpc_pack_key_text(msgpack_packer *packer, const char *key, const char *text)
{
	rpc_pack_text(packer, key);
	rpc_pack_text(packer, text);
}

void rpc_pack_key_uint(msgpack_packer *packer, const char *key, uint64_t value)
{
	rpc_pack_text(packer, key);
	msgpack_pack_uint64(packer, value);
}

void rpc_pack_key_bool(msgpack_packer *packer, const char *key, bool value)
{
	rpc_pack_text(packer, key);
	if (value)
		msgpack_pack_true(packer);
	else
		msgpack_pack_false(packer);
}

const char *rpc_id_text(const uint8_t id[static WIRE_SESSION_ID_BYTES],
			char text[static RPC_ID_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; i < WIRE_SESSION_ID_BYTES; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 0x0f];
	}
	text[RPC_ID_TEXT_BYTES - 1] = '\0';
	return text;
}
