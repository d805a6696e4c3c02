// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl session list, show, evict.
#include "control/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/json.h"
#include "control/rpc.h"

enum { PAGE_SESSIONS = 500 };

static void session_row(struct table *table, const msgpack_object *session)
{
	const msgpack_object *channel = verbs_item(caller_get(session, "channels"), 0);
	char cells[9][TABLE_CELL_BYTES];
	char heard[24], age[24];

	table_row(table, (const char *const[]){
			     verbs_text_cell(session, "session", cells[0]),
			     verbs_text_cell(session, "state", cells[1]),
			     verbs_text_cell(session, "client", cells[2]),
			     verbs_text_cell(channel, "service", cells[3]),
			     verbs_text_cell(channel, "backend", cells[4]),
			     verbs_text_cell(session, "path", cells[5]),
			     verbs_uint_cell(session, "epoch", cells[6]),
			     table_duration(caller_get_uint(session, "heard_ms"), heard),
			     table_duration(caller_get_uint(session, "age_ms"), age),
			 });
}

// One page of session.list. Returns an exit code; *after is the next cursor, 0 at the end.
static int session_page(struct command_line *line, struct table *table, uint64_t *after,
			bool *first)
{
	const char *state = line->argc > 0 ? line->argv[0] : NULL;
	struct caller_result result;
	struct verbs_params params;

	verbs_params_init(&params, 2 + (state != NULL));
	rpc_pack_key_uint(&params.packer, "after", *after);
	rpc_pack_key_uint(&params.packer, "limit", PAGE_SESSIONS);
	if (state != NULL)
		rpc_pack_key_text(&params.packer, "state", state);

	const int rc = verbs_call(line, "session.list", &params.buffer, &result);

	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;

	const msgpack_object *sessions = caller_get(&result.result, "sessions");
	const msgpack_object *session;

	for (uint32_t i = 0; (session = verbs_item(sessions, i)) != NULL; i++) {
		if (line->json) {
			fputs(*first ? "" : ",\n", stdout);
			json_print(stdout, session);
			*first = false;
		} else {
			session_row(table, session);
		}
	}
	*after = caller_get_uint(&result.result, "next");
	caller_result_fini(&result);
	return EXIT_DONE;
}

int verbs_session_list(struct command_line *line)
{
	static const char *const headings[] = {"SESSION", "STATE",  "CLIENT", "SERVICE", "BACKEND",
					       "PATH",    ">EPOCH", ">HEARD", ">AGE"};
	struct table *table = table_create(headings, 9);
	uint64_t after = 0;
	bool first = true;
	int rc;

	if (line->argc > 1)
		return verbs_usage("too many arguments: ", line->argv[1]);
	if (line->json)
		putchar('[');
	do {
		rc = session_page(line, table, &after, &first);
	} while (rc == EXIT_DONE && after != 0);
	if (line->json)
		puts("]");
	else if (rc == EXIT_DONE)
		table_print(table, stdout);
	table_destroy(table);
	return rc;
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

	if (line->argc != 1)
		return verbs_usage("session show takes a session id or a handle", "");
	verbs_params_init(&params, 1);
	if (session_name_pack(&params.packer, line->argv[0]))
		rc = verbs_show(line, "session.get", &params.buffer);
	else
		rc = verbs_usage("neither 32 hex digits nor a handle: ", line->argv[0]);
	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

int verbs_session_evict(struct command_line *line)
{
	struct caller_result result;
	struct verbs_params params;
	int rc;

	if (line->argc < 1 || line->argc > 2)
		return verbs_usage("session evict takes a session id or a handle, and a reason",
				   "");
	verbs_params_init(&params, 1 + (line->argc == 2));
	if (!session_name_pack(&params.packer, line->argv[0])) {
		msgpack_sbuffer_destroy(&params.buffer);
		return verbs_usage("neither 32 hex digits nor a handle: ", line->argv[0]);
	}
	if (line->argc == 2)
		rpc_pack_key_text(&params.packer, "reason", line->argv[1]);
	rc = verbs_call(line, "session.evict", &params.buffer, &result);
	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;

	const msgpack_object *evicted = caller_get(&result.result, "evicted");
	const bool done =
	    evicted != NULL && evicted->type == MSGPACK_OBJECT_BOOLEAN && evicted->via.boolean;

	if (line->json)
		verbs_json(&result.result);
	else
		puts(done ? "evicted" : "not here, or ending already");
	caller_result_fini(&result);
	return done ? EXIT_DONE : EXIT_REFUSED;
}
