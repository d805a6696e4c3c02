// SPDX-License-Identifier: BSD-3-Clause
#include "control/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "control/json.h"

void verbs_params_init(struct verbs_params *params, uint32_t keys)
{
	msgpack_sbuffer_init(&params->buffer);
	msgpack_packer_init(&params->packer, &params->buffer, msgpack_sbuffer_write);
	msgpack_pack_map(&params->packer, keys);
}

int verbs_call(struct command_line *line, const char *method, const msgpack_sbuffer *params,
	       struct caller_result *result)
{
	const int rc = caller_call(&line->caller, method, params, result);

	if (rc == 0)
		return EXIT_DONE;
	fprintf(stderr, "holdfastctl: %s\n", line->caller.error);
	return rc == -EREMOTEIO || rc == -EBADMSG ? EXIT_REFUSED : EXIT_NO_GATEWAY;
}

int verbs_ended(const struct command_line *line, int rc)
{
	if (rc == -ETIMEDOUT)
		fputs("holdfastctl: the gateway tells nothing more\n", stderr);
	else
		fprintf(stderr, "holdfastctl: %s\n", line->caller.error);
	return rc == -EBADMSG ? EXIT_REFUSED : EXIT_NO_GATEWAY;
}

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	(void)number;
	stopped = 1;
}

void verbs_stop_begin(sigset_t *mask)
{
	const struct sigaction action = {.sa_handler = on_stop};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	// Also where the parent had them blocked, as shells do for what runs in the background.
	sigdelset(mask, SIGINT);
	sigdelset(mask, SIGTERM);
}

bool verbs_stopped(void)
{
	return stopped != 0;
}

void verbs_json(const msgpack_object *result)
{
	if (result != NULL)
		json_print(stdout, result);
	else
		fputs("null", stdout);
	putchar('\n');
}

const char *verbs_text_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES])
{
	uint32_t len;
	const char *text = caller_get_text(map, key, &len);

	return table_text(len == 0 ? "-" : text, len == 0 ? 1 : len, cell);
}

const char *verbs_uint_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%" PRIu64, caller_get_uint(map, key));
	return cell;
}

const char *verbs_time_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES])
{
	return table_duration(caller_get_uint(map, key), cell);
}

bool verbs_claim(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = caller_get(map, key);

	return value != NULL && value->type == MSGPACK_OBJECT_BOOLEAN && value->via.boolean;
}

uint32_t verbs_count(const msgpack_object *array)
{
	return array != NULL && array->type == MSGPACK_OBJECT_ARRAY ? array->via.array.size : 0;
}

const msgpack_object *verbs_item(const msgpack_object *array, uint32_t i)
{
	return i < verbs_count(array) ? &array->via.array.ptr[i] : NULL;
}

enum { KEY_WIDTH = 24, INDENT = 2 };

static bool is_map(const msgpack_object *value)
{
	return value->type == MSGPACK_OBJECT_MAP;
}

// Milliseconds have keys that end so.
static bool is_time(const char *key, const msgpack_object *value)
{
	const size_t len = strlen(key);

	return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && len > 3 &&
	       strcmp(key + len - 3, "_ms") == 0;
}

static void value_print(const char *key, const msgpack_object *value)
{
	char text[TABLE_CELL_BYTES];

	if (is_time(key, value))
		fputs(table_duration(value->via.u64, text), stdout);
	else if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && strcmp(key, "started") == 0)
		fputs(table_clock(value->via.u64, text), stdout);
	else if (value->type == MSGPACK_OBJECT_STR && value->via.str.size > 0)
		fputs(table_text(value->via.str.ptr, value->via.str.size, text), stdout);
	else if (value->type == MSGPACK_OBJECT_NIL || value->type == MSGPACK_OBJECT_STR)
		putchar('-');
	else
		json_print(stdout, value);
	putchar('\n');
}

static void map_lines(const msgpack_object *map, int indent);

static void list_lines(const msgpack_object *array, int indent)
{
	const msgpack_object *item;

	for (uint32_t i = 0; (item = verbs_item(array, i)) != NULL; i++) {
		printf("%*s%" PRIu32 "\n", indent, "", i);
		map_lines(item, indent + INDENT);
	}
}

// Prints a map as "key value" lines, inner maps indented.
static void map_lines(const msgpack_object *map, int indent)
{
	for (uint32_t i = 0; is_map(map) && i < map->via.map.size; i++) {
		const msgpack_object *key = &map->via.map.ptr[i].key;
		const msgpack_object *value = &map->via.map.ptr[i].val;
		const msgpack_object *first = verbs_item(value, 0);
		char name[TABLE_CELL_BYTES];

		table_text(key->type == MSGPACK_OBJECT_STR ? key->via.str.ptr : "?",
			   key->type == MSGPACK_OBJECT_STR ? key->via.str.size : 1, name);
		if (is_map(value)) {
			printf("%*s%s\n", indent, "", name);
			map_lines(value, indent + INDENT);
		} else if (first != NULL && is_map(first)) {
			printf("%*s%s\n", indent, "", name);
			list_lines(value, indent + INDENT);
		} else {
			// Times are shown with their unit.
			const int len = (int)strlen(name) - (is_time(name, value) ? 3 : 0);

			printf("%*s%-*.*s ", indent, "", KEY_WIDTH - 1 - indent, len, name);
			value_print(name, value);
		}
	}
}

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
