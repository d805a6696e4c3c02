// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_screen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "control/top_keys.h"

enum { PAIR_ALARM = 1, PAIR_BAR, ESCAPE_MS = 25 };

static SCREEN *screen;
static bool coloured;

int top_screen_begin(void)
{
	const char *none = getenv("NO_COLOR");

	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return -ENOTTY;
	set_term(screen);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	coloured = (none == NULL || none[0] == '\0') && has_colors();
	if (coloured) {
		start_color();
		use_default_colors();
		init_pair(PAIR_ALARM, COLOR_RED, -1);
		init_pair(PAIR_BAR, COLOR_GREEN, -1);
	}
	return 0;
}

void top_screen_end(void)
{
	if (screen == NULL)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

void top_screen_size(int *rows, int *columns)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
	    is_term_resized(size.ws_row, size.ws_col)) {
		resizeterm(size.ws_row, size.ws_col);
		clearok(curscr, TRUE); // what a terminal makes of its lines then is its own
	}
	getmaxyx(stdscr, *rows, *columns);
}

static attr_t attributes_of(enum top_style style)
{
	static const attr_t attributes[TOP_STYLES] = {
	    [TOP_DIM] = A_DIM,          [TOP_BOLD] = A_BOLD,  [TOP_TITLE] = A_REVERSE,
	    [TOP_SELECTED] = A_REVERSE, [TOP_ALARM] = A_BOLD,
	};

	return attributes[style];
}

static short pair_of(enum top_style style)
{
	if (!coloured)
		return 0;
	return style == TOP_ALARM ? PAIR_ALARM : style == TOP_BAR ? PAIR_BAR : 0;
}

void top_screen_show(const struct top_canvas *canvas)
{
	int rows, columns;

	getmaxyx(stdscr, rows, columns);
	erase();
	for (int row = 0; row < canvas->rows && row < rows; row++) {
		for (int column = 0; column < canvas->columns && column < columns; column++) {
			const struct top_cell *cell =
			    &canvas->cells[row * canvas->columns + column];
			const wchar_t text[2] = {cell->character, L'\0'};
			cchar_t character;

			setcchar(&character, text, attributes_of(cell->style), pair_of(cell->style),
				 NULL);
			mvadd_wch(row, column, &character);
		}
	}
	refresh();
}

int top_screen_key(void)
{
	const int key = getch();

	switch (key) {
	case ERR:
		return 0;
	case '\r':
	case KEY_ENTER:
		return TOP_KEY_ENTER;
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_END:
		return TOP_KEY_END;
	default:
		return key < KEY_MIN ? key : -1; // -1: a key that means nothing here
	}
}
