// SPDX-License-Identifier: BSD-3-Clause
// What was asked of holdfastctl: its words, read by the list of commands.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/caller.h"
#include "control/commands.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_GATEWAY = 3 };

struct command_line {
	const char *socket;
	bool json;
	bool help;        // of command, or of noun where command is NULL, or of everything
	const char *noun; // as written; NULL: none
	const struct commands_command *command;
	int argc; // of what follows noun and verb, without options
	char **argv;
	// By index of command's options: NULL: absent, "" where it has no argument.
	const char *options[COMMANDS_OPTIONS_MAX];
	struct caller caller; // connected before command->run(), unless it is alone
};

// Reads argv into line; what it points to is argv, which is put into another order. Options may
// stand anywhere, those of a command behind it; "--" ends them. Arguments are counted and numbers
// are within their bounds afterwards.
//
// Returns EXIT_DONE, or EXIT_USAGE after a line on stderr.
int command_line_read(struct command_line *line, int argc, char **argv);

// The value of an option that the command has; NULL: absent.
const char *command_line_option(const struct command_line *line, const char *name);

// Reads a whole number in decimal digits. Returns false where it is none within [min, max].
bool command_line_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

// Says what is wrong with the command line, and how to learn more. Returns EXIT_USAGE.
int command_line_wrong(const struct command_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
