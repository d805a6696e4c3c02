// SPDX-License-Identifier: BSD-3-Clause
// The configuration in MessagePack: what config.get and config.reload answer, and what --json
// prints.
//
// Control thread, or a program that has no other.
#pragma once

#include <msgpack.h>

#include "control/config.h"

// Packs an array of {key, value, default, source, live, pending} for one key or all of them
// (NULL). value and pending are texts as in the file; value is nil where the section waits for a
// restart; pending is there only where something waits, and nil where the section is to go.
// Returns 0, or with nothing packed -ENOENT or -ENOMEM and one line in error.
int config_pack_keys(const struct config *config, const char *key, msgpack_packer *packer,
		     char error[static SETTINGS_ERROR_BYTES]);

// Packs an array of {key, old, new}: nil where the section is not there before or after; with
// was_set true where old had been set by hand.
void config_pack_changes(const struct config_changes *changes, msgpack_packer *packer);

// Packs an array of lines.
void config_pack_warnings(const struct settings_warnings *warnings, msgpack_packer *packer);
