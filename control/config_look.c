// SPDX-License-Identifier: BSD-3-Clause
// What may be seen of the configuration.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/settings_near.h"
#include "control/settings_value.h"

// Tells of one place of the settings in force, or (there false) only in the file.
static int tell(const struct config *config, struct settings_place place, bool there,
		void (*handler)(void *context, const struct config_row *row), void *context)
{
	const struct settings *settings = there ? &config->settings : &config->wanted;
	const struct settings *other = there ? &config->wanted : &config->settings;
	const struct settings_place same = settings_place_same(settings, place, other);
	char *text = settings_value_text(settings, place);
	char *same_text = same.key != NULL ? settings_value_text(other, same) : NULL;
	struct config_row row = {.live = place.key->live};
	int rc = -ENOMEM;

	if (text == NULL || (same.key != NULL && same_text == NULL))
		goto out;
	settings_place_name(settings, place, row.key);
	settings_source_text(there ? &config->sources : &config->wanted_sources, place, row.source);
	settings_key_default(place.key, row.usual);
	row.value = there ? text : NULL;
	row.pending = there ? same_text : text;
	row.waits = !row.live && (same_text == NULL || strcmp(text, same_text) != 0);
	handler(context, &row);
	rc = 0;
out:
	free(text);
	free(same_text);
	return rc;
}

int config_each(const struct config *config, const char *key,
		void (*handler)(void *context, const struct config_row *row), void *context,
		char error[static SETTINGS_ERROR_BYTES])
{
	struct settings_place place = {.key = NULL};
	int rc = 0;

	if (key != NULL) {
		place = settings_place_find(&config->settings, key);
		if (place.key != NULL && place.key->missing == NULL)
			rc = tell(config, place, true, handler, context);
		else
			rc = settings_near_place(key, error);
		goto out;
	}
	while (rc == 0 && settings_place_next(&config->settings, &place))
		rc = tell(config, place, true, handler, context);
	for (place.key = NULL; rc == 0 && settings_place_next(&config->wanted, &place);) {
		if (!place.key->live &&
		    settings_place_same(&config->wanted, place, &config->settings).key == NULL)
			rc = tell(config, place, false, handler, context);
	}
out:
	if (rc == -ENOMEM)
		snprintf(error, SETTINGS_ERROR_BYTES, "out of memory");
	return rc;
}
