// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/arguments.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_OPTION = 256, HELP_COLUMN = 28, THOUSAND = 1000 };

int arguments_wrong(const struct arguments *arguments, const char *what)
{
	fprintf(stderr, "%s: %s; --help tells more\n", arguments->program, what);
	return 2;
}

static void help_option(const char *name, const char *value, const char *text)
{
	const int used =
	    printf("  --%s%s%s", name, value == NULL ? "" : " ", value == NULL ? "" : value);

	printf("%*s", used < HELP_COLUMN ? HELP_COLUMN - used : 1, "");
	for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
		printf("%.*s\n%*s", (int)(end - text), text, HELP_COLUMN, "");
	puts(text);
}

static void help(const struct arguments *arguments)
{
	printf("usage: %s %s\n\n%s\n\n", arguments->program, arguments->usage, arguments->about);
	for (uint32_t i = 0; i < arguments->count; i++)
		help_option(arguments->list[i].name, arguments->list[i].value,
			    arguments->list[i].help);
	help_option("help", NULL, "this text");
	printf("\n%s\n", arguments->end);
}

static bool read_number(const struct argument *argument, const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 ||
	    value < argument->min || value > argument->max)
		return false;
	*(uint64_t *)argument->target = value;
	return true;
}

static bool read_real(const struct argument *argument, const char *text)
{
	char *end;
	const double value = strtod(text, &end);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' ||
	    !(value * THOUSAND >= (double)argument->min &&
	      value * THOUSAND <= (double)argument->max))
		return false;
	*(double *)argument->target = value;
	return true;
}

static bool read_list(const struct argument *argument, const char *text)
{
	struct argument_list *list = argument->target;

	if (list->count == list->max)
		return false;
	list->items[list->count++] = text;
	return true;
}

static bool read_value(const struct argument *argument, const char *text)
{
	switch (argument->kind) {
	case ARGUMENT_FLAG:
		*(bool *)argument->target = true;
		return true;
	case ARGUMENT_TEXT:
		*(const char **)argument->target = text;
		return true;
	case ARGUMENT_LIST:
		return read_list(argument, text);
	case ARGUMENT_NUMBER:
		return read_number(argument, text);
	case ARGUMENT_REAL:
		return read_real(argument, text);
	}
	return false;
}

static int out_of_bounds(const struct arguments *arguments, const struct argument *argument,
			 const char *text)
{
	char what[256];

	if (argument->kind == ARGUMENT_LIST)
		snprintf(what, sizeof(what), "--%s %.64s: at most %" PRIu32 " may be given",
			 argument->name, text, ((struct argument_list *)argument->target)->max);
	else if (argument->kind == ARGUMENT_REAL)
		snprintf(what, sizeof(what), "--%s %.64s: a number from %g to %g is wanted",
			 argument->name, text, (double)argument->min / THOUSAND,
			 (double)argument->max / THOUSAND);
	else
		snprintf(what, sizeof(what),
			 "--%s %.64s: a whole number from %" PRIu64 " to %" PRIu64 " is wanted",
			 argument->name, text, argument->min, argument->max);
	return arguments_wrong(arguments, what);
}

int arguments_read(const struct arguments *arguments, int argc, char **argv)
{
	struct option options[ARGUMENTS_MAX + 2] = {{NULL, 0, NULL, 0}};
	int option;

	assert(arguments->count <= ARGUMENTS_MAX);
	for (uint32_t i = 0; i < arguments->count; i++)
		options[i] = (struct option){
		    arguments->list[i].name,
		    arguments->list[i].kind == ARGUMENT_FLAG ? no_argument : required_argument,
		    NULL, FIRST_OPTION + (int)i};
	options[arguments->count] = (struct option){"help", no_argument, NULL, 'h'};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			help(arguments);
			return 0;
		}
		if (option == '?')
			return 2;
		const struct argument *argument = &arguments->list[option - FIRST_OPTION];

		if (!read_value(argument, optarg))
			return out_of_bounds(arguments, argument, optarg);
	}
	return optind < argc ? arguments_wrong(arguments, "too many arguments") : -1;
}
