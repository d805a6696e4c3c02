// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl config get, set, reload, check, keys.
#include <stdio.h>

#include "control/check.h"
#include "control/rpc.h"
#include "control/verbs.h"

// "(none)" for an absent section, "-" for an empty text.
static const char *value_cell(const msgpack_object *map, const char *key,
			      char cell[static TABLE_CELL_BYTES])
{
	const msgpack_object *value = caller_get(map, key);

	if (value == NULL || value->type == MSGPACK_OBJECT_NIL)
		snprintf(cell, TABLE_CELL_BYTES, "(none)");
	else
		verbs_text_cell(map, key, cell);
	return cell;
}

static void keys_print(const msgpack_object *keys)
{
	static const char *const headings[] = {"KEY", "VALUE", "SOURCE", "CHANGE"};
	struct table *table = table_create(headings, 4);
	const msgpack_object *key;

	for (uint32_t i = 0; table != NULL && (key = verbs_item(keys, i)) != NULL; i++) {
		char cells[3][TABLE_CELL_BYTES], pending[TABLE_CELL_BYTES];
		char change[TABLE_CELL_BYTES + 32];

		snprintf(change, sizeof(change), "%s",
			 verbs_claim(key, "live") ? "live" : "restart");
		if (caller_get(key, "pending") != NULL)
			snprintf(change, sizeof(change), "pending: %s",
				 value_cell(key, "pending", pending));
		table_row(table,
			  (const char *const[]){verbs_text_cell(key, "key", cells[0]),
						value_cell(key, "value", cells[1]),
						verbs_text_cell(key, "source", cells[2]), change});
	}
	if (table != NULL)
		table_print(table, stdout);
	table_destroy(table);
}

int verbs_config_get(struct command_line *line)
{
	struct caller_result result;
	struct verbs_params params;

	verbs_params_init(&params, (uint32_t)line->argc);
	if (line->argc == 1)
		rpc_pack_key_text(&params.packer, "key", line->argv[0]);
	const int rc = verbs_call(line, "config.get", &params.buffer, &result);

	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;
	if (line->json)
		verbs_json(caller_get(&result.result, "keys"));
	else
		keys_print(caller_get(&result.result, "keys"));
	caller_result_fini(&result);
	return EXIT_DONE;
}

static void changes_print(const char *heading, const msgpack_object *changes)
{
	const char *const headings[] = {heading, "OLD", "NEW"};
	struct table *table = table_create(headings, 3);
	const msgpack_object *change;
	uint32_t count = 0;

	for (; table != NULL && (change = verbs_item(changes, count)) != NULL; count++) {
		char cells[3][TABLE_CELL_BYTES], old[TABLE_CELL_BYTES + 16];

		snprintf(old, sizeof(old), "%s%s", value_cell(change, "old", cells[1]),
			 verbs_claim(change, "was_set") ? " (set)" : "");
		table_row(table, (const char *const[]){verbs_text_cell(change, "key", cells[0]),
						       old, value_cell(change, "new", cells[2])});
	}
	if (count > 0)
		table_print(table, stdout);
	table_destroy(table);
}

// What both ways of changing bring back.
static int changed(struct command_line *line, const char *method, const msgpack_sbuffer *params)
{
	struct caller_result result;
	const int rc = verbs_call(line, method, params, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json) {
		verbs_json(&result.result);
	} else {
		if (verbs_item(caller_get(&result.result, "changed"), 0) == NULL)
			puts("nothing has changed");
		changes_print("CHANGED", caller_get(&result.result, "changed"));
		changes_print("AFTER A RESTART", caller_get(&result.result, "pending"));
	}
	caller_result_fini(&result);
	return EXIT_DONE;
}

int verbs_config_set(struct command_line *line)
{
	struct verbs_params params;

	verbs_params_init(&params, 2);
	rpc_pack_key_text(&params.packer, "key", line->argv[0]);
	rpc_pack_key_text(&params.packer, "value", line->argv[1]);
	const int rc = changed(line, "config.set", &params.buffer);

	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

int verbs_config_reload(struct command_line *line)
{
	return changed(line, "config.reload", NULL);
}

int verbs_config_check(struct command_line *line)
{
	return check_file(line->argv[0], line->json) == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int verbs_config_keys(struct command_line *line)
{
	check_keys(line->json);
	return EXIT_DONE;
}
