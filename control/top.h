// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl top: what a gateway does, live; on a terminal a full screen, else blocks of text.
#pragma once

struct command_line;

// Runs until the user has enough, or with --once for one block. Takes over the connection of
// line->caller. Returns an exit code; the terminal is what it was before.
int top_run(struct command_line *line);
