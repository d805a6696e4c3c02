// SPDX-License-Identifier: BSD-3-Clause
// Options: every key both ways, absence, padding, encoding.
#include <criterion/criterion.h>

#include <errno.h>

#include "tests/support/options_bytes.h"

enum { KEYS = 25 };

// ---- Golden bytes --------------------------------------------------------------------------

static const char services_hex[] = "81a8736572766963657392a46563686fa463686174";

// One map for each key, in the order of enum options_key.
static const char *const goldens[KEYS] = {
    services_hex,
    "81a6636c69656e74a46c616d70",
    "81aa74696d656f75745f6d73cd7530",
    "81a867726163655f6d7300",
    "81a5746f6b656ec40200ff",
    "81a46d657461c40101",
    "81a56167656e74a3612f31",
    "81a773657276696365a46563686f",
    "81a76261636b656e64a26231",
    "81a8696e7374616e6365cfffffffffffffffff",
    "81a8636170616369747964",
    "81a767617465776179a3677731",
    "81ac6865617274626561745f6d73cd0bb8",
    "81a677696e646f77cd0100",
    "81a96672616d655f6d6178cd04b0",
    "81aa67656e65726174696f6ecf0000000200000000",
    "81a7726573756d6564c3",
    "81a86261636b656e647392a26231c0",
    "81a8676174657761797391ae3139322e302e322e313a37343030",
    "81a6776f726b657201",
    "81a7776f726b65727302",
    "81a6726561736f6ea3776879",
    "81a77375626a656374a173",
    "81a56576656e74aa6368616e6e656c5f7570",
    "81a565706f6368ce00011170",
};

static const struct options everything = {
    .present = (1u << KEYS) - 1,
    .services_count = 2,
    .services = {{"echo", 4}, {"chat", 4}},
    .client = {"lamp", 4},
    .timeout_ms = 30000,
    .grace_ms = 0,
    .token = {"\0\xff", 2},
    .meta = {"\1", 1},
    .agent = {"a/1", 3},
    .service = {"echo", 4},
    .backend = {"b1", 2},
    .instance = UINT64_MAX,
    .capacity = 100,
    .gateway = {"gw1", 3},
    .heartbeat_ms = 3000,
    .window = 256,
    .frame_max = 1200,
    .generation = UINT64_C(1) << 33,
    .resumed = true,
    .backends_count = 2,
    .backends = {{"b1", 2}, {NULL, 0}},
    .gateways_count = 1,
    .gateways = {{"192.0.2.1:7400", 14}},
    .worker = 1,
    .workers = 2,
    .reason = {"why", 3},
    .subject = {"s", 1},
    .event = {"channel_up", 10},
    .epoch = 70000,
};

// All goldens in one map.
static uint32_t everything_bytes(uint8_t bytes[static OPTIONS_ROOM])
{
	uint32_t len = hex_read("de0019", bytes, OPTIONS_ROOM);

	for (uint32_t i = 0; i < KEYS; i++)
		len += hex_read(goldens[i] + 2, bytes + len, OPTIONS_ROOM - len);
	return len;
}

static void expect_text(struct options_text found, struct options_text wanted, const char *what)
{
	cr_expect(options_text_equal(found, wanted), "%s: %.*s", what, (int)found.len,
		  found.bytes == NULL ? "" : found.bytes);
	cr_expect_eq(found.bytes == NULL, wanted.bytes == NULL, "%s", what);
}

static void expect_same(const struct options *found, const struct options *wanted)
{
	cr_expect_eq(found->present, wanted->present);
	cr_assert_eq(found->services_count, wanted->services_count);
	cr_assert_eq(found->backends_count, wanted->backends_count);
	cr_assert_eq(found->gateways_count, wanted->gateways_count);
	for (uint32_t i = 0; i < found->services_count; i++)
		expect_text(found->services[i], wanted->services[i], "services");
	for (uint32_t i = 0; i < found->backends_count; i++)
		expect_text(found->backends[i], wanted->backends[i], "backends");
	for (uint32_t i = 0; i < found->gateways_count; i++)
		expect_text(found->gateways[i], wanted->gateways[i], "gateways");
	expect_text(found->client, wanted->client, "client");
	expect_text(found->token, wanted->token, "token");
	expect_text(found->meta, wanted->meta, "meta");
	expect_text(found->agent, wanted->agent, "agent");
	expect_text(found->service, wanted->service, "service");
	expect_text(found->backend, wanted->backend, "backend");
	expect_text(found->gateway, wanted->gateway, "gateway");
	expect_text(found->reason, wanted->reason, "reason");
	expect_text(found->subject, wanted->subject, "subject");
	expect_text(found->event, wanted->event, "event");
	cr_expect_eq(found->instance, wanted->instance);
	cr_expect_eq(found->capacity, wanted->capacity);
	cr_expect_eq(found->generation, wanted->generation);
	cr_expect_eq(found->timeout_ms, wanted->timeout_ms);
	cr_expect_eq(found->grace_ms, wanted->grace_ms);
	cr_expect_eq(found->heartbeat_ms, wanted->heartbeat_ms);
	cr_expect_eq(found->window, wanted->window);
	cr_expect_eq(found->frame_max, wanted->frame_max);
	cr_expect_eq(found->worker, wanted->worker);
	cr_expect_eq(found->workers, wanted->workers);
	cr_expect_eq(found->epoch, wanted->epoch);
	cr_expect_eq(found->resumed, wanted->resumed);
}

Test(options, golden_bytes_of_all_keys_decode_and_encode)
{
	uint8_t bytes[OPTIONS_ROOM], again[OPTIONS_ROOM];
	const uint32_t len = everything_bytes(bytes);
	struct options options;

	cr_assert_eq(options_decode(bytes, len, &options), 0);
	expect_same(&options, &everything);
	cr_assert_eq(options_encode(&everything, again, OPTIONS_ROOM), (int)len);
	cr_expect_arr_eq(again, bytes, len);
}

Test(options, each_key_alone_decodes_and_encodes)
{
	for (uint32_t i = 0; i < KEYS; i++) {
		uint8_t bytes[OPTIONS_ROOM], again[OPTIONS_ROOM];
		const uint32_t len = hex_read(goldens[i], bytes, OPTIONS_ROOM);
		struct options options, wanted = everything;

		cr_assert_eq(options_decode(bytes, len, &options), 0, "%s", goldens[i]);
		cr_expect_eq(options.present, 1u << i, "%s", goldens[i]);
		wanted.present = 1u << i;
		cr_assert_eq(options_encode(&wanted, again, OPTIONS_ROOM), (int)len);
		cr_expect_arr_eq(again, bytes, len);
		cr_assert_eq(options_encode(&options, again, OPTIONS_ROOM), (int)len);
		cr_expect_arr_eq(again, bytes, len);
	}
}

Test(options, keys_come_in_any_order)
{
	uint8_t bytes[OPTIONS_ROOM];
	uint32_t len = hex_read("de0019", bytes, OPTIONS_ROOM);
	struct options options;

	for (uint32_t i = KEYS; i-- > 0;)
		len += hex_read(goldens[i] + 2, bytes + len, OPTIONS_ROOM - len);
	cr_assert_eq(options_decode(bytes, len, &options), 0);
	expect_same(&options, &everything);
}

Test(options, unknown_keys_are_passed_over_whatever_they_hold)
{
	static const char *const values[] = {
	    "00",
	    "ff",
	    "c0",
	    "c2",
	    "ca3f800000",
	    "cb3ff0000000000000",
	    "d38000000000000000",
	    "a0",
	    "c400",
	    "d40100",
	    "d8010102030405060708090a0b0c0d0e0f10",
	    "c70001",
	    "90",
	    "80",
	    "9a00010203040506070809",
	    "9290c0",
	    "81018102c0",
	    "8290c080c0",
	    "dc000100",
	    "df00000001c0c0",
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint8_t bytes[OPTIONS_ROOM];
		struct options options;
		uint32_t len = hex_read("83 a6776f726b657207 a178", bytes, OPTIONS_ROOM);

		len += hex_read(values[i], bytes + len, OPTIONS_ROOM - len);
		len += hex_read("a7776f726b65727309", bytes + len, OPTIONS_ROOM - len);
		cr_expect_eq(options_decode(bytes, len, &options), 0, "%s", values[i]);
		cr_expect_eq(options.present, OPTIONS_WORKER | OPTIONS_WORKERS, "%s", values[i]);
		cr_expect_eq(options.worker, 7);
		cr_expect_eq(options.workers, 9);
	}
}

Test(options, values_point_into_the_input)
{
	uint8_t bytes[OPTIONS_ROOM];
	const uint32_t len = hex_read(services_hex, bytes, OPTIONS_ROOM);
	struct options options;

	cr_assert_eq(options_decode(bytes, len, &options), 0);
	cr_expect_eq(options.services[0].bytes, (const char *)bytes + 12);
	cr_expect_eq(options.services[1].bytes, (const char *)bytes + 17);
}

Test(options, known_keys_have_values_of_their_type_alone)
{
	static const struct {
		const char *value;
		enum { NUMBER, BOOLEAN, TEXT, BIN, TEXTS, NOTHING } is;
	} values[] = {
	    {"01", NUMBER},    {"c3", BOOLEAN},         {"a161", TEXT},
	    {"c40161", BIN},   {"91a161", TEXTS},       {"90", TEXTS},
	    {"c0", NOTHING},   {"ca00000000", NOTHING}, {"cb0000000000000000", NOTHING},
	    {"80", NOTHING},   {"d40161", NOTHING},     {"ff", NOTHING},
	    {"9101", NOTHING}, {"9190", NOTHING},       {"9180", NOTHING},
	    {"91c3", NOTHING}, {"91c40161", NOTHING},   {"81a161c0", NOTHING},
	};

	for (uint32_t key = 0; key < KEYS; key++) {
		uint8_t golden[OPTIONS_ROOM];

		hex_read(goldens[key], golden, OPTIONS_ROOM);

		const uint32_t head = 2 + (golden[1] & 0x1f);
		const uint32_t kind = golden[head]; // of the value that the golden has

		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			uint8_t bytes[OPTIONS_ROOM];
			struct options options;
			int wanted = NUMBER;

			memcpy(bytes, golden, head);
			if (kind == 0xc3)
				wanted = BOOLEAN;
			else if (kind == 0xc4)
				wanted = BIN;
			else if (kind >= 0xa0 && kind < 0xc0)
				wanted = TEXT;
			else if (kind >= 0x90 && kind < 0xa0)
				wanted = TEXTS;
			cr_expect_eq(
			    options_exact(bytes, head + hex_read(values[i].value, bytes + head, 32),
					  &options),
			    (int)values[i].is == wanted ? 0 : -EBADMSG, "%s with %s", goldens[key],
			    values[i].value);
		}
	}
}

Test(options, a_map_cut_anywhere_is_malformed_and_leaves_nothing)
{
	uint8_t bytes[OPTIONS_ROOM];
	const uint32_t len = everything_bytes(bytes);

	for (uint32_t cut = 1; cut < len; cut++) {
		struct options options;

		cr_expect_eq(options_exact(bytes, cut, &options), -EBADMSG, "%u", cut);
		cr_expect_eq(options.present, 0, "%u", cut);
		cr_expect_eq(options.services_count, 0, "%u", cut);
	}
}

// Whatever is taken is taken again after it was written anew.
Test(options, what_decodes_encodes_to_what_decodes_the_same)
{
	uint64_t state = 88172645463325252u;
	uint32_t taken = 0;

	for (uint32_t round = 0; round < 100000; round++) {
		uint8_t bytes[OPTIONS_ROOM], again[OPTIONS_ROOM];
		struct options options, found;
		const uint32_t len = round % 2
					 ? everything_bytes(bytes)
					 : hex_read(goldens[round / 2 % KEYS], bytes, OPTIONS_ROOM);

		for (uint32_t i = 0; i <= round % 3; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			bytes[state % len] = (uint8_t)(state >> 40);
		}
		if (options_decode(bytes, len, &options) != 0)
			continue;
		taken++;

		const int written = options_encode(&options, again, OPTIONS_ROOM);

		cr_assert_geq(written, 0);
		cr_assert_eq(options_decode(again, (uint32_t)written, &found), 0);
		cr_assert_eq(found.present, options.present);
		cr_assert_eq(options_encode(&found, bytes, OPTIONS_ROOM), written);
		cr_assert_arr_eq(bytes, again, (size_t)written);
	}
	cr_expect_gt(taken, 10000);
}

// ---- Absence and padding -------------------------------------------------------------------

Test(options, an_absent_map_is_an_empty_one)
{
	struct options options;
	uint8_t zero[OPTIONS_ROOM] = {0};

	memset(&options, 0xee, sizeof(options));
	cr_expect_eq(options_decode(NULL, 0, &options), 0);
	cr_expect_eq(options.present, 0);
	cr_expect_eq(options_exact(zero, 1, &options), 0);
	cr_expect_eq(options_exact(zero, OPTIONS_ROOM, &options), 0);
	cr_expect_eq(options.present, 0);
	zero[OPTIONS_ROOM - 1] = 1;
	cr_expect_eq(options_exact(zero, OPTIONS_ROOM, &options), -EBADMSG);
	cr_expect_eq(options_hex("80"), 0);
	cr_expect_eq(options_hex("de0000"), 0);
	cr_expect_eq(options_hex("df00000000"), 0);
	cr_expect_eq(options_hex("80 000000"), 0);
	cr_expect_eq(options_encode(&options, zero, OPTIONS_ROOM), 0);
}

Test(options, only_zeros_may_follow_the_map)
{
	uint8_t bytes[OPTIONS_ROOM] = {0};
	const uint32_t len = hex_read(services_hex, bytes, OPTIONS_ROOM);
	struct options options;

	for (uint32_t padded = len; padded <= OPTIONS_ROOM; padded += 97)
		cr_expect_eq(options_exact(bytes, padded, &options), 0, "%u", padded);
	for (uint32_t at = len; at < OPTIONS_ROOM; at += 31) {
		bytes[at] = 0x80;
		cr_expect_eq(options_exact(bytes, OPTIONS_ROOM, &options), -EBADMSG, "%u", at);
		bytes[at] = 0;
	}
	bytes[len] = 0xc0;
	cr_expect_eq(options_exact(bytes, len + 1, &options), -EBADMSG);
}

// ---- Encoding ------------------------------------------------------------------------------

Test(options, nothing_is_written_beyond_the_room)
{
	uint8_t bytes[OPTIONS_ROOM];
	const int len = options_encode(&everything, bytes, OPTIONS_ROOM);

	cr_assert_gt(len, 0);
	for (uint32_t room = 0; room < (uint32_t)len; room++) {
		uint8_t *exact = malloc(room > 0 ? room : 1);

		cr_assert_eq(options_encode(&everything, exact, room), -ENOSPC, "%u", room);
		free(exact);
	}
	cr_expect_eq(options_encode(&everything, bytes, (uint32_t)len), len);
}

Test(options, no_more_than_900_bytes_are_written)
{
	static char text[WIRE_OPTIONS_BYTES_MAX];
	struct options options = {.present = OPTIONS_REASON, .reason = {text, 0}};
	uint8_t bytes[OPTIONS_ROOM];

	memset(text, 'x', sizeof(text));
	options.reason.len = 900 - 11; // map 1, key 7, head 3
	cr_expect_eq(options_encode(&options, bytes, OPTIONS_ROOM), 900);
	options.reason.len++;
	cr_expect_eq(options_encode(&options, bytes, OPTIONS_ROOM), -ENOSPC);
}

Test(options, what_a_decoder_would_refuse_is_not_written)
{
	static const char text[1024] = "";
	static const struct options cases[] = {
	    {.present = OPTIONS_CLIENT, .client = {text, 33}},
	    {.present = OPTIONS_META, .meta = {text, 513}},
	    {.present = OPTIONS_TOKEN, .token = {text, 901}},
	    {.present = OPTIONS_SERVICE, .service = {text, 0}},
	    {.present = OPTIONS_SERVICE, .service = {text, 64}},
	    {.present = OPTIONS_BACKEND},
	    {.present = OPTIONS_SERVICES, .services_count = 9},
	    {.present = OPTIONS_SERVICES, .services_count = UINT32_MAX},
	    {.present = OPTIONS_SERVICES, .services_count = 1},
	    {.present = OPTIONS_SERVICES, .services_count = 1, .services = {{text, 0}}},
	    {.present = OPTIONS_SERVICES, .services_count = 1, .services = {{text, 64}}},
	    {.present = OPTIONS_GATEWAYS, .gateways_count = 9},
	    {.present = OPTIONS_BACKENDS, .backends_count = 9},
	    {.present = OPTIONS_BACKENDS, .backends_count = 1, .backends = {{text, 0}}},
	    {.present = 1u << KEYS},
	    {.present = UINT32_MAX},
	};
	uint8_t bytes[OPTIONS_ROOM];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(options_encode(&cases[i], bytes, OPTIONS_ROOM), -EINVAL, "case %zu",
			     i);
}

Test(options, empty_values_come_back_empty)
{
	const struct options sent = {
	    .present =
		OPTIONS_CLIENT | OPTIONS_META | OPTIONS_TOKEN | OPTIONS_REASON | OPTIONS_SERVICES,
	};
	uint8_t bytes[OPTIONS_ROOM];
	struct options found;
	const int len = options_encode(&sent, bytes, OPTIONS_ROOM);

	cr_assert_gt(len, 0);
	cr_assert_eq(options_decode(bytes, (uint32_t)len, &found), 0);
	cr_expect_eq(found.present, sent.present);
	cr_expect_eq(found.client.len, 0);
	cr_expect_not_null(found.client.bytes);
	cr_expect_eq(found.services_count, 0);
}

Test(options, texts_are_equal_byte_for_byte)
{
	cr_expect(options_text_equal(options_text("abc"), options_text("abc")));
	cr_expect_not(options_text_equal(options_text("abc"), options_text("abd")));
	cr_expect_not(options_text_equal(options_text("abc"), options_text("ab")));
	cr_expect(options_text_equal(options_text(""), (struct options_text){0}));
	cr_expect_eq(options_text("").len, 0);
}
