// SPDX-License-Identifier: BSD-3-Clause
// A table for people: columns as wide as they need to be, numbers to the right.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 12, TABLE_CELL_BYTES = 96 };

struct table;

// A table with these headings; one that begins with '>' is aligned to the right (and loses it).
// Returns NULL: out of memory.
struct table *table_create(const char *const *headings, uint32_t columns);

// Appends a row of `columns` cells; each is cut at TABLE_CELL_BYTES - 1. Returns 0 or -ENOMEM.
int table_row(struct table *table, const char *const *cells);

void table_print(const struct table *table, FILE *out);
void table_destroy(struct table *table);

// 950 ms, 12.3 s, 4 m 05 s, 3 h 07 m, 2 d 04 h.
const char *table_duration(uint64_t ms, char text[static 24]);
