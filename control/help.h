// SPDX-License-Identifier: BSD-3-Clause
// What holdfastctl says of itself, from the list of commands.
#pragma once

#include <stdio.h>

#include "control/command_line.h"

// Prints help on what line names: its command, all commands of its noun, or all there are. With
// line->json an array of objects: command, arguments, help, options (each with name, argument,
// help).
void help_print(const struct command_line *line, FILE *out);
