// SPDX-License-Identifier: BSD-3-Clause
// The list of holdfast/control.h as data: for the dispatcher, for help, for documentation.
//
// Constant; any thread.
#pragma once

#include <stdint.h>

#include "holdfast/control.h"

struct methods_list_param {
	const char *name;
	const char *help; // one line
};

struct methods_list_method {
	const char *name;
	const char *help; // one line
	enum control_right right;
	uint32_t version;                                         // that added it
	struct methods_list_param params[CONTROL_PARAMS_MAX + 1]; // ended by a NULL name
};

// method is below CONTROL_METHODS_COUNT.
const struct methods_list_method *methods_list_get(enum control_method method);

// The method of this name, or CONTROL_METHODS_COUNT.
enum control_method methods_list_find(const char *name, uint32_t len);

// "look", "steer"; "any" for CONTROL_RIGHT_NONE.
const char *methods_list_right(enum control_right right);
