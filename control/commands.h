// SPDX-License-Identifier: BSD-3-Clause
// The commands of holdfastctl as one list: the parser, --help, docs/operations.md and the bash
// completion come from it.
//
// Constant; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct command_line;

enum { COMMANDS_OPTIONS_MAX = 6, COMMANDS_NEAR_BYTES = 192 };

// What stands behind a command. A word in capitals names what is wanted, and where bash completes
// it: SESSION, SERVICE, BACKEND, STATE, KIND, KEY, FILE.
struct commands_option {
	const char *name;     // "state", for --state
	const char *argument; // "STATE"; "[SECONDS]": a number that may be absent; NULL: none
	const char *help;     // one line
	uint64_t min, max;    // of a whole number; max 0: it is none
};

struct commands_command {
	const char *noun;
	const char *verb;      // NULL where the noun stands alone
	const char *arguments; // words; in brackets: may be absent, "...]": any number of them
	const char *help;      // one line
	int (*run)(struct command_line *line);                    // returns an exit code
	bool alone;                                               // it asks nothing of a gateway
	struct commands_option options[COMMANDS_OPTIONS_MAX + 1]; // ended by a NULL name
};

// Those before a command, that all have.
extern const struct commands_option commands_options[];

// The i-th command, or NULL behind the last.
const struct commands_command *commands_at(uint32_t i);

// The command of a noun and a verb; verb may be NULL. NULL: there is none.
const struct commands_command *commands_find(const char *noun, const char *verb);

// Whether any command has this noun; and one with a verb.
bool commands_noun(const char *noun);

// How many arguments a command takes at least, and at most (UINT32_MAX: any number).
void commands_arguments(const struct commands_command *command, uint32_t *min, uint32_t *max);

// Index of an option of a command, or -1.
int commands_option(const struct commands_command *command, const char *name);

// For the end of a message about a noun, a verb or an option that there is not: "did you mean
// session list?" or what else is there. command may be NULL: options of all commands. Returns text.
const char *commands_near_noun(const char *noun, char text[static COMMANDS_NEAR_BYTES]);
const char *commands_near_verb(const char *noun, const char *verb,
			       char text[static COMMANDS_NEAR_BYTES]);
const char *commands_near_option(const struct commands_command *command, const char *name,
				 char text[static COMMANDS_NEAR_BYTES]);
