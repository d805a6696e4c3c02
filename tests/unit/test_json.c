// SPDX-License-Identifier: BSD-3-Clause
// MessagePack as JSON: whatever comes, what is printed is JSON.
#include <criterion/criterion.h>

#include <stdlib.h>

#include "control/json.h"

Test(json, texts_are_escaped_and_bytes_that_are_no_utf8_are_replaced)
{
	static const struct {
		const char *text;
		uint32_t length;
		const char *json;
	} cases[] = {
	    {"", 0, "\"\""},
	    {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
	    {"\n\0\x7f", 3, "\"\\u000a\\u0000\\u007f\""},
	    {"\xc3\xa4", 2, "\"\xc3\xa4\""},
	    {"\xc2\x9b", 2, "\"\\u009b\""},
	    {"\xff"
	     "a\xc3",
	     3, "\"\\ufffda\\ufffd\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const msgpack_object value = {
		    .type = MSGPACK_OBJECT_STR,
		    .via.str = {.size = cases[i].length, .ptr = cases[i].text},
		};
		char *text = NULL;
		size_t bytes;
		FILE *out = open_memstream(&text, &bytes);

		json_print(out, &value);
		fclose(out);
		cr_expect_str_eq(text, cases[i].json, "case %zu", i);
		free(text);
	}
}
