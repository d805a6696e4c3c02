// SPDX-License-Identifier: BSD-3-Clause
// A table for people: columns as wide as they need to be, numbers to the right, and no wider than
// the terminal.
//
// What comes from outside is made fit for a terminal: a byte that is neither printable ASCII nor
// part of UTF-8 text becomes '?'.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 12, TABLE_CELL_BYTES = 160 };

struct table;

// A table with these headings. Marks before one, in this order: '?' the column is left out, the
// last of them first, where the terminal is too narrow for all; '>' it is aligned to the right; '*'
// its cells are states, which have colours.
// Returns NULL: out of memory.
struct table *table_create(const char *const *headings, uint32_t columns);

// A column is at least so many characters wide: for rows that come one by one.
void table_reserve(struct table *table, uint32_t column, uint32_t width);

// Appends a row of `columns` cells; each is cut at TABLE_CELL_BYTES - 1. Returns 0 or -ENOMEM.
int table_row(struct table *table, const char *const *cells);

// Prints the rows so far, the headings before the first of them, and forgets the rows. Columns keep
// their widths, so that the rows of the next page stand below, and are wider only where they must.
void table_print(struct table *table, FILE *out);
void table_destroy(struct table *table);

// 950 ms, 12.3 s, 4 m 05 s, 3 h 07 m, 2 d 04 h.
const char *table_duration(uint64_t ms, char text[static 24]);

// A time of UTC in milliseconds: 2026-03-01T12:34:56.789Z.
const char *table_clock(uint64_t ms, char text[static 40]);

// Copies a text of `length` bytes into a cell, fit for a terminal, cut where it is too long.
// Returns cell.
const char *table_text(const char *text, uint32_t length, char cell[static TABLE_CELL_BYTES]);
