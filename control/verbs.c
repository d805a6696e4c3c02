// SPDX-License-Identifier: BSD-3-Clause
#include "control/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "control/json.h"

void verbs_params_init(struct verbs_params *params, uint32_t keys)
{
	msgpack_sbuffer_init(&params->buffer);
	msgpack_packer_init(&params->packer, &params->buffer, msgpack_sbuffer_write);
	msgpack_pack_map(&params->packer, keys);
}

int verbs_usage(const char *text, const char *what)
{
	fprintf(stderr, "holdfastctl: %s%s; holdfastctl --help lists the commands\n", text, what);
	return EXIT_USAGE;
}

// Calls, and on failure says why. Returns an exit code.
int verbs_call(struct command_line *line, const char *method, const msgpack_sbuffer *params,
	       struct caller_result *result)
{
	const int rc = caller_call(&line->caller, method, params, result);

	if (rc == 0)
		return EXIT_DONE;
	fprintf(stderr, "holdfastctl: %s\n", line->caller.error);
	return rc == -EREMOTEIO ? EXIT_REFUSED : EXIT_NO_GATEWAY;
}

void verbs_json(const msgpack_object *result)
{
	json_print(stdout, result);
	putchar('\n');
}

const char *verbs_text_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES])
{
	uint32_t len;
	const char *text = caller_get_text(map, key, &len);

	snprintf(cell, TABLE_CELL_BYTES, "%.*s", len == 0 ? 1 : (int)len, len == 0 ? "-" : text);
	return cell;
}

const char *verbs_uint_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%" PRIu64, caller_get_uint(map, key));
	return cell;
}

const msgpack_object *verbs_item(const msgpack_object *array, uint32_t i)
{
	return array != NULL && array->type == MSGPACK_OBJECT_ARRAY && i < array->via.array.size
		   ? &array->via.array.ptr[i]
		   : NULL;
}

// Prints a map as "key value" lines, inner maps indented.
static void map_lines(const msgpack_object *map, int indent)
{
	for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
		const msgpack_object *key = &map->via.map.ptr[i].key;
		const msgpack_object *value = &map->via.map.ptr[i].val;
		const int len = key->type == MSGPACK_OBJECT_STR ? (int)key->via.str.size : 0;

		printf("%*s%.*s", indent, "", len, len > 0 ? key->via.str.ptr : "");
		if (value->type == MSGPACK_OBJECT_MAP) {
			putchar('\n');
			map_lines(value, indent + 2);
		} else if (value->type == MSGPACK_OBJECT_ARRAY && value->via.array.size > 0 &&
			   value->via.array.ptr[0].type == MSGPACK_OBJECT_MAP) {
			putchar('\n');
			for (uint32_t k = 0; k < value->via.array.size; k++) {
				printf("%*s%u\n", indent + 2, "", k);
				map_lines(&value->via.array.ptr[k], indent + 4);
			}
		} else if (value->type == MSGPACK_OBJECT_STR) {
			printf("%*s%.*s\n", 24 - indent - len > 1 ? 24 - indent - len : 1, "",
			       (int)value->via.str.size, value->via.str.ptr);
		} else {
			printf("%*s", 24 - indent - len > 1 ? 24 - indent - len : 1, "");
			json_print(stdout, value);
			putchar('\n');
		}
	}
}

// A method whose result is one map, printed whole.
int verbs_show(struct command_line *line, const char *method, const msgpack_sbuffer *params)
{
	struct caller_result result;
	const int rc = verbs_call(line, method, params, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json)
		verbs_json(&result.result);
	else
		map_lines(&result.result, 0);
	caller_result_fini(&result);
	return EXIT_DONE;
}
