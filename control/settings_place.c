// SPDX-License-Identifier: BSD-3-Clause
#include "control/settings_place.h"

#include <stdio.h>
#include <string.h>

// Name of the port or service at index; "" where the section has no name.
static const char *title(const struct settings *settings, const char *section, uint32_t index)
{
	if (strcmp(section, "port") == 0)
		return settings->ports[index].name;
	if (strcmp(section, "service") == 0)
		return settings->services[index].name;
	return "";
}

static uint32_t titles(const struct settings *settings, const char *section)
{
	if (strcmp(section, "port") == 0)
		return settings->ports_count;
	return strcmp(section, "service") == 0 ? settings->services_count : 1;
}

// Index of the section's first key.
static uint32_t section_begin(uint32_t key)
{
	const char *section = settings_key_at(key)->section;

	while (key > 0 && strcmp(settings_key_at(key - 1)->section, section) == 0)
		key--;
	return key;
}

// The next key of the same port or service, else the first of the next one, else the first of the
// next section; whether there is anything there is not asked.
static bool step(const struct settings *settings, struct settings_place *place)
{
	const uint32_t key = settings_key_index(place->key);
	const struct settings_key *next = settings_key_at(key + 1);

	if (next != NULL && strcmp(next->section, place->key->section) == 0) {
		place->key = next;
	} else if (place->index + 1 < titles(settings, place->key->section)) {
		place->key = settings_key_at(section_begin(key));
		place->index++;
	} else {
		place->key = next;
		place->index = 0;
	}
	return place->key != NULL;
}

static bool there(const struct settings *settings, struct settings_place place)
{
	const char *section = place.key->section;

	if (place.key->missing != NULL || place.index >= titles(settings, section))
		return false;
	return !settings_key_named(section) || title(settings, section, place.index)[0] != '\0';
}

bool settings_place_next(const struct settings *settings, struct settings_place *place)
{
	bool more = true;

	if (place->key == NULL)
		*place = (struct settings_place){.key = settings_key_at(0)};
	else
		more = step(settings, place);
	while (more && !there(settings, *place))
		more = step(settings, place);
	return more;
}

const char *settings_place_title(const struct settings *settings, struct settings_place place)
{
	return title(settings, place.key->section, place.index);
}

const char *settings_place_name(const struct settings *settings, struct settings_place place,
				char text[static SETTINGS_PLACE_BYTES])
{
	const char *name = title(settings, place.key->section, place.index);

	snprintf(text, SETTINGS_PLACE_BYTES, "%s%s%s.%s", place.key->section,
		 name[0] != '\0' ? "." : "", name, place.key->name);
	return text;
}

struct settings_place settings_place_find(const struct settings *settings, const char *name)
{
	const struct settings_place none = {.key = NULL};
	const char *first = strchr(name, '.'), *last = strrchr(name, '.');
	char section[32];

	if (first == NULL)
		return none;
	snprintf(section, sizeof(section), "%.*s", (int)(first - name), name);
	struct settings_place place = {.key = settings_key_find(section, last + 1)};

	if (place.key == NULL || (last != first) != settings_key_named(section))
		return none;
	if (last == first)
		return place;
	const size_t len = (size_t)(last - first) - 1;

	for (; place.index < titles(settings, section); place.index++) {
		const char *found = title(settings, section, place.index);

		if (len > 0 && strlen(found) == len && strncmp(found, first + 1, len) == 0)
			return place;
	}
	return none;
}

struct settings_place settings_place_same(const struct settings *settings,
					  struct settings_place place, const struct settings *other)
{
	char name[SETTINGS_PLACE_BYTES];

	if (!settings_key_named(place.key->section))
		return place;
	return settings_place_find(other, settings_place_name(settings, place, name));
}

int *settings_source(struct settings_sources *sources, struct settings_place place)
{
	const uint32_t key = settings_key_index(place.key);

	if (strcmp(place.key->section, "port") == 0)
		return &sources->ports[place.index][key];
	if (strcmp(place.key->section, "service") == 0)
		return &sources->services[place.index][key];
	return &sources->lines[key];
}

const char *settings_source_text(const struct settings_sources *sources,
				 struct settings_place place,
				 char text[static SETTINGS_SOURCE_BYTES])
{
	const int line = *settings_source((struct settings_sources *)(uintptr_t)sources, place);

	if (line > 0)
		snprintf(text, SETTINGS_SOURCE_BYTES, "%s:%d", sources->file, line);
	else
		snprintf(text, SETTINGS_SOURCE_BYTES, "%s",
			 line == SETTINGS_LINE_SET ? "set" : "default");
	return text;
}
