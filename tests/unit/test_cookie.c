// SPDX-License-Identifier: BSD-3-Clause
// Cookies: good for the address, session and attempt that they were made for, under two keys.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/cookie.h"

enum { ROUNDS = 10000 };

static struct directory directory;
static struct address peer;
static struct handshake hello;

static void start(void)
{
	for (uint32_t i = 0; i < DIRECTORY_COOKIE_KEYS; i++) {
		directory.cookie_keys[i][0] = 0x0706050403020100 + i;
		directory.cookie_keys[i][1] = 0x0f0e0d0c0b0a0908;
	}
	cr_assert_eq(address_parse("192.0.2.1:7400", 0, &peer), 0);
	hello = (struct handshake){.epoch = 1, .session = {1, 2, 3}};
	cookie_make(&directory, &peer, &hello, hello.cookie);
}

TestSuite(cookie, .init = start);

static void rotate(uint64_t key)
{
	memcpy(directory.cookie_keys[1], directory.cookie_keys[0],
	       sizeof(directory.cookie_keys[0]));
	directory.cookie_keys[0][0] = key;
	directory.cookie_keys[0][1] = ~key;
}

Test(cookie, is_good_for_what_it_was_made_for)
{
	uint8_t again[WIRE_COOKIE_BYTES];

	cr_expect(cookie_good(&directory, &peer, &hello));
	cookie_make(&directory, &peer, &hello, again);
	cr_expect_arr_eq(again, hello.cookie, sizeof(again));
}

Test(cookie, is_not_good_with_any_bit_changed)
{
	for (uint32_t bit = 0; bit < 8 * WIRE_COOKIE_BYTES; bit++) {
		struct handshake changed = hello;

		changed.cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_not(cookie_good(&directory, &peer, &changed), "bit %u", bit);
	}
}

Test(cookie, is_not_good_from_another_address_or_port)
{
	for (uint32_t bit = 0; bit < 8 * sizeof(peer.ip); bit++) {
		struct address other = peer;

		other.ip[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_not(cookie_good(&directory, &other, &hello), "bit %u", bit);
	}
	for (uint32_t bit = 0; bit < 16; bit++) {
		struct address other = peer;

		other.port ^= (uint16_t)(1u << bit);
		cr_expect_not(cookie_good(&directory, &other, &hello), "port bit %u", bit);
	}
}

Test(cookie, is_not_good_for_another_session_or_epoch)
{
	for (uint32_t bit = 0; bit < 8 * WIRE_SESSION_ID_BYTES; bit++) {
		struct handshake other = hello;

		other.session[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_not(cookie_good(&directory, &peer, &other), "bit %u", bit);
	}
	for (uint32_t bit = 0; bit < 32; bit++) {
		struct handshake other = hello;

		other.epoch ^= UINT32_C(1) << bit;
		cr_expect_not(cookie_good(&directory, &peer, &other), "epoch bit %u", bit);
	}
}

Test(cookie, does_not_depend_on_what_a_repeated_hello_may_change)
{
	struct handshake other = hello;

	other.count = 3;
	other.role = WIRE_ROLE_BACKEND;
	other.lane = 5;
	memset(other.triples, 0x55, sizeof(other.triples));
	cr_expect(cookie_good(&directory, &peer, &other));
}

Test(cookie, outlives_one_change_of_key_and_not_two)
{
	rotate(0x1111);
	cr_expect(cookie_good(&directory, &peer, &hello));
	rotate(0x2222);
	cr_expect_not(cookie_good(&directory, &peer, &hello));
}

Test(cookie, is_made_with_the_newest_key)
{
	uint8_t old[WIRE_COOKIE_BYTES];

	memcpy(old, hello.cookie, sizeof(old));
	rotate(0x1111);
	cookie_make(&directory, &peer, &hello, hello.cookie);
	cr_expect_arr_neq(hello.cookie, old, sizeof(old));
	rotate(0x2222); // the key it was made with is the one before
	cr_expect(cookie_good(&directory, &peer, &hello));
}

Test(cookie, of_another_gateway_is_foreign)
{
	struct directory other = directory;

	for (uint32_t i = 0; i < DIRECTORY_COOKIE_KEYS; i++)
		other.cookie_keys[i][1] ^= 1;
	cr_expect_not(cookie_good(&other, &peer, &hello));
}

Test(cookie, cannot_be_guessed_by_zero_or_chance)
{
	memset(hello.cookie, 0, sizeof(hello.cookie)); // a first HELLO has none
	cr_expect_not(cookie_good(&directory, &peer, &hello));
	srand(1);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		for (uint32_t k = 0; k < WIRE_COOKIE_BYTES; k++)
			hello.cookie[k] = (uint8_t)rand();
		cr_assert_not(cookie_good(&directory, &peer, &hello));
	}
}
