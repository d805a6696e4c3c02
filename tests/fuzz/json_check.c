// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/json_check.h"

#include <string.h>

enum { DEPTH_MAX = 64 };

// Where reading stands; NULL once it was no JSON.
static const char *value(const char *at, int depth);

static const char *blanks(const char *at)
{
	return at != NULL ? at + strspn(at, " \t\r\n") : NULL;
}

static const char *word(const char *at, const char *wanted)
{
	const size_t len = strlen(wanted);

	return strncmp(at, wanted, len) == 0 ? at + len : NULL;
}

static const char *digits(const char *at)
{
	const size_t len = at != NULL ? strspn(at, "0123456789") : 0;

	return len > 0 ? at + len : NULL;
}

static const char *number(const char *at)
{
	at += *at == '-';
	if (*at == '0')
		at++;
	else
		at = digits(at);
	if (at != NULL && *at == '.')
		at = digits(at + 1);
	if (at != NULL && (*at == 'e' || *at == 'E')) {
		at++;
		at = digits(at + (*at == '+' || *at == '-'));
	}
	return at;
}

size_t json_check_utf8(const unsigned char *text)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max;
		size_t bytes;
	} forms[] = {
	    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (text[0] < forms[i].first_min || text[0] > forms[i].first_max)
			continue;
		if (forms[i].bytes == 1)
			return 1;
		if (text[1] < forms[i].second_min || text[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].bytes; k++) {
			if ((text[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].bytes;
	}
	return 0;
}

static const char *escape(const char *at)
{
	if (*at == 'u')
		return strspn(at + 1, "0123456789abcdefABCDEF") >= 4 ? at + 5 : NULL;
	return *at != '\0' && strchr("\"\\/bfnrt", *at) != NULL ? at + 1 : NULL;
}

static const char *string(const char *at)
{
	if (*at++ != '"')
		return NULL;
	while (at != NULL && *at != '"') {
		const size_t bytes = json_check_utf8((const unsigned char *)at);

		if ((unsigned char)*at < ' ' || bytes == 0)
			return NULL;
		at = *at == '\\' ? escape(at + 1) : at + bytes;
	}
	return at != NULL ? at + 1 : NULL;
}

// Items of an array or pairs of an object, up to and with the closing bracket.
static const char *items(const char *at, char close, int depth)
{
	at = blanks(at);
	if (*at == close)
		return at + 1;
	while (at != NULL) {
		if (close == '}') {
			at = blanks(string(at));
			if (at == NULL || *at++ != ':')
				return NULL;
		}
		at = value(at, depth);
		if (at == NULL || *at == close)
			return at != NULL ? at + 1 : NULL;
		if (*at++ != ',')
			return NULL;
		at = blanks(at);
	}
	return NULL;
}

static const char *value(const char *at, int depth)
{
	if (depth == DEPTH_MAX)
		return NULL;
	at = blanks(at);
	switch (*at) {
	case '{':
		at = items(at + 1, '}', depth + 1);
		break;
	case '[':
		at = items(at + 1, ']', depth + 1);
		break;
	case '"':
		at = string(at);
		break;
	case 't':
		at = word(at, "true");
		break;
	case 'f':
		at = word(at, "false");
		break;
	case 'n':
		at = word(at, "null");
		break;
	default:
		at = number(at);
	}
	return blanks(at);
}

bool json_check(const char *text)
{
	const char *end = value(text, 0);

	return end != NULL && *end == '\0';
}
