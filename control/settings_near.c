// SPDX-License-Identifier: BSD-3-Clause
#include "control/settings_near.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "control/settings_key.h"

enum {
	NAME_MAX_LEN = 31, // longer ones are near to nothing
	SLIPS_MAX = 2,
	FAR = SLIPS_MAX + 1,
	PREFIX_MIN_LEN = 2,
};

static uint32_t least(uint32_t left, uint32_t right)
{
	return left < right ? left : right;
}

// Letters to insert, leave out, replace or swap with their neighbour to make one of the other.
static uint32_t slips(const char *left, const char *right)
{
	const size_t left_len = strlen(left), right_len = strlen(right);
	uint32_t rows[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];

	if (left_len > NAME_MAX_LEN || right_len > NAME_MAX_LEN)
		return FAR;
	for (uint32_t i = 0; i <= left_len; i++) {
		for (uint32_t k = 0; k <= right_len; k++) {
			if (i == 0 || k == 0) {
				rows[i][k] = i + k;
				continue;
			}
			const bool other = left[i - 1] != right[k - 1];

			rows[i][k] = least(rows[i - 1][k - 1] + other,
					   least(rows[i - 1][k], rows[i][k - 1]) + 1);
			if (i > 1 && k > 1 && left[i - 1] == right[k - 2] &&
			    left[i - 2] == right[k - 1])
				rows[i][k] = least(rows[i][k], rows[i - 2][k - 2] + 1);
		}
	}
	return rows[left_len][right_len];
}

// 0 (the same) to FAR.
static uint32_t distance(const char *written, const char *name)
{
	const size_t written_len = strlen(written), name_len = strlen(name);
	const size_t shorter = written_len < name_len ? written_len : name_len;
	const uint32_t found = slips(written, name);

	// Two slips in a word of two letters are another word.
	if (found <= SLIPS_MAX && 2 * found <= written_len + 1)
		return found;
	return shorter >= PREFIX_MIN_LEN && strncmp(written, name, shorter) == 0 ? SLIPS_MAX : FAR;
}

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
	uint32_t nearest_distance = FAR;

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		if (strcmp(key->section, section) != 0) {
			if (elsewhere == NULL && strcmp(key->name, name) == 0)
				elsewhere = key;
			continue;
		}
		const uint32_t found = key->missing == NULL ? distance(name, key->name) : FAR;

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
	uint32_t nearest_distance = FAR;
	size_t used = append(text, 0, "there are ", "");

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		const uint32_t found = distance(section, key->section);

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
	return -ENOENT;
}
