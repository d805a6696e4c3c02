// SPDX-License-Identifier: BSD-3-Clause
// The list of commands: complete, and the only source of --help.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "control/commands.h"
#include "control/help.h"

static bool one_line(const char *text)
{
	return text != NULL && text[0] != '\0' && strlen(text) < 80 && strchr(text, '\n') == NULL;
}

Test(commands, each_has_a_name_of_its_own_a_line_of_help_and_something_that_runs_it)
{
	const struct commands_command *command;
	uint32_t i;

	for (i = 0; (command = commands_at(i)) != NULL; i++) {
		cr_expect(one_line(command->help), "%s", command->noun);
		cr_expect(command->run != NULL, "%s", command->noun);
		cr_expect_not_null(command->arguments, "%s", command->noun);
		// The first of that name, so no other has it.
		cr_expect_eq(commands_find(command->noun, command->verb), command, "%s",
			     command->noun);
	}
	cr_expect_gt(i, 15);
}

Test(commands, a_noun_has_either_verbs_or_none)
{
	const struct commands_command *command;

	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		if (command->verb != NULL)
			cr_expect_null(commands_find(command->noun, NULL), "%s", command->noun);
	}
}

Test(commands, options_have_names_of_their_own_and_are_none_of_those_that_all_have)
{
	const struct commands_command *command;

	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		cr_expect_null(command->options[COMMANDS_OPTIONS_MAX].name, "%s", command->noun);
		for (int k = 0; command->options[k].name != NULL; k++) {
			const struct commands_option *option = &command->options[k];

			cr_expect(one_line(option->help), "%s", option->name);
			cr_expect_eq(commands_option(command, option->name), k, "%s", option->name);
			for (int j = 0; commands_options[j].name != NULL; j++)
				cr_expect_str_neq(commands_options[j].name, option->name);
		}
	}
}

// Help on what line names, as text the caller frees.
static char *help_of(const struct command_line *line)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	help_print(line, out);
	fclose(out);
	return text;
}

Test(commands, help_names_every_command_and_help_on_one_every_option_of_it)
{
	char *all = help_of(&(struct command_line){0});
	const struct commands_command *command;

	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		const struct command_line line = {.noun = command->noun, .command = command};
		char name[64], *one = help_of(&line);

		snprintf(name, sizeof(name), "%s%s%s", command->noun,
			 command->verb != NULL ? " " : "",
			 command->verb != NULL ? command->verb : "");
		cr_expect_not_null(strstr(all, name), "%s", name);
		cr_expect_not_null(strstr(all, command->help), "%s", name);
		cr_expect_not_null(strstr(one, name), "%s", name);
		for (int k = 0; command->options[k].name != NULL; k++) {
			cr_expect_not_null(strstr(one, command->options[k].name), "%s", name);
			cr_expect_not_null(strstr(one, command->options[k].help), "%s", name);
		}
		free(one);
	}
	free(all);
}

Test(commands, arguments_are_counted_by_their_words)
{
	static const struct {
		const char *arguments;
		uint32_t min, max;
	} cases[] = {
	    {"", 0, 0},
	    {"[STATE]", 0, 1},
	    {"SESSION|HANDLE [REASON]", 1, 2},
	    {"SERVICE BACKEND", 2, 2},
	    {"[KIND...]", 0, UINT32_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct commands_command command = {.arguments = cases[i].arguments};
		uint32_t min, max;

		commands_arguments(&command, &min, &max);
		cr_expect_eq(min, cases[i].min, "%s", cases[i].arguments);
		cr_expect_eq(max, cases[i].max, "%s", cases[i].arguments);
	}
}

Test(commands, what_is_not_there_is_told_with_what_is_near)
{
	const struct commands_command *list = commands_find("session", "list");
	char text[COMMANDS_NEAR_BYTES];

	cr_expect_str_eq(commands_near_noun("sesion", text), "did you mean session?");
	cr_expect_str_eq(commands_near_noun("evict", text), "did you mean session evict?");
	cr_expect_str_eq(commands_near_noun("xyzzy", text),
			 "holdfastctl --help lists the commands");
	cr_expect_str_eq(commands_near_verb("session", "lits", text), "did you mean session list?");
	cr_expect_str_eq(commands_near_verb("session", "xyzzy", text),
			 "there is session list, session show, session evict");
	cr_expect_str_eq(commands_near_option(list, "servce", text), "did you mean --service?");
	cr_expect_str_eq(commands_near_option(list, "xyzzy", text),
			 "holdfastctl session list --help lists them");
	cr_expect_str_eq(commands_near_option(NULL, "jsn", text), "did you mean --json?");
}
