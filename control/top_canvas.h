// SPDX-License-Identifier: BSD-3-Clause
// A page of characters, each with a style: what holdfastctl top draws on, before a terminal shows
// it or a pipe takes it as text.
//
// One thread, no terminal. Whatever lies outside of the page is cut off, so that drawing needs no
// care. Text may come from endpoints: what is no printable character of one column becomes '?',
// so that nobody's label reaches a terminal as a command.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <wchar.h>

enum {
	TOP_ROWS_MAX = 500,
	TOP_COLUMNS_MAX = 1000,
};

enum top_style {
	TOP_PLAIN,
	TOP_DIM,
	TOP_BOLD,
	TOP_TITLE,    // the first line, headings
	TOP_SELECTED, // the line that keys are about
	TOP_ALARM,    // what is wrong now
	TOP_BAR,
	TOP_STYLES,
};

struct top_cell {
	wchar_t character;
	enum top_style style;
};

struct top_canvas {
	int rows, columns;
	bool ascii; // bars of '#': where the locale has no blocks, and in text
	struct top_cell *cells;
};

// A blank page; sizes beyond the limits are cut to them. May be called again for another size.
// Returns 0 or -ENOMEM (the page has no rows then).
int top_canvas_resize(struct top_canvas *canvas, int rows, int columns);
void top_canvas_fini(struct top_canvas *canvas);

void top_canvas_clear(struct top_canvas *canvas);

// Writes text from a column on, at most width columns. Returns the columns written.
int top_canvas_text(struct top_canvas *canvas, int row, int column, int width, enum top_style style,
		    const char *text);

// Writes text so that it ends before column `end`; at most width columns, of its beginning.
void top_canvas_right(struct top_canvas *canvas, int row, int end, int width, enum top_style style,
		      const char *text);

// Writes as printf does, up to the end of the row. Returns the columns written.
__attribute__((format(printf, 5, 6))) int top_canvas_print(struct top_canvas *canvas, int row,
							   int column, enum top_style style,
							   const char *format, ...);

// A bar of width columns, filled by share (0 to 1); anything above 0 shows.
void top_canvas_bar(struct top_canvas *canvas, int row, int column, int width, double share);

// Gives a whole row a style, and keeps its text.
void top_canvas_style(struct top_canvas *canvas, int row, enum top_style style);

// Rows first to last - 1 as lines of text, without blanks at their ends.
void top_canvas_write(const struct top_canvas *canvas, int first, int last, FILE *out);
