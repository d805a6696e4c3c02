// SPDX-License-Identifier: BSD-3-Clause
// Reading the configuration file: sections, lines (split by inih), and what must hold between
// keys.
#include <errno.h>
#include <string.h>

#include <ini.h>

#include "control/settings_key.h"
#include "protocol/liveness.h"

// The port or service of this name, made where it is new. NULL: refused.
static void *port_named(struct settings_reader *reader, const char *name)
{
	struct settings *settings = reader->settings;

	for (uint32_t i = 0; i < settings->ports_count; i++) {
		if (strcmp(settings->ports[i].name, name) == 0)
			return &settings->ports[i];
	}
	if (settings->ports_count == DATAPLANE_PORTS_MAX) {
		settings_refuse(reader, "more than %d ports", DATAPLANE_PORTS_MAX);
		return NULL;
	}
	if (name[0] == '\0' || strlen(name) >= sizeof(settings->ports[0].name)) {
		settings_refuse(reader, "[port %s]: a name of 1 to %zu characters is wanted", name,
				sizeof(settings->ports[0].name) - 1);
		return NULL;
	}

	struct settings_port *port = &settings->ports[settings->ports_count++];

	strcpy(port->name, name);
	return port;
}

static void *service_named(struct settings_reader *reader, const char *name)
{
	struct settings *settings = reader->settings;

	for (uint32_t i = 0; i < settings->services_count; i++) {
		if (strcmp(settings->services[i].name, name) == 0)
			return &settings->services[i];
	}
	if (settings->services_count == DIRECTORY_SERVICES_MAX) {
		settings_refuse(reader, "more than %d services", DIRECTORY_SERVICES_MAX);
		return NULL;
	}
	if (name[0] == '\0' || strlen(name) > WIRE_NAME_MAX) {
		settings_refuse(reader, "[service %s]: a name of 1 to %d characters is wanted",
				name, WIRE_NAME_MAX);
		return NULL;
	}

	struct settings_service *service = &settings->services[settings->services_count++];

	strcpy(service->name, name);
	return service;
}

// What a section fills, made where it is new; kind is its first word. NULL: refused.
static void *section_find(struct settings_reader *reader, const char *section, char kind[static 32])
{
	const char *title = strchr(section, ' ');
	const size_t kind_len = title != NULL ? (size_t)(title - section) : strlen(section);

	snprintf(kind, 32, "%.*s", (int)kind_len, section);
	title = title != NULL ? title + strspn(title, " ") : "";
	if (!settings_key_section(kind)) {
		settings_refuse(reader, "[%s]: no such section", section);
		return NULL;
	}
	if (strcmp(kind, "port") == 0)
		return port_named(reader, title);
	if (strcmp(kind, "service") == 0)
		return service_named(reader, title);
	if (title[0] != '\0') {
		settings_refuse(reader, "[%s]: this section has no name", section);
		return NULL;
	}
	return reader->settings;
}

// inih calls this for each "name = value". Returns 1, or 0 where it is refused.
static int pair_read(void *context, const char *section, const char *name, const char *value)
{
	struct settings_reader *reader = context;
	char kind[32], list[160];

	if (reader->message[0] != '\0')
		return 0;
	if (section[0] == '\0')
		return settings_refuse(reader, "%s: before any [section]", name);

	void *base = section_find(reader, section, kind);

	if (base == NULL)
		return 0;

	const struct settings_key *key = settings_key_find(kind, name);

	if (key != NULL)
		return settings_key_set(reader, key, base, value);
	return settings_refuse(reader, "[%s] has no key \"%s\"; it has %s", section, name,
			       settings_key_list(kind, list));
}

// A section without keys, of which inih says nothing, is one all the same.
static bool section_begin(struct settings_reader *reader, const char *line)
{
	char section[SETTINGS_TEXT_BYTES], kind[32];
	const size_t len = strcspn(line, "]");

	if (line[0] != '[' || line[len] != ']' || len > sizeof(section))
		return true;
	snprintf(section, sizeof(section), "%.*s", (int)len - 1, line + 1);
	return section_find(reader, section, kind) != NULL;
}

// fgets for inih that refuses lines which its buffer would cut.
static char *line_read(char *line, int room, void *context)
{
	struct settings_reader *reader = context;

	if (fgets(line, room, reader->file) == NULL)
		return NULL;
	reader->line++;
	if (strlen(line) == (size_t)room - 1 && line[room - 2] != '\n' && !feof(reader->file)) {
		settings_refuse(reader,
				"line of more than %d characters; go on in a next line that begins "
				"with a blank",
				room - 2);
		return NULL;
	}
	return section_begin(reader, line) ? line : NULL;
}

static const char *ports_check(const struct settings *settings, char text[static 160])
{
	if (settings->ports_count == 0)
		return "no [port NAME]: the gateway needs at least one port";
	for (uint32_t port = 0; port < settings->ports_count; port++) {
		uint32_t addresses = 0;

		for (uint32_t i = 0; i < settings->addresses_count; i++)
			addresses += settings->addresses[i].port == port;
		if (settings->ports[port].device[0] != '\0' && addresses > 0)
			continue;
		snprintf(text, 160, "[port %s]: %s is missing", settings->ports[port].name,
			 addresses > 0 ? "device" : "addresses");
		return text;
	}
	return NULL;
}

static const char *backend_check(const struct settings *settings)
{
	for (uint32_t i = 0; i < settings->backend.listen_count; i++) {
		uint32_t k = 0;

		while (k < settings->addresses_count &&
		       memcmp(settings->addresses[k].ip, settings->backend.listen[i], 16) != 0)
			k++;
		if (k == settings->addresses_count)
			return "[backend] listen: not an address of any port";
	}
	if (settings->backend.from_count > 0 && settings->backend.listen_count == 0)
		return "[backend] from is set, listen is not: say at which own address backends "
		       "may register";
	return NULL;
}

// What must hold between keys. Returns NULL or what is wrong.
static const char *settings_check(const struct settings *settings, char text[static 160])
{
	const char *wrong = ports_check(settings, text);

	if (wrong == NULL)
		wrong = backend_check(settings);
	if (wrong == NULL && settings->services_count == 0)
		wrong = "no [service NAME]: name at least one service";
	if (wrong == NULL &&
	    liveness_interval_ms(settings->session.timeout_ms, settings->session.heartbeat_ms) == 0)
		wrong = "[session] heartbeat_ms must be above 0 and below timeout_ms (and must be "
			"set where timeout_ms is below 2000)";
	return wrong;
}

static const char first_look[] = "[gateway]\n"
				 "name = first-look\n"
				 "[port tap]\n"
				 "device = net_tap0,iface=holdfast0\n"
				 "addresses = 192.0.2.1/24\n"
				 "[backend]\n"
				 "listen = 192.0.2.1\n"
				 "from = 192.0.2.0/24\n"
				 "[session]\n"
				 "max = 10000\n"
				 "[replay]\n"
				 "memory = 16M\n"
				 "[service echo]\n"
				 "backends = *\n";

int settings_load(const char *path, struct settings *settings,
		  char error[static SETTINGS_ERROR_BYTES])
{
	struct settings_reader reader = {.settings = settings};
	char text[160];

	settings_defaults(settings);
	reader.file = path != NULL
			  ? fopen(path, "re")
			  : fmemopen((void *)(uintptr_t)first_look, sizeof(first_look) - 1, "r");
	if (reader.file == NULL) {
		const int reason = errno;

		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s", path, strerror(reason));
		return -reason;
	}

	const int line = ini_parse_stream(line_read, &reader, pair_read, &reader);

	const bool unread = ferror(reader.file) != 0;
	const int reason = errno;

	fclose(reader.file);
	if (unread) { // a directory, for one
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s", path, strerror(reason));
		return -reason;
	}
	if (reader.message[0] == '\0' && line != 0) {
		reader.line = line;
		settings_refuse(&reader, "neither [section], key = value nor a comment");
	}
	if (reader.message[0] != '\0') {
		snprintf(error, SETTINGS_ERROR_BYTES, "%s:%d: %.180s", path, reader.line_refused,
			 reader.message);
		return -EINVAL;
	}

	const char *wrong = settings_check(settings, text);

	if (wrong != NULL) {
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s", path, wrong);
		return -EINVAL;
	}
	return 0;
}
