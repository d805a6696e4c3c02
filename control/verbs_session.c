// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl session list, show, evict.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/listing.h"
#include "control/rpc.h"

enum { PAGE_SESSIONS = 500, COLUMNS = 9 };

static int session_row(struct table *table, const msgpack_object *session)
{
	const msgpack_object *channel = verbs_item(caller_get(session, "channels"), 0);
	char cells[COLUMNS][TABLE_CELL_BYTES];

	return table_row(table, (const char *const[COLUMNS]){
				    verbs_text_cell(session, "session", cells[0]),
				    verbs_text_cell(session, "state", cells[1]),
				    verbs_text_cell(channel, "service", cells[2]),
				    verbs_text_cell(channel, "backend", cells[3]),
				    verbs_time_cell(session, "heard_ms", cells[4]),
				    verbs_text_cell(session, "client", cells[5]),
				    verbs_text_cell(session, "path", cells[6]),
				    verbs_uint_cell(session, "epoch", cells[7]),
				    verbs_time_cell(session, "age_ms", cells[8]),
				});
}

// The state that is looked for: an option, or the argument. NULL: any.
static const char *state_of(const struct command_line *line)
{
	return line->argc > 0 ? line->argv[0] : command_line_option(line, "state");
}

static void sessions_pack(const struct command_line *line, uint64_t after, uint32_t left,
			  struct verbs_params *params)
{
	const struct {
		const char *key, *value;
	} texts[] = {
	    {"state", state_of(line)},
	    {"service", command_line_option(line, "service")},
	    {"backend", command_line_option(line, "backend")},
	    {"client", command_line_option(line, "client")},
	};
	const char *idle = command_line_option(line, "idle");
	uint32_t count = 2 + (idle != NULL);
	uint64_t idle_ms;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		count += texts[i].value != NULL;
	verbs_params_init(params, count);
	rpc_pack_key_uint(&params->packer, "after", after);
	rpc_pack_key_uint(&params->packer, "limit", left < PAGE_SESSIONS ? left : PAGE_SESSIONS);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].value != NULL)
			rpc_pack_key_text(&params->packer, texts[i].key, texts[i].value);
	}
	if (idle != NULL && command_line_number(idle, 0, UINT32_MAX, &idle_ms))
		rpc_pack_key_uint(&params->packer, "idle_ms_min", idle_ms);
}

int verbs_session_list(struct command_line *line)
{
	static const char *const headings[COLUMNS] = {"SESSION",  "*STATE",  "?SERVICE",
						      "?BACKEND", "?>HEARD", "?CLIENT",
						      "?PATH",    "?>EPOCH", "?>AGE"};
	static const struct listing listing = {
	    .headings = headings,
	    .columns = COLUMNS,
	    .method = "session.list",
	    .key = "sessions",
	    .pack = sessions_pack,
	    .row = session_row,
	};
	const char *text = command_line_option(line, "limit");
	uint64_t limit = UINT32_MAX;

	if (line->argc > 0 && command_line_option(line, "state") != NULL)
		return command_line_wrong(line, "a state twice: %s, and --state %s", line->argv[0],
					  command_line_option(line, "state"));
	if (text != NULL && !command_line_number(text, 1, UINT32_MAX, &limit))
		return command_line_wrong(line, "--limit: no number: %s", text);
	return listing_print(line, &listing, (uint32_t)limit);
}

// Packs "session" (32 hex digits) or "handle" (a number). Returns false where it is neither.
static bool session_name_pack(msgpack_packer *packer, const char *name)
{
	char *end;

	if (strlen(name) == 32 && strspn(name, "0123456789abcdefABCDEF") == 32) {
		rpc_pack_key_text(packer, "session", name);
		return true;
	}
	errno = 0;

	const uint64_t handle = strtoull(name, &end, 0);

	if (errno != 0 || *end != '\0' || end == name || name[0] == '-')
		return false;
	rpc_pack_key_uint(packer, "handle", handle);
	return true;
}

int verbs_session_show(struct command_line *line)
{
	struct verbs_params params;
	int rc;

	verbs_params_init(&params, 1);
	if (session_name_pack(&params.packer, line->argv[0]))
		rc = verbs_show(line, "session.get", &params.buffer);
	else
		rc = command_line_wrong(line, "neither 32 hex digits nor a handle: %s",
					line->argv[0]);
	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

int verbs_session_evict(struct command_line *line)
{
	struct caller_result result;
	struct verbs_params params;
	int rc;

	verbs_params_init(&params, 1 + (line->argc == 2));
	if (!session_name_pack(&params.packer, line->argv[0])) {
		msgpack_sbuffer_destroy(&params.buffer);
		return command_line_wrong(line, "neither 32 hex digits nor a handle: %s",
					  line->argv[0]);
	}
	if (line->argc == 2)
		rpc_pack_key_text(&params.packer, "reason", line->argv[1]);
	rc = verbs_call(line, "session.evict", &params.buffer, &result);
	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;

	const bool done = verbs_claim(&result.result, "evicted");

	if (line->json)
		verbs_json(&result.result);
	else if (done)
		puts("evicted");
	if (!done)
		fprintf(stderr, "holdfastctl: %s: not here, or ending already\n", line->argv[0]);
	caller_result_fini(&result);
	return done ? EXIT_DONE : EXIT_REFUSED;
}
