// SPDX-License-Identifier: BSD-3-Clause
// The configuration of a running gateway: what is in force, where each value comes from, what
// waits for a restart; reading the file anew, setting one key.
//
// All or nothing: a call that fails has changed nothing. What the file says wins: reading it anew
// puts back what was set by hand, and reports that like any other change. Keys that need a restart
// stay as they are; as long as the file says otherwise they are pending.
//
// Control thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/settings_place.h"

struct config {
	const char *path;         // NULL: the built-in configuration
	struct settings settings; // in force
	struct settings_sources sources;
	struct settings wanted; // as the file said when it was last read
	struct settings_sources wanted_sources;
	// While a call runs: what was read, and what would be in force.
	struct settings next, merged;
	struct settings_sources next_sources, merged_sources;
};

// old and new are NULL where the section is not there before or after.
struct config_change {
	char key[SETTINGS_PLACE_BYTES];
	char *old, *new;
	bool was_set; // the old value was set by hand
};

struct config_changes {
	uint32_t count;
	struct config_change *items;
};

struct config_report {
	struct config_changes changed;
	struct config_changes pending; // old: in force, new: in the file
};

// Asked whether a service may go: returns NULL, or why not.
struct config_guard {
	const char *(*keeps)(void *context, uint32_t service);
	void *context;
};

// Reads the file at path (borrowed; NULL: the built-in configuration).
// Returns 0, or -errno and one line in error.
int config_load(struct config *config, const char *path, char error[static SETTINGS_ERROR_BYTES]);

// Reads the file anew and puts its live keys into force. Services keep their index; new ones get
// one that is free. After 0 the caller calls config_report_fini().
// Returns 0, -EBUSY (a service that the file lacks is kept), -ENOMEM, or another -errno of
// settings_load(); with one line in error.
int config_reload(struct config *config, const struct config_guard *guard,
		  struct config_report *report, char error[static SETTINGS_ERROR_BYTES]);

// Sets a live key until the file is read anew or the gateway stops. After 0 the caller calls
// config_report_fini().
// Returns 0, -ENOENT (no such key), -EPERM (it needs a restart), -EINVAL (the value) or -ENOMEM;
// with one line in error.
int config_set(struct config *config, const char *key, const char *value,
	       struct config_report *report, char error[static SETTINGS_ERROR_BYTES]);

void config_report_fini(struct config_report *report);

// What is to be told of one key. value is NULL where the section is only in the file, pending
// where it is not in the file any more.
struct config_row {
	char key[SETTINGS_PLACE_BYTES];
	char source[SETTINGS_SOURCE_BYTES];
	char usual[SETTINGS_BOUNDS_BYTES]; // its default
	const char *value;
	bool live;
	bool waits; // for a restart: pending is what it will be
	const char *pending;
};

// Calls handler for the key of this name (NULL: for all).
// Returns 0, -ENOENT with one line in error, or -ENOMEM.
int config_each(const struct config *config, const char *key,
		void (*handler)(void *context, const struct config_row *row), void *context,
		char error[static SETTINGS_ERROR_BYTES]);
