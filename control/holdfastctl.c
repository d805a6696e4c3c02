// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl: the control socket on a command line. Results on stdout, trouble on stderr.
// Exit 0 done, 1 refused or failed, 2 usage, 3 no gateway there.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/caller.h"
#include "control/json.h"
#include "control/rpc.h"
#include "control/table.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_GATEWAY = 3 };
enum { PAGE_SESSIONS = 500 };

struct command_line {
	const char *socket;
	bool json;
	struct caller caller;
	int argc; // of what follows noun and verb
	char **argv;
};

struct verb {
	const char *noun;
	const char *verb;      // NULL where the noun stands alone
	const char *arguments; // for help
	const char *text;
	int (*run)(struct command_line *line);
};

// One packed map under construction.
struct params {
	msgpack_sbuffer buffer;
	msgpack_packer packer;
};

static void params_init(struct params *params, uint32_t keys)
{
	msgpack_sbuffer_init(&params->buffer);
	msgpack_packer_init(&params->packer, &params->buffer, msgpack_sbuffer_write);
	msgpack_pack_map(&params->packer, keys);
}

static int usage(const char *text, const char *what)
{
	fprintf(stderr, "holdfastctl: %s%s; holdfastctl --help lists the commands\n", text, what);
	return EXIT_USAGE;
}

// Calls, and on failure says why. Returns an exit code.
static int call(struct command_line *line, const char *method, const msgpack_sbuffer *params,
		struct caller_result *result)
{
	const int rc = caller_call(&line->caller, method, params, result);

	if (rc == 0)
		return EXIT_DONE;
	fprintf(stderr, "holdfastctl: %s\n", line->caller.error);
	return rc == -EREMOTEIO ? EXIT_REFUSED : EXIT_NO_GATEWAY;
}

static void result_json(const msgpack_object *result)
{
	json_print(stdout, result);
	putchar('\n');
}

static const char *text_cell(const msgpack_object *map, const char *key, char *cell)
{
	uint32_t len;
	const char *text = caller_get_text(map, key, &len);

	snprintf(cell, TABLE_CELL_BYTES, "%.*s", len == 0 ? 1 : (int)len, len == 0 ? "-" : text);
	return cell;
}

static const char *uint_cell(const msgpack_object *map, const char *key, char *cell)
{
	snprintf(cell, TABLE_CELL_BYTES, "%" PRIu64, caller_get_uint(map, key));
	return cell;
}

static const msgpack_object *array_item(const msgpack_object *array, uint32_t i)
{
	return array != NULL && array->type == MSGPACK_OBJECT_ARRAY && i < array->via.array.size
		   ? &array->via.array.ptr[i]
		   : NULL;
}

static void session_row(struct table *table, const msgpack_object *session)
{
	const msgpack_object *channel = array_item(caller_get(session, "channels"), 0);
	char cells[9][TABLE_CELL_BYTES];
	char heard[24], age[24];

	table_row(table, (const char *const[]){
			     text_cell(session, "session", cells[0]),
			     text_cell(session, "state", cells[1]),
			     text_cell(session, "client", cells[2]),
			     text_cell(channel, "service", cells[3]),
			     text_cell(channel, "backend", cells[4]),
			     text_cell(session, "path", cells[5]),
			     uint_cell(session, "epoch", cells[6]),
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
	struct params params;

	params_init(&params, 2 + (state != NULL));
	rpc_pack_key_uint(&params.packer, "after", *after);
	rpc_pack_key_uint(&params.packer, "limit", PAGE_SESSIONS);
	if (state != NULL)
		rpc_pack_key_text(&params.packer, "state", state);

	const int rc = call(line, "session.list", &params.buffer, &result);

	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;

	const msgpack_object *sessions = caller_get(&result.result, "sessions");
	const msgpack_object *session;

	for (uint32_t i = 0; (session = array_item(sessions, i)) != NULL; i++) {
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

static int session_list(struct command_line *line)
{
	static const char *const headings[] = {"SESSION", "STATE",  "CLIENT", "SERVICE", "BACKEND",
					       "PATH",    ">EPOCH", ">HEARD", ">AGE"};
	struct table *table = table_create(headings, 9);
	uint64_t after = 0;
	bool first = true;
	int rc;

	if (line->argc > 1)
		return usage("too many arguments: ", line->argv[1]);
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
static int show(struct command_line *line, const char *method, const msgpack_sbuffer *params)
{
	struct caller_result result;
	const int rc = call(line, method, params, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json)
		result_json(&result.result);
	else
		map_lines(&result.result, 0);
	caller_result_fini(&result);
	return EXIT_DONE;
}

static int session_show(struct command_line *line)
{
	struct params params;
	int rc;

	if (line->argc != 1)
		return usage("session show takes a session id or a handle", "");
	params_init(&params, 1);
	if (session_name_pack(&params.packer, line->argv[0]))
		rc = show(line, "session.get", &params.buffer);
	else
		rc = usage("neither 32 hex digits nor a handle: ", line->argv[0]);
	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

static int session_evict(struct command_line *line)
{
	struct caller_result result;
	struct params params;
	int rc;

	if (line->argc < 1 || line->argc > 2)
		return usage("session evict takes a session id or a handle, and a reason", "");
	params_init(&params, 1 + (line->argc == 2));
	if (!session_name_pack(&params.packer, line->argv[0])) {
		msgpack_sbuffer_destroy(&params.buffer);
		return usage("neither 32 hex digits nor a handle: ", line->argv[0]);
	}
	if (line->argc == 2)
		rpc_pack_key_text(&params.packer, "reason", line->argv[1]);
	rc = call(line, "session.evict", &params.buffer, &result);
	msgpack_sbuffer_destroy(&params.buffer);
	if (rc != EXIT_DONE)
		return rc;

	const msgpack_object *evicted = caller_get(&result.result, "evicted");
	const bool done =
	    evicted != NULL && evicted->type == MSGPACK_OBJECT_BOOLEAN && evicted->via.boolean;

	if (line->json)
		result_json(&result.result);
	else
		puts(done ? "evicted" : "not here, or ending already");
	caller_result_fini(&result);
	return done ? EXIT_DONE : EXIT_REFUSED;
}

static int backend_list(struct command_line *line)
{
	static const char *const headings[] = {"SERVICE", "BACKEND",   "STATE",
					       ">LANES",  ">SESSIONS", ">CAPACITY"};
	struct caller_result result;
	const int rc = call(line, "backend.list", NULL, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json) {
		result_json(caller_get(&result.result, "backends"));
		caller_result_fini(&result);
		return EXIT_DONE;
	}

	const msgpack_object *backends = caller_get(&result.result, "backends");
	struct table *table = table_create(headings, 6);
	const msgpack_object *backend;

	for (uint32_t i = 0; (backend = array_item(backends, i)) != NULL; i++) {
		const msgpack_object *lanes = caller_get(backend, "lanes");
		char cells[5][TABLE_CELL_BYTES], count[16];

		snprintf(count, sizeof(count), "%u",
			 lanes != NULL && lanes->type == MSGPACK_OBJECT_ARRAY
			     ? lanes->via.array.size
			     : 0);
		table_row(table, (const char *const[]){
				     text_cell(backend, "service", cells[0]),
				     text_cell(backend, "backend", cells[1]),
				     text_cell(backend, "state", cells[2]),
				     count,
				     uint_cell(backend, "sessions", cells[3]),
				     uint_cell(backend, "capacity", cells[4]),
				 });
	}
	table_print(table, stdout);
	table_destroy(table);
	caller_result_fini(&result);
	return EXIT_DONE;
}

static int service_list(struct command_line *line)
{
	static const char *const headings[] = {"SERVICE", ">BACKENDS", ">SESSIONS"};
	struct caller_result result;
	const int rc = call(line, "service.list", NULL, &result);

	if (rc != EXIT_DONE)
		return rc;

	const msgpack_object *services = caller_get(&result.result, "services");

	if (line->json) {
		result_json(services);
	} else {
		struct table *table = table_create(headings, 3);
		const msgpack_object *service;

		for (uint32_t i = 0; (service = array_item(services, i)) != NULL; i++) {
			char cells[3][TABLE_CELL_BYTES];

			table_row(table, (const char *const[]){
					     text_cell(service, "service", cells[0]),
					     uint_cell(service, "backends", cells[1]),
					     uint_cell(service, "sessions", cells[2]),
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

static int stats(struct command_line *line)
{
	struct caller_result result;
	const int rc = call(line, "stats.get", NULL, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json) {
		result_json(&result.result);
	} else {
		numbers_print("counters", caller_get(&result.result, "counters"));
		numbers_print("drops", caller_get(&result.result, "drops"));
		numbers_print("gauges", caller_get(&result.result, "gauges"));
	}
	caller_result_fini(&result);
	return EXIT_DONE;
}

static int info(struct command_line *line)
{
	return show(line, "gateway.info", NULL);
}

static int stop(struct command_line *line, const char *method)
{
	struct params params;
	char *end;

	if (line->argc == 0)
		return show(line, method, NULL);

	const unsigned long deadline_ms = strtoul(line->argv[0], &end, 10);

	if (*end != '\0' || end == line->argv[0] || line->argc > 1)
		return usage("the deadline is a number of milliseconds, not ", line->argv[0]);
	params_init(&params, 1);
	rpc_pack_key_uint(&params.packer, "deadline_ms", deadline_ms);

	const int rc = show(line, method, &params.buffer);

	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

static int drain(struct command_line *line)
{
	return stop(line, "gateway.drain");
}

static int shutdown_now(struct command_line *line)
{
	return stop(line, "gateway.shutdown");
}

static int version(struct command_line *line)
{
	(void)line;
	printf("holdfastctl %s, control interface %d\n", HOLDFAST_VERSION, CONTROL_VERSION);
	return EXIT_DONE;
}

static const struct verb verbs[] = {
    {"info", NULL, "", "what runs here: build, workers, ports, state", info},
    {"session", "list", "[STATE]", "all sessions, or those in one state", session_list},
    {"session", "show", "SESSION|HANDLE", "everything known of one session", session_show},
    {"session", "evict", "SESSION|HANDLE [REASON]", "end one session", session_evict},
    {"backend", "list", "", "backends, their state and lanes", backend_list},
    {"service", "list", "", "services and their backends", service_list},
    {"stats", NULL, "", "counters, drops and gauges that are not zero", stats},
    {"drain", NULL, "[DEADLINE_MS]", "refuse new sessions, then let go and stop", drain},
    {"shutdown", NULL, "[DEADLINE_MS]", "let go of all sessions and stop", shutdown_now},
    {"version", NULL, "", "version of this program", version},
};

static void help(void)
{
	puts("usage: holdfastctl [--socket PATH] [--json] COMMAND [ARGUMENTS]\n\n"
	     "  --socket PATH  control socket (default " CONTROL_SOCKET_DEFAULT
	     ", or $HOLDFAST_SOCKET)\n"
	     "  --json         results as JSON, for programs\n"
	     "  --help         this text\n\ncommands:");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s %s", verbs[i].noun,
			 verbs[i].verb != NULL ? " " : "",
			 verbs[i].verb != NULL ? verbs[i].verb : "", verbs[i].arguments);
		printf("  %-40s %s\n", left, verbs[i].text);
	}
	puts("\nexit: 0 done, 1 refused or failed, 2 usage, 3 no gateway there");
}

static const struct verb *verb_find(int argc, char **argv, int *words)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const struct verb *verb = &verbs[i];

		if (strcmp(verb->noun, argv[0]) != 0)
			continue;
		if (verb->verb != NULL && (argc < 2 || strcmp(verb->verb, argv[1]) != 0))
			continue;
		*words = verb->verb != NULL ? 2 : 1;
		return verb;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *from_environment = getenv("HOLDFAST_SOCKET");
	struct command_line line = {.socket = CONTROL_SOCKET_DEFAULT};
	int option, words = 0;

	if (from_environment != NULL && from_environment[0] != '\0')
		line.socket = from_environment;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's') {
			line.socket = optarg;
		} else if (option == 'j') {
			line.json = true;
		} else if (option == 'h') {
			help();
			return EXIT_DONE;
		} else {
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return usage("no command", "");

	const struct verb *verb = verb_find(argc - optind, argv + optind, &words);

	if (verb == NULL)
		return usage("no such command: ", argv[optind]);
	line.argc = argc - optind - words;
	line.argv = argv + optind + words;
	if (verb->run != version && caller_open(&line.caller, line.socket) != 0) {
		fprintf(stderr, "holdfastctl: %s\n", line.caller.error);
		return EXIT_NO_GATEWAY;
	}

	const int rc = verb->run(&line);

	if (verb->run != version)
		caller_close(&line.caller);
	return rc;
}
