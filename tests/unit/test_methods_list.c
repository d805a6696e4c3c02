// SPDX-License-Identifier: BSD-3-Clause
// The list of methods: complete, and each of them done by something.
#include <criterion/criterion.h>

#include <string.h>

#include "control/methods.h"
#include "control/methods_list.h"

static bool one_line(const char *text)
{
	return text != NULL && text[0] != '\0' && strlen(text) < 100 && strchr(text, '\n') == NULL;
}

Test(methods_list, every_method_has_a_name_of_its_own_a_line_of_help_and_a_handler)
{
	for (int i = 0; i < CONTROL_METHODS_COUNT; i++) {
		const enum control_method method = (enum control_method)i;
		const struct methods_list_method *got = methods_list_get(method);

		cr_assert_not_null(got->name);
		cr_expect(one_line(got->help), "%s", got->name);
		cr_expect_lt(got->right, CONTROL_RIGHTS, "%s", got->name);
		cr_expect(got->version >= 1 && got->version <= CONTROL_VERSION, "%s", got->name);
		cr_expect(methods_handler_of(method) != NULL, "%s", got->name);
		// The first of that name, so no other has it.
		cr_expect_eq(methods_list_find(got->name, (uint32_t)strlen(got->name)), method,
			     "%s", got->name);
	}
}

Test(methods_list, every_parameter_has_a_name_of_its_own_and_a_line_of_help)
{
	for (int i = 0; i < CONTROL_METHODS_COUNT; i++) {
		const struct methods_list_method *got = methods_list_get((enum control_method)i);

		cr_expect_null(got->params[CONTROL_PARAMS_MAX].name, "%s", got->name);
		for (int k = 0; got->params[k].name != NULL; k++) {
			cr_expect(one_line(got->params[k].help), "%s %s", got->name,
				  got->params[k].name);
			for (int before = 0; before < k; before++)
				cr_expect_str_neq(got->params[k].name, got->params[before].name,
						  "%s", got->name);
		}
	}
}

Test(methods_list, only_hello_is_for_everybody_and_whatever_changes_something_needs_steer)
{
	static const char *const reading[] = {"list", "get", "info", "subscribe"};

	for (int i = 0; i < CONTROL_METHODS_COUNT; i++) {
		const struct methods_list_method *got = methods_list_get((enum control_method)i);
		const char *dot = strchr(got->name, '.');
		bool reads = false;

		for (size_t k = 0; dot != NULL && k < sizeof(reading) / sizeof(reading[0]); k++)
			reads = reads || strcmp(dot + 1, reading[k]) == 0;
		cr_expect_eq(got->right,
			     i == CONTROL_METHOD_HELLO ? CONTROL_RIGHT_NONE
			     : reads                   ? CONTROL_RIGHT_LOOK
						       : CONTROL_RIGHT_STEER,
			     "%s", got->name);
	}
}

Test(methods_list, a_name_that_nobody_has_is_not_found)
{
	cr_expect_eq(methods_list_find("hell", 4), CONTROL_METHODS_COUNT);
	cr_expect_eq(methods_list_find("helloo", 6), CONTROL_METHODS_COUNT);
	cr_expect_eq(methods_list_find("", 0), CONTROL_METHODS_COUNT);
	cr_expect_eq(methods_list_find("hello", 5), CONTROL_METHOD_HELLO);
}
