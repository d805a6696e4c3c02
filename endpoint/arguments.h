// SPDX-License-Identifier: BSD-3-Clause
// The command lines of the programs: one list of options that is read by and that makes the help.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ARGUMENTS_MAX = 24 };

enum argument_kind {
	ARGUMENT_FLAG,   // target: bool
	ARGUMENT_TEXT,   // target: const char *, into argv
	ARGUMENT_LIST,   // target: struct argument_list; each time the option is given one more
	ARGUMENT_NUMBER, // target: uint64_t; from min to max
	ARGUMENT_REAL,   // target: double; from min to max thousandths
};

struct argument_list {
	const char **items; // into argv
	uint32_t count, max;
};

struct argument {
	const char *name;  // without "--"
	const char *value; // what stands for the value in the help; NULL with a flag
	const char *help;  // one line or more
	enum argument_kind kind;
	void *target; // written when the option is given; holds the default before
	uint64_t min, max;
};

struct arguments {
	const char *program;
	const char *usage; // what stands behind the program's name
	const char *about; // what it does
	const char *end;   // what stands below the options
	const struct argument *list;
	uint32_t count; // at most ARGUMENTS_MAX
};

// Reads a command line. Returns -1 to go on, 0 after --help, or 2 with one line on standard error
// that names what is wrong and what is wanted.
int arguments_read(const struct arguments *arguments, int argc, char **argv);

// Says in one line what is wrong with a command line. Returns 2.
int arguments_wrong(const struct arguments *arguments, const char *what);
