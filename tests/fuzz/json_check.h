// SPDX-License-Identifier: BSD-3-Clause
// Whether text is JSON (RFC 8259) in UTF-8, for what programs print for programs.
//
// Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Whether text (zero-terminated) is one value, blanks around it.
bool json_check(const char *text);

// Bytes of the UTF-8 sequence that text begins with; 0 where it begins with none.
size_t json_check_utf8(const unsigned char *text);
