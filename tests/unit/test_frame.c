// SPDX-License-Identifier: BSD-3-Clause
// The frame codec: bytes of every type, every fault at its edge, every type cut at every length.
#include <criterion/criterion.h>

#include "protocol/frame.h"
#include "tests/support/hex.h"

#define HANDLE UINT64_C(0x1122334455667788)
#define ID "101112131415161718191a1b1c1d1e1f"
#define COOKIE "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
#define NO_COOKIE "00000000000000000000000000000000"
#define TRIPLE "0000000100000003 0000000100000009 0000000000000007"

enum { ROOM = 256, FROM_CLIENT = 1, FROM_BACKEND = 2, FROM_GATEWAY = 4, FROM_ALL = 7 };

// One frame of every type.
static const struct golden {
	const char *name;
	const char *header, *body;
	struct frame frame; // without body
	int from;           // bits: who may send it
	uint32_t fixed;     // bytes of the body that must be there
	bool exact;         // and no more
} goldens[] = {
    {"HELLO",
     "01010800 00000000 0000000000000000 0000000000000000",
     ID "00000005 00 01 0000" COOKIE TRIPLE "81a8736572766963657391a46563686f 000000",
     {.type = 1, .flags = 8},
     FROM_CLIENT | FROM_BACKEND,
     40,
     false},
    {"RETRY",
     "01020000 00000000 0000000000000000 0000000000000000",
     ID "00000005" COOKIE,
     {.type = 2},
     FROM_GATEWAY,
     36,
     true},
    {"WELCOME",
     "01030000 00000000 1122334455667788 0000000000000000",
     ID "00000005 00 01 0000" NO_COOKIE TRIPLE "81a677696e646f77cd0100",
     {.type = 3, .handle = HANDLE},
     FROM_GATEWAY,
     40,
     false},
    {"REJECT",
     "01040000 00000000 0000000000000000 0000000000000000",
     ID "00000005 0009 01 00 000005dc 00000006 81a6726561736f6ea26e6f",
     {.type = 4},
     FROM_GATEWAY,
     32,
     false},
    {"OPEN",
     "01050802 01000000 1122334455667788 0000000000000000",
     ID "00000005 00 01 0000" NO_COOKIE TRIPLE "81a773657276696365a46563686f",
     {.type = 5, .flags = 8, .channel = 2, .window = 256, .handle = HANDLE},
     FROM_GATEWAY,
     64,
     false},
    {"OPEN_ACK",
     "01060002 00000000 1122334455667788 0000000000000000",
     "0003 0000 00000006" TRIPLE,
     {.type = 6, .channel = 2, .handle = HANDLE},
     FROM_BACKEND,
     32,
     true},
    {"DATA",
     "01070507 01000000 1122334455667788 a0a1a2a3b0b1b2b3",
     "68656c6c6f",
     {.type = 7,
      .flags = 5,
      .channel = 7,
      .window = 256,
      .handle = HANDLE,
      .seq = 0xa0a1a2a3,
      .ack = 0xb0b1b2b3},
     FROM_ALL,
     0,
     false},
    {"ACK",
     "01080001 10000007 1122334455667788 a0a1a2a3b0b1b2b3",
     "",
     {.type = 8,
      .channel = 1,
      .window = 4096,
      .aux = WIRE_ACK_ASKS | 3 << WIRE_ACK_HOLES_SHIFT,
      .handle = HANDLE,
      .seq = 0xa0a1a2a3,
      .ack = 0xb0b1b2b3},
     FROM_ALL,
     0,
     true},
    {"NAK",
     "01090001 00000000 1122334455667788 00000000b0b1b2b3",
     "fffffffe00000001 0000000300000004",
     {.type = 9, .channel = 1, .handle = HANDLE, .ack = 0xb0b1b2b3},
     FROM_ALL,
     8,
     false},
    {"DATAGRAM",
     "010a0003 00000000 1122334455667788 0000000000000000",
     "0001",
     {.type = 10, .channel = 3, .handle = HANDLE},
     FROM_ALL,
     0,
     false},
    {"HEARTBEAT",
     "010b0000 00001234 1122334455667788 0000000000000000",
     "0102030405060708",
     {.type = 11, .aux = 0x1234, .handle = HANDLE},
     FROM_GATEWAY,
     8,
     true},
    {"HEARTBEAT_ACK",
     "010c0000 00001234 1122334455667788 0000000000000000",
     "0102030405060708",
     {.type = 12, .aux = 0x1234, .handle = HANDLE},
     FROM_CLIENT | FROM_BACKEND,
     8,
     true},
    {"EVENT",
     "010d0000 00000001 1122334455667788 0000000000000000",
     "82a56576656e74ad706565725f6465746163686564a565706f636805",
     {.type = 13, .aux = 1, .handle = HANDLE},
     FROM_GATEWAY,
     0,
     false},
    {"EVENT_ACK",
     "010e0000 00000001 1122334455667788 0000000000000000",
     "",
     {.type = 14, .aux = 1, .handle = HANDLE},
     FROM_CLIENT | FROM_BACKEND,
     0,
     true},
    {"CLOSE",
     "010f0004 00000000 1122334455667788 0000000000000000",
     "000f 0000 81a6726561736f6ea3627965",
     {.type = 15, .channel = 4, .handle = HANDLE},
     FROM_ALL,
     4,
     false},
    {"CLOSE_ACK",
     "01100004 00000000 1122334455667788 0000000000000000",
     "",
     {.type = 16, .channel = 4, .handle = HANDLE},
     FROM_ALL,
     0,
     true},
    {"UNKNOWN",
     "01110000 00000000 1122334455667788 0000000000000000",
     "",
     {.type = 17, .handle = HANDLE},
     FROM_ALL,
     0,
     true},
    {"SLEEP",
     "01120000 00000000 1122334455667788 0000000000000000",
     "",
     {.type = 18, .handle = HANDLE},
     FROM_CLIENT,
     0,
     true},
    {"CONFIRM",
     "01130000 00000000 1122334455667788 0000000000000000",
     "00000005",
     {.type = 19, .handle = HANDLE},
     FROM_CLIENT | FROM_BACKEND,
     4,
     true},
};

enum { GOLDENS = sizeof(goldens) / sizeof(goldens[0]) };

static uint32_t golden_bytes(const struct golden *golden, uint8_t bytes[static ROOM])
{
	const uint32_t header = hex_read(golden->header, bytes, ROOM);

	cr_assert_eq(header, WIRE_HEADER_BYTES);
	return header + hex_read(golden->body, bytes + header, ROOM - header);
}

static bool has_channel(uint32_t type)
{
	return (type >= WIRE_OPEN && type <= WIRE_DATAGRAM) || type == WIRE_EVENT ||
	       type == WIRE_CLOSE || type == WIRE_CLOSE_ACK;
}

// A judge of body lengths that shares nothing with the codec but the goldens.
static bool body_fits(const struct golden *golden, uint32_t bytes)
{
	if (golden->frame.type == WIRE_NAK)
		return bytes >= 8 && bytes <= 256 && bytes % 8 == 0;
	return golden->exact ? bytes == golden->fixed : bytes >= golden->fixed;
}

static enum frame_fault fault_of(const struct frame *header, uint32_t body_bytes)
{
	static uint8_t bytes[WIRE_FRAME_MAX_LIMIT];
	struct frame frame;

	frame_encode_header(header, bytes);
	return frame_decode(bytes, WIRE_HEADER_BYTES + body_bytes, &frame);
}

// ---- Golden bytes --------------------------------------------------------------------------

Test(frame, every_type_there_is_has_its_golden_bytes)
{
	cr_assert_eq(GOLDENS, WIRE_TYPE_MAX);
	for (uint32_t i = 0; i < GOLDENS; i++)
		cr_expect_eq(goldens[i].frame.type, i + 1);
}

Test(frame, golden_bytes_decode_to_their_fields_and_encode_to_themselves)
{
	for (uint32_t i = 0; i < GOLDENS; i++) {
		const struct golden *golden = &goldens[i];
		const struct frame *wanted = &golden->frame;
		uint8_t bytes[ROOM], again[WIRE_HEADER_BYTES];
		const uint32_t len = golden_bytes(golden, bytes);
		struct frame frame;

		cr_assert_eq(frame_decode(bytes, len, &frame), FRAME_OK, "%s", golden->name);
		cr_expect_eq(frame.type, wanted->type, "%s", golden->name);
		cr_expect_eq(frame.flags, wanted->flags, "%s", golden->name);
		cr_expect_eq(frame.channel, wanted->channel, "%s", golden->name);
		cr_expect_eq(frame.window, wanted->window, "%s", golden->name);
		cr_expect_eq(frame.aux, wanted->aux, "%s", golden->name);
		cr_expect_eq(frame.handle, wanted->handle, "%s", golden->name);
		cr_expect_eq(frame.seq, wanted->seq, "%s", golden->name);
		cr_expect_eq(frame.ack, wanted->ack, "%s", golden->name);
		cr_expect_eq(frame.body, bytes + WIRE_HEADER_BYTES);
		cr_expect_eq(frame.body_bytes, len - WIRE_HEADER_BYTES);
		cr_expect_str_eq(frame_type_name(frame.type), golden->name);
		frame_encode_header(wanted, again);
		cr_expect_arr_eq(again, bytes, WIRE_HEADER_BYTES, "%s", golden->name);
	}
}

// The frame of a golden; its body stays in a static place until the next call.
static struct frame golden_frame(enum wire_type type)
{
	static uint8_t bytes[ROOM];
	struct frame frame;
	const uint32_t len = golden_bytes(&goldens[type - 1], bytes);

	cr_assert_eq(frame_decode(bytes, len, &frame), FRAME_OK);
	return frame;
}

static void expect_triple(const struct frame_triple *triple)
{
	cr_expect_eq(triple->oldest, UINT64_C(0x100000003));
	cr_expect_eq(triple->next, UINT64_C(0x100000009));
	cr_expect_eq(triple->expected, 7);
}

static void expect_id(const uint8_t *session)
{
	uint8_t id[WIRE_SESSION_ID_BYTES];

	hex_read(ID, id, sizeof(id));
	cr_expect_arr_eq(session, id, sizeof(id));
}

Test(frame, a_retry_body_decodes_and_encodes)
{
	const struct frame frame = golden_frame(WIRE_RETRY);
	uint8_t again[WIRE_RETRY_BODY_BYTES], cookie[WIRE_COOKIE_BYTES];
	struct frame_retry retry;

	frame_decode_retry(&frame, &retry);
	hex_read(COOKIE, cookie, sizeof(cookie));
	expect_id(retry.session);
	cr_expect_eq(retry.epoch, 5);
	cr_expect_arr_eq(retry.cookie, cookie, sizeof(cookie));
	cr_expect_eq(frame_encode_retry(&retry, again), sizeof(again));
	cr_expect_arr_eq(again, frame.body, sizeof(again));
}

Test(frame, a_reject_body_decodes_and_encodes)
{
	const struct frame frame = golden_frame(WIRE_REJECT);
	uint8_t again[WIRE_REJECT_BODY_BYTES];
	struct frame_reject reject;

	frame_decode_reject(&frame, &reject);
	expect_id(reject.session);
	cr_expect_eq(reject.epoch, 5);
	cr_expect_eq(reject.code, 9);
	cr_expect(reject.retriable);
	cr_expect_eq(reject.retry_after_ms, 1500);
	cr_expect_eq(reject.epoch_standing, 6);
	memset(again, 0xee, sizeof(again));
	cr_expect_eq(frame_encode_reject(&reject, again), sizeof(again));
	cr_expect_arr_eq(again, frame.body, sizeof(again));
	reject.retriable = false;
	frame_encode_reject(&reject, again);
	cr_expect_eq(again[22], 0);
}

Test(frame, an_open_ack_body_decodes_and_encodes)
{
	const struct frame frame = golden_frame(WIRE_OPEN_ACK);
	uint8_t again[WIRE_OPEN_ACK_BODY_BYTES];
	struct frame_open_ack ack;

	frame_decode_open_ack(&frame, &ack);
	cr_expect_eq(ack.code, 3);
	cr_expect_eq(ack.epoch, 6);
	expect_triple(&ack.triple);
	memset(again, 0xee, sizeof(again));
	cr_expect_eq(frame_encode_open_ack(&ack, again), sizeof(again));
	cr_expect_arr_eq(again, frame.body, sizeof(again));
}

Test(frame, close_and_confirm_bodies_decode_and_encode)
{
	const struct frame close_frame = golden_frame(WIRE_CLOSE);
	uint8_t again[WIRE_CLOSE_BODY_BYTES] = {0xee, 0xee, 0xee, 0xee};
	struct frame_close close;

	frame_decode_close(&close_frame, &close);
	cr_expect_eq(close.code, 15);
	cr_expect_eq(frame_encode_close(&close, again), sizeof(again));
	cr_expect_arr_eq(again, close_frame.body, sizeof(again));

	const struct frame confirm = golden_frame(WIRE_CONFIRM);

	cr_expect_eq(frame_decode_confirm(&confirm), 5);
	cr_expect_eq(frame_encode_confirm(5, again), WIRE_CONFIRM_BODY_BYTES);
	cr_expect_arr_eq(again, confirm.body, WIRE_CONFIRM_BODY_BYTES);
}

Test(frame, nak_pairs_decode_and_encode_up_to_32)
{
	const struct frame frame = golden_frame(WIRE_NAK);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	uint8_t again[WIRE_NAK_PAIRS_MAX * WIRE_NAK_PAIR_BYTES];

	cr_assert_eq(frame_decode_nak(&frame, pairs), 2);
	cr_expect_eq(pairs[0].first, 0xfffffffe);
	cr_expect_eq(pairs[0].count, 1);
	cr_expect_eq(pairs[1].first, 3);
	cr_expect_eq(pairs[1].count, 4);
	cr_expect_eq(frame_encode_nak(pairs, 2, again), 16);
	cr_expect_arr_eq(again, frame.body, 16);

	for (uint32_t i = 0; i < WIRE_NAK_PAIRS_MAX; i++)
		pairs[i] = (struct frame_nak_pair){.first = i * 1000, .count = i + 1};

	const struct frame full = {
	    .body = again, .body_bytes = frame_encode_nak(pairs, WIRE_NAK_PAIRS_MAX, again)};
	struct frame_nak_pair found[WIRE_NAK_PAIRS_MAX];

	cr_assert_eq(frame_decode_nak(&full, found), WIRE_NAK_PAIRS_MAX);
	cr_expect_arr_eq(found, pairs, sizeof(pairs));
}

// ---- Faults --------------------------------------------------------------------------------

static struct frame sound(uint8_t type)
{
	struct frame frame = goldens[type - 1].frame;

	frame.flags = 0;
	frame.channel = 0;
	return frame;
}

// A body that the type takes.
static uint32_t sound_body(uint8_t type)
{
	return goldens[type - 1].fixed;
}

Test(frame, types_that_do_not_exist_are_refused)
{
	for (uint32_t type = 0; type < 256; type++) {
		const struct frame frame = {.type = (uint8_t)type, .handle = 1};

		if (type == 0 || type > 19) {
			cr_expect_eq(fault_of(&frame, 100), FRAME_TYPE, "type %u", type);
			cr_expect_str_eq(frame_type_name((uint8_t)type), "type ?");
		} else {
			cr_expect_neq(fault_of(&frame, 100), FRAME_TYPE, "type %u", type);
		}
	}
}

Test(frame, each_type_carries_its_own_flags_and_no_other)
{
	for (uint8_t type = 1; type <= WIRE_TYPE_MAX; type++) {
		for (uint32_t flags = 0; flags < 256; flags++) {
			bool legal = flags == 0;
			struct frame frame = sound(type);

			if (type == WIRE_DATA) // MORE and BUNDLE never together
				legal = flags == 0 || flags == 1 || flags == 2 || flags == 4 ||
					flags == 5 || flags == 6;
			else if (type == WIRE_HELLO || type == WIRE_OPEN)
				legal = flags == 0 || flags == 8;
			frame.flags = (uint8_t)flags;
			cr_expect_eq(fault_of(&frame, sound_body(type)),
				     legal ? FRAME_OK : FRAME_FLAGS, "%s flags %02x",
				     goldens[type - 1].name, flags);
		}
	}
}

Test(frame, channels_are_0_to_7_and_0_where_the_type_has_none)
{
	for (uint8_t type = 1; type <= WIRE_TYPE_MAX; type++) {
		for (uint32_t channel = 0; channel < 256; channel++) {
			struct frame frame = sound(type);
			const bool legal = channel == 0 || (channel < 8 && has_channel(type));

			frame.channel = (uint8_t)channel;
			cr_expect_eq(fault_of(&frame, sound_body(type)),
				     legal ? FRAME_OK : FRAME_CHANNEL, "%s channel %u",
				     goldens[type - 1].name, channel);
		}
	}
}

Test(frame, handles_are_0_where_there_is_no_session_yet)
{
	static const uint64_t handles[] = {0, 1, UINT64_C(1) << 63, UINT64_MAX};

	for (uint8_t type = 1; type <= WIRE_TYPE_MAX; type++) {
		for (uint32_t i = 0; i < 4; i++) {
			struct frame frame = sound(type);
			bool legal = handles[i] != 0;

			if (type == WIRE_HELLO || type == WIRE_RETRY)
				legal = handles[i] == 0;
			else if (type == WIRE_REJECT)
				legal = true;
			frame.handle = handles[i];
			cr_expect_eq(fault_of(&frame, sound_body(type)),
				     legal ? FRAME_OK : FRAME_HANDLE, "%s handle %u",
				     goldens[type - 1].name, i);
		}
	}
}

Test(frame, bodies_have_the_length_of_their_type)
{
	for (uint8_t type = 1; type <= WIRE_TYPE_MAX; type++) {
		const struct frame frame = sound(type);

		for (uint32_t body = 0; body <= WIRE_FRAME_MAX_LIMIT - WIRE_HEADER_BYTES; body++)
			cr_assert_eq(fault_of(&frame, body),
				     body_fits(&goldens[type - 1], body) ? FRAME_OK : FRAME_BODY,
				     "%s with %u bytes", goldens[type - 1].name, body);
	}
}

Test(frame, another_version_is_told_before_anything_else_is_judged)
{
	for (uint32_t version = 0; version < 256; version++) {
		uint8_t bytes[ROOM];
		struct frame frame;
		const uint32_t len = golden_bytes(&goldens[WIRE_HELLO - 1], bytes);

		if (version == WIRE_VERSION)
			continue;
		bytes[0] = (uint8_t)version;
		bytes[2] = 0xff;
		bytes[3] = 0xff;
		cr_expect_eq(frame_decode(bytes, len, &frame), FRAME_VERSION);
		cr_expect_eq(frame.type, WIRE_HELLO);
		cr_expect_eq(frame.body, bytes + WIRE_HEADER_BYTES);
		cr_expect_eq(frame.body_bytes, len - WIRE_HEADER_BYTES);
		cr_expect_eq(frame_decode(bytes, WIRE_HEADER_BYTES - 1, &frame), FRAME_SHORT);
	}
}

Test(frame, fields_that_a_type_does_not_use_are_not_judged)
{
	for (uint8_t type = 1; type <= WIRE_TYPE_MAX; type++) {
		struct frame frame = sound(type);

		frame.window = 0xffff;
		frame.aux = 0xffff;
		frame.seq = UINT32_MAX;
		frame.ack = UINT32_MAX;
		cr_expect_eq(fault_of(&frame, sound_body(type)), FRAME_OK, "%s",
			     goldens[type - 1].name);
	}
}

// ---- Sides ---------------------------------------------------------------------------------

Test(frame, each_type_is_legal_from_its_sides_alone)
{
	for (uint32_t type = 0; type < 256; type++) {
		const int from = type >= 1 && type <= GOLDENS ? goldens[type - 1].from : 0;

		cr_expect_eq(frame_legal_from((uint8_t)type, FRAME_FROM_CLIENT),
			     (from & FROM_CLIENT) != 0, "type %u", type);
		cr_expect_eq(frame_legal_from((uint8_t)type, FRAME_FROM_BACKEND),
			     (from & FROM_BACKEND) != 0, "type %u", type);
		cr_expect_eq(frame_legal_from((uint8_t)type, FRAME_FROM_GATEWAY),
			     (from & FROM_GATEWAY) != 0, "type %u", type);
	}
}

// ---- Triples -------------------------------------------------------------------------------

Test(frame, edges_of_a_triple)
{
	static const struct {
		struct frame_triple triple;
		bool valid;
	} cases[] = {
	    {{0, 0, 0}, true},
	    {{0, 1, 0}, true},
	    {{1, 0, 0}, false}, // oldest above next
	    {{0, 4096, 0}, true},
	    {{0, 4097, 0}, false},
	    {{10, 4106, 99}, true},
	    {{10, 4107, 99}, false},
	    {{0, UINT64_MAX, 0}, false},
	    {{UINT64_MAX, 0, 0}, false},
	    {{UINT64_MAX, UINT64_MAX, 0}, false},
	    {{INT64_MAX, INT64_MAX, INT64_MAX}, true},
	    {{INT64_MAX, UINT64_C(1) << 63, 0}, false},
	    {{UINT64_C(1) << 63, UINT64_C(1) << 63, 0}, false},
	    {{0, 0, UINT64_C(1) << 63}, false},
	    {{0, 0, UINT64_MAX}, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[WIRE_TRIPLE_BYTES];
		struct frame_triple again;

		cr_expect_eq(frame_triple_valid(&cases[i].triple), cases[i].valid, "case %zu", i);
		frame_encode_triple(&cases[i].triple, bytes);
		frame_decode_triple(bytes, &again);
		cr_expect_eq(again.oldest, cases[i].triple.oldest);
		cr_expect_eq(again.next, cases[i].triple.next);
		cr_expect_eq(again.expected, cases[i].triple.expected);
	}
}

// ---- Hostile input -------------------------------------------------------------------------

// Reads every body that the frame can have.
static void bodies_read(const struct frame *frame)
{
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	struct frame_open_ack ack;
	struct frame_reject reject;
	struct frame_retry retry;
	struct frame_close close;

	switch (frame->type) {
	case WIRE_RETRY:
		frame_decode_retry(frame, &retry);
		break;
	case WIRE_REJECT:
		frame_decode_reject(frame, &reject);
		break;
	case WIRE_OPEN_ACK:
		frame_decode_open_ack(frame, &ack);
		break;
	case WIRE_NAK:
		cr_expect_eq(frame_decode_nak(frame, pairs), frame->body_bytes / 8);
		break;
	case WIRE_CLOSE:
		frame_decode_close(frame, &close);
		break;
	case WIRE_CONFIRM:
		frame_decode_confirm(frame);
		break;
	default:
		break;
	}
}

Test(frame, every_type_cut_at_every_length_is_judged_without_reading_on)
{
	for (uint32_t i = 0; i < GOLDENS; i++) {
		uint8_t bytes[ROOM];
		const uint32_t len = golden_bytes(&goldens[i], bytes);

		for (uint32_t cut = 0; cut <= len; cut++) {
			uint8_t *copy = hex_copy(bytes, cut);
			struct frame frame;
			const enum frame_fault fault = frame_decode(copy, cut, &frame);

			if (cut < WIRE_HEADER_BYTES)
				cr_expect_eq(fault, FRAME_SHORT, "%s at %u", goldens[i].name, cut);
			else if (body_fits(&goldens[i], cut - WIRE_HEADER_BYTES))
				cr_expect_eq(fault, FRAME_OK, "%s at %u", goldens[i].name, cut);
			else
				cr_expect_eq(fault, FRAME_BODY, "%s at %u", goldens[i].name, cut);
			if (fault == FRAME_OK)
				bodies_read(&frame);
			free(copy);
		}
	}
}

Test(frame, whatever_is_accepted_encodes_to_the_same_header)
{
	uint64_t state = 88172645463325252u;
	uint32_t accepted = 0;

	for (uint32_t round = 0; round < 300000; round++) {
		uint8_t bytes[ROOM], again[WIRE_HEADER_BYTES];
		struct frame frame;
		uint32_t len = golden_bytes(&goldens[round % GOLDENS], bytes);

		for (uint32_t i = 0; i < round % 4; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			bytes[state % len] ^= (uint8_t)(1u << (state >> 60 & 7));
		}
		if (frame_decode(bytes, len, &frame) != FRAME_OK)
			continue;
		accepted++;
		bodies_read(&frame);
		frame_encode_header(&frame, again);
		cr_assert_arr_eq(again, bytes, WIRE_HEADER_BYTES);
	}
	cr_expect_gt(accepted, 300000 / 4);
}
