// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl backend list, drain, remove; service list.
#include <stdio.h>

#include "control/listing.h"
#include "control/rpc.h"

enum { BACKEND_COLUMNS = 8, SERVICE_COLUMNS = 4 };

// How long ago the lane that was heard last was heard; "-" without a live lane.
static const char *heard_cell(const msgpack_object *lanes, char cell[static TABLE_CELL_BYTES])
{
	const msgpack_object *lane;
	uint64_t heard_ms = UINT64_MAX;

	for (uint32_t i = 0; (lane = verbs_item(lanes, i)) != NULL; i++) {
		const uint64_t one = caller_get_uint(lane, "heard_ms");

		if (verbs_claim(lane, "live") && one < heard_ms)
			heard_ms = one;
	}
	if (heard_ms == UINT64_MAX)
		snprintf(cell, TABLE_CELL_BYTES, "-");
	else
		table_duration(heard_ms, cell);
	return cell;
}

// The number of sessions that it named; "-" where it named none.
static const char *capacity_cell(const msgpack_object *backend, char cell[static TABLE_CELL_BYTES])
{
	if (caller_get_uint(backend, "capacity") == 0)
		snprintf(cell, TABLE_CELL_BYTES, "-");
	else
		verbs_uint_cell(backend, "capacity", cell);
	return cell;
}

static int backend_row(struct table *table, const msgpack_object *backend)
{
	const msgpack_object *lanes = caller_get(backend, "lanes");
	char cells[BACKEND_COLUMNS][TABLE_CELL_BYTES];

	snprintf(cells[3], sizeof(cells[3]), "%u", verbs_count(lanes));
	return table_row(table, (const char *const[BACKEND_COLUMNS]){
				    verbs_text_cell(backend, "service", cells[0]),
				    verbs_text_cell(backend, "backend", cells[1]),
				    verbs_text_cell(backend, "state", cells[2]),
				    cells[3],
				    verbs_uint_cell(backend, "sessions", cells[4]),
				    capacity_cell(backend, cells[5]),
				    heard_cell(lanes, cells[6]),
				    verbs_time_cell(backend, "age_ms", cells[7]),
				});
}

static void backends_pack(const struct command_line *line, uint64_t after, uint32_t left,
			  struct verbs_params *params)
{
	const char *service = command_line_option(line, "service");
	const char *backend = command_line_option(line, "backend");

	(void)left; // a page has the length that the gateway gives it
	verbs_params_init(params, 1 + (service != NULL) + (backend != NULL));
	rpc_pack_key_uint(&params->packer, "after", after);
	if (service != NULL)
		rpc_pack_key_text(&params->packer, "service", service);
	if (backend != NULL)
		rpc_pack_key_text(&params->packer, "backend", backend);
}

int verbs_backend_list(struct command_line *line)
{
	static const char *const headings[BACKEND_COLUMNS] = {"SERVICE", "BACKEND",   "*STATE",
							      ">LANES",  ">SESSIONS", "?>CAPACITY",
							      "?>HEARD", "?>AGE"};
	static const struct listing listing = {
	    .headings = headings,
	    .columns = BACKEND_COLUMNS,
	    .method = "backend.list",
	    .key = "backends",
	    .pack = backends_pack,
	    .row = backend_row,
	};

	return listing_print(line, &listing, UINT32_MAX);
}

static int service_row(struct table *table, const msgpack_object *service)
{
	char cells[SERVICE_COLUMNS][TABLE_CELL_BYTES];

	return table_row(table, (const char *const[SERVICE_COLUMNS]){
				    verbs_text_cell(service, "service", cells[0]),
				    verbs_uint_cell(service, "backends", cells[1]),
				    verbs_uint_cell(service, "backends_known", cells[2]),
				    verbs_uint_cell(service, "sessions", cells[3]),
				});
}

int verbs_service_list(struct command_line *line)
{
	static const char *const headings[SERVICE_COLUMNS] = {"SERVICE", ">BACKENDS", ">KNOWN",
							      ">SESSIONS"};
	static const struct listing listing = {
	    .headings = headings,
	    .columns = SERVICE_COLUMNS,
	    .method = "service.list",
	    .key = "services",
	    .row = service_row,
	};

	return listing_print(line, &listing, UINT32_MAX);
}

// Calls a method about one backend; the result has a claim under key, whether this call did it.
static int steer(struct command_line *line, const char *method, const char *key, const char *done,
		 const char *before)
{
	struct caller_result result;
	struct verbs_params params;

	verbs_params_init(&params, 2);
	rpc_pack_key_text(&params.packer, "service", line->argv[0]);
	rpc_pack_key_text(&params.packer, "backend", line->argv[1]);

	const int rc = verbs_call(line, method, &params.buffer, &result);

	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;
	if (line->json)
		verbs_json(&result.result);
	else
		puts(verbs_claim(&result.result, key) ? done : before);
	caller_result_fini(&result);
	return EXIT_DONE;
}

int verbs_backend_drain(struct command_line *line)
{
	return steer(line, "backend.drain", "started", "draining: it gets no new sessions",
		     "draining already");
}

int verbs_backend_remove(struct command_line *line)
{
	return steer(line, "backend.remove", "removed", "removed", "removed already");
}
