// SPDX-License-Identifier: BSD-3-Clause
// Reading the configuration file: sections, and lines split by inih.
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <ini.h>

#include "control/settings_near.h"
#include "control/settings_value.h"

// Defaults of a section that is new.
static void section_reset(struct settings *settings, const char *kind, uint32_t index)
{
	const struct settings_key *key;

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		if (strcmp(key->section, kind) == 0)
			settings_value_reset(settings, (struct settings_place){key, index});
	}
}

// Names are shown on terminals and in logs.
static bool name_good(const char *name, size_t len_max)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (iscntrl((unsigned char)name[i]))
			return false;
	}
	return len > 0 && len <= len_max;
}

// Index of the port or service of this name, made where it is new. -1: refused.
static int port_named(struct settings_reader *reader, const char *name)
{
	struct settings *settings = reader->settings;

	for (uint32_t i = 0; i < settings->ports_count; i++) {
		if (strcmp(settings->ports[i].name, name) == 0)
			return (int)i;
	}
	if (settings->ports_count == DATAPLANE_PORTS_MAX) {
		settings_refuse(reader, "more than %d ports", DATAPLANE_PORTS_MAX);
		return -1;
	}
	if (!name_good(name, sizeof(settings->ports[0].name) - 1)) {
		settings_refuse(reader, "[port %s]: a name of 1 to %zu characters is wanted", name,
				sizeof(settings->ports[0].name) - 1);
		return -1;
	}

	strcpy(settings->ports[settings->ports_count].name, name);
	section_reset(settings, "port", settings->ports_count);
	return (int)settings->ports_count++;
}

static int service_named(struct settings_reader *reader, const char *name)
{
	struct settings *settings = reader->settings;

	for (uint32_t i = 0; i < settings->services_count; i++) {
		if (strcmp(settings->services[i].name, name) == 0)
			return (int)i;
	}
	if (settings->services_count == DIRECTORY_SERVICES_MAX) {
		settings_refuse(reader, "more than %d services", DIRECTORY_SERVICES_MAX);
		return -1;
	}
	if (!name_good(name, WIRE_NAME_MAX)) {
		settings_refuse(reader, "[service %s]: a name of 1 to %d characters is wanted",
				name, WIRE_NAME_MAX);
		return -1;
	}

	strcpy(settings->services[settings->services_count].name, name);
	section_reset(settings, "service", settings->services_count);
	return (int)settings->services_count++;
}

// Index of the port or service of this name, made where it is new; 0 where the section has none.
// kind is its first word. Returns -1: refused.
static int section_find(struct settings_reader *reader, const char *section, char kind[static 32])
{
	const char *title = strchr(section, ' ');
	const size_t kind_len = title != NULL ? (size_t)(title - section) : strlen(section);
	char near[SETTINGS_NEAR_BYTES];

	snprintf(kind, 32, "%.*s", (int)kind_len, section);
	title = title != NULL ? title + strspn(title, " ") : "";
	if (!settings_key_section(kind)) {
		settings_refuse(reader, "[%.64s]: no such section; %.150s", section,
				settings_near_section(kind, near));
		return -1;
	}
	if (strcmp(kind, "port") == 0)
		return port_named(reader, title);
	if (strcmp(kind, "service") == 0)
		return service_named(reader, title);
	if (title[0] != '\0') {
		settings_refuse(reader, "[%.64s]: this section has no name", section);
		return -1;
	}
	return 0;
}

// inih cuts names of sections there.
enum { INIH_SECTION_LEN = 49 };

// The whole name of what inih calls a section. NULL: refused.
static const char *section_whole(struct settings_reader *reader, const char *section)
{
	if (strlen(section) < INIH_SECTION_LEN)
		return section;
	if (strncmp(reader->section, section, INIH_SECTION_LEN) == 0)
		return reader->section;
	settings_refuse(reader, "[%s...]: a section begins in the first column", section);
	return NULL;
}

// inih calls this for each "name = value". Returns 1, or 0 where it is refused.
static int pair_read(void *context, const char *section, const char *name, const char *value)
{
	struct settings_reader *reader = context;
	char kind[32], near[SETTINGS_NEAR_BYTES];

	if (reader->message[0] != '\0')
		return 0;
	if (section[0] == '\0')
		return settings_refuse(reader, "%s: before any [section]", name);

	section = section_whole(reader, section);
	const int index = section != NULL ? section_find(reader, section, kind) : -1;

	if (index < 0)
		return 0;

	const struct settings_place place = {settings_key_find(kind, name), (uint32_t)index};

	if (place.key == NULL)
		return settings_refuse(reader, "[%.64s] has no key \"%.40s\"; %.130s", section,
				       name, settings_near_key(kind, name, near));
	// Of a key that is there twice the later counts; a list goes on.
	const bool list = place.key->kind >= SETTINGS_KIND_ADDRESSES;

	if (reader->sources != NULL && (!list || *settings_source(reader->sources, place) == 0))
		*settings_source(reader->sources, place) = reader->line;
	return settings_value_set(reader, place, value);
}

// A section without keys, of which inih says nothing, is one all the same.
static bool section_begin(struct settings_reader *reader, const char *line)
{
	const size_t len = strcspn(line, "]");
	char kind[32];

	if (line[0] != '[' || line[len] != ']' || len > sizeof(reader->section))
		return true;
	snprintf(reader->section, sizeof(reader->section), "%.*s", (int)len - 1, line + 1);
	return section_find(reader, reader->section, kind) >= 0;
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

int settings_load(const char *path, struct settings *settings, struct settings_sources *sources,
		  char error[static SETTINGS_ERROR_BYTES])
{
	struct settings_reader reader = {.settings = settings, .sources = sources};
	char wrong[SETTINGS_ERROR_BYTES];

	settings_defaults(settings);
	if (sources != NULL) {
		memset(sources, 0, sizeof(*sources));
		snprintf(sources->file, sizeof(sources->file), "%s",
			 path != NULL ? path : "built-in");
	}
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

	if (settings_check(settings, wrong) != 0) {
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %.180s", path, wrong);
		return -EINVAL;
	}
	return 0;
}
