// SPDX-License-Identifier: BSD-3-Clause
// The handshake block, what it may say in each type, and the sequence check.
#include <criterion/criterion.h>

#include <errno.h>

#include "protocol/handshake.h"
#include "tests/support/hex.h"

#define ID "101112131415161718191a1b1c1d1e1f"
#define COOKIE "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
#define BELOW (UINT64_C(1) << 63)

enum { ROOM = 512 };

// A frame over a body in memory of exactly its size; frame_free() it.
static struct frame frame_over(uint8_t type, const uint8_t *body, uint32_t len)
{
	return (struct frame){.type = type, .body = hex_copy(body, len), .body_bytes = len};
}

static void frame_free(struct frame *frame)
{
	free((void *)(uintptr_t)frame->body);
}

static int decode(uint8_t type, const uint8_t *body, uint32_t len, struct handshake *handshake)
{
	struct frame frame = frame_over(type, body, len);
	const int rc = handshake_decode(&frame, handshake);

	frame_free(&frame);
	return rc;
}

Test(handshake, golden_bytes_of_a_client_decode_and_encode)
{
	uint8_t body[ROOM], again[ROOM];
	const uint32_t len = hex_read(
	    ID "00000005 00 02 0000" COOKIE "0000000100000003 0000000100000009 0000000000000007"
	       "0000000000000000 0000000000000000 7fffffffffffffff 80 000000",
	    body, ROOM);
	const struct frame frame = {.type = WIRE_HELLO, .body = body, .body_bytes = len};
	struct handshake handshake;

	cr_assert_eq(handshake_decode(&frame, &handshake), 0);
	cr_expect_arr_eq(handshake.session, body, WIRE_SESSION_ID_BYTES);
	cr_expect_eq(handshake.epoch, 5);
	cr_expect_eq(handshake.role, WIRE_ROLE_CLIENT);
	cr_expect_eq(handshake.count, 2);
	cr_expect_eq(handshake.lane, 0);
	cr_expect_arr_eq(handshake.cookie, body + 24, WIRE_COOKIE_BYTES);
	cr_expect_eq(handshake.triples[0].oldest, UINT64_C(0x100000003));
	cr_expect_eq(handshake.triples[0].next, UINT64_C(0x100000009));
	cr_expect_eq(handshake.triples[0].expected, 7);
	cr_expect_eq(handshake.triples[1].next, 0);
	cr_expect_eq(handshake.triples[1].expected, BELOW - 1);
	cr_expect_eq(handshake.options, body + 88);
	cr_expect_eq(handshake.options_bytes, 4);
	cr_assert_eq(handshake_encode(&handshake, again), 88);
	cr_expect_arr_eq(again, body, 88);
}

Test(handshake, golden_bytes_of_a_backend_decode_and_encode)
{
	uint8_t body[ROOM], again[ROOM];
	const uint32_t len = hex_read(ID "00000007 01 00 0003" COOKIE, body, ROOM);
	const struct frame frame = {.type = WIRE_HELLO, .body = body, .body_bytes = len};
	struct handshake handshake;

	cr_assert_eq(handshake_decode(&frame, &handshake), 0);
	cr_expect_eq(handshake.epoch, 7);
	cr_expect_eq(handshake.role, WIRE_ROLE_BACKEND);
	cr_expect_eq(handshake.count, 0);
	cr_expect_eq(handshake.lane, 3);
	cr_expect_eq(handshake.options, body + 40);
	cr_expect_eq(handshake.options_bytes, 0);
	cr_assert_eq(handshake_encode(&handshake, again), 40);
	cr_expect_arr_eq(again, body, 40);
}

Test(handshake, what_all_versions_share_is_read_from_64_bytes)
{
	uint8_t body[ROOM];
	const uint32_t len = hex_read(ID "ffffffff ff ff ffff" COOKIE, body, ROOM);
	struct frame frame = frame_over(WIRE_HELLO, body, len);
	struct handshake handshake;

	handshake_decode_fixed(&frame, &handshake);
	cr_expect_arr_eq(handshake.session, body, WIRE_SESSION_ID_BYTES);
	cr_expect_eq(handshake.epoch, UINT32_MAX);
	cr_expect_arr_eq(handshake.cookie, body + 24, WIRE_COOKIE_BYTES);
	cr_expect_eq(handshake.count, 0);
	cr_expect_eq(handshake.options_bytes, 0);
	frame_free(&frame);
}

// A judge written from the table of the block.
static bool may_be(uint8_t type, uint32_t role, uint32_t count, uint32_t lane, uint32_t epoch)
{
	if (epoch == 0 || role > 1)
		return false;
	if (type == WIRE_OPEN)
		return role == 0 && count == 1 && lane == 0;
	return role == 1 ? count == 0 : count >= 1 && count <= 8 && lane == 0;
}

Test(handshake, each_type_has_its_roles_counts_and_lanes)
{
	static const uint8_t types[] = {WIRE_HELLO, WIRE_WELCOME, WIRE_OPEN};
	static const uint8_t roles[] = {0, 1, 2, 255};
	static const uint8_t counts[] = {0, 1, 2, 7, 8, 9, 255};
	static const uint16_t lanes[] = {0, 1, 0xffff};
	static const uint32_t epochs[] = {0, 1, UINT32_MAX};
	uint8_t body[WIRE_HANDSHAKE_BYTES + 255 * WIRE_TRIPLE_BYTES] = {0};

	for (uint32_t i = 0; i < 3 * 4 * 7 * 3 * 3; i++) {
		const uint8_t type = types[i % 3], role = roles[i / 3 % 4];
		const uint8_t count = counts[i / 12 % 7];
		const uint16_t lane = lanes[i / 84 % 3];
		const uint32_t epoch = epochs[i / 252 % 3];
		const struct handshake sent = {.epoch = epoch, .role = role, .lane = lane};
		struct handshake handshake;

		handshake_encode(&sent, body);
		body[21] = count;
		cr_expect_eq(decode(type, body, WIRE_HANDSHAKE_BYTES + count * WIRE_TRIPLE_BYTES,
				    &handshake),
			     may_be(type, role, count, lane, epoch) ? 0 : -EBADMSG,
			     "type %u role %u count %u lane %u epoch %u", type, role, count, lane,
			     epoch);
	}
}

Test(handshake, a_block_shorter_than_its_triples_is_refused_at_every_length)
{
	uint8_t body[ROOM];
	struct handshake sent = {.epoch = 1, .count = WIRE_CHANNELS_MAX};
	struct handshake handshake;
	const uint32_t full = handshake_encode(&sent, body);

	cr_assert_eq(full, 40 + 8 * 24);
	for (uint32_t len = WIRE_HANDSHAKE_BYTES; len < full; len++)
		cr_expect_eq(decode(WIRE_HELLO, body, len, &handshake), -EBADMSG, "%u bytes", len);
	cr_expect_eq(decode(WIRE_HELLO, body, full, &handshake), 0);
	cr_expect_eq(handshake.options_bytes, 0);
	memset(body + full, 0, 100);
	cr_expect_eq(decode(WIRE_HELLO, body, full + 100, &handshake), 0);
	cr_expect_eq(handshake.options_bytes, 100);
}

Test(handshake, one_triple_that_cannot_be_true_is_enough_to_refuse)
{
	static const struct frame_triple wrong[] = {
	    {1, 0, 0}, {0, 4097, 0}, {BELOW, BELOW, 0}, {BELOW - 1, BELOW, 0}, {0, 0, BELOW},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (uint32_t place = 0; place < WIRE_CHANNELS_MAX; place++) {
			struct handshake sent = {.epoch = 1, .count = WIRE_CHANNELS_MAX};
			struct handshake handshake;
			uint8_t body[ROOM];

			sent.triples[place] = wrong[i];
			cr_expect_eq(
			    decode(WIRE_HELLO, body, handshake_encode(&sent, body), &handshake),
			    -EBADMSG, "wrong %zu at %u", i, place);
		}
	}
}

Test(handshake, edges_of_the_sequence_check)
{
	static const struct {
		struct frame_triple client, backend; // oldest, next, expected
		enum handshake_verdict verdict, late;
	} cases[] = {
	    {{0, 0, 0}, {0, 0, 0}, HANDSHAKE_GOOD, HANDSHAKE_GOOD},
	    {{5, 9, 20}, {20, 30, 5}, HANDSHAKE_GOOD, HANDSHAKE_GOOD},
	    {{5, 9, 30}, {20, 30, 9}, HANDSHAKE_GOOD, HANDSHAKE_GOOD},
	    {{5, 9, 20}, {20, 30, 4}, HANDSHAKE_CLIENT_FORGOT, HANDSHAKE_CLIENT_FORGOT},
	    {{5, 9, 19}, {20, 30, 5}, HANDSHAKE_BACKEND_FORGOT, HANDSHAKE_GOOD},
	    {{5, 9, 31}, {20, 30, 5}, HANDSHAKE_CLIENT_CLAIMS, HANDSHAKE_CLIENT_CLAIMS},
	    {{5, 9, 20}, {20, 30, 10}, HANDSHAKE_BACKEND_CLAIMS, HANDSHAKE_GOOD},
	    // A client that lost its memory; a backend that did.
	    {{0, 0, 0}, {20, 30, 5}, HANDSHAKE_BACKEND_FORGOT, HANDSHAKE_GOOD},
	    {{0, 0, 0}, {0, 0, 5}, HANDSHAKE_BACKEND_CLAIMS, HANDSHAKE_GOOD},
	    {{5, 9, 0}, {0, 0, 0}, HANDSHAKE_CLIENT_FORGOT, HANDSHAKE_CLIENT_FORGOT},
	    {{0, 9, 1}, {0, 0, 0}, HANDSHAKE_CLIENT_CLAIMS, HANDSHAKE_CLIENT_CLAIMS},
	    // Far beyond 32 bits, and at the end of the numbers.
	    {{BELOW - 2, BELOW - 1, BELOW - 1},
	     {BELOW - 1, BELOW - 1, BELOW - 2},
	     HANDSHAKE_GOOD,
	     HANDSHAKE_GOOD},
	    {{BELOW - 1, BELOW - 1, 0},
	     {0, 0, BELOW - 2},
	     HANDSHAKE_CLIENT_FORGOT,
	     HANDSHAKE_CLIENT_FORGOT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(handshake_check(&cases[i].client, &cases[i].backend), cases[i].verdict,
			     "case %zu", i);
		cr_expect_eq(handshake_check_late(&cases[i].client, &cases[i].backend),
			     cases[i].late, "case %zu", i);
	}
}

Test(handshake, a_pair_goes_on_exactly_where_all_four_rules_hold)
{
	for (uint32_t n = 0; n < 4096; n++) {
		const struct frame_triple c = {n & 3, n >> 2 & 3, n >> 4 & 3};
		const struct frame_triple b = {n >> 6 & 3, n >> 8 & 3, n >> 10 & 3};
		const bool late = c.oldest <= b.expected && c.expected <= b.next;
		const bool good = late && b.oldest <= c.expected && b.expected <= c.next;

		cr_assert_eq(handshake_check(&c, &b) == HANDSHAKE_GOOD, good, "%u", n);
		cr_assert_eq(handshake_check_late(&c, &b) == HANDSHAKE_GOOD, late, "%u", n);
	}
}
