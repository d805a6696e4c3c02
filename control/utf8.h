// SPDX-License-Identifier: BSD-3-Clause
// UTF-8 text (RFC 3629), for what is printed: names come from clients, and hold any bytes.
//
// Pure: any thread. A character here is a code point; how wide a terminal draws it is not known.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Bytes of the character at the beginning of `length` bytes (at least 1): 1 to 4; 0: it is no
// UTF-8.
uint32_t utf8_length(const uint8_t *bytes, uint32_t length);

// Whether a character of that many bytes is none that controls a terminal (C0, C1, DEL, direction
// marks).
bool utf8_printable(const uint8_t *bytes, uint32_t length);

// Copies as many whole characters of `length` bytes as fit `room` (at least 1) with a zero; what is
// no UTF-8, or not printable, becomes '?'. Returns the bytes written, without the zero.
uint32_t utf8_plain(const char *text, uint32_t length, char *plain, uint32_t room);

// Characters of a zero-terminated text that is UTF-8.
uint32_t utf8_characters(const char *text);

// Bytes of its first characters, at most `characters`.
uint32_t utf8_cut(const char *text, uint32_t characters);
