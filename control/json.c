// SPDX-License-Identifier: BSD-3-Clause
#include "control/json.h"

#include <inttypes.h>
#include <math.h>

#include "control/utf8.h"

static void string_print(FILE *out, const char *bytes, uint32_t length)
{
	fputc('"', out);
	for (uint32_t i = 0; i < length;) {
		const unsigned char byte = (unsigned char)bytes[i];
		const uint32_t taken = utf8_length((const uint8_t *)bytes + i, length - i);

		if (taken == 0)
			fputs("\\ufffd", out);
		else if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else if (!utf8_printable((const uint8_t *)bytes + i, taken) && taken <= 2)
			fprintf(out, "\\u%04x",
				taken == 1 ? byte : (byte & 0x1fU) << 6 | (bytes[i + 1] & 0x3fU));
		else
			fwrite(bytes + i, 1, taken, out);
		i += taken > 0 ? taken : 1;
	}
	fputc('"', out);
}

static void hex_print(FILE *out, const char *bytes, uint32_t length)
{
	fputc('"', out);
	for (uint32_t i = 0; i < length; i++)
		fprintf(out, "%02x", (unsigned char)bytes[i]);
	fputc('"', out);
}

static void key_print(FILE *out, const msgpack_object *key)
{
	if (key->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
		fprintf(out, "\"%" PRIu64 "\"", key->via.u64);
	else if (key->type == MSGPACK_OBJECT_STR)
		string_print(out, key->via.str.ptr, key->via.str.size);
	else
		fputs("\"?\"", out);
}

static void map_print(FILE *out, const msgpack_object_map *map)
{
	fputc('{', out);
	for (uint32_t i = 0; i < map->size; i++) {
		if (i > 0)
			fputs(", ", out);
		key_print(out, &map->ptr[i].key);
		fputs(": ", out);
		json_print(out, &map->ptr[i].val);
	}
	fputc('}', out);
}

static void array_print(FILE *out, const msgpack_object_array *array)
{
	fputc('[', out);
	for (uint32_t i = 0; i < array->size; i++) {
		if (i > 0)
			fputs(", ", out);
		json_print(out, &array->ptr[i]);
	}
	fputc(']', out);
}

void json_print(FILE *out, const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		fputs(value->via.boolean ? "true" : "false", out);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		fprintf(out, "%" PRIu64, value->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		fprintf(out, "%" PRId64, value->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		if (isfinite(value->via.f64))
			fprintf(out, "%.17g", value->via.f64);
		else
			fputs("null", out);
		break;
	case MSGPACK_OBJECT_STR:
		string_print(out, value->via.str.ptr, value->via.str.size);
		break;
	case MSGPACK_OBJECT_BIN:
		hex_print(out, value->via.bin.ptr, value->via.bin.size);
		break;
	case MSGPACK_OBJECT_ARRAY:
		array_print(out, &value->via.array);
		break;
	case MSGPACK_OBJECT_MAP:
		map_print(out, &value->via.map);
		break;
	default: // nil, ext
		fputs("null", out);
	}
}
