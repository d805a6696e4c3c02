// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_line.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/control.h"

int command_line_wrong(const struct command_line *line, const char *format, ...)
{
	const struct commands_command *command = line->command;
	va_list values;

	fputs("holdfastctl: ", stderr);
	if (command != NULL)
		fprintf(stderr, "%s%s%s: ", command->noun, command->verb != NULL ? " " : "",
			command->verb != NULL ? command->verb : "");
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

bool command_line_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *value >= min && *value <= max;
}

const char *command_line_option(const struct command_line *line, const char *name)
{
	const int index = commands_option(line->command, name);

	assert(index >= 0);
	return line->options[index];
}

// What is left of argv while it is read.
struct reader {
	struct command_line *line;
	char **rest; // ended by NULL
	bool ended;  // by "--"
};

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

// The argument of an option: behind '=', or the next word. Returns NULL after a line on stderr.
static const char *argument_take(struct reader *reader, const struct commands_option *option,
				 const char *equals)
{
	const bool may_lack = option->argument != NULL && option->argument[0] == '[';

	if (option->argument == NULL) {
		if (equals == NULL)
			return "";
		command_line_wrong(reader->line, "--%s has no argument", option->name);
		return NULL;
	}
	if (equals != NULL)
		return equals + 1;
	if (reader->rest[0] != NULL && (!may_lack || digit(reader->rest[0][0])))
		return *reader->rest++;
	if (may_lack)
		return "";
	command_line_wrong(reader->line, "--%s: %s is missing", option->name, option->argument);
	return NULL;
}

static int option_wrong(const struct command_line *line, const char *name)
{
	char near[COMMANDS_NEAR_BYTES];

	return command_line_wrong(line, "no such option: --%s; %s", name,
				  commands_near_option(line->command, name, near));
}

// One of those that all commands have.
static int common_read(struct command_line *line, const char *name, const char *argument)
{
	if (strcmp(name, "socket") == 0)
		line->socket = argument;
	else if (strcmp(name, "json") == 0)
		line->json = true;
	else
		line->help = true;
	return EXIT_DONE;
}

static int own_read(struct command_line *line, int index, const char *argument)
{
	const struct commands_option *option = &line->command->options[index];
	uint64_t value;

	if (option->max > 0 && !command_line_number(argument, option->min, option->max, &value))
		return command_line_wrong(
		    line, "--%s: a number from %llu to %llu is wanted, not %s", option->name,
		    (unsigned long long)option->min, (unsigned long long)option->max, argument);
	line->options[index] = argument;
	return EXIT_DONE;
}

static int option_read(struct reader *reader, const char *word)
{
	struct command_line *line = reader->line;
	const char *equals = strchr(word, '=');
	char name[32];
	const int len = (int)(equals != NULL ? (size_t)(equals - word) : strlen(word)) - 2;

	if (strncmp(word, "--", 2) != 0)
		return command_line_wrong(line, "no such option: %s; options begin with --", word);
	snprintf(name, sizeof(name), "%.*s", len, word + 2);
	for (int i = 0; commands_options[i].name != NULL; i++) {
		if (strcmp(commands_options[i].name, name) != 0)
			continue;

		const char *argument = argument_take(reader, &commands_options[i], equals);

		return argument != NULL ? common_read(line, name, argument) : EXIT_USAGE;
	}

	const int index = line->command != NULL ? commands_option(line->command, name) : -1;

	if (index < 0)
		return option_wrong(line, name);

	const char *argument = argument_take(reader, &line->command->options[index], equals);

	return argument != NULL ? own_read(line, index, argument) : EXIT_USAGE;
}

// A word that belongs to the command's name, or stands behind it.
static int word_read(struct command_line *line, char *word)
{
	char near[COMMANDS_NEAR_BYTES];

	if (line->command != NULL) {
		line->argv[line->argc++] = word;
		return EXIT_DONE;
	}
	if (line->noun == NULL) {
		if (!commands_noun(word))
			return command_line_wrong(line, "no such command: %s; %s", word,
						  commands_near_noun(word, near));
		line->noun = word;
		line->command = commands_find(word, NULL);
		return EXIT_DONE;
	}
	line->command = commands_find(line->noun, word);
	if (line->command == NULL)
		return command_line_wrong(line, "no such command: %s %s; %s", line->noun, word,
					  commands_near_verb(line->noun, word, near));
	return EXIT_DONE;
}

// The word of a command's arguments at an index.
static int argument_len(const struct commands_command *command, uint32_t index, const char **word)
{
	*word = command->arguments;
	while (index-- > 0)
		*word += strcspn(*word, " ") + 1;
	return (int)strcspn(*word, " ");
}

// Whether there is a command, with as many arguments as it takes.
static int complete(const struct command_line *line)
{
	char near[COMMANDS_NEAR_BYTES];
	uint32_t min, max;

	if (line->noun == NULL)
		return command_line_wrong(line,
					  "no command; holdfastctl --help lists the commands");
	if (line->command == NULL)
		return command_line_wrong(line, "%s: a verb is missing; %s", line->noun,
					  commands_near_verb(line->noun, "", near));
	commands_arguments(line->command, &min, &max);
	if ((uint32_t)line->argc < min) {
		const char *word;
		const int len = argument_len(line->command, (uint32_t)line->argc, &word);

		return command_line_wrong(line, "%.*s is missing; it takes %s", len, word,
					  line->command->arguments);
	}
	if ((uint32_t)line->argc > max)
		return command_line_wrong(line, "too many arguments: %s; it takes %s",
					  line->argv[max],
					  max > 0 ? line->command->arguments : "none");
	return EXIT_DONE;
}

int command_line_read(struct command_line *line, int argc, char **argv)
{
	const char *from_environment = getenv("HOLDFAST_SOCKET");
	struct reader reader = {.line = line, .rest = argv + (argc > 0)};

	*line = (struct command_line){.socket = CONTROL_SOCKET_DEFAULT, .argv = argv};
	if (from_environment != NULL && from_environment[0] != '\0')
		line->socket = from_environment;
	while (*reader.rest != NULL) {
		char *word = *reader.rest++;
		int rc = EXIT_DONE;

		if (reader.ended || word[0] != '-' || word[1] == '\0')
			rc = word_read(line, word);
		else if (strcmp(word, "--") == 0)
			reader.ended = true;
		else
			rc = option_read(&reader, word);
		if (rc != EXIT_DONE)
			return rc;
	}
	return line->help ? EXIT_DONE : complete(line);
}
