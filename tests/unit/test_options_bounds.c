// SPDX-License-Identifier: BSD-3-Clause
// Bounds of the options: bytes, numbers, arrays, depth, the whole.
#include <criterion/criterion.h>

#include <errno.h>

#include "tests/support/options_bytes.h"

static int decode_bytes_of(const char *key, uint8_t type, uint32_t len)
{
	static struct writer writer;
	struct options options;

	writer.len = 0;
	put_map(&writer, 1);
	put_str(&writer, key);
	put_bytes(&writer, type, NULL, len);
	return options_exact(writer.bytes, writer.len, &options);
}

static const struct bound {
	const char *key;
	uint8_t type; // str 16 or bin 16
	uint32_t min, max;
} bounds[] = {
    {"client", 0xda, 0, 32},  {"agent", 0xda, 0, 63},   {"service", 0xda, 1, 63},
    {"backend", 0xda, 1, 63}, {"gateway", 0xda, 0, 63}, {"subject", 0xda, 0, 63},
    {"event", 0xda, 0, 63},   {"meta", 0xc5, 0, 512},   {"token", 0xc5, 0, 886},
    {"reason", 0xda, 0, 885}, // what 900 bytes have room for
};

Test(options_bounds, texts_and_bins_have_their_bounds)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		const struct bound *bound = &bounds[i];

		for (uint32_t len = 0; len <= bound->max + 2; len++)
			cr_expect_eq(decode_bytes_of(bound->key, bound->type, len),
				     len >= bound->min && len <= bound->max ? 0 : -EBADMSG,
				     "%s with %u bytes", bound->key, len);
	}
}

Test(options_bounds, numbers_are_taken_in_every_form_that_fits)
{
	static const struct {
		const char *hex; // after the key "epoch", 32 bits, and "capacity", 64
		int epoch_rc, capacity_rc;
		uint64_t number;
	} cases[] = {
	    {"00", 0, 0, 0},
	    {"7f", 0, 0, 127},
	    {"cc00", 0, 0, 0},
	    {"ccff", 0, 0, 255},
	    {"cdffff", 0, 0, 65535},
	    {"ceffffffff", 0, 0, UINT32_MAX},
	    {"cf0000000000000001", 0, 0, 1},
	    {"cf00000000ffffffff", 0, 0, UINT32_MAX},
	    {"cf0000000100000000", -EBADMSG, 0, UINT64_C(1) << 32},
	    {"cfffffffffffffffff", -EBADMSG, 0, UINT64_MAX},
	    {"d07f", 0, 0, 127},
	    {"d17fff", 0, 0, 32767},
	    {"d27fffffff", 0, 0, INT32_MAX},
	    {"d300000000ffffffff", 0, 0, UINT32_MAX},
	    {"d30000000100000000", -EBADMSG, 0, UINT64_C(1) << 32},
	    {"d37fffffffffffffff", -EBADMSG, 0, INT64_MAX},
	    {"ff", -EBADMSG, -EBADMSG, 0},
	    {"e0", -EBADMSG, -EBADMSG, 0},
	    {"d080", -EBADMSG, -EBADMSG, 0},
	    {"d0ff", -EBADMSG, -EBADMSG, 0},
	    {"d1ffff", -EBADMSG, -EBADMSG, 0},
	    {"d2ffffffff", -EBADMSG, -EBADMSG, 0},
	    {"d3ffffffffffffffff", -EBADMSG, -EBADMSG, 0},
	    {"d38000000000000000", -EBADMSG, -EBADMSG, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[OPTIONS_ROOM];
		struct options options;
		uint32_t len = hex_read("81a565706f6368", bytes, OPTIONS_ROOM);

		len += hex_read(cases[i].hex, bytes + len, 32);
		cr_expect_eq(options_exact(bytes, len, &options), cases[i].epoch_rc, "%s",
			     cases[i].hex);
		if (cases[i].epoch_rc == 0)
			cr_expect_eq(options.epoch, cases[i].number, "%s", cases[i].hex);
		len = hex_read("81a86361706163697479", bytes, OPTIONS_ROOM);
		len += hex_read(cases[i].hex, bytes + len, 32);
		cr_expect_eq(options_exact(bytes, len, &options), cases[i].capacity_rc, "%s",
			     cases[i].hex);
		cr_expect_eq(options.capacity, cases[i].number, "%s", cases[i].hex);
	}
}

static int decode_names(const char *key, uint32_t count, uint32_t len)
{
	static struct writer writer;
	struct options options;

	writer.len = 0;
	put_map(&writer, 1);
	put_str(&writer, key);
	put(&writer, 0xdc);
	put(&writer, (uint8_t)(count >> 8));
	put(&writer, (uint8_t)count);
	for (uint32_t i = 0; i < count; i++)
		put_bytes(&writer, 0xda, NULL, len);
	return options_exact(writer.bytes, writer.len, &options);
}

Test(options_bounds, arrays_hold_8_names_of_1_to_63_bytes)
{
	static const char *const keys[] = {"services", "backends", "gateways"};

	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t count = 0; count <= 8; count++)
			cr_expect_eq(decode_names(keys[i], count, 63), 0, "%s %u", keys[i], count);
		cr_expect_eq(decode_names(keys[i], 9, 1), -EBADMSG);
		cr_expect_eq(decode_names(keys[i], 200, 1), -EBADMSG);
		cr_expect_eq(decode_names(keys[i], 1, 1), 0);
		cr_expect_eq(decode_names(keys[i], 1, 0), -EBADMSG);
		cr_expect_eq(decode_names(keys[i], 8, 0), -EBADMSG);
		cr_expect_eq(decode_names(keys[i], 1, 64), -EBADMSG);
		cr_expect_eq(decode_names(keys[i], 8, 64), -EBADMSG);
	}
}

Test(options_bounds, only_backends_may_be_nil)
{
	static const struct {
		const char *hex;
		int rc;
	} cases[] = {
	    {"81 a86261636b656e6473 91c0", 0},
	    {"81 a86261636b656e6473 98c0c0c0c0c0c0c0c0", 0},
	    {"81 a86261636b656e6473 99c0c0c0c0c0c0c0c0c0", -EBADMSG},
	    {"81 a86261636b656e6473 92c0a0", -EBADMSG},
	    {"81 a87365727669636573 91c0", -EBADMSG},
	    {"81 a87365727669636573 92a161c0", -EBADMSG},
	    {"81 a86761746577617973 91c0", -EBADMSG},
	    // What an array held before does not count for the next.
	    {"82 a86261636b656e6473 92a161c0 a87365727669636573 92a161a162", 0},
	    {"82 a178 93010203 a87365727669636573 92a161a162", 0},
	    {"82 a178 9a01010101010101010101 a87365727669636573 91a161", 0},
	    {"82 a87365727669636573 9191a161 a179 91a161", -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(options_hex(cases[i].hex), cases[i].rc, "%s", cases[i].hex);
}

Test(options_bounds, depth_4_is_taken_and_5_is_not)
{
	static const struct {
		const char *hex;
		int rc;
	} cases[] = {
	    {"81 a178 91 91 91c0", 0},
	    {"81 a178 91 91 90", 0},
	    {"81 a178 91 91 9190", -EBADMSG},
	    {"81 a178 91 91 9191c0", -EBADMSG},
	    {"81 a178 81a178 81a178 81a178c0", 0},
	    {"81 a178 81a178 81a178 81a17880", -EBADMSG},
	    {"81 a178 81a178 81a178 81a17881a178c0", -EBADMSG},
	    {"81 a178 91 81c091c0", 0},
	    {"81 a178 81 919190 c0", -EBADMSG},
	    {"81 a178 81 9190 c0", 0},
	    // Containers side by side count once.
	    {"82 a178 919191c0 a179 919191c0", 0},
	    {"81 a178 94 9191c0 9090 80 91", -EBADMSG},
	    {"81 a178 94 9191c0 90 80 91c0", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(options_hex(cases[i].hex), cases[i].rc, "%s", cases[i].hex);
}

Test(options_bounds, a_map_has_900_bytes_at_most)
{
	for (uint32_t total = 898; total <= 903; total++) {
		static struct writer writer;
		struct options options;

		writer.len = 0;
		put_map(&writer, 1);
		put(&writer, 0xa1);
		put(&writer, 'x');
		put_bytes(&writer, 0xc5, NULL, total - 8);
		cr_assert_eq(writer.len, total);
		cr_expect_eq(options_exact(writer.bytes, total, &options),
			     total <= 900 ? 0 : -EBADMSG, "%u", total);
		memset(writer.bytes + total, 0, OPTIONS_ROOM - total);
		cr_expect_eq(options_exact(writer.bytes, OPTIONS_ROOM, &options),
			     total <= 900 ? 0 : -EBADMSG, "%u and padding", total);
	}
}
