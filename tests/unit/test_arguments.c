// SPDX-License-Identifier: BSD-3-Clause
// Command lines of the programs: bounds, and what is said of a wrong one.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <getopt.h>

#include "endpoint/arguments.h"

static const char *items[2];
static struct argument_list where = {items, 0, 2};
static const char *name = "echo";
static uint64_t number = 7;
static double real = 1.5;
static bool flag;

static const struct argument list[] = {
    {"where", "ADDRESS", "one\ntwo", ARGUMENT_LIST, &where, 0, 0},
    {"name", "NAME", "text", ARGUMENT_TEXT, &name, 0, 0},
    {"number", "N", "number", ARGUMENT_NUMBER, &number, 2, UINT64_MAX},
    {"real", "R", "real", ARGUMENT_REAL, &real, 500, 2000},
    {"flag", NULL, "flag", ARGUMENT_FLAG, &flag, 0, 0},
};
static const struct arguments arguments = {"program", "[OPTIONS]", "About.", "The end.", list, 5};

static int read_line(const char *const *words)
{
	char *argv[16] = {"program"};
	int argc = 1;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	optind = 1;
	return arguments_read(&arguments, argc, argv);
}

#define READ(...) read_line((const char *const[]){__VA_ARGS__, NULL})

static void said_is(const char *text)
{
	fflush(stderr);
	cr_assert_stderr_eq_str(text);
}

TestSuite(arguments, .init = cr_redirect_stderr);

Test(arguments, without_any_the_defaults_stay)
{
	cr_assert_eq(read_line((const char *const[]){NULL}), -1);
	cr_assert_eq(number, 7);
	cr_assert_float_eq(real, 1.5, 0);
	cr_assert_not(flag);
	cr_assert_str_eq(name, "echo");
}

Test(arguments, each_kind_is_read)
{
	cr_assert_eq(READ("--where", "a", "--where=b", "--name", "n", "--number",
			  "18446744073709551615", "--real", "0.5", "--flag"),
		     -1);
	cr_assert_eq(where.count, 2);
	cr_assert_str_eq(items[0], "a");
	cr_assert_str_eq(items[1], "b");
	cr_assert_str_eq(name, "n");
	cr_assert_eq(number, UINT64_MAX);
	cr_assert_float_eq(real, 0.5, 0);
	cr_assert(flag);
}

Test(arguments, one_more_than_the_list_takes_is_named)
{
	cr_assert_eq(READ("--where", "a", "--where", "b", "--where", "c"), 2);
	said_is("program: --where c: at most 2 may be given; --help tells more\n");
}

Test(arguments, numbers_out_of_bounds_and_other_words_are_refused)
{
	const char *const wrong[] = {"1", "-3", "", "x", "3x", " 3", "+3", "18446744073709551616"};

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(READ("--number", wrong[i]), 2, "%s", wrong[i]);
	cr_assert_eq(number, 7);
}

Test(arguments, a_number_out_of_bounds_is_told_with_its_bounds)
{
	READ("--number", "1");
	said_is("program: --number 1: a whole number from 2 to 18446744073709551615 is wanted; "
		"--help tells more\n");
}

Test(arguments, reals_out_of_bounds_and_other_words_are_refused)
{
	const char *const wrong[] = {"0.4", "2.1", "nan", "inf", "-1", "", "1s", "1e999"};

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(READ("--real", wrong[i]), 2, "%s", wrong[i]);
	cr_assert_float_eq(real, 1.5, 0);
}

Test(arguments, a_word_too_many_is_refused)
{
	cr_assert_eq(READ("--flag", "word"), 2);
	said_is("program: too many arguments; --help tells more\n");
}

Test(arguments, an_unknown_option_and_a_missing_value_are_refused)
{
	cr_assert_eq(READ("--nonsense"), 2);
	cr_assert_eq(READ("--number"), 2);
}

Test(arguments, help_shows_every_option, .init = cr_redirect_stdout)
{
	cr_assert_eq(READ("--help"), 0);
	fflush(stdout);
	cr_assert_stdout_eq_str("usage: program [OPTIONS]\n\nAbout.\n\n"
				"  --where ADDRESS           one\n"
				"                            two\n"
				"  --name NAME               text\n"
				"  --number N                number\n"
				"  --real R                  real\n"
				"  --flag                    flag\n"
				"  --help                    this text\n"
				"\nThe end.\n");
}
