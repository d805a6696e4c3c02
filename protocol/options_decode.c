// SPDX-License-Identifier: BSD-3-Clause
// The decoder is msgpack-c's parser template with callbacks that keep views into the input and
// nothing else. The parser never sees more than WIRE_OPTIONS_BYTES_MAX bytes and allocates
// nothing, so its work is bounded whatever the counts in the bytes claim.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "protocol/options_table.h"

// The parser's stack is the limit of depth: a container that finds no room on it ends the parse.
#define MSGPACK_EMBED_STACK_SIZE WIRE_OPTIONS_DEPTH_MAX
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

enum value_kind {
	VALUE_UINT,
	VALUE_BOOL,
	VALUE_NIL,
	VALUE_TEXT,
	VALUE_BIN,
	VALUE_ARRAY,
	VALUE_MAP,
	VALUE_OTHER,
};

// A value while it is being parsed.
struct value {
	enum value_kind kind;
	uint32_t left;   // items or pairs of a container still to come
	uint32_t items;  // of an ARRAY, so far
	uint64_t number; // of UINT and BOOL
	struct options_text text;
};

// A pair takes two bytes at least, the map's head one.
enum { PAIRS_MAX = (WIRE_OPTIONS_BYTES_MAX - 1) / 2 };

// A key that sorts fast: most differ in head.
struct key {
	uint64_t head; // length in 16 bits, then the first 6 bytes
	struct options_text text;
};

// What the callbacks share.
struct decoder {
	struct options *options;
	uint32_t open; // containers around the value that comes next, without empty ones
	uint32_t keys_count;
	bool texts_plain; // the texts below are all of their array: texts and nil, not too many
	struct options_text texts[OPTIONS_TEXTS_MAX]; // of the array that stands in the outer map
	struct key keys[PAIRS_MAX];                   // of the outer map
};

static struct key key_of(struct options_text text)
{
	uint64_t head = text.len;

	for (uint32_t i = 0; i < 6; i++)
		head = head << 8 | (i < text.len ? (uint8_t)text.bytes[i] : 0);
	return (struct key){.head = head, .text = text};
}

// Any total order does. Equal heads are of equal lengths.
static int key_compare(const struct key *left, const struct key *right)
{
	if (left->head != right->head)
		return left->head < right->head ? -1 : 1;
	return memcmp(left->text.bytes, right->text.bytes, left->text.len);
}

// Sorts the keys, so that equal ones stand side by side. Shell's sort with Ciura's gaps: cheap for
// the few keys of an honest map, and whoever chooses the keys cannot make it much dearer, as he
// could with a hash that everyone can compute.
static void keys_sort(struct decoder *decoder)
{
	static const uint16_t gaps[] = {301, 132, 57, 23, 10, 4, 1};
	struct key *keys = decoder->keys;

	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		const uint32_t gap = gaps[g];

		for (uint32_t i = gap; i < decoder->keys_count; i++) {
			const struct key key = keys[i];
			uint32_t at = i;

			for (; at >= gap && key_compare(&keys[at - gap], &key) > 0; at -= gap)
				keys[at] = keys[at - gap];
			keys[at] = key;
		}
	}
}

static bool keys_differ(struct decoder *decoder)
{
	keys_sort(decoder);
	for (uint32_t i = 1; i < decoder->keys_count; i++) {
		if (key_compare(&decoder->keys[i - 1], &decoder->keys[i]) == 0)
			return false;
	}
	return true;
}

static void *place_of(const struct decoder *decoder, size_t offset)
{
	return (char *)decoder->options + offset;
}

static int texts_store(const struct decoder *decoder, const struct options_row *row,
		       const struct value *array)
{
	struct options_text *texts = place_of(decoder, row->offset);

	if (array->kind != VALUE_ARRAY || (array->items > 0 && !decoder->texts_plain))
		return -EBADMSG;
	for (uint32_t i = 0; i < array->items; i++) {
		if (!options_table_fits(row, decoder->texts[i]))
			return -EBADMSG;
		texts[i] = decoder->texts[i];
	}
	*(uint32_t *)place_of(decoder, row->count) = array->items;
	return 0;
}

static int text_store(const struct decoder *decoder, const struct options_row *row,
		      const struct value *value)
{
	const enum value_kind wanted = row->kind == OPTIONS_TEXT ? VALUE_TEXT : VALUE_BIN;

	if (value->kind != wanted || !options_table_fits(row, value->text))
		return -EBADMSG;
	*(struct options_text *)place_of(decoder, row->offset) = value->text;
	return 0;
}

// Stores the value of a known key where it has the key's type and lies within its bounds.
static int value_store(const struct decoder *decoder, const struct options_row *row,
		       const struct value *value)
{
	void *place = place_of(decoder, row->offset);

	switch (row->kind) {
	case OPTIONS_TEXT:
	case OPTIONS_BIN:
		return text_store(decoder, row, value);
	case OPTIONS_TEXTS:
		return texts_store(decoder, row, value);
	case OPTIONS_U32:
		if (value->kind != VALUE_UINT || value->number > UINT32_MAX)
			return -EBADMSG;
		*(uint32_t *)place = (uint32_t)value->number;
		return 0;
	case OPTIONS_U64:
		if (value->kind != VALUE_UINT)
			return -EBADMSG;
		*(uint64_t *)place = value->number;
		return 0;
	case OPTIONS_BOOL:
		if (value->kind != VALUE_BOOL)
			return -EBADMSG;
		*(bool *)place = value->number != 0;
		return 0;
	}
	return -EBADMSG;
}

// Takes one pair of the outer map.
static int pair_take(struct decoder *decoder, const struct value *name, const struct value *value)
{
	if (name->kind != VALUE_TEXT)
		return -EBADMSG;
	assert(decoder->keys_count < PAIRS_MAX);
	decoder->keys[decoder->keys_count++] = key_of(name->text);
	for (uint32_t i = 0; i < OPTIONS_ROWS; i++) {
		if (name->text.len != options_table[i].name.len ||
		    !options_text_equal(name->text, options_table[i].name))
			continue;
		decoder->options->present |= 1u << i;
		return value_store(decoder, &options_table[i], value);
	}
	return 0;
}

static void container_begin(struct decoder *decoder, struct value *container, uint32_t count)
{
	container->left = count;
	if (container->kind == VALUE_ARRAY && decoder->open == 1)
		decoder->texts_plain = true;
	// An empty one is over at once: the parser gives it no items.
	if (count > 0)
		decoder->open++;
}

static void container_item_done(struct decoder *decoder, struct value *container)
{
	if (--container->left == 0)
		decoder->open--;
}

static void item_take(struct decoder *decoder, struct value *array, const struct value *item)
{
	const bool plain = item->kind == VALUE_TEXT || item->kind == VALUE_NIL;

	if (decoder->open == 2) { // right in the outer map
		if (plain && array->items < OPTIONS_TEXTS_MAX)
			decoder->texts[array->items] = item->text;
		else
			decoder->texts_plain = false;
	}
	array->items++;
	container_item_done(decoder, array);
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
// Of an empty value the parser tells no place that could be relied on.
#define ON_BYTES(name, what)                                                                       \
	static inline int on##name(struct decoder **decoder, const char *base, const char *bytes,  \
				   unsigned int len, struct value *value)                          \
	{                                                                                          \
		(void)decoder;                                                                     \
		*value = (struct value){.kind = what, .text = {len > 0 ? bytes : base, len}};      \
		return 0;                                                                          \
	}
#define ON_CONTAINER(name, what)                                                                   \
	static inline int on##name(struct decoder **decoder, unsigned int count,                   \
				   struct value *value)                                            \
	{                                                                                          \
		*value = (struct value){.kind = what};                                             \
		container_begin(*decoder, value, count);                                           \
		return 0;                                                                          \
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
ON_CONTAINER(_array, VALUE_ARRAY)
ON_CONTAINER(_map, VALUE_MAP)

// len counts the byte of the type; 0 is the parser's 32-bit overflow of a length of 2^32 - 1.
static inline int on_ext(struct decoder **decoder, const char *base, const char *bytes,
			 unsigned int len, struct value *value)
{
	(void)decoder;
	(void)base;
	(void)bytes;
	*value = (struct value){.kind = VALUE_OTHER};
	return len == 0 ? -EBADMSG : 0;
}

static inline int on_array_item(struct decoder **decoder, struct value *array, struct value item)
{
	item_take(*decoder, array, &item);
	return 0;
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

// memcmp against itself, one byte on, is many times as fast as a loop over 8 KiB of padding.
static bool zeros(const uint8_t *bytes, uint32_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

static int map_decode(const uint8_t *bytes, uint32_t len, struct options *options)
{
	const uint32_t visible = len < WIRE_OPTIONS_BYTES_MAX ? len : WIRE_OPTIONS_BYTES_MAX;
	struct decoder decoder;
	struct options_parser_context parser;
	size_t end = 0;

	decoder.options = options;
	decoder.open = 0;
	decoder.keys_count = 0;
	decoder.texts_plain = false;
	options_parser_init(&parser);
	parser.user = &decoder;
	if (options_parser_execute(&parser, (const char *)bytes, visible, &end) != 1 ||
	    options_parser_data(&parser).kind != VALUE_MAP || !keys_differ(&decoder))
		return -EBADMSG;
	return zeros(bytes + end, len - (uint32_t)end) ? 0 : -EBADMSG;
}

int options_decode(const uint8_t *bytes, uint32_t len, struct options *options)
{
	int rc;

	memset(options, 0, sizeof(*options));
	// A map never begins with a zero byte: that is padding after none.
	if (len == 0 || bytes[0] == 0)
		return zeros(bytes, len) ? 0 : -EBADMSG;
	rc = map_decode(bytes, len, options);
	if (rc != 0)
		memset(options, 0, sizeof(*options));
	return rc;
}
