// SPDX-License-Identifier: BSD-3-Clause
// Numbers as holdfastctl top writes them: never wider than their column, and readable at a glance.
// Pure.
#pragma once

#include <stdint.h>

enum { TOP_TEXT_BYTES = 24, TOP_TEXT_WIDTH = 9 };

// A rate: 0, 0.4, 9.9, 12, 1 234, 9 999 999, 12.3 M, 4.56 G. At most TOP_TEXT_WIDTH
// characters, with a sign for what is below zero. Returns text.
const char *top_text_number(double number, char text[static TOP_TEXT_BYTES]);

// A whole number: 0, 12, 1 234, 12.3 M. Returns text.
const char *top_text_count(uint64_t count, char text[static TOP_TEXT_BYTES]);

// Bytes a second as Mbit/s: 0.00, 1.23, 45.6, 1 234. Returns text.
const char *top_text_mbit(double bytes_per_second, char text[static TOP_TEXT_BYTES]);

// 0 to 1 as a percentage: 0.0 %, 38.2 %, 100 %. Returns text.
const char *top_text_share(double share, char text[static TOP_TEXT_BYTES]);
