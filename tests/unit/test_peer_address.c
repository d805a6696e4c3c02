// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>

#include "endpoint/peer_address.h"

Test(peer_address, what_is_parsed_is_written_the_same_way)
{
	static const struct {
		const char *text;
		const char *whole;
	} cases[] = {
	    {"192.0.2.10", "192.0.2.10:7400"},
	    {"192.0.2.10:1", "192.0.2.10:1"},
	    {"192.0.2.10:65535", "192.0.2.10:65535"},
	    {"2001:db8::10", "[2001:db8::10]:7400"},
	    {"[2001:db8::10]", "[2001:db8::10]:7400"},
	    {"[2001:db8::10]:99", "[2001:db8::10]:99"},
	    {"::1", "[::1]:7400"},
	    {"fe80::1%lo", "[fe80::1%lo]:7400"},
	    {"[fe80::1%lo]:5", "[fe80::1%lo]:5"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer_address address, again;
		char text[PEER_ADDRESS_TEXT_BYTES];

		cr_assert_eq(peer_address_parse(cases[i].text, 7400, &address), 0, "case %zu", i);
		peer_address_format(&address, text);
		cr_expect_str_eq(text, cases[i].whole);
		cr_assert_eq(peer_address_parse(text, 0, &again), 0, "case %zu", i);
		cr_expect(peer_address_equal(&address, &again), "case %zu", i);
		cr_expect_eq(peer_address_bytes(&address),
			     address.any.sa_family == AF_INET ? 16u : 28u);
	}
}

Test(peer_address, what_is_no_address_is_refused)
{
	static const char *const texts[] = {
	    "",
	    ":",
	    ":7400",
	    "localhost",
	    "192.0.2",
	    "192.0.2.256",
	    "192.0.2.1:",
	    "192.0.2.1:0",
	    "192.0.2.1:65536",
	    "192.0.2.1:99999999999999999999",
	    "192.0.2.1:+1",
	    "192.0.2.1: 1",
	    "192.0.2.1:1x",
	    "[192.0.2.1]:1",
	    "[2001:db8::1",
	    "[2001:db8::1]x",
	    "[2001:db8::1]:",
	    "[]:1",
	    "2001:db8:::1",
	    "fe80::1%nosuchinterface",
	    "fe80::1%",
	    "1111111111111111111111111111111111111111111111111111111111111111111111111111111111",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct peer_address address;

		cr_expect_eq(peer_address_parse(texts[i], 7400, &address), -EINVAL, "\"%s\"",
			     texts[i]);
	}
}

Test(peer_address, family_address_and_port_make_the_difference)
{
	static const char *const texts[] = {"192.0.2.1:1",     "192.0.2.1:2",
					    "192.0.2.2:1",     "[2001:db8::1]:1",
					    "[2001:db8::1]:2", "[2001:db8::2]:1"};
	enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
	struct peer_address addresses[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		cr_assert_eq(peer_address_parse(texts[i], 0, &addresses[i]), 0);
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t k = 0; k < COUNT; k++)
			cr_expect_eq(peer_address_equal(&addresses[i], &addresses[k]), i == k);
	}
}

Test(peer_address, none_is_written_as_none)
{
	const struct peer_address none = {.any = {.sa_family = AF_UNSPEC}};
	char text[PEER_ADDRESS_TEXT_BYTES];

	peer_address_format(&none, text);
	cr_expect_str_eq(text, "none");
}
