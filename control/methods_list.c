// SPDX-License-Identifier: BSD-3-Clause
#include "control/methods_list.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define METHOD(name, method, right, version, text, ...)                                            \
	{method, text, CONTROL_RIGHT_##right, version, {__VA_ARGS__}},
static const struct methods_list_method methods[] = {CONTROL_METHODS(METHOD)};
#undef METHOD

const struct methods_list_method *methods_list_get(enum control_method method)
{
	assert(method < CONTROL_METHODS_COUNT);
	return &methods[method];
}

enum control_method methods_list_find(const char *name, uint32_t len)
{
	for (uint32_t i = 0; i < CONTROL_METHODS_COUNT; i++) {
		if (strlen(methods[i].name) == len && memcmp(methods[i].name, name, len) == 0)
			return (enum control_method)i;
	}
	return CONTROL_METHODS_COUNT;
}

const char *methods_list_right(enum control_right right)
{
	static const char *const names[CONTROL_RIGHTS] = {"any", "look", "steer"};

	return (uint32_t)right < CONTROL_RIGHTS ? names[right] : "?";
}
