// SPDX-License-Identifier: BSD-3-Clause
// What somebody may have meant who wrote a section or key that there is not.
//
// Pure: any thread.
#pragma once

enum { SETTINGS_NEAR_BYTES = 256 };

// For the end of a message about a key that the section does not have: "did you mean timeout_ms?"
// where one is near (two slips at most, or the one begins as the other), else "it belongs to
// [replay]", else "it has max, ...". Returns text.
const char *settings_near_key(const char *section, const char *name,
			      char text[static SETTINGS_NEAR_BYTES]);

// The same for a section. Returns text.
const char *settings_near_section(const char *section, char text[static SETTINGS_NEAR_BYTES]);

// A whole message about the name of a place that there is not: "session.timout_ms". Returns
// -ENOENT.
int settings_near_place(const char *name, char text[static SETTINGS_NEAR_BYTES]);
