// SPDX-License-Identifier: BSD-3-Clause
#include "control/settings_near.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "control/near.h"
#include "control/one_line.h"
#include "control/settings_key.h"

// Appends to a text of `used` bytes. Returns how many it has then.
static size_t append(char *text, size_t used, const char *before, const char *word)
{
	const size_t room = SETTINGS_NEAR_BYTES - used;
	const int bytes = snprintf(text + used, room, "%s%s", before, word);

	return (size_t)bytes < room ? used + (size_t)bytes : SETTINGS_NEAR_BYTES - 1;
}

static void list_keys(const char *section, char *text)
{
	const struct settings_key *key;
	size_t used = append(text, 0, "it has ", "");
	const char *before = "";

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		if (strcmp(key->section, section) != 0 || key->missing != NULL)
			continue;
		used = append(text, used, before, key->name);
		before = ", ";
	}
}

const char *settings_near_key(const char *section, const char *name,
			      char text[static SETTINGS_NEAR_BYTES])
{
	const struct settings_key *key, *nearest = NULL, *elsewhere = NULL;
	uint32_t nearest_distance = NEAR_FAR;

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		if (strcmp(key->section, section) != 0) {
			if (elsewhere == NULL && strcmp(key->name, name) == 0)
				elsewhere = key;
			continue;
		}
		const uint32_t found =
		    key->missing == NULL ? near_distance(name, key->name) : NEAR_FAR;

		if (found < nearest_distance) {
			nearest_distance = found;
			nearest = key;
		}
	}
	if (nearest != NULL)
		snprintf(text, SETTINGS_NEAR_BYTES, "did you mean %s?", nearest->name);
	else if (elsewhere != NULL)
		snprintf(text, SETTINGS_NEAR_BYTES, "it belongs to [%s%s]", elsewhere->section,
			 settings_key_named(elsewhere->section) ? " NAME" : "");
	else
		list_keys(section, text);
	return text;
}

const char *settings_near_section(const char *section, char text[static SETTINGS_NEAR_BYTES])
{
	const struct settings_key *key;
	const char *nearest = NULL, *before = "", *last = "";
	uint32_t nearest_distance = NEAR_FAR;
	size_t used = append(text, 0, "there are ", "");

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		const uint32_t found = near_distance(section, key->section);

		if (found < nearest_distance) {
			nearest_distance = found;
			nearest = key->section;
		}
		if (strcmp(last, key->section) == 0)
			continue;
		last = key->section;
		used = append(text, used, before, last);
		used = append(text, used, settings_key_named(last) ? " NAME" : "", "");
		before = ", ";
	}
	if (nearest != NULL)
		snprintf(text, SETTINGS_NEAR_BYTES, "did you mean [%s%s]?", nearest,
			 settings_key_named(nearest) ? " NAME" : "");
	return text;
}

int settings_near_place(const char *name, char text[static SETTINGS_NEAR_BYTES])
{
	const char *first = strchr(name, '.'), *last = strrchr(name, '.');
	const size_t section_len = first != NULL ? (size_t)(first - name) : strlen(name);
	char section[32], near[SETTINGS_NEAR_BYTES];

	snprintf(section, sizeof(section), "%.*s", (int)section_len, name);
	if (first == NULL || !settings_key_section(section))
		settings_near_section(section, near);
	else if (settings_key_find(section, last + 1) == NULL)
		settings_near_key(section, last + 1, near);
	else
		snprintf(near, sizeof(near), "%s",
			 settings_key_named(section) ? "there is no section of this name"
						     : "this section has no name");
	snprintf(text, SETTINGS_NEAR_BYTES, "no key \"%.80s\"; %.140s", name, near);
	one_line(text, strlen(text));
	return -ENOENT;
}
