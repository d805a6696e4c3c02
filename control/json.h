// SPDX-License-Identifier: BSD-3-Clause
// A MessagePack value printed as JSON (RFC 8259), for programs that read holdfastctl.
#pragma once

#include <stdio.h>

#include <msgpack.h>

// Prints value. Bytes (bin) become a string of hex digits, a number that JSON does not have
// (NaN, infinite) null, a byte of a text that is no UTF-8 U+FFFD; a key that is no string is
// printed as the text of its value.
void json_print(FILE *out, const msgpack_object *value);
