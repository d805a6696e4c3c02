// SPDX-License-Identifier: BSD-3-Clause
// One table of keys drives the decoder and the encoder. The decoder is msgpack-c's parser
// template with callbacks that keep views into the input and nothing else; it never sees more
// than WIRE_OPTIONS_BYTES_MAX bytes, so its work is bounded whatever the counts in them claim.
#include "protocol/options.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <msgpack/pack.h>
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

enum kind { KIND_TEXT, KIND_BIN, KIND_U32, KIND_U64, KIND_BOOL, KIND_TEXTS };

struct key {
	const char *name;
	enum kind kind;
	uint16_t min, max; // bytes of a text or bin, or of each text of an array
	bool nil;          // an array may have nil in it
	size_t offset;     // of the value, or of the first text, in struct options
	size_t count;      // KIND_TEXTS: offset of their number
};

#define AT(member) offsetof(struct options, member)

// In the order of enum options_key.
static const struct key keys[] = {
    {"services", KIND_TEXTS, 1, WIRE_NAME_MAX, false, AT(services), AT(services_count)},
    {"client", KIND_TEXT, 0, WIRE_CLIENT_LABEL_MAX, false, AT(client), 0},
    {"timeout_ms", KIND_U32, 0, 0, false, AT(timeout_ms), 0},
    {"grace_ms", KIND_U32, 0, 0, false, AT(grace_ms), 0},
    {"token", KIND_BIN, 0, WIRE_OPTIONS_BYTES_MAX, false, AT(token), 0},
    {"meta", KIND_BIN, 0, WIRE_META_MAX, false, AT(meta), 0},
    {"agent", KIND_TEXT, 0, WIRE_NAME_MAX, false, AT(agent), 0},
    {"service", KIND_TEXT, 1, WIRE_NAME_MAX, false, AT(service), 0},
    {"backend", KIND_TEXT, 1, WIRE_NAME_MAX, false, AT(backend), 0},
    {"instance", KIND_U64, 0, 0, false, AT(instance), 0},
    {"capacity", KIND_U64, 0, 0, false, AT(capacity), 0},
    {"gateway", KIND_TEXT, 0, WIRE_NAME_MAX, false, AT(gateway), 0},
    {"heartbeat_ms", KIND_U32, 0, 0, false, AT(heartbeat_ms), 0},
    {"window", KIND_U32, 0, 0, false, AT(window), 0},
    {"frame_max", KIND_U32, 0, 0, false, AT(frame_max), 0},
    {"generation", KIND_U64, 0, 0, false, AT(generation), 0},
    {"resumed", KIND_BOOL, 0, 0, false, AT(resumed), 0},
    {"backends", KIND_TEXTS, 1, WIRE_NAME_MAX, true, AT(backends), AT(backends_count)},
    {"gateways", KIND_TEXTS, 1, WIRE_NAME_MAX, false, AT(gateways), AT(gateways_count)},
    {"worker", KIND_U32, 0, 0, false, AT(worker), 0},
    {"workers", KIND_U32, 0, 0, false, AT(workers), 0},
    {"reason", KIND_TEXT, 0, WIRE_OPTIONS_BYTES_MAX, false, AT(reason), 0},
    {"subject", KIND_TEXT, 0, WIRE_NAME_MAX, false, AT(subject), 0},
    {"event", KIND_TEXT, 0, WIRE_NAME_MAX, false, AT(event), 0},
    {"epoch", KIND_U32, 0, 0, false, AT(epoch), 0},
};

enum { KEYS_COUNT = sizeof(keys) / sizeof(keys[0]), TEXTS_MAX = WIRE_CHANNELS_MAX };

static_assert((int)OPTIONS_GATEWAYS_MAX == (int)TEXTS_MAX, "arrays of one size");
static_assert(1u << (KEYS_COUNT - 1) == OPTIONS_EPOCH, "table and enum differ");

// A value while it is being parsed.
struct value {
	enum {
		VALUE_UINT,
		VALUE_BOOL,
		VALUE_NIL,
		VALUE_TEXT,
		VALUE_BIN,
		VALUE_ARRAY,
		VALUE_MAP,
		VALUE_OTHER
	} kind;
	uint64_t number; // of UINT and BOOL
	uint32_t left;   // items or pairs of a container still to come
	uint32_t items;  // of an ARRAY
	struct options_text text;
};

enum { SEEN_SLOTS = 1024 }; // a power of two, more than twice the keys that fit in 900 bytes

// What the callbacks share.
struct decoder {
	const char *input;
	struct options *options;
	uint32_t open;                        // containers around the value that comes next
	bool started;                         // the outermost value has begun
	struct options_text texts[TEXTS_MAX]; // of the array that stands right in the outer map
	bool texts_plain;                     // they are texts and nil only, and not too many
	bool texts_nil;
	struct {                 // keys of the outer map, by hash
		uint16_t offset; // in the input, plus 1; 0: free
		uint16_t len;
	} seen[SEEN_SLOTS];
};

// Notes a key. Returns false where it was there already.
static bool key_note(struct decoder *decoder, struct options_text key)
{
	uint32_t hash = 2166136261u; // FNV-1a

	for (uint32_t i = 0; i < key.len; i++)
		hash = (hash ^ (uint8_t)key.bytes[i]) * 16777619u;
	for (uint32_t slot = hash % SEEN_SLOTS;; slot = (slot + 1) % SEEN_SLOTS) {
		if (decoder->seen[slot].offset == 0) {
			decoder->seen[slot].offset = (uint16_t)(key.bytes - decoder->input + 1);
			decoder->seen[slot].len = (uint16_t)key.len;
			return true;
		}

		const struct options_text seen = {decoder->input + decoder->seen[slot].offset - 1,
						  decoder->seen[slot].len};

		if (options_text_equal(seen, key))
			return false;
	}
}

static int texts_store(const struct decoder *decoder, const struct key *key,
		       const struct value *value)
{
	struct options_text *texts =
	    (struct options_text *)((char *)decoder->options + key->offset);

	if (value->kind != VALUE_ARRAY || value->items > TEXTS_MAX ||
	    (value->items > 0 && !decoder->texts_plain) || (decoder->texts_nil && !key->nil))
		return -EBADMSG;
	for (uint32_t i = 0; i < value->items; i++) {
		const struct options_text *text = &decoder->texts[i];

		if (text->bytes != NULL && (text->len < key->min || text->len > key->max))
			return -EBADMSG;
		texts[i] = *text;
	}
	*(uint32_t *)(void *)((char *)decoder->options + key->count) = value->items;
	return 0;
}

// Stores the value of a known key where it has the key's type and lies within its bounds.
static int value_store(const struct decoder *decoder, const struct key *key,
		       const struct value *value)
{
	void *at = (char *)decoder->options + key->offset;

	switch (key->kind) {
	case KIND_TEXT:
	case KIND_BIN:
		if (value->kind != (key->kind == KIND_TEXT ? VALUE_TEXT : VALUE_BIN) ||
		    value->text.len < key->min || value->text.len > key->max)
			return -EBADMSG;
		*(struct options_text *)at = value->text;
		return 0;
	case KIND_U32:
		if (value->kind != VALUE_UINT || value->number > UINT32_MAX)
			return -EBADMSG;
		*(uint32_t *)at = (uint32_t)value->number;
		return 0;
	case KIND_U64:
		if (value->kind != VALUE_UINT)
			return -EBADMSG;
		*(uint64_t *)at = value->number;
		return 0;
	case KIND_BOOL:
		if (value->kind != VALUE_BOOL)
			return -EBADMSG;
		*(bool *)at = value->number != 0;
		return 0;
	default:
		return texts_store(decoder, key, value);
	}
}

// Takes one pair of the outer map.
static int pair_take(struct decoder *decoder, const struct value *name, const struct value *value)
{
	if (name->kind != VALUE_TEXT || !key_note(decoder, name->text))
		return -EBADMSG;
	for (uint32_t i = 0; i < KEYS_COUNT; i++) {
		if (!options_text_equal(name->text, options_text(keys[i].name)))
			continue;
		decoder->options->present |= 1u << i;
		return value_store(decoder, &keys[i], value);
	}
	return 0;
}

// Begins a container of count items or pairs.
static int container_begin(struct decoder *decoder, struct value *value, uint32_t count)
{
	if (decoder->open == WIRE_OPTIONS_DEPTH_MAX ||
	    (!decoder->started && value->kind != VALUE_MAP))
		return -EBADMSG;
	decoder->started = true;
	value->left = count;
	if (value->kind == VALUE_ARRAY && decoder->open == 1) {
		decoder->texts_plain = true;
		decoder->texts_nil = false;
	}
	if (count > 0)
		decoder->open++;
	return 0;
}

static void container_item_done(struct decoder *decoder, struct value *value)
{
	if (--value->left == 0)
		decoder->open--;
}

static int item_take(struct decoder *decoder, struct value *array, const struct value *item)
{
	if (decoder->open == 2) { // an array right in the outer map
		const bool plain = item->kind == VALUE_TEXT || item->kind == VALUE_NIL;

		if (!plain || array->items >= TEXTS_MAX)
			decoder->texts_plain = false;
		else
			decoder->texts[array->items] = item->text;
		decoder->texts_nil |= item->kind == VALUE_NIL;
	}
	array->items++;
	container_item_done(decoder, array);
	return 0;
}

// The parser template: names of the functions that it makes and of the callbacks that it calls.
#define msgpack_unpack_struct(name) struct options_parser##name
#define msgpack_unpack_func(ret, name) static inline ret options_parser##name
#define msgpack_unpack_callback(name) on##name
#define msgpack_unpack_object struct value
#define msgpack_unpack_user struct decoder *

msgpack_unpack_struct(_context);

static inline struct value on_root(struct decoder **decoder)
{
	(void)decoder;
	return (struct value){.kind = VALUE_OTHER};
}

#define ON_UNSIGNED(name, type)                                                                    \
	static inline int on##name(struct decoder **decoder, type number, struct value *value)     \
	{                                                                                          \
		(void)decoder;                                                                     \
		*value = (struct value){.kind = VALUE_UINT, .number = number};                     \
		return 0;                                                                          \
	}
#define ON_SIGNED(name, type)                                                                      \
	static inline int on##name(struct decoder **decoder, type number, struct value *value)     \
	{                                                                                          \
		(void)decoder;                                                                     \
		*value = (struct value){.kind = number < 0 ? VALUE_OTHER : VALUE_UINT,             \
					.number = (uint64_t)number};                               \
		return 0;                                                                          \
	}
#define ON_OTHER(name, type)                                                                       \
	static inline int on##name(struct decoder **decoder, type number, struct value *value)     \
	{                                                                                          \
		(void)decoder;                                                                     \
		(void)number;                                                                      \
		*value = (struct value){.kind = VALUE_OTHER};                                      \
		return 0;                                                                          \
	}
#define ON_SIMPLE(name, what, value_of)                                                            \
	static inline int on##name(struct decoder **decoder, struct value *value)                  \
	{                                                                                          \
		(void)decoder;                                                                     \
		*value = (struct value){.kind = what, .number = value_of};                         \
		return 0;                                                                          \
	}
#define ON_BYTES(name, what)                                                                       \
	static inline int on##name(struct decoder **decoder, const char *base, const char *bytes,  \
				   unsigned int len, struct value *value)                          \
	{                                                                                          \
		(void)decoder;                                                                     \
		(void)base;                                                                        \
		*value = (struct value){.kind = what, .text = {bytes, len}};                       \
		return 0;                                                                          \
	}
#define ON_CONTAINER(name, what)                                                                   \
	static inline int on##name(struct decoder **decoder, unsigned int count,                   \
				   struct value *value)                                            \
	{                                                                                          \
		*value = (struct value){.kind = what};                                             \
		return container_begin(*decoder, value, count);                                    \
	}

ON_UNSIGNED(_uint8, uint8_t)
ON_UNSIGNED(_uint16, uint16_t)
ON_UNSIGNED(_uint32, uint32_t)
ON_UNSIGNED(_uint64, uint64_t)
ON_SIGNED(_int8, int8_t)
ON_SIGNED(_int16, int16_t)
ON_SIGNED(_int32, int32_t)
ON_SIGNED(_int64, int64_t)
ON_OTHER(_float, float)
ON_OTHER(_double, double)
ON_SIMPLE(_nil, VALUE_NIL, 0)
ON_SIMPLE(_true, VALUE_BOOL, 1)
ON_SIMPLE(_false, VALUE_BOOL, 0)
ON_BYTES(_str, VALUE_TEXT)
ON_BYTES(_bin, VALUE_BIN)
ON_BYTES(_ext, VALUE_OTHER)
ON_CONTAINER(_array, VALUE_ARRAY)
ON_CONTAINER(_map, VALUE_MAP)

static inline int on_array_item(struct decoder **decoder, struct value *array, struct value item)
{
	return item_take(*decoder, array, &item);
}

static inline int on_map_item(struct decoder **decoder, struct value *map, struct value name,
			      struct value value)
{
	const bool outer = (*decoder)->open == 1;

	container_item_done(*decoder, map);
	return outer ? pair_take(*decoder, &name, &value) : 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <msgpack/unpack_template.h>
#pragma GCC diagnostic pop

static bool zeros(const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

int options_decode(const uint8_t *bytes, uint32_t len, struct options *options)
{
	struct decoder decoder = {.input = (const char *)bytes, .options = options};
	struct options_parser_context parser;
	size_t end = 0;

	memset(options, 0, sizeof(*options));
	if (len == 0 || bytes[0] == 0)
		return zeros(bytes, len) ? 0 : -EBADMSG;

	options_parser_init(&parser);
	parser.user = &decoder;

	const uint32_t visible = len < WIRE_OPTIONS_BYTES_MAX ? len : WIRE_OPTIONS_BYTES_MAX;
	const int rc = options_parser_execute(&parser, (const char *)bytes, visible, &end);

	if (rc != 1 || parser.stack[0].obj.kind != VALUE_MAP)
		return -EBADMSG;
	return zeros(bytes + end, len - (uint32_t)end) ? 0 : -EBADMSG;
}

// Room that the packer writes into.
struct room {
	uint8_t *bytes;
	uint32_t used;
	uint32_t max;
};

static int room_write(void *context, const char *bytes, size_t len)
{
	struct room *room = context;

	if (len > room->max - room->used)
		return -1;
	memcpy(room->bytes + room->used, bytes, len);
	room->used += (uint32_t)len;
	return 0;
}

static int text_pack(msgpack_packer *packer, struct options_text text)
{
	if (text.bytes == NULL)
		return msgpack_pack_nil(packer);
	return msgpack_pack_str(packer, text.len) |
	       msgpack_pack_str_body(packer, text.bytes, text.len);
}

static int texts_pack(msgpack_packer *packer, const struct options *options, const struct key *key)
{
	const uint32_t count =
	    *(const uint32_t *)(const void *)((const char *)options + key->count);
	const struct options_text *texts =
	    (const struct options_text *)(const void *)((const char *)options + key->offset);
	int rc = msgpack_pack_array(packer, count);

	for (uint32_t i = 0; i < count; i++)
		rc |= text_pack(packer, texts[i]);
	return rc;
}

static int value_pack(msgpack_packer *packer, const struct options *options, const struct key *key)
{
	const void *at = (const char *)options + key->offset;
	const struct options_text *text = at;

	switch (key->kind) {
	case KIND_TEXT:
		return msgpack_pack_str(packer, text->len) |
		       msgpack_pack_str_body(packer, text->bytes, text->len);
	case KIND_BIN:
		return msgpack_pack_bin(packer, text->len) |
		       msgpack_pack_bin_body(packer, text->bytes, text->len);
	case KIND_U32:
		return msgpack_pack_uint32(packer, *(const uint32_t *)at);
	case KIND_U64:
		return msgpack_pack_uint64(packer, *(const uint64_t *)at);
	case KIND_BOOL:
		return *(const bool *)at ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
	default:
		return texts_pack(packer, options, key);
	}
}

int options_encode(const struct options *options, uint8_t *bytes, uint32_t room)
{
	struct room out = {.bytes = bytes,
			   .max = room < WIRE_OPTIONS_BYTES_MAX ? room : WIRE_OPTIONS_BYTES_MAX};
	msgpack_packer packer;

	if (options->present == 0)
		return 0;
	msgpack_packer_init(&packer, &out, room_write);

	int rc = msgpack_pack_map(&packer, (size_t)__builtin_popcount(options->present));

	for (uint32_t i = 0; i < KEYS_COUNT; i++) {
		if ((options->present & 1u << i) == 0)
			continue;
		rc |= text_pack(&packer, options_text(keys[i].name));
		rc |= value_pack(&packer, options, &keys[i]);
	}
	return rc != 0 ? -ENOSPC : (int)out.used;
}

struct options_text options_text(const char *string)
{
	return (struct options_text){.bytes = string, .len = (uint32_t)strlen(string)};
}

bool options_text_equal(struct options_text left, struct options_text right)
{
	return left.len == right.len &&
	       (left.len == 0 || memcmp(left.bytes, right.bytes, left.len) == 0);
}
