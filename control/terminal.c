// SPDX-License-Identifier: BSD-3-Clause
#include "control/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_is(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

// Size of the terminal; zeros where there is none.
static struct winsize size(void)
{
	struct winsize found = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0)
		found = (struct winsize){0};
	return found;
}

uint32_t terminal_width(void)
{
	const uint32_t width = size().ws_col;

	return width > 0 ? width : UINT32_MAX;
}

uint32_t terminal_height(void)
{
	const uint32_t height = size().ws_row;

	return height > 0 ? height : UINT32_MAX;
}

static bool colours(void)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return terminal_is() && (none == NULL || none[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

const char *terminal_style(enum terminal_style style)
{
	static const char *const codes[] = {
	    [TERMINAL_PLAIN] = "\033[0m", [TERMINAL_HEADING] = "\033[1m",
	    [TERMINAL_GOOD] = "\033[32m", [TERMINAL_CHANGING] = "\033[33m",
	    [TERMINAL_BAD] = "\033[31m",
	};

	return colours() ? codes[style] : "";
}

enum terminal_style terminal_state_style(const char *state)
{
	static const struct {
		const char *state;
		enum terminal_style style;
	} styles[] = {
	    {"CONNECTED", TERMINAL_GOOD},
	    {"OPENING", TERMINAL_CHANGING},
	    {"DETACHED", TERMINAL_CHANGING},
	    {"CLOSING", TERMINAL_BAD},
	    {"connected", TERMINAL_GOOD},
	    {"draining", TERMINAL_CHANGING},
	    {"lost", TERMINAL_BAD},
	    {"removed", TERMINAL_BAD},
	    {"session.connected", TERMINAL_GOOD},
	    {"session.resumed", TERMINAL_GOOD},
	    {"session.detached", TERMINAL_CHANGING},
	    {"session.ended", TERMINAL_BAD},
	    {"backend.connected", TERMINAL_GOOD},
	    {"backend.returned", TERMINAL_GOOD},
	    {"backend.reset", TERMINAL_CHANGING},
	    {"backend.draining", TERMINAL_CHANGING},
	    {"backend.lost", TERMINAL_BAD},
	    {"refused", TERMINAL_BAD},
	};

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (strcmp(styles[i].state, state) == 0)
			return styles[i].style;
	}
	return TERMINAL_PLAIN;
}

const char *terminal_clear(void)
{
	return "\033[H\033[2J";
}

bool terminal_flush(void)
{
	static int failed; // the first reason: stdio does not keep it

	if (fflush(stdout) != 0 && failed == 0)
		failed = errno;
	else if (ferror(stdout) && failed == 0)
		failed = EIO;
	errno = failed;
	return failed == 0;
}

bool terminal_reader_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}
