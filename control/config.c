// SPDX-License-Identifier: BSD-3-Clause
#include "control/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/settings_near.h"
#include "control/settings_value.h"

int config_load(struct config *config, const char *path, char error[static SETTINGS_ERROR_BYTES])
{
	config->path = path;
	const int rc = settings_load(path, &config->settings, &config->sources, error);

	if (rc != 0)
		return rc;
	config->wanted = config->settings;
	config->wanted_sources = config->sources;
	return 0;
}

static int out_of_memory(char *error)
{
	snprintf(error, SETTINGS_ERROR_BYTES, "out of memory");
	return -ENOMEM;
}

// ---- Changes -------------------------------------------------------------------------------

static void changes_fini(struct config_changes *changes)
{
	for (uint32_t i = 0; i < changes->count; i++) {
		free(changes->items[i].old);
		free(changes->items[i].new);
	}
	free(changes->items);
	*changes = (struct config_changes){.count = 0};
}

void config_report_fini(struct config_report *report)
{
	changes_fini(&report->changed);
	changes_fini(&report->pending);
}

// Takes old and new over, whatever it returns: 0 or -ENOMEM.
static int changes_add(struct config_changes *changes, const char *key, char *old, char *new,
		       bool was_set)
{
	struct config_change *items =
	    realloc(changes->items, (changes->count + 1) * sizeof(*changes->items));

	if (items == NULL) {
		free(old);
		free(new);
		return -ENOMEM;
	}
	changes->items = items;

	struct config_change *change = &items[changes->count++];

	*change = (struct config_change){.old = old, .new = new, .was_set = was_set};
	snprintf(change->key, sizeof(change->key), "%s", key);
	return 0;
}

// Adds a change where the texts differ; takes them over. Returns 0 or -ENOMEM.
static int changes_compare(struct config_changes *changes, const char *key, char *old, char *new,
			   bool was_set)
{
	if (old == NULL || new == NULL || strcmp(old, new) != 0)
		return changes_add(changes, key, old, new, was_set);
	free(old);
	free(new);
	return 0;
}

// A side of a comparison.
struct side {
	const struct settings *settings;
	const struct settings_sources *sources; // or NULL
};

static bool was_set(const struct side *side, struct settings_place place)
{
	// settings_source() gives what it is given: nothing is written through it.
	return side->sources != NULL &&
	       *settings_source((struct settings_sources *)(uintptr_t)side->sources, place) ==
		   SETTINGS_LINE_SET;
}

// Adds what differs between two sides in keys that are live or not.
static int compare(const struct side *old, const struct side *new, bool live,
		   struct config_changes *changes)
{
	struct settings_place place = {.key = NULL};
	char key[SETTINGS_PLACE_BYTES];

	while (settings_place_next(old->settings, &place)) {
		const struct settings_place other =
		    settings_place_same(old->settings, place, new->settings);
		char *after = NULL;

		if (place.key->live != live)
			continue;
		settings_place_name(old->settings, place, key);
		char *before = settings_value_text(old->settings, place);

		if (other.key != NULL)
			after = settings_value_text(new->settings, other);
		if (before == NULL || (other.key != NULL && after == NULL)) {
			free(before);
			free(after);
			return -ENOMEM;
		}
		if (changes_compare(changes, key, before, after, was_set(old, place)) != 0)
			return -ENOMEM;
	}
	for (place.key = NULL; settings_place_next(new->settings, &place);) {
		if (place.key->live != live ||
		    settings_place_same(new->settings, place, old->settings).key != NULL)
			continue;
		char *text = settings_value_text(new->settings, place);

		settings_place_name(new->settings, place, key);
		if (text == NULL || changes_add(changes, key, NULL, text, false) != 0)
			return -ENOMEM;
	}
	return 0;
}

// Reports the way from what is in force to what was merged, and from there to what was read.
static int report_changes(struct config *config, const struct settings *read,
			  struct config_report *report, char *error)
{
	const struct side old = {&config->settings, &config->sources};
	const struct side merged = {&config->merged, NULL};
	const struct side file = {read, NULL};

	*report = (struct config_report){.changed = {.count = 0}};
	if (compare(&old, &merged, true, &report->changed) == 0 &&
	    compare(&merged, &file, false, &report->pending) == 0)
		return 0;
	config_report_fini(report);
	return out_of_memory(error);
}

static void put_into_force(struct config *config)
{
	config->settings = config->merged;
	config->sources = config->merged_sources;
}

// ---- Reading the file anew -----------------------------------------------------------------

static bool has_service(const struct settings *settings, const char *name)
{
	for (uint32_t i = 0; i < settings->services_count; i++) {
		if (strcmp(settings->services[i].name, name) == 0)
			return true;
	}
	return false;
}

static int remove_services(struct config *config, const struct config_guard *guard, char *error)
{
	for (uint32_t i = 0; i < config->merged.services_count; i++) {
		struct settings_service *service = &config->merged.services[i];

		if (service->name[0] == '\0' || has_service(&config->next, service->name))
			continue;
		const char *reason = guard->keeps(guard->context, i);

		if (reason != NULL) {
			snprintf(error, SETTINGS_ERROR_BYTES,
				 "%.120s: [service %s] is missing, but %s", config->sources.file,
				 service->name, reason);
			return -EBUSY;
		}
		memset(service, 0, sizeof(*service));
		memset(config->merged_sources.services[i], 0,
		       sizeof(config->merged_sources.services[i]));
	}
	return 0;
}

// An index for one more service: behind the others, so that one that is no more is not taken for
// it; then one that nothing refers to. Returns -1: there is none.
static int free_index(struct settings *merged, const struct config_guard *guard)
{
	if (merged->services_count < DIRECTORY_SERVICES_MAX)
		return (int)merged->services_count++;
	for (uint32_t i = 0; i < DIRECTORY_SERVICES_MAX; i++) {
		if (merged->services[i].name[0] == '\0' && guard->keeps(guard->context, i) == NULL)
			return (int)i;
	}
	return -1;
}

static int add_services(struct config *config, const struct config_guard *guard, char *error)
{
	for (uint32_t i = 0; i < config->next.services_count; i++) {
		const char *name = config->next.services[i].name;

		if (has_service(&config->merged, name))
			continue;
		const int index = free_index(&config->merged, guard);

		if (index < 0) {
			snprintf(error, SETTINGS_ERROR_BYTES,
				 "[service %s]: no place for one more; restart", name);
			return -EBUSY;
		}
		strcpy(config->merged.services[index].name, name);
	}
	return 0;
}

// Live keys as they were read. What the file says was parsed once already: it is sound.
static int merge_live(struct config *config, char *error)
{
	struct settings_reader reader = {.settings = &config->merged};
	struct settings_place place = {.key = NULL};

	while (settings_place_next(&config->next, &place)) {
		const struct settings_place to =
		    settings_place_same(&config->next, place, &config->merged);

		if (!place.key->live)
			continue;
		char *text = settings_value_text(&config->next, place);

		if (text == NULL)
			return out_of_memory(error);
		settings_value_reset(&config->merged, to);
		settings_value_set(&reader, to, text);
		free(text);
		*settings_source(&config->merged_sources, to) =
		    *settings_source(&config->next_sources, place);
	}
	return 0;
}

// A key that needs a restart comes from where the file now has the same value.
static void merge_sources(struct config *config, const struct config_changes *pending)
{
	struct settings_place place = {.key = NULL};
	char name[SETTINGS_PLACE_BYTES];

	while (settings_place_next(&config->next, &place)) {
		const struct settings_place to =
		    settings_place_same(&config->next, place, &config->merged);
		uint32_t i = 0;

		settings_place_name(&config->next, place, name);
		while (i < pending->count && strcmp(pending->items[i].key, name) != 0)
			i++;
		if (!place.key->live && to.key != NULL && i == pending->count)
			*settings_source(&config->merged_sources, to) =
			    *settings_source(&config->next_sources, place);
	}
}

static int check_merged(const struct config *config, char *error)
{
	char wrong[SETTINGS_ERROR_BYTES];

	if (settings_check(&config->merged, wrong) == 0)
		return 0;
	snprintf(error, SETTINGS_ERROR_BYTES,
		 "%.160s (with the keys that need a restart as they are)", wrong);
	return -EINVAL;
}

int config_reload(struct config *config, const struct config_guard *guard,
		  struct config_report *report, char error[static SETTINGS_ERROR_BYTES])
{
	int rc = settings_load(config->path, &config->next, &config->next_sources, error);

	if (rc != 0)
		return rc;
	config->merged = config->settings;
	config->merged_sources = config->sources;
	if ((rc = remove_services(config, guard, error)) != 0 ||
	    (rc = add_services(config, guard, error)) != 0 ||
	    (rc = merge_live(config, error)) != 0 || (rc = check_merged(config, error)) != 0 ||
	    (rc = report_changes(config, &config->next, report, error)) != 0)
		return rc;
	merge_sources(config, &report->pending);
	put_into_force(config);
	config->wanted = config->next;
	config->wanted_sources = config->next_sources;
	return 0;
}

// ---- One key -------------------------------------------------------------------------------

// Whether the value may be put into force, in config->merged.
static int try_value(struct config *config, struct settings_place place, const char *value,
		     char *error)
{
	struct settings_reader reader = {.settings = &config->merged};

	config->merged = config->settings;
	config->merged_sources = config->sources;
	settings_value_reset(&config->merged, place);
	*settings_source(&config->merged_sources, place) = SETTINGS_LINE_SET;
	if (settings_value_set(&reader, place, value) == 1)
		return settings_check(&config->merged, error);
	snprintf(error, SETTINGS_ERROR_BYTES, "%s", reader.message);
	return -EINVAL;
}

int config_set(struct config *config, const char *key, const char *value,
	       struct config_report *report, char error[static SETTINGS_ERROR_BYTES])
{
	const struct settings_place place = settings_place_find(&config->settings, key);

	if (place.key == NULL)
		return settings_near_place(key, error);
	if (!place.key->live && place.key->missing == NULL) {
		snprintf(error, SETTINGS_ERROR_BYTES,
			 "%.80s needs a restart: change it in %.120s and restart", key,
			 config->sources.file);
		return -EPERM;
	}
	int rc = try_value(config, place, value, error);

	if (rc == 0)
		rc = report_changes(config, &config->wanted, report, error);
	if (rc == 0)
		put_into_force(config);
	return rc;
}
