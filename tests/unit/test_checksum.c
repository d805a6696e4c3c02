// SPDX-License-Identifier: BSD-3-Clause
// Checksums against golden values, and against the sum as RFC 1071 writes it down.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/checksum.h"

enum { BYTES_MAX = 1500, ROUNDS = 20000 };

// Big-endian words, an odd last byte padded with zero; folded. In network order, as a number.
static uint16_t plain_sum(uint32_t sum, const uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i += 2)
		sum += (uint32_t)bytes[i] << 8 | (i + 1 < count ? bytes[i + 1] : 0);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// As a field of a packet reads on a machine of network order.
static uint16_t network(uint16_t field)
{
	return rte_be_to_cpu_16(field);
}

static void random_fill(uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)rand();
}

Test(checksum, golden_values)
{
	static const struct {
		const char *bytes;
		uint32_t count;
		uint16_t field;
	} cases[] = {
	    {"", 0, 0xffff},
	    {"\0\0", 2, 0xffff},
	    {"\xff\xff", 2, 0xffff}, // the complement would be 0
	    {"\xff\xff\xff\xff", 4, 0xffff},
	    {"\x01", 1, 0xfeff}, // an odd byte is the upper one
	    {"\x00\x01", 2, 0xfffe},
	    {"\xff\xff\x01", 3, 0xfeff},
	    {"\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8, 0x220d}, // RFC 1071, 3: the sum is ddf2
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(network(checksum_make(0, cases[i].bytes, cases[i].count)),
			     cases[i].field, "case %zu", i);
}

static const uint8_t header[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
				   0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

Test(checksum, a_header_is_good_and_not_with_any_bit_changed)
{
	struct rte_ipv4_hdr ip;

	memcpy(&ip, header, sizeof(header));
	cr_expect(checksum_ipv4_good(&ip, sizeof(header)));
	for (uint32_t bit = 0; bit < 8 * sizeof(header); bit++) {
		uint8_t changed[sizeof(header)];

		memcpy(changed, header, sizeof(header));
		changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		memcpy(&ip, changed, sizeof(changed));
		cr_expect_not(checksum_ipv4_good(&ip, sizeof(header)), "bit %u", bit);
	}
}

Test(checksum, options_of_a_header_count)
{
	uint8_t bytes[24] = {0};
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;
	uint16_t field;

	memcpy(bytes, header, sizeof(header));
	bytes[0] = 0x46;
	bytes[20] = 0x94; // router alert
	bytes[21] = 4;
	bytes[10] = bytes[11] = 0;
	field = checksum_make(0, bytes, sizeof(bytes));
	memcpy(bytes + 10, &field, sizeof(field));
	cr_expect(checksum_ipv4_good(ip, sizeof(bytes)));
	cr_expect_not(checksum_ipv4_good(ip, sizeof(header)));
}

Test(checksum, agrees_with_the_plain_sum_for_every_length)
{
	uint8_t bytes[BYTES_MAX + 1];

	srand(1);
	random_fill(bytes, sizeof(bytes));
	for (uint32_t count = 0; count <= BYTES_MAX; count++) {
		const uint8_t *at = bytes + count % 2; // aligned or not
		const uint16_t pseudo = (uint16_t)rand();
		const uint16_t sum = plain_sum(network(pseudo), at, count);

		cr_assert_eq(network(checksum_fold(pseudo, at, count)), sum, "%u bytes", count);
	}
}

Test(checksum, carries_fold_at_the_edges_of_16_bits)
{
	static const uint16_t pseudos[] = {0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff};
	uint8_t bytes[BYTES_MAX];

	memset(bytes, 0xff, sizeof(bytes));
	for (size_t i = 0; i < sizeof(pseudos) / sizeof(pseudos[0]); i++) {
		for (uint32_t count = 0; count <= 64; count++)
			cr_expect_eq(network(checksum_fold(pseudos[i], bytes, count)),
				     plain_sum(network(pseudos[i]), bytes, count), "%zu, %u", i,
				     count);
	}
}

Test(checksum, a_made_one_is_never_0_and_makes_the_packet_sum_to_ones)
{
	uint8_t bytes[BYTES_MAX];
	uint32_t ones = 0;

	srand(1);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		const uint32_t count = 8 + (uint32_t)rand() % 64;
		uint16_t pseudo = (uint16_t)rand();

		random_fill(bytes, count);
		memset(bytes + 6, 0, 2);
		if (i % 16 == 0) // sums to ones without a checksum
			pseudo = (uint16_t)~checksum_fold(0, bytes, count);

		const uint16_t field = checksum_make(pseudo, bytes, count);

		cr_assert_neq(field, 0);
		ones += field == 0xffff;
		memcpy(bytes + 6, &field, sizeof(field));
		cr_assert_eq(plain_sum(network(pseudo), bytes, count), 0xffff);
		cr_assert_eq(checksum_fold(pseudo, bytes, count), 0xffff);
	}
	cr_expect(ones >= ROUNDS / 16);
}
