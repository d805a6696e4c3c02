// SPDX-License-Identifier: BSD-3-Clause
#include "holdfast/errors.h"

#include <stddef.h>

struct code {
	const char *name;
	const char *text;
	bool retriable;
	enum holdfast_policy policy;
};

#define CODE_ROW(number, code, again, what, words)                                                 \
	[number] = {.name = #code, .text = words, .retriable = again, .policy = what},
static const struct code codes[HOLDFAST_CODE_END] = {
    [HOLDFAST_OK] = {.name = "OK", .text = "accepted", .policy = HOLDFAST_GO_ON},
    HOLDFAST_CODES(CODE_ROW)};
#undef CODE_ROW

static const struct code unknown = {
    .name = "UNKNOWN_CODE", .text = "unknown code", .policy = HOLDFAST_STOP};

static const struct code *code_of(uint16_t number)
{
	return number < HOLDFAST_CODE_END && codes[number].name != NULL ? &codes[number] : &unknown;
}

const char *holdfast_code_name(uint16_t code)
{
	return code_of(code)->name;
}

const char *holdfast_code_text(uint16_t code)
{
	return code_of(code)->text;
}

bool holdfast_code_retriable(uint16_t code)
{
	return code_of(code)->retriable;
}

enum holdfast_policy holdfast_code_policy(uint16_t code)
{
	return code_of(code)->policy;
}
