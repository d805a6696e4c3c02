// SPDX-License-Identifier: BSD-3-Clause
// Tables for people: aligned, page by page, and safe to look at.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "control/table.h"
#include "control/utf8.h"

static char *text;
static size_t bytes;

Test(table, columns_are_as_wide_as_they_need_to_be_and_numbers_stand_to_the_right)
{
	struct table *table = table_create((const char *const[]){"NAME", "*STATE", "?>COUNT"}, 3);
	FILE *out = open_memstream(&text, &bytes);

	table_row(table, (const char *const[]){"a", "lost", "5"});
	table_row(table, (const char *const[]){"longer", "x", "1234567"});
	table_print(table, out);
	fclose(out);
	cr_expect_str_eq(text, "NAME    STATE    COUNT\n"
			       "a       lost         5\n"
			       "longer  x      1234567\n");
	free(text);
	table_destroy(table);
}

Test(table, pages_stand_below_each_other_under_one_heading)
{
	struct table *table = table_create((const char *const[]){">N", "NAME"}, 2);
	FILE *out = open_memstream(&text, &bytes);

	table_reserve(table, 0, 3);
	table_row(table, (const char *const[]){"1", "a"});
	table_print(table, out);
	table_row(table, (const char *const[]){"20", "b"});
	table_print(table, out);
	table_print(table, out);
	table_row(table, (const char *const[]){"12345", "c"});
	table_print(table, out);
	fclose(out);
	cr_expect_str_eq(text, "  N  NAME\n"
			       "  1  a\n"
			       " 20  b\n"
			       "12345  c\n");
	free(text);
	table_destroy(table);
}

Test(table, characters_count_not_bytes)
{
	struct table *table = table_create((const char *const[]){"A", "B"}, 2);
	FILE *out = open_memstream(&text, &bytes);

	table_row(table, (const char *const[]){"\xc3\xa4\xc3\xb6", "x"});
	table_row(table, (const char *const[]){"ao", "y"});
	table_print(table, out);
	fclose(out);
	cr_expect_str_eq(text, "A   B\n\xc3\xa4\xc3\xb6  x\nao  y\n");
	free(text);
	table_destroy(table);
}

Test(table, what_would_steer_a_terminal_becomes_question_marks)
{
	static const struct {
		const char *text;
		uint32_t length;
		const char *cell;
	} cases[] = {
	    {"plain", 5, "plain"},
	    {"\033[2J", 4, "?[2J"},
	    {"a\nb\r\tc\0d\x7f", 9, "a?b??c?d?"},
	    {"\xc2\x9b"
	     "31m",
	     5, "?31m"}, // C1 control
	    {"\xe2\x80\xae"
	     "x",
	     4, "?x"},                  // right-to-left override
	    {"\xff\xc3", 2, "??"},      // no UTF-8
	    {"\xc0\x80", 2, "??"},      // longer than it must be
	    {"\xed\xa0\x80", 3, "???"}, // surrogate
	    {"\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80"},
	    {"", 0, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char cell[TABLE_CELL_BYTES];

		cr_expect_str_eq(table_text(cases[i].text, cases[i].length, cell), cases[i].cell,
				 "case %zu", i);
	}
}

Test(table, a_long_text_is_cut_between_characters)
{
	char cell[TABLE_CELL_BYTES], longer[2 * TABLE_CELL_BYTES];

	for (size_t i = 0; i < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa4", 2);
	table_text(longer, sizeof(longer), cell);
	cr_expect_eq(strlen(cell), (TABLE_CELL_BYTES - 1) / 2 * 2);
	cr_expect_eq(utf8_characters(cell), (TABLE_CELL_BYTES - 1) / 2);
	cr_expect_eq(utf8_cut(cell, 3), 6);
	cr_expect_eq(utf8_cut("abc", 5), 3);
}

Test(table, times_are_utc_with_milliseconds)
{
	char clock[40];

	cr_expect_str_eq(table_clock(0, clock), "1970-01-01T00:00:00.000Z");
	cr_expect_str_eq(table_clock(1795254820007, clock), "2026-11-21T09:53:40.007Z");
	cr_expect_str_eq(table_clock(UINT64_MAX, clock), "584556019-04-03T14:25:51.615Z");
}
