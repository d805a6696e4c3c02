// SPDX-License-Identifier: BSD-3-Clause
// What holdfastctl's commands share: calls, subscriptions, the ways a result is printed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

#include "control/caller.h"
#include "control/command_line.h"
#include "control/table.h"

// One packed map under construction; verbs_params_init() is followed by `keys` pairs.
struct verbs_params {
	msgpack_sbuffer buffer;
	msgpack_packer packer;
};

void verbs_params_init(struct verbs_params *params, uint32_t keys);

// Calls, and on failure says why. Returns an exit code; after EXIT_DONE the caller releases
// result.
int verbs_call(struct command_line *line, const char *method, const msgpack_sbuffer *params,
	       struct caller_result *result);

// Calls a method whose result is one map and prints all of it: a line for each key, times (keys
// that end in _ms) as people read them. Returns an exit code.
int verbs_show(struct command_line *line, const char *method, const msgpack_sbuffer *params);

// Prints a value, and null where there is none (NULL), as JSON in a line.
void verbs_json(const msgpack_object *result);

// Says on stderr why a subscription ended. Returns an exit code.
int verbs_ended(const struct command_line *line, int rc);

// Blocks SIGINT and SIGTERM and notes that one came; *mask is what to wait with. For commands that
// go on until somebody ends them.
void verbs_stop_begin(sigset_t *mask);
bool verbs_stopped(void);

// Item i of an array, or NULL where there is none.
const msgpack_object *verbs_item(const msgpack_object *array, uint32_t i);

// The value of a key as the text of a table's cell, "-" where it is absent. Returns cell.
const char *verbs_text_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES]);
const char *verbs_uint_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES]);
// Milliseconds as people read them.
const char *verbs_time_cell(const msgpack_object *map, const char *key,
			    char cell[static TABLE_CELL_BYTES]);
// Whether the value of a key is true.
bool verbs_claim(const msgpack_object *map, const char *key);
// Items of an array; 0 where it is none.
uint32_t verbs_count(const msgpack_object *array);

// The commands. Each returns an exit code.
int verbs_session_list(struct command_line *line);
int verbs_session_show(struct command_line *line);
int verbs_session_evict(struct command_line *line);
int verbs_backend_list(struct command_line *line);
int verbs_backend_drain(struct command_line *line);
int verbs_backend_remove(struct command_line *line);
int verbs_service_list(struct command_line *line);
int verbs_events(struct command_line *line);
int verbs_stats(struct command_line *line);
int verbs_metrics(struct command_line *line);
int verbs_config_get(struct command_line *line);
int verbs_config_set(struct command_line *line);
int verbs_config_reload(struct command_line *line);
int verbs_config_check(struct command_line *line);
int verbs_config_keys(struct command_line *line);
int verbs_info(struct command_line *line);
int verbs_drain(struct command_line *line);
int verbs_shutdown(struct command_line *line);
int verbs_version(struct command_line *line);
