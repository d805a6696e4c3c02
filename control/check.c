// SPDX-License-Identifier: BSD-3-Clause
#include "control/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_pack.h"
#include "control/json.h"
#include "control/settings_key.h"

static void pack_text(msgpack_packer *packer, const char *text)
{
	msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void print_json(const msgpack_sbuffer *packed)
{
	msgpack_unpacked unpacked;

	msgpack_unpacked_init(&unpacked);
	if (msgpack_unpack_next(&unpacked, packed->data, packed->size, NULL) ==
	    MSGPACK_UNPACK_SUCCESS) {
		json_print(stdout, &unpacked.data);
		putchar('\n');
	}
	msgpack_unpacked_destroy(&unpacked);
}

static void show_json(const struct config *config, bool good,
		      const struct settings_warnings *warnings, const char *error)
{
	char unused[SETTINGS_ERROR_BYTES];
	msgpack_sbuffer packed;
	msgpack_packer packer;

	msgpack_sbuffer_init(&packed);
	msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, good ? 4 : 3);
	pack_text(&packer, "file");
	pack_text(&packer, config->sources.file);
	pack_text(&packer, "good");
	if (good) {
		msgpack_pack_true(&packer);
		pack_text(&packer, "keys");
		if (config_pack_keys(config, NULL, &packer, unused) != 0)
			msgpack_pack_nil(&packer);
		pack_text(&packer, "warnings");
		config_pack_warnings(warnings, &packer);
	} else {
		msgpack_pack_false(&packer);
		pack_text(&packer, "error");
		pack_text(&packer, error);
	}
	print_json(&packed);
	msgpack_sbuffer_destroy(&packed);
}

int check_file(const char *path, bool json)
{
	char error[SETTINGS_ERROR_BYTES];
	struct settings_warnings *warnings = calloc(1, sizeof(*warnings));
	struct config *config = calloc(1, sizeof(*config));
	int rc = 1;

	if (warnings == NULL || config == NULL) {
		fputs("out of memory\n", stderr);
		goto out;
	}
	rc = config_load(config, path, error) != 0;
	if (rc == 0)
		settings_warn(&config->settings, warnings);
	if (json) {
		show_json(config, rc == 0, warnings, error);
		goto out;
	}
	if (rc == 0)
		settings_print(&config->settings, &config->sources, stdout);
	else
		fprintf(stderr, "%s\n", error);
	fflush(stdout);
	for (uint32_t i = 0; i < warnings->count; i++)
		fprintf(stderr, "warning: %s\n", warnings->lines[i]);
out:
	free(config);
	free(warnings);
	return rc;
}

// ---- The list of keys ----------------------------------------------------------------------

static void pack_key(const struct settings_key *key, msgpack_packer *packer)
{
	char text[SETTINGS_BOUNDS_BYTES];

	msgpack_pack_map(packer, 6);
	pack_text(packer, "section");
	pack_text(packer, key->section);
	pack_text(packer, "key");
	pack_text(packer, key->name);
	pack_text(packer, "default");
	pack_text(packer, settings_key_default(key, text));
	pack_text(packer, "bounds");
	pack_text(packer, settings_key_bounds(key, text));
	pack_text(packer, "live");
	if (key->live)
		msgpack_pack_true(packer);
	else
		msgpack_pack_false(packer);
	pack_text(packer, "help");
	pack_text(packer, key->help);
}

static void print_keys(void)
{
	char usual[SETTINGS_BOUNDS_BYTES], bounds[SETTINGS_BOUNDS_BYTES];
	const struct settings_key *key;
	const char *section = "";

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		if (key->missing != NULL)
			continue;
		if (strcmp(section, key->section) != 0)
			printf("%s[%s%s]\n", section[0] != '\0' ? "\n" : "", key->section,
			       settings_key_named(key->section) ? " NAME" : "");
		section = key->section;
		printf("%s = %s\n    %s; a change %s\n    %s\n", key->name,
		       settings_key_default(key, usual), settings_key_bounds(key, bounds),
		       key->live ? "is live" : "needs a restart", key->help);
	}
}

void check_keys(bool json)
{
	const struct settings_key *key;
	msgpack_sbuffer packed;
	msgpack_packer packer;
	uint32_t count = 0;

	if (!json) {
		print_keys();
		return;
	}
	msgpack_sbuffer_init(&packed);
	msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++)
		count += key->missing == NULL;
	msgpack_pack_array(&packer, count);
	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		if (key->missing == NULL)
			pack_key(key, &packer);
	}
	print_json(&packed);
	msgpack_sbuffer_destroy(&packed);
}
