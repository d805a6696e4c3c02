// SPDX-License-Identifier: BSD-3-Clause
// Maps that are made to hurt: no maps, doubled keys, counts that lie.
#include <criterion/criterion.h>

#include <errno.h>

#include "tests/support/options_bytes.h"

Test(options_hostile, what_is_no_map_is_malformed)
{
	static const char *const cases[] = {
	    "01",           "7f",
	    "e0",           "90",
	    "9180",         "c0",
	    "c1",           "c2",
	    "a0",           "a161",
	    "c40100",       "d40100",
	    "ca00000000",   "cc01",
	    "ff",           "dc0000",
	    "dd00000000",   "0080",
	    "0081a6",       "9181a0c0",
	    "cd0001",       "a6776f726b657201",
	    "93818101c0c0",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(options_hex(cases[i]), -EBADMSG, "%s", cases[i]);
}

Test(options_hostile, keys_are_strings)
{
	static const char *const cases[] = {"8101c0",     "81c0c0", "81c3c0",      "81c40161c0",
					    "8190c0",     "8180c0", "819161c0",    "818101c0c0",
					    "81d40100c0", "81ffc0", "82a161c001c0"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(options_hex(cases[i]), -EBADMSG, "%s", cases[i]);
}

Test(options_hostile, no_key_stands_twice)
{
	static const struct {
		const char *hex;
		int rc;
	} cases[] = {
	    {"82 a6776f726b657201 a6776f726b657201", -EBADMSG},
	    {"82 a6776f726b657201 d906776f726b657201", -EBADMSG}, // in another form
	    {"82 a6776f726b657201 db00000006776f726b657201", -EBADMSG},
	    {"82 a178c0 a178c0", -EBADMSG}, // an unknown one
	    {"83 a178c0 a6776f726b657201 a178c0", -EBADMSG},
	    {"82 a0c0 a0c0", -EBADMSG}, // an empty one
	    {"82 a0c0 d900c0", -EBADMSG},
	    {"83 a161c0 a0c0 a0c0", -EBADMSG},
	    {"82 a0c0 a161c0", 0},
	    {"81 a0c0", 0},
	    {"82 a161c0 a26161c0", 0}, // one begins as the other
	    {"82 a16100 a200 6100", 0},
	    {"81 a178 82a161c0a161c0", 0}, // inside of what is passed over
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(options_hex(cases[i].hex), cases[i].rc, "%s", cases[i].hex);
}

Test(options_hostile, long_keys_are_told_apart_by_length_and_by_their_last_byte)
{
	static const struct {
		uint32_t first, second; // lengths
		bool differ;            // in the last byte
		int rc;
	} cases[] = {
	    {300, 44, false, 0},
	    {44, 300, false, 0},
	    {256, 0, false, 0},
	    {300, 300, false, -EBADMSG},
	    {300, 300, true, 0},
	    {440, 440, true, 0},
	    {6, 6, false, -EBADMSG},
	    {7, 7, false, -EBADMSG},
	    {6, 6, true, 0},
	    {7, 7, true, 0},
	    {440, 440, false, -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct writer writer;
		struct options options;

		writer.len = 0;
		put_map(&writer, 2);
		put_bytes(&writer, 0xda, NULL, cases[i].first);
		put(&writer, 0xc0);
		put_bytes(&writer, 0xda, NULL, cases[i].second);
		if (cases[i].differ)
			writer.bytes[writer.len - 1] = 'y';
		put(&writer, 0xc0);
		cr_expect_eq(options_exact(writer.bytes, writer.len, &options), cases[i].rc,
			     "case %zu", i);
	}
}

// 256 keys of one byte and as many of two as fit; order 0 up, 1 down, 2 mixed.
static void put_many(struct writer *writer, uint32_t count, uint32_t order)
{
	put_map(writer, count);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t mixed = i * 77 % count;
		const uint32_t key = order == 0 ? i : order == 1 ? count - 1 - i : mixed;

		put(writer, key < 256 ? 0xa1 : 0xa2);
		put(writer, (uint8_t)key);
		if (key >= 256)
			put(writer, (uint8_t)key);
		put(writer, 0xc0);
	}
}

Test(options_hostile, as_many_keys_as_fit_are_told_apart)
{
	for (uint32_t order = 0; order < 3; order++) {
		for (uint32_t count = 260; count <= 288; count++) {
			static struct writer writer;
			struct options options;

			if (count % 7 == 0 || count % 11 == 0) // 77 must mix them all
				continue;
			writer.len = 0;
			put_many(&writer, count, order);
			cr_assert_leq(writer.len, WIRE_OPTIONS_BYTES_MAX);
			cr_expect_eq(options_exact(writer.bytes, writer.len, &options), 0,
				     "%u, order %u", count, order);
		}
	}
}

Test(options_hostile, one_doubled_key_is_found_among_many)
{
	for (uint32_t twin = 0; twin < 256; twin++) {
		static struct writer writer;
		struct options options;

		writer.len = 0;
		put_many(&writer, 281, 2);
		writer.bytes[2]++;
		put(&writer, 0xa1);
		put(&writer, (uint8_t)twin);
		put(&writer, 0xc0);
		cr_assert_leq(writer.len, WIRE_OPTIONS_BYTES_MAX);
		cr_expect_eq(options_exact(writer.bytes, writer.len, &options), -EBADMSG, "%u",
			     twin);
	}
}

static const char *const bombs[] = {
    "dfffffffff",             // a map of 4 G pairs
    "dfffffffffa161c0",       //
    "deffffa161c0",           //
    "81a178ddffffffff",       // arrays of 4 G items
    "81a178ddffffffffc0c0c0", //
    "81a178ddffffffffddffffffffddffffffff",
    "81a178ddffffffffddffffffffddffffffffddffffffff",
    "81a178dfffffffffdfffffffffdfffffffff",
    "81a178dcffffdcffffdcffff",
    "81a87365727669636573ddffffffffa161", // in the place of a known key
    "81a178c6ffffffff",                   // texts, bins and exts of 4 G bytes
    "81a178c6ffffffff00",                 //
    "81a178dbffffffff",                   //
    "81a178c9ffffffff01",                 // which a 32-bit sum takes for none
    "81a178c9ffffffff",                   //
    "81a178c9fffffffe01",                 //
    "81dbffffffffc0",                     // a key of 4 G bytes
    "81a178c5ffff",                       //
    "81a178c801",                         //
    "81c1c0",                             // never used
    "81a178c1",                           //
    "8fa178c0",                           // fewer pairs than said
    "81",                                 //
    "81a178",                             //
    "82a178c0",                           //
};

Test(options_hostile, counts_and_lengths_that_lie_are_malformed)
{
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		uint8_t bytes[OPTIONS_ROOM] = {0};
		struct options options;
		const uint32_t len = hex_read(bombs[i], bytes, OPTIONS_ROOM);

		cr_expect_eq(options_exact(bytes, len, &options), -EBADMSG, "%s", bombs[i]);
		cr_expect_eq(options.present, 0);
		// Padding is no help: a map's items are never taken from beyond 900 bytes.
		memset(bytes + len, 0xc0, OPTIONS_ROOM - len);
		cr_expect_eq(options_exact(bytes, OPTIONS_ROOM, &options), -EBADMSG, "%s filled",
			     bombs[i]);
		memset(bytes + len, 0x91, OPTIONS_ROOM - len);
		cr_expect_eq(options_exact(bytes, OPTIONS_ROOM, &options), -EBADMSG, "%s nested",
			     bombs[i]);
	}
}
