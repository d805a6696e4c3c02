// SPDX-License-Identifier: BSD-3-Clause
// What was asked of holdfastctl, word by word.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <stdlib.h>
#include <string.h>

#include "control/command_line.h"
#include "holdfast/control.h"

enum { WORDS_MAX = 12 };

static char buffer[512];
static char *words[WORDS_MAX + 1];

// Reads a line, its words apart by blanks.
static int line_read(struct command_line *line, const char *text)
{
	int count = 0;

	snprintf(buffer, sizeof(buffer), "holdfastctl %s", text);
	memset(words, 0, sizeof(words));
	for (char *word = strtok(buffer, " "); word != NULL; word = strtok(NULL, " "))
		words[count++] = word;
	return command_line_read(line, count, words);
}

Test(command_line, options_stand_anywhere_and_arguments_keep_their_order)
{
	static const char *const lines[] = {
	    "--json --socket /a session list --limit 5 --state=DETACHED",
	    "session --json list --state DETACHED --limit=5 --socket=/a",
	    "session list --limit 5 --socket /a --json --state DETACHED",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct command_line line;

		cr_assert_eq(line_read(&line, lines[i]), EXIT_DONE, "%s", lines[i]);
		cr_expect_eq(line.command, commands_find("session", "list"));
		cr_expect(line.json);
		cr_expect_str_eq(line.socket, "/a");
		cr_expect_str_eq(command_line_option(&line, "limit"), "5");
		cr_expect_str_eq(command_line_option(&line, "state"), "DETACHED");
		cr_expect_null(command_line_option(&line, "idle"));
		cr_expect_eq(line.argc, 0);
	}
}

Test(command_line, arguments_are_what_is_left_and_a_double_dash_ends_options)
{
	struct command_line line;

	cr_assert_eq(line_read(&line, "config --json set -- replay.memory --64M"), EXIT_DONE);
	cr_assert_eq(line.argc, 2);
	cr_expect_str_eq(line.argv[0], "replay.memory");
	cr_expect_str_eq(line.argv[1], "--64M");
	cr_expect(line.json);
}

Test(command_line, seconds_of_watch_may_be_absent)
{
	struct command_line line;

	cr_assert_eq(line_read(&line, "stats --watch"), EXIT_DONE);
	cr_expect_str_eq(command_line_option(&line, "watch"), "");
	cr_assert_eq(line_read(&line, "stats --watch --json"), EXIT_DONE);
	cr_expect_str_eq(command_line_option(&line, "watch"), "");
	cr_expect(line.json);
	cr_assert_eq(line_read(&line, "stats --watch 0.5"), EXIT_DONE);
	cr_expect_str_eq(command_line_option(&line, "watch"), "0.5");
	cr_assert_eq(line_read(&line, "stats --watch=2"), EXIT_DONE);
	cr_expect_str_eq(command_line_option(&line, "watch"), "2");
	cr_assert_eq(line_read(&line, "stats"), EXIT_DONE);
	cr_expect_null(command_line_option(&line, "watch"));
}

Test(command_line, help_needs_no_whole_command)
{
	struct command_line line;

	cr_assert_eq(line_read(&line, "--help"), EXIT_DONE);
	cr_expect(line.help);
	cr_expect_null(line.noun);
	cr_assert_eq(line_read(&line, "session --help"), EXIT_DONE);
	cr_expect(line.help);
	cr_expect_str_eq(line.noun, "session");
	cr_expect_null(line.command);
	cr_assert_eq(line_read(&line, "backend drain --help"), EXIT_DONE);
	cr_expect(line.help);
	cr_expect_eq(line.command, commands_find("backend", "drain"));
}

Test(command_line, the_socket_comes_from_the_environment_unless_it_is_given)
{
	struct command_line line;

	unsetenv("HOLDFAST_SOCKET");
	cr_assert_eq(line_read(&line, "info"), EXIT_DONE);
	cr_expect_str_eq(line.socket, CONTROL_SOCKET_DEFAULT);
	setenv("HOLDFAST_SOCKET", "/b", 1);
	cr_assert_eq(line_read(&line, "info"), EXIT_DONE);
	cr_expect_str_eq(line.socket, "/b");
	cr_assert_eq(line_read(&line, "info --socket /c"), EXIT_DONE);
	cr_expect_str_eq(line.socket, "/c");
}

Test(command_line, what_is_wrong_is_named, .init = cr_redirect_stderr)
{
	static const struct {
		const char *text;
		const char *told;
	} cases[] = {
	    {"", "no command; holdfastctl --help lists the commands"},
	    {"sesion list", "no such command: sesion; did you mean session?"},
	    {"session", "session: a verb is missing; there is session list, session show, "
			"session evict"},
	    {"session lst", "no such command: session lst; did you mean session list?"},
	    {"session show", "session show: SESSION|HANDLE is missing; it takes SESSION|HANDLE"},
	    {"backend drain s", "backend drain: BACKEND is missing; it takes SERVICE BACKEND"},
	    {"info all", "info: too many arguments: all; it takes none"},
	    {"session list A B", "session list: too many arguments: B; it takes [STATE]"},
	    {"session list --servce x", "session list: no such option: --servce; did you mean "
					"--service?"},
	    {"session list --service", "session list: --service: SERVICE is missing"},
	    {"session list --limit 0", "session list: --limit: a number from 1 to 4294967295 is "
				       "wanted, not 0"},
	    {"session list --idle 4294967296", "session list: --idle: a number from 0 to "
					       "4294967295 is wanted, not 4294967296"},
	    {"events --from -1", "events: --from: a number from 0 to 18446744073709551615 is "
				 "wanted, not -1"},
	    {"events --follow=5", "events: --follow has no argument"},
	    {"info -x", "info: no such option: -x; options begin with --"},
	    {"--limit 5 session list", "no such option: --limit; options of a command stand "
				       "behind it; holdfastctl --help lists the commands"},
	};
	char wanted[2048] = "";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct command_line line;

		cr_expect_eq(line_read(&line, cases[i].text), EXIT_USAGE, "%s", cases[i].text);
		snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted),
			 "holdfastctl: %s\n", cases[i].told);
	}
	fflush(stderr);
	cr_expect_stderr_eq_str(wanted);
}

Test(command_line, numbers_are_whole_and_within_their_bounds)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
	    {"5", true},
	    {"10", true},
	    {"4", false},
	    {"11", false},
	    {"", false},
	    {"-5", false},
	    {"+5", false},
	    {" 5", false},
	    {"5x", false},
	    {"0x5", false},
	    {"99999999999999999999999", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value;

		cr_expect_eq(command_line_number(cases[i].text, 5, 10, &value), cases[i].good, "%s",
			     cases[i].text);
	}
}
