// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands.h"

#include <stdio.h>
#include <string.h>

#include "control/near.h"
#include "control/top.h"
#include "control/verbs.h"
#include "holdfast/control.h"

enum { DAY_MS = 86400000 };

// clang-format off
const struct commands_option commands_options[] = {
	{"socket", "PATH", "control socket (default " CONTROL_SOCKET_DEFAULT
	 ", or $HOLDFAST_SOCKET)", 0, 0},
	{"json", NULL, "results as JSON, for programs", 0, 0},
	{"help", NULL, "what there is, or how a command is used", 0, 0},
	{NULL, NULL, NULL, 0, 0},
};

static const struct commands_command commands[] = {
	{"info", NULL, "", "what runs here: build, uptime, workers, ports, state",
	 verbs_info, false, {{0}}},
	{"session", "list", "[STATE]", "all sessions, or those that the options leave",
	 verbs_session_list, false, {
		{"state", "STATE", "OPENING, CONNECTED, DETACHED or CLOSING", 0, 0},
		{"service", "SERVICE", "with a channel to this service", 0, 0},
		{"backend", "BACKEND", "with a channel to a backend of this name", 0, 0},
		{"client", "CLIENT", "with this client label", 0, 0},
		{"idle", "MS", "not heard for so many milliseconds", 0, UINT32_MAX},
		{"limit", "COUNT", "so many at most", 1, UINT32_MAX}}},
	{"session", "show", "SESSION|HANDLE", "everything known of one session",
	 verbs_session_show, false, {{0}}},
	{"session", "evict", "SESSION|HANDLE [REASON]", "end one session",
	 verbs_session_evict, false, {{0}}},
	{"backend", "list", "", "backends, their state, lanes and sessions",
	 verbs_backend_list, false, {
		{"service", "SERVICE", "of this service", 0, 0},
		{"backend", "BACKEND", "of this name", 0, 0}}},
	{"backend", "drain", "SERVICE BACKEND", "give a backend no new sessions",
	 verbs_backend_drain, false, {{0}}},
	{"backend", "remove", "SERVICE BACKEND", "forget a backend that is lost or draining",
	 verbs_backend_remove, false, {{0}}},
	{"service", "list", "", "services and their backends",
	 verbs_service_list, false, {{0}}},
	{"events", NULL, "[KIND...]", "the events that are kept, of all kinds or these",
	 verbs_events, false, {
		{"follow", NULL, "go on with what happens, until Ctrl-C", 0, 0},
		{"from", "OFFSET", "begin with the event at this offset", 0, UINT64_MAX}}},
	{"stats", NULL, "", "counters, drops and gauges that are not zero",
	 verbs_stats, false, {
		{"watch", "[SECONDS]", "again and again, with rates a second; every second", 0, 0}}},
	{"top", NULL, "", "what the gateway does, live: a full screen, or text",
	 top_run, false, {
		{"interval", "SECONDS", "from figure to figure, 0.1 to 60; 1", 0, 0},
		{"plain", NULL, "blocks of text, also on a terminal", 0, 0},
		{"once", NULL, "one block of text", 0, 0}}},
	{"metrics", NULL, "", "everything counted, as text for Prometheus",
	 verbs_metrics, false, {{0}}},
	{"config", "get", "[KEY]", "settings in force and where each comes from",
	 verbs_config_get, false, {{0}}},
	{"config", "set", "KEY VALUE", "change a live key until the next reload",
	 verbs_config_set, false, {{0}}},
	{"config", "reload", "", "read the configuration file anew, all or nothing",
	 verbs_config_reload, false, {{0}}},
	{"config", "check", "FILE", "look at a file, without a gateway",
	 verbs_config_check, true, {{0}}},
	{"config", "keys", "", "all keys: defaults, bounds, meaning",
	 verbs_config_keys, true, {{0}}},
	{"drain", NULL, "[DEADLINE_MS]", "refuse new sessions, then let go and stop",
	 verbs_drain, false, {{0}}},
	{"shutdown", NULL, "[DEADLINE_MS]", "let go of all sessions and stop",
	 verbs_shutdown, false, {{0}}},
	{"version", NULL, "", "version of this program",
	 verbs_version, true, {{0}}},
};
// clang-format on

enum { COMMANDS_COUNT = sizeof(commands) / sizeof(commands[0]) };

const struct commands_command *commands_at(uint32_t i)
{
	return i < COMMANDS_COUNT ? &commands[i] : NULL;
}

const struct commands_command *commands_find(const char *noun, const char *verb)
{
	for (uint32_t i = 0; i < COMMANDS_COUNT; i++) {
		const struct commands_command *one = &commands[i];

		if (strcmp(one->noun, noun) != 0 || (one->verb == NULL) != (verb == NULL))
			continue;
		if (verb == NULL || strcmp(one->verb, verb) == 0)
			return one;
	}
	return NULL;
}

bool commands_noun(const char *noun)
{
	for (uint32_t i = 0; i < COMMANDS_COUNT; i++) {
		if (strcmp(commands[i].noun, noun) == 0)
			return true;
	}
	return false;
}

void commands_arguments(const struct commands_command *command, uint32_t *min, uint32_t *max)
{
	const char *word = command->arguments;

	*min = *max = 0;
	while (*word != '\0') {
		const size_t len = strcspn(word, " ");

		*min += word[0] != '[';
		*max = memmem(word, len, "...", 3) != NULL ? UINT32_MAX : *max + 1;
		word += len + (word[len] == ' ');
	}
}

int commands_option(const struct commands_command *command, const char *name)
{
	for (int i = 0; command->options[i].name != NULL; i++) {
		if (strcmp(command->options[i].name, name) == 0)
			return i;
	}
	return -1;
}

const char *commands_near_noun(const char *noun, char text[static COMMANDS_NEAR_BYTES])
{
	uint32_t nearest = NEAR_FAR;

	snprintf(text, COMMANDS_NEAR_BYTES, "holdfastctl --help lists the commands");
	for (uint32_t i = 0; i < COMMANDS_COUNT; i++) {
		const uint32_t found = near_distance(noun, commands[i].noun);

		// A verb without its noun.
		if (commands[i].verb != NULL && strcmp(commands[i].verb, noun) == 0) {
			snprintf(text, COMMANDS_NEAR_BYTES, "did you mean %s %s?", commands[i].noun,
				 noun);
			return text;
		}
		if (found >= nearest)
			continue;
		nearest = found;
		snprintf(text, COMMANDS_NEAR_BYTES, "did you mean %s?", commands[i].noun);
	}
	return text;
}

const char *commands_near_verb(const char *noun, const char *verb,
			       char text[static COMMANDS_NEAR_BYTES])
{
	uint32_t nearest = NEAR_FAR;
	size_t used = (size_t)snprintf(text, COMMANDS_NEAR_BYTES, "there is");
	const char *before = " ";

	for (uint32_t i = 0; i < COMMANDS_COUNT; i++) {
		if (strcmp(commands[i].noun, noun) != 0)
			continue;

		const uint32_t found = near_distance(verb, commands[i].verb);

		if (found < nearest) {
			nearest = found;
			snprintf(text, COMMANDS_NEAR_BYTES, "did you mean %s %s?", noun,
				 commands[i].verb);
		} else if (nearest == NEAR_FAR && used < COMMANDS_NEAR_BYTES) {
			used += (size_t)snprintf(text + used, COMMANDS_NEAR_BYTES - used, "%s%s %s",
						 before, noun, commands[i].verb);
			before = ", ";
		}
	}
	return text;
}

// Looks for an option nearer than *nearest in a list.
static void near_in(const struct commands_option *options, const char *name, uint32_t *nearest,
		    char *text)
{
	for (; options->name != NULL; options++) {
		const uint32_t found = near_distance(name, options->name);

		if (found >= *nearest)
			continue;
		*nearest = found;
		snprintf(text, COMMANDS_NEAR_BYTES, "did you mean --%s?", options->name);
	}
}

const char *commands_near_option(const struct commands_command *command, const char *name,
				 char text[static COMMANDS_NEAR_BYTES])
{
	uint32_t nearest = NEAR_FAR;

	if (command == NULL)
		snprintf(
		    text, COMMANDS_NEAR_BYTES,
		    "options of a command stand behind it; holdfastctl --help lists the commands");
	else
		snprintf(text, COMMANDS_NEAR_BYTES, "holdfastctl %s%s%s --help lists them",
			 command->noun, command->verb != NULL ? " " : "",
			 command->verb != NULL ? command->verb : "");
	near_in(commands_options, name, &nearest, text);
	if (command != NULL)
		near_in(command->options, name, &nearest, text);
	return text;
}
