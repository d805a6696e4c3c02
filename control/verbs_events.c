// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl events: those that are kept, and with --follow those to come.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/events.h"
#include "control/near.h"
#include "control/rpc.h"
#include "control/terminal.h"
#include "control/verbs.h"

enum {
	COLUMNS = 4,
	OFFSET_WIDTH = 8,
	TIME_WIDTH = 24,
	KIND_WIDTH = 17,
	ANSWER_MS = 10000, // events that are there must come within
	KEYS_OF_ALL = 4,   // subscription, offset, time, kind: they stand in columns of their own
};

static const char *const kinds[] = {
#define KIND(name, text, when) text,
    EVENTS(KIND)
#undef KIND
};

// What is followed.
struct watch {
	struct command_line *line;
	struct table *table; // NULL with JSON
	sigset_t mask;       // while waiting
	bool follow;
	bool from_given;
	uint64_t from;
	uint64_t next; // offset behind the last event that is to be printed, without --follow
};

// Whether a word is a kind of event, or a group of them ("session").
static bool kind_known(const char *word)
{
	const size_t len = strlen(word);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i], word) == 0)
			return true;
		if (strncmp(kinds[i], word, len) == 0 && kinds[i][len] == '.')
			return true;
	}
	return false;
}

static int kind_wrong(const struct command_line *line, const char *word)
{
	uint32_t nearest = NEAR_FAR;
	const char *meant = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const uint32_t found = near_distance(word, kinds[i]);

		if (found < nearest) {
			nearest = found;
			meant = kinds[i];
		}
	}
	if (meant != NULL)
		return command_line_wrong(line, "no such kind of event: %s; did you mean %s?", word,
					  meant);
	return command_line_wrong(
	    line,
	    "no such kind of event: %s; session, backend, gateway, config and "
	    "refused are groups of them",
	    word);
}

// Whether an event is one of those asked for.
static bool wanted(const struct watch *watch, const msgpack_object *event)
{
	const struct command_line *line = watch->line;
	uint32_t len;
	const char *kind = caller_get_text(event, "kind", &len);

	for (int i = 0; i < line->argc; i++) {
		const uint32_t bytes = (uint32_t)strlen(line->argv[i]);

		if (bytes <= len && memcmp(line->argv[i], kind, bytes) == 0 &&
		    (bytes == len || kind[bytes] == '.'))
			return true;
	}
	return line->argc == 0;
}

// The keys of this kind alone, as "session 0123 handle 5".
static const char *rest_text(const msgpack_object *event, char text[static TABLE_CELL_BYTES])
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = KEYS_OF_ALL; i < event->via.map.size; i++) {
		const msgpack_object_kv *pair = &event->via.map.ptr[i];
		const msgpack_object *value = &pair->val;
		const char *before = used > 0 ? " " : "";
		const int key_len = (int)pair->key.via.str.size;
		const char *key = pair->key.via.str.ptr;
		int bytes = 0;

		if (pair->key.type != MSGPACK_OBJECT_STR)
			continue;
		if (value->type == MSGPACK_OBJECT_STR)
			bytes =
			    snprintf(text + used, TABLE_CELL_BYTES - used, "%s%.*s %.*s", before,
				     key_len, key, (int)value->via.str.size, value->via.str.ptr);
		else if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
			bytes = snprintf(text + used, TABLE_CELL_BYTES - used, "%s%.*s %" PRIu64,
					 before, key_len, key, value->via.u64);
		used += (size_t)bytes;
		if (used >= TABLE_CELL_BYTES)
			break;
	}
	return text;
}

// Returns 0 or -ENOMEM.
static int event_print(struct watch *watch, const msgpack_object *event)
{
	char cells[COLUMNS][TABLE_CELL_BYTES];

	if (watch->line->json) {
		verbs_json(event);
		return 0;
	}

	const int rc =
	    table_row(watch->table, (const char *const[COLUMNS]){
					verbs_uint_cell(event, "offset", cells[0]),
					table_clock(caller_get_uint(event, "time"), cells[1]),
					verbs_text_cell(event, "kind", cells[2]),
					rest_text(event, cells[3]),
				    });
	table_print(watch->table, stdout);
	return rc;
}

// Events that were overwritten before they could be told. Where nothing was said of where to
// begin, those before the first that is kept are no gap.
static void gap_print(const struct watch *watch, const msgpack_object *gap)
{
	const uint64_t from = caller_get_uint(gap, "from");
	const uint64_t to = caller_get_uint(gap, "to");

	if (!watch->from_given && from == watch->from)
		return;
	if (watch->line->json)
		printf("{\"gap\": {\"from\": %" PRIu64 ", \"to\": %" PRIu64 "}}\n", from, to);
	else
		printf("gap: %" PRIu64 " events, from offset %" PRIu64
		       ", were overwritten before they could be told\n",
		       to - from, from);
}

static bool method_is(const struct caller_result *result, const char *method)
{
	return result->method_len == strlen(method) &&
	       memcmp(result->method, method, result->method_len) == 0;
}

// Prints one notification; *at becomes the offset behind it. Returns 0 or -ENOMEM.
static int notification_print(struct watch *watch, const struct caller_result *result, uint64_t *at)
{
	const msgpack_object *map = &result->result;

	if (method_is(result, "gap")) {
		gap_print(watch, map);
		*at = caller_get_uint(map, "to");
	} else if (method_is(result, "event") && map->type == MSGPACK_OBJECT_MAP) {
		*at = caller_get_uint(map, "offset") + 1;
		return wanted(watch, map) ? event_print(watch, map) : 0;
	}
	return 0;
}

// The next notification; what was printed is written before it is waited for.
static int notification_take(struct watch *watch, struct caller_result *result)
{
	const int wait_ms = watch->follow ? -1 : ANSWER_MS;
	int rc = verbs_stopped() ? -EINTR : caller_next(&watch->line->caller, NULL, 0, result);

	if (rc == -ETIMEDOUT)
		rc = terminal_flush()
			 ? caller_next(&watch->line->caller, &watch->mask, wait_ms, result)
			 : -EPIPE;
	return rc;
}

// Prints until all is told, or somebody ends it. Returns an exit code.
static int events_read(struct watch *watch)
{
	uint64_t at = watch->from;

	while ((watch->follow || at < watch->next) && !ferror(stdout)) {
		struct caller_result result;
		int rc = notification_take(watch, &result);

		if (rc == -EINTR || rc == -EPIPE)
			break;
		if (rc != 0)
			return verbs_ended(watch->line, rc);
		rc = notification_print(watch, &result, &at);
		caller_result_fini(&result);
		if (rc != 0) {
			fputs("holdfastctl: out of memory\n", stderr);
			return EXIT_REFUSED;
		}
	}
	return EXIT_DONE;
}

static void kinds_pack(const struct command_line *line, msgpack_packer *packer)
{
	rpc_pack_text(packer, "kinds");
	msgpack_pack_array(packer, (size_t)line->argc);
	for (int i = 0; i < line->argc; i++)
		rpc_pack_text(packer, line->argv[i]);
}

// Subscribes: from where it was asked for, from the first event that is kept, or with --follow
// alone from now on. Without --follow to all kinds: what is told shows where the kept ones end.
// Returns an exit code.
static int subscribe(struct watch *watch)
{
	const bool from = watch->from_given || !watch->follow;
	const bool some = watch->follow && watch->line->argc > 0;
	struct caller_result result;
	struct verbs_params params;
	int rc;

	verbs_params_init(&params, (uint32_t)from + some);
	if (from)
		rpc_pack_key_uint(&params.packer, "from", watch->from);
	if (some)
		kinds_pack(watch->line, &params.packer);
	rc = verbs_call(watch->line, "events.subscribe", &params.buffer, &result);
	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;
	watch->next = caller_get_uint(&result.result, "next");
	caller_result_fini(&result);
	return EXIT_DONE;
}

int verbs_events(struct command_line *line)
{
	static const char *const headings[COLUMNS] = {">OFFSET", "TIME", "*KIND", "WHAT"};
	const char *from = command_line_option(line, "from");
	struct watch watch = {
	    .line = line,
	    .follow = command_line_option(line, "follow") != NULL,
	    .from_given = from != NULL,
	};
	int rc;

	for (int i = 0; i < line->argc; i++) {
		if (!kind_known(line->argv[i]))
			return kind_wrong(line, line->argv[i]);
	}
	if (from != NULL && !command_line_number(from, 0, UINT64_MAX, &watch.from))
		return command_line_wrong(line, "--from: no offset: %s", from);
	watch.table = table_create(headings, COLUMNS);
	if (watch.table == NULL) {
		fputs("holdfastctl: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	table_reserve(watch.table, 0, OFFSET_WIDTH);
	table_reserve(watch.table, 1, TIME_WIDTH);
	table_reserve(watch.table, 2, KIND_WIDTH);
	verbs_stop_begin(&watch.mask);
	rc = subscribe(&watch);
	if (rc == EXIT_DONE && !line->json)
		table_print(watch.table, stdout);
	if (rc == EXIT_DONE)
		rc = events_read(&watch);
	table_destroy(watch.table);
	return rc;
}
