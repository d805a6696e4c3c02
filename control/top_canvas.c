// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_canvas.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

static const wchar_t FULL_BLOCK = L'\u2588', LIGHT_LINE = L'\u2500';

static int bounded(int value, int max)
{
	return value < 1 ? 1 : value > max ? max : value;
}

int top_canvas_resize(struct top_canvas *canvas, int rows, int columns)
{
	rows = bounded(rows, TOP_ROWS_MAX);
	columns = bounded(columns, TOP_COLUMNS_MAX);
	if (canvas->cells == NULL || rows != canvas->rows || columns != canvas->columns) {
		void *cells = reallocarray(canvas->cells, (size_t)rows * (size_t)columns,
					   sizeof(*canvas->cells));

		if (cells == NULL) {
			top_canvas_fini(canvas);
			return -ENOMEM;
		}
		canvas->cells = cells;
		canvas->rows = rows;
		canvas->columns = columns;
	}
	top_canvas_clear(canvas);
	return 0;
}

void top_canvas_fini(struct top_canvas *canvas)
{
	free(canvas->cells);
	canvas->cells = NULL;
	canvas->rows = canvas->columns = 0;
}

void top_canvas_clear(struct top_canvas *canvas)
{
	for (int i = 0; i < canvas->rows * canvas->columns; i++)
		canvas->cells[i] = (struct top_cell){.character = L' ', .style = TOP_PLAIN};
}

static void put(struct top_canvas *canvas, int row, int column, wchar_t character,
		enum top_style style)
{
	if (row < 0 || row >= canvas->rows || column < 0 || column >= canvas->columns)
		return;
	canvas->cells[row * canvas->columns + column] =
	    (struct top_cell){.character = character, .style = style};
}

// The next character of text, made harmless. Returns the bytes it took, 0 at the end.
static size_t next(const char *text, mbstate_t *state, wchar_t *character)
{
	size_t bytes;

	if (text[0] == '\0')
		return 0;
	bytes = mbrtowc(character, text, strlen(text), state);
	if (bytes == (size_t)-1 || bytes == (size_t)-2) {
		memset(state, 0, sizeof(*state));
		bytes = 1;
		*character = L'?';
	}
	if (!iswprint((wint_t)*character) || wcwidth(*character) != 1)
		*character = L'?';
	return bytes;
}

int top_canvas_text(struct top_canvas *canvas, int row, int column, int width, enum top_style style,
		    const char *text)
{
	mbstate_t state = {0};
	wchar_t character;
	size_t bytes;
	int written = 0;

	while (written < width && (bytes = next(text, &state, &character)) > 0) {
		put(canvas, row, column + written, character, style);
		text += bytes;
		written++;
	}
	return written;
}

void top_canvas_right(struct top_canvas *canvas, int row, int end, int width, enum top_style style,
		      const char *text)
{
	mbstate_t state = {0};
	wchar_t character;
	size_t at = 0, bytes;
	int columns = 0;

	while (columns < width && (bytes = next(text + at, &state, &character)) > 0) {
		at += bytes;
		columns++;
	}
	top_canvas_text(canvas, row, end - columns, columns, style, text);
}

int top_canvas_print(struct top_canvas *canvas, int row, int column, enum top_style style,
		     const char *format, ...)
{
	char text[TOP_COLUMNS_MAX + 1];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return top_canvas_text(canvas, row, column, canvas->columns - column, style, text);
}

void top_canvas_bar(struct top_canvas *canvas, int row, int column, int width, double share)
{
	int filled = (int)(share * width + 0.5);

	if (filled == 0 && share > 0)
		filled = 1;
	for (int i = 0; i < width; i++) {
		if (i < filled)
			put(canvas, row, column + i, canvas->ascii ? L'#' : FULL_BLOCK, TOP_BAR);
		else
			put(canvas, row, column + i, canvas->ascii ? L'.' : LIGHT_LINE, TOP_DIM);
	}
}

void top_canvas_style(struct top_canvas *canvas, int row, enum top_style style)
{
	for (int i = 0; row >= 0 && row < canvas->rows && i < canvas->columns; i++)
		canvas->cells[row * canvas->columns + i].style = style;
}

void top_canvas_write(const struct top_canvas *canvas, int first, int last, FILE *out)
{
	for (int row = first; row < last && row < canvas->rows; row++) {
		const struct top_cell *cells = &canvas->cells[row * canvas->columns];
		int columns = canvas->columns;

		while (columns > 0 && cells[columns - 1].character == L' ')
			columns--;
		for (int i = 0; i < columns; i++)
			fprintf(out, "%lc", (wint_t)cells[i].character);
		fputc('\n', out);
	}
}
