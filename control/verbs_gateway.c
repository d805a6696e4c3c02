// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl backend list, service list, stats, metrics, info, drain, shutdown.
#include "control/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/rpc.h"

int verbs_backend_list(struct command_line *line)
{
	static const char *const headings[] = {"SERVICE", "BACKEND",   "STATE",
					       ">LANES",  ">SESSIONS", ">CAPACITY"};
	struct caller_result result;
	const int rc = verbs_call(line, "backend.list", NULL, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json) {
		verbs_json(caller_get(&result.result, "backends"));
		caller_result_fini(&result);
		return EXIT_DONE;
	}

	const msgpack_object *backends = caller_get(&result.result, "backends");
	struct table *table = table_create(headings, 6);
	const msgpack_object *backend;

	for (uint32_t i = 0; (backend = verbs_item(backends, i)) != NULL; i++) {
		const msgpack_object *lanes = caller_get(backend, "lanes");
		char cells[5][TABLE_CELL_BYTES], count[16];

		snprintf(count, sizeof(count), "%u",
			 lanes != NULL && lanes->type == MSGPACK_OBJECT_ARRAY
			     ? lanes->via.array.size
			     : 0);
		table_row(table, (const char *const[]){
				     verbs_text_cell(backend, "service", cells[0]),
				     verbs_text_cell(backend, "backend", cells[1]),
				     verbs_text_cell(backend, "state", cells[2]),
				     count,
				     verbs_uint_cell(backend, "sessions", cells[3]),
				     verbs_uint_cell(backend, "capacity", cells[4]),
				 });
	}
	table_print(table, stdout);
	table_destroy(table);
	caller_result_fini(&result);
	return EXIT_DONE;
}

int verbs_service_list(struct command_line *line)
{
	static const char *const headings[] = {"SERVICE", ">BACKENDS", ">SESSIONS"};
	struct caller_result result;
	const int rc = verbs_call(line, "service.list", NULL, &result);

	if (rc != EXIT_DONE)
		return rc;

	const msgpack_object *services = caller_get(&result.result, "services");

	if (line->json) {
		verbs_json(services);
	} else {
		struct table *table = table_create(headings, 3);
		const msgpack_object *service;

		for (uint32_t i = 0; (service = verbs_item(services, i)) != NULL; i++) {
			char cells[3][TABLE_CELL_BYTES];

			table_row(table, (const char *const[]){
					     verbs_text_cell(service, "service", cells[0]),
					     verbs_uint_cell(service, "backends", cells[1]),
					     verbs_uint_cell(service, "sessions", cells[2]),
					 });
		}
		table_print(table, stdout);
		table_destroy(table);
	}
	caller_result_fini(&result);
	return EXIT_DONE;
}

// Prints what is not zero of a map of numbers, under a heading.
static void numbers_print(const char *heading, const msgpack_object *map)
{
	printf("%s\n", heading);
	for (uint32_t i = 0;
	     map != NULL && map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
		const msgpack_object *key = &map->via.map.ptr[i].key;
		const msgpack_object *value = &map->via.map.ptr[i].val;

		if (key->type != MSGPACK_OBJECT_STR ||
		    value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 == 0)
			continue;
		printf("  %-28.*s %20" PRIu64 "\n", (int)key->via.str.size, key->via.str.ptr,
		       value->via.u64);
	}
}

int verbs_stats(struct command_line *line)
{
	struct caller_result result;
	const int rc = verbs_call(line, "stats.get", NULL, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json) {
		verbs_json(&result.result);
	} else {
		numbers_print("counters", caller_get(&result.result, "counters"));
		numbers_print("drops", caller_get(&result.result, "drops"));
		numbers_print("gauges", caller_get(&result.result, "gauges"));
	}
	caller_result_fini(&result);
	return EXIT_DONE;
}

// The text as it came, also with --json: it is for one program, and that reads this.
int verbs_metrics(struct command_line *line)
{
	struct caller_result result;
	const int rc = verbs_call(line, "metrics.get", NULL, &result);
	uint32_t len;

	if (rc != EXIT_DONE)
		return rc;

	const char *text = caller_get_text(&result.result, "text", &len);
	const bool written = fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0;

	caller_result_fini(&result);
	return written ? EXIT_DONE : EXIT_REFUSED;
}

int verbs_info(struct command_line *line)
{
	return verbs_show(line, "gateway.info", NULL);
}

static int stop(struct command_line *line, const char *method)
{
	struct verbs_params params;
	char *end;

	if (line->argc == 0)
		return verbs_show(line, method, NULL);

	const unsigned long deadline_ms = strtoul(line->argv[0], &end, 10);

	if (*end != '\0' || end == line->argv[0] || line->argc > 1)
		return verbs_usage("the deadline is a number of milliseconds, not ", line->argv[0]);
	verbs_params_init(&params, 1);
	rpc_pack_key_uint(&params.packer, "deadline_ms", deadline_ms);

	const int rc = verbs_show(line, method, &params.buffer);

	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

int verbs_drain(struct command_line *line)
{
	return stop(line, "gateway.drain");
}

int verbs_shutdown(struct command_line *line)
{
	return stop(line, "gateway.shutdown");
}
