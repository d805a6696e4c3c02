// SPDX-License-Identifier: BSD-3-Clause
#include "control/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct table {
	uint32_t columns;
	uint32_t rows;
	uint32_t room; // rows
	bool right[TABLE_COLUMNS_MAX];
	uint32_t widths[TABLE_COLUMNS_MAX];
	char headings[TABLE_COLUMNS_MAX][TABLE_CELL_BYTES];
	char (*cells)[TABLE_CELL_BYTES]; // rows * columns
};

static void cell_set(struct table *table, char *cell, uint32_t column, const char *text)
{
	snprintf(cell, TABLE_CELL_BYTES, "%s", text);

	const uint32_t width = (uint32_t)strlen(cell);

	if (width > table->widths[column])
		table->widths[column] = width;
}

struct table *table_create(const char *const *headings, uint32_t columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = columns;
	for (uint32_t i = 0; i < columns; i++) {
		table->right[i] = headings[i][0] == '>';
		cell_set(table, table->headings[i], i, headings[i] + table->right[i]);
	}
	return table;
}

int table_row(struct table *table, const char *const *cells)
{
	if (table->rows == table->room) {
		const uint32_t room = table->room == 0 ? 64 : 2 * table->room;
		void *grown =
		    reallocarray(table->cells, (size_t)room * table->columns, TABLE_CELL_BYTES);

		if (grown == NULL)
			return -ENOMEM;
		table->cells = grown;
		table->room = room;
	}
	for (uint32_t i = 0; i < table->columns; i++)
		cell_set(table, table->cells[table->rows * table->columns + i], i, cells[i]);
	table->rows++;
	return 0;
}

static void row_print(const struct table *table, char (*cells)[TABLE_CELL_BYTES], FILE *out)
{
	for (uint32_t i = 0; i < table->columns; i++) {
		const int width = (int)table->widths[i];

		if (table->right[i])
			fprintf(out, "%*s", width, cells[i]);
		else if (i + 1 < table->columns)
			fprintf(out, "%-*s", width, cells[i]);
		else
			fputs(cells[i], out);
		fputs(i + 1 < table->columns ? "  " : "\n", out);
	}
}

void table_print(const struct table *table, FILE *out)
{
	row_print(table, (char(*)[TABLE_CELL_BYTES])table->headings, out);
	for (uint32_t row = 0; row < table->rows; row++)
		row_print(table, &table->cells[row * table->columns], out);
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
