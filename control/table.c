// SPDX-License-Identifier: BSD-3-Clause
#include "control/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/terminal.h"
#include "control/utf8.h"

enum { GAP = 2 }; // characters between columns

struct column {
	bool optional, right, state;
	bool hidden; // decided when the headings are printed
	uint32_t width;
	char heading[TABLE_CELL_BYTES];
};

struct table {
	uint32_t columns_count;
	uint32_t rows;
	uint32_t room; // rows
	bool begun;    // the headings are printed
	struct column columns[TABLE_COLUMNS_MAX];
	char (*cells)[TABLE_CELL_BYTES]; // rows * columns_count
};

const char *table_text(const char *text, uint32_t length, char cell[static TABLE_CELL_BYTES])
{
	utf8_plain(text, length, cell, TABLE_CELL_BYTES);
	return cell;
}

static void cell_set(struct column *column, char *cell, const char *text)
{
	table_text(text, (uint32_t)strlen(text), cell);

	const uint32_t width = utf8_characters(cell);

	if (width > column->width)
		column->width = width;
}

static bool mark_take(const char **heading, char mark)
{
	const bool there = **heading == mark;

	*heading += there;
	return there;
}

struct table *table_create(const char *const *headings, uint32_t columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns_count = columns;
	for (uint32_t i = 0; i < columns; i++) {
		struct column *column = &table->columns[i];
		const char *heading = headings[i];

		column->optional = mark_take(&heading, '?');
		column->right = mark_take(&heading, '>');
		column->state = mark_take(&heading, '*');
		cell_set(column, column->heading, heading);
	}
	return table;
}

void table_reserve(struct table *table, uint32_t column, uint32_t width)
{
	if (width > table->columns[column].width)
		table->columns[column].width = width;
}

int table_row(struct table *table, const char *const *cells)
{
	if (table->rows == table->room) {
		const uint32_t room = table->room == 0 ? 64 : 2 * table->room;
		void *grown = reallocarray(table->cells, (size_t)room * table->columns_count,
					   TABLE_CELL_BYTES);

		if (grown == NULL)
			return -ENOMEM;
		table->cells = grown;
		table->room = room;
	}
	for (uint32_t i = 0; i < table->columns_count; i++)
		cell_set(&table->columns[i], table->cells[table->rows * table->columns_count + i],
			 cells[i]);
	table->rows++;
	return 0;
}

// Leaves out columns until the others fit.
static void columns_choose(struct table *table, uint32_t width_max)
{
	uint64_t width = 0;

	for (uint32_t i = 0; i < table->columns_count; i++)
		width += table->columns[i].width + (i > 0 ? GAP : 0);
	for (uint32_t i = table->columns_count; i-- > 0 && width > width_max;) {
		struct column *column = &table->columns[i];

		if (!column->optional)
			continue;
		column->hidden = true;
		width -= column->width + GAP;
	}
}

static void spaces(FILE *out, uint32_t count)
{
	fprintf(out, "%*s", (int)count, "");
}

// Prints at most `room` characters of a cell. Returns how many.
static uint32_t cell_print(const char *cell, enum terminal_style style, uint32_t room, FILE *out)
{
	const uint32_t bytes = utf8_cut(cell, room);
	const bool styled = style != TERMINAL_PLAIN;

	fprintf(out, "%s%.*s%s", styled ? terminal_style(style) : "", (int)bytes, cell,
		styled ? terminal_style(TERMINAL_PLAIN) : "");
	const uint32_t characters = utf8_characters(cell);

	return characters < room ? characters : room;
}

static void row_print(const struct table *table, char (*cells)[TABLE_CELL_BYTES], bool heading,
		      uint32_t width_max, FILE *out)
{
	uint32_t due = 0, left = width_max; // blanks to be printed before the next cell

	for (uint32_t i = 0; i < table->columns_count && left > due; i++) {
		const struct column *column = &table->columns[i];
		const char *cell = heading ? column->heading : cells[i];
		const uint32_t characters = utf8_characters(cell);
		const uint32_t blanks = characters < column->width ? column->width - characters : 0;

		if (column->hidden)
			continue;
		due += column->right ? blanks : 0;
		if (due >= left)
			break;
		spaces(out, due);
		left -= due;
		left -= cell_print(cell,
				   heading         ? TERMINAL_HEADING
				   : column->state ? terminal_state_style(cell)
						   : TERMINAL_PLAIN,
				   left, out);
		due = GAP + (column->right ? 0 : blanks);
	}
	fputc('\n', out);
}

void table_print(struct table *table, FILE *out)
{
	const uint32_t width_max = out == stdout ? terminal_width() : UINT32_MAX;

	if (!table->begun) {
		columns_choose(table, width_max);
		row_print(table, NULL, true, width_max, out);
		table->begun = true;
	}
	for (uint32_t i = 0; i < table->rows; i++)
		row_print(table, table->cells + (size_t)i * table->columns_count, false, width_max,
			  out);
	table->rows = 0;
}

void table_destroy(struct table *table)
{
	if (table == NULL)
		return;
	free(table->cells);
	free(table);
}

const char *table_duration(uint64_t ms, char text[static 24])
{
	const uint64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(text, 24, "%" PRIu64 " ms", ms);
	else if (s < 60)
		snprintf(text, 24, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
	else if (s < 3600)
		snprintf(text, 24, "%" PRIu64 " m %02" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, 24, "%" PRIu64 " h %02" PRIu64 " m", s / 3600, s % 3600 / 60);
	else
		snprintf(text, 24, "%" PRIu64 " d %02" PRIu64 " h", s / 86400 % 100000,
			 s % 86400 / 3600);
	return text;
}

const char *table_clock(uint64_t ms, char text[static 40])
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm broken;
	size_t used;

	if (gmtime_r(&seconds, &broken) == NULL) { // hundreds of millions of years away
		snprintf(text, 40, "%" PRIu64 " ms", ms);
		return text;
	}
	used = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &broken);
	snprintf(text + used, 40 - used, ".%03uZ", (unsigned int)(ms % 1000));
	return text;
}
