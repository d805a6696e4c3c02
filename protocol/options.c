// SPDX-License-Identifier: BSD-3-Clause
#include "protocol/options.h"

#include <errno.h>
#include <string.h>

#include <msgpack/pack.h>

#include "protocol/options_table.h"

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
	if (len > 0)
		memcpy(room->bytes + room->used, bytes, len);
	room->used += (uint32_t)len;
	return 0;
}

static const void *value_of(const struct options *options, size_t offset)
{
	return (const char *)options + offset;
}

static uint32_t texts_count(const struct options *options, const struct options_row *row)
{
	return *(const uint32_t *)value_of(options, row->count);
}

// Whether a decoder would take this value.
static bool value_fits(const struct options *options, const struct options_row *row)
{
	const struct options_text *texts = value_of(options, row->offset);

	if (row->kind == OPTIONS_TEXT || row->kind == OPTIONS_BIN)
		return options_table_fits(row, *texts);
	if (row->kind != OPTIONS_TEXTS)
		return true;
	if (texts_count(options, row) > OPTIONS_TEXTS_MAX)
		return false;
	for (uint32_t i = 0; i < texts_count(options, row); i++) {
		if (!options_table_fits(row, texts[i]))
			return false;
	}
	return true;
}

static int text_pack(msgpack_packer *packer, struct options_text text)
{
	return msgpack_pack_str(packer, text.len) |
	       msgpack_pack_str_body(packer, text.bytes, text.len);
}

static int texts_pack(msgpack_packer *packer, const struct options_text *texts, uint32_t count)
{
	int rc = msgpack_pack_array(packer, count);

	for (uint32_t i = 0; i < count; i++)
		rc |=
		    texts[i].bytes == NULL ? msgpack_pack_nil(packer) : text_pack(packer, texts[i]);
	return rc;
}

static int value_pack(msgpack_packer *packer, const struct options *options,
		      const struct options_row *row)
{
	const void *value = value_of(options, row->offset);
	const struct options_text *text = value;

	switch (row->kind) {
	case OPTIONS_TEXT:
		return text_pack(packer, *text);
	case OPTIONS_BIN:
		return msgpack_pack_bin(packer, text->len) |
		       msgpack_pack_bin_body(packer, text->bytes, text->len);
	case OPTIONS_U32:
		return msgpack_pack_uint32(packer, *(const uint32_t *)value);
	case OPTIONS_U64:
		return msgpack_pack_uint64(packer, *(const uint64_t *)value);
	case OPTIONS_BOOL:
		return *(const bool *)value ? msgpack_pack_true(packer)
					    : msgpack_pack_false(packer);
	case OPTIONS_TEXTS:
		return texts_pack(packer, text, texts_count(options, row));
	}
	return -1;
}

int options_encode(const struct options *options, uint8_t *bytes, uint32_t room)
{
	struct room out = {.bytes = bytes,
			   .max = room < WIRE_OPTIONS_BYTES_MAX ? room : WIRE_OPTIONS_BYTES_MAX};
	msgpack_packer packer;

	if (options->present == 0)
		return 0;
	if (options->present >> OPTIONS_ROWS != 0)
		return -EINVAL;
	msgpack_packer_init(&packer, &out, room_write);

	int rc = msgpack_pack_map(&packer, (size_t)__builtin_popcount(options->present));

	for (uint32_t i = 0; i < OPTIONS_ROWS; i++) {
		const struct options_row *row = &options_table[i];

		if ((options->present & 1u << i) == 0)
			continue;
		if (!value_fits(options, row))
			return -EINVAL;
		rc |= text_pack(&packer, row->name);
		rc |= value_pack(&packer, options, row);
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
