// SPDX-License-Identifier: BSD-3-Clause
// The control socket's codec: limits before decoding, requests, answers.
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc.h"

static enum rpc_scan scan(const char *bytes, size_t length)
{
	size_t whole;

	return rpc_scan((const uint8_t *)bytes, length, &whole);
}

Test(rpc, a_value_is_whole_only_with_its_last_byte)
{
	static const char request[] = "\x94\x00\x07\xa5hello\x91\x81\xa7version\x01";
	const size_t length = sizeof(request) - 1;

	for (size_t cut = 0; cut < length; cut++)
		cr_expect_eq(scan(request, cut), RPC_SCAN_PARTIAL, "cut at %zu", cut);

	size_t whole = 0;

	cr_expect_eq(rpc_scan((const uint8_t *)request, length, &whole), RPC_SCAN_WHOLE);
	cr_expect_eq(whole, length);
}

Test(rpc, every_form_of_a_value_has_its_length)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
	    {"\x00", 1},
	    {"\xff", 1},
	    {"\xc0", 1},
	    {"\xc3", 1},
	    {"\xc4\x01x", 3},
	    {"\xc5\x00\x01x", 4},
	    {"\xc6\x00\x00\x00\x01x", 6},
	    {"\xc7\x01\x05x", 4},
	    {"\xc8\x00\x01\x05x", 5},
	    {"\xc9\x00\x00\x00\x01\x05x", 7},
	    {"\xca\x00\x00\x00\x00", 5},
	    {"\xcb\x00\x00\x00\x00\x00\x00\x00\x00", 9},
	    {"\xcc\x01", 2},
	    {"\xcd\x00\x01", 3},
	    {"\xce\x00\x00\x00\x01", 5},
	    {"\xcf\x00\x00\x00\x00\x00\x00\x00\x01", 9},
	    {"\xd0\x01", 2},
	    {"\xd3\x00\x00\x00\x00\x00\x00\x00\x01", 9},
	    {"\xd4\x01x", 3},
	    {"\xd8\x01xxxxxxxxxxxxxxxx", 18},
	    {"\xd9\x01x", 3},
	    {"\xda\x00\x01x", 4},
	    {"\xdb\x00\x00\x00\x01x", 6},
	    {"\xdc\x00\x01\x01", 4},
	    {"\xdd\x00\x00\x00\x01\x01", 6},
	    {"\xde\x00\x01\x01\x02", 5},
	    {"\xdf\x00\x00\x00\x01\x01\x02", 7},
	    {"\xa1x", 2},
	    {"\x92\x01\x02", 3},
	    {"\x81\x01\x02", 3},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t whole = 0;

		cr_expect_eq(rpc_scan((const uint8_t *)cases[i].bytes, cases[i].length, &whole),
			     RPC_SCAN_WHOLE, "case %zu", i);
		cr_expect_eq(whole, cases[i].length, "case %zu", i);
		cr_expect_eq(scan(cases[i].bytes, cases[i].length - 1), RPC_SCAN_PARTIAL,
			     "case %zu", i);
	}
}

Test(rpc, bombs_are_refused_by_their_heads)
{
	char deep[CONTROL_DEPTH_MAX + 2];

	cr_expect_eq(scan("\xdd\xff\xff\xff\xff", 5), RPC_SCAN_BAD, "array of 4 G");
	cr_expect_eq(scan("\xdf\xff\xff\xff\xff", 5), RPC_SCAN_BAD, "map of 4 G");
	cr_expect_eq(scan("\xdb\xff\xff\xff\xff", 5), RPC_SCAN_BAD, "string of 4 G");
	cr_expect_eq(scan("\xc6\x00\x10\x00\x01", 5), RPC_SCAN_BAD, "one byte over 1 MiB");
	cr_expect_eq(scan("\xc1", 1), RPC_SCAN_BAD, "the byte that is never used");

	memset(deep, '\x91', sizeof(deep));
	cr_expect_eq(scan(deep, CONTROL_DEPTH_MAX), RPC_SCAN_PARTIAL, "deepest");
	cr_expect_eq(scan(deep, sizeof(deep)), RPC_SCAN_BAD, "one too deep");
}

Test(rpc, an_answer_has_as_many_values_as_it_has_bytes)
{
	static uint8_t answer[3 + RPC_VALUES_MAX + 1] = {0xdc, 0x10, 0x01};
	size_t whole = 0;

	cr_assert_eq(sizeof(answer) - 3, 0x1001);
	cr_expect_eq(rpc_scan(answer, sizeof(answer), &whole), RPC_SCAN_BAD);
	cr_expect_eq(rpc_scan_answer(answer, sizeof(answer), &whole), RPC_SCAN_WHOLE);
	cr_expect_eq(whole, sizeof(answer));
	cr_expect_eq(rpc_scan_answer((const uint8_t *)"\xdd\xff\xff\xff\xff", 5, &whole),
		     RPC_SCAN_BAD, "array of 4 G");
	cr_expect_eq(rpc_scan_answer((const uint8_t *)"\xdd\x00\x0f\xff\xff", 5, &whole),
		     RPC_SCAN_PARTIAL, "as many as there can be");
}

Test(rpc, a_megabyte_of_nested_arrays_ends_early)
{
	uint8_t *bomb = malloc(CONTROL_FRAME_BYTES_MAX);
	size_t whole;

	memset(bomb, 0x9f, CONTROL_FRAME_BYTES_MAX);
	cr_expect_eq(rpc_scan(bomb, CONTROL_FRAME_BYTES_MAX, &whole), RPC_SCAN_BAD);
	free(bomb);
}

static int request(struct rpc_request *out, const char *bytes, size_t length)
{
	return rpc_request_init(out, (const uint8_t *)bytes, length);
}

#define REQUEST(out, text) request(out, text, sizeof(text) - 1)

Test(rpc, requests_and_notifications_are_told_apart)
{
	struct rpc_request got;

	cr_assert_eq(REQUEST(&got, "\x94\x00\x07\xa5hello\x91\x81\xa7version\x01"), 0);
	cr_expect_not(got.notification);
	cr_expect_eq(got.id, 7);
	cr_expect_eq(methods_list_find(got.method, got.method_len), CONTROL_METHOD_HELLO);
	rpc_request_fini(&got);

	cr_assert_eq(REQUEST(&got, "\x93\x02\xa5hello\x90"), 0);
	cr_expect(got.notification);
	rpc_request_fini(&got);
}

Test(rpc, what_is_no_request_is_refused)
{
	struct rpc_request got;

	cr_expect_eq(REQUEST(&got, "\x01"), -EBADMSG, "no array");
	cr_expect_eq(REQUEST(&got, "\x94\x01\x07\xc0\xc0"), -EBADMSG, "an answer");
	cr_expect_eq(REQUEST(&got, "\x94\x00\x07\x01\x90"), -EBADMSG, "method is a number");
	cr_expect_eq(REQUEST(&got, "\x94\x00\x07\xa1x\x80"), -EBADMSG, "params is no array");
	cr_expect_eq(REQUEST(&got, "\x94\x00\x07\xa1x\x91\x01"), -EBADMSG, "param is no map");
	cr_expect_eq(REQUEST(&got, "\x94\x00\xff\xa1x\x90"), -EBADMSG, "negative id");
	cr_expect_eq(REQUEST(&got, "\x93\x00\x07\xa1x"), -EBADMSG, "params missing");
}

Test(rpc, parameters_have_types_and_bounds)
{
	struct rpc_request got;
	uint64_t value = 99;
	const char *text;
	uint32_t len;

	cr_assert_eq(REQUEST(&got, "\x94\x00\x01\xa1x\x91\x82\xa5limit\x05\xa5state\xa2UP"), 0);
	cr_expect_eq(rpc_param_uint(&got, "limit", 1, 5, &value), 0);
	cr_expect_eq(value, 5);
	cr_expect_eq(rpc_param_uint(&got, "limit", 1, 4, &value), -EINVAL);
	cr_expect_eq(rpc_param_uint(&got, "state", 0, 9, &value), -EINVAL);
	cr_expect_eq(rpc_param_uint(&got, "after", 0, 9, &value), -ENOENT);
	cr_expect_eq(rpc_param_text(&got, "state", &text, &len), 0);
	cr_expect_eq(len, 2);
	cr_expect_eq(rpc_param_text(&got, "limit", &text, &len), -EINVAL);

	static const struct methods_list_param known[] = {{"limit", ""}, {NULL, NULL}};

	cr_expect(rpc_param_unknown(&got, known, &text, &len));
	cr_expect_arr_eq(text, "state", 5);
	rpc_request_fini(&got);
}

Test(rpc, answers_have_golden_bytes)
{
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	rpc_answer(&packer, 7);
	msgpack_pack_map(&packer, 1);
	rpc_pack_key_uint(&packer, "version", 1);
	cr_expect_eq(buffer.size, 14);
	cr_expect_arr_eq(buffer.data, "\x94\x01\x07\xc0\x81\xa7version\x01", 14);

	msgpack_sbuffer_clear(&buffer);
	rpc_error(&packer, 7, CONTROL_ERROR_NOT_FOUND, "no");
	cr_expect_arr_eq(buffer.data,
			 "\x94\x01\x07\x82\xa4"
			 "code\xa9NOT_FOUND\xa7message\xa2no\xc0",
			 31);
	msgpack_sbuffer_destroy(&buffer);
}
