// SPDX-License-Identifier: BSD-3-Clause
// Looks at a configuration file without a gateway: holdfastd --check, holdfastctl config check.
//
// For a program of one thread.
#pragma once

#include <stdbool.h>

// Prints on stdout what the file at path (NULL: the built-in configuration) comes to: a file of
// effective settings with comments that say where each comes from, or as JSON
//   {"file", "good", "keys": [...], "warnings": [...]}   keys as in config.get
//   {"file", "good": false, "error": "..."}
// and without JSON warnings and errors on stderr.
// Returns 0, or 1: it is not sound.
int check_file(const char *path, bool json);

// Prints the list of keys: their defaults, bounds, whether they are live, what they mean.
void check_keys(bool json);
