// SPDX-License-Identifier: BSD-3-Clause
#include "control/utf8.h"

#include <string.h>

// Bytes of a character by its first byte; 0: none begins so.
static uint32_t wanted(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

static uint32_t code_point(const uint8_t *bytes, uint32_t length)
{
	uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0xffU >> (length + 1));

	for (uint32_t i = 1; i < length; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	return code;
}

uint32_t utf8_length(const uint8_t *bytes, uint32_t length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint32_t found = wanted(bytes[0]);

	if (found == 0 || found > length)
		return 0;
	for (uint32_t i = 1; i < found; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	}

	const uint32_t code = code_point(bytes, found);

	return code < least[found] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0
											    : found;
}

bool utf8_printable(const uint8_t *bytes, uint32_t length)
{
	const uint32_t code = code_point(bytes, length);

	return code >= 0x20 && !(code >= 0x7f && code <= 0x9f) &&
	       !(code >= 0x200b && code <= 0x200f) && !(code >= 0x2028 && code <= 0x202e) &&
	       !(code >= 0x2060 && code <= 0x206f) && code != 0xfeff;
}

uint32_t utf8_plain(const char *text, uint32_t length, char *plain, uint32_t room)
{
	uint32_t used = 0;

	for (uint32_t at = 0; at < length;) {
		const uint32_t bytes = utf8_length((const uint8_t *)text + at, length - at);
		const uint32_t taken = bytes > 0 ? bytes : 1;

		if (used + taken >= room)
			break;
		if (bytes > 0 && utf8_printable((const uint8_t *)text + at, bytes)) {
			memcpy(plain + used, text + at, bytes);
			used += bytes;
		} else {
			plain[used++] = '?';
		}
		at += taken;
	}
	plain[used] = '\0';
	return used;
}

uint32_t utf8_characters(const char *text)
{
	uint32_t count = 0;

	for (; *text != '\0'; text++)
		count += ((uint8_t)*text & 0xc0) != 0x80;
	return count;
}

uint32_t utf8_cut(const char *text, uint32_t characters)
{
	uint32_t at = 0, seen = 0;

	for (; text[at] != '\0'; at++) {
		seen += ((uint8_t)text[at] & 0xc0) != 0x80;
		if (seen > characters)
			break;
	}
	return at;
}
