// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>

#include "dataplane/address.h"

enum { PORT = 7400 };

Test(address, what_is_well_formed_is_read_and_written_the_same_way)
{
	static const struct {
		const char *text, *written;
		bool ipv4;
	} cases[] = {
	    {"192.0.2.1", "192.0.2.1:7400", true},
	    {"192.0.2.1:1", "192.0.2.1:1", true},
	    {"0.0.0.0:0", "0.0.0.0:0", true},
	    {"255.255.255.255:65535", "255.255.255.255:65535", true},
	    {"2001:db8::1", "[2001:db8::1]:7400", false},
	    {"[2001:db8::1]", "[2001:db8::1]:7400", false},
	    {"[2001:db8::1]:80", "[2001:db8::1]:80", false},
	    {"::", "[::]:7400", false},
	    {"::1", "[::1]:7400", false},
	    {"[::]:65535", "[::]:65535", false},
	    {"2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:7400", false},
	    {"::ffff:192.0.2.1", "192.0.2.1:7400", true}, // mapped: the same as plain
	    {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
	     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[ADDRESS_TEXT_BYTES];
		struct address address, again;

		cr_assert_eq(address_parse(cases[i].text, PORT, &address), 0, "%s", cases[i].text);
		cr_expect_eq(address_is_ipv4(&address), cases[i].ipv4, "%s", cases[i].text);
		cr_expect_str_eq(address_format(&address, text), cases[i].written);
		cr_assert_eq(address_parse(text, 1, &again), 0, "%s", text);
		cr_expect(address_equal(&address, &again), "%s", text);
	}
}

Test(address, bytes_stand_in_network_order)
{
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
	static const uint8_t plain[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct address address;

	cr_assert_eq(address_parse("192.0.2.1:258", PORT, &address), 0);
	cr_expect_arr_eq(address.ip, mapped, 16);
	cr_expect_eq(address.port, htons(258));
	cr_assert_eq(address_parse("2001:db8::1", PORT, &address), 0);
	cr_expect_arr_eq(address.ip, plain, 16);
	cr_expect_eq(address.port, htons(PORT));
}

Test(address, what_is_malformed_is_refused)
{
	static const char *const texts[] = {
	    "",
	    ":",
	    ":80",
	    "192.0.2",
	    "192.0.2.256",
	    "192.0.2.1.1",
	    " 192.0.2.1",
	    "192.0.2.1 ",
	    "192.0.2.1:",
	    "192.0.2.1:65536",
	    "192.0.2.1:99999999999999999999",
	    "192.0.2.1:-1",
	    "192.0.2.1:+1",
	    "192.0.2.1: 1",
	    "192.0.2.1:1x",
	    "192.0.2.1:0x10",
	    "[192.0.2.1]:80",
	    "[",
	    "[]",
	    "[]:80",
	    "[::1",
	    "[::1]x",
	    "[::1]80",
	    "[::1]:",
	    "[::1]:65536",
	    "[::1]]:80",
	    "::1]:80",
	    "::g",
	    "1::2::3",
	    "fe80::1%eth0",
	    "localhost:80",
	    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "1111111111111111111111111111111111111111111111111111111111111111111111111",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct address address;

		cr_expect_eq(address_parse(texts[i], PORT, &address), -EINVAL, "%s", texts[i]);
	}
}

Test(address, differs_by_any_byte_and_by_the_port)
{
	struct address address, other;

	cr_assert_eq(address_parse("[2001:db8::1]:80", PORT, &address), 0);
	for (size_t i = 0; i < sizeof(address.ip); i++) {
		other = address;
		cr_expect(address_equal(&address, &other));
		other.ip[i] ^= 0x80;
		cr_expect_not(address_equal(&address, &other), "byte %zu", i);
	}
	other = address;
	other.port ^= 1;
	cr_expect_not(address_equal(&address, &other));
}

Test(address, only_the_mapped_prefix_is_ipv4)
{
	struct address address;

	cr_assert_eq(address_parse("0.0.0.0", PORT, &address), 0);
	for (size_t i = 0; i < 12; i++) {
		struct address other = address;

		other.ip[i] ^= 1;
		cr_expect_not(address_is_ipv4(&other), "byte %zu", i);
	}
	cr_expect(address_is_ipv4(&address));
}
