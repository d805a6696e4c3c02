// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control/record.h"

static uint8_t body[RECORD_BYTES_MAX];
static struct store_value value;

static struct record_session session_plain(void)
{
	return (struct record_session){
	    .generation = 3,
	    .owner = 0x1122334455667788,
	    .epoch = 2,
	    .timeout_ms = 10000,
	    .grace_ms = 60000,
	    .heartbeat_ms = 2000,
	    .created_ms = 1700000000000,
	    .changed_ms = 1700000000001,
	    .subject = options_text("alice"),
	    .client = options_text("phone"),
	    .gateway = options_text("gw1"),
	    .meta = {.bytes = "\0\1", .len = 2},
	    .channels_count = 2,
	    .channels = {{.service = options_text("echo"),
			  .backend = options_text("b1"),
			  .instance = 9},
			 {.service = options_text("chat")}},
	};
}

static void expect_text(struct options_text got, struct options_text want)
{
	cr_expect(options_text_equal(got, want), "%.*s", (int)got.len, got.bytes);
}

static void expect_session(const struct record_session *got, const struct record_session *want)
{
	cr_expect_eq(got->generation, want->generation);
	cr_expect_eq(got->owner, want->owner);
	cr_expect_eq(got->epoch, want->epoch);
	cr_expect_eq(got->timeout_ms, want->timeout_ms);
	cr_expect_eq(got->grace_ms, want->grace_ms);
	cr_expect_eq(got->heartbeat_ms, want->heartbeat_ms);
	cr_expect_eq(got->created_ms, want->created_ms);
	cr_expect_eq(got->changed_ms, want->changed_ms);
	expect_text(got->subject, want->subject);
	expect_text(got->client, want->client);
	expect_text(got->gateway, want->gateway);
	expect_text(got->meta, want->meta);
	cr_assert_eq(got->channels_count, want->channels_count);
	for (uint32_t i = 0; i < got->channels_count; i++) {
		expect_text(got->channels[i].service, want->channels[i].service);
		expect_text(got->channels[i].backend, want->channels[i].backend);
		cr_expect_eq(got->channels[i].backend.bytes == NULL,
			     want->channels[i].backend.bytes == NULL);
		cr_expect_eq(got->channels[i].instance, want->channels[i].instance);
	}
}

// These bytes stand in stores: they are changed deliberately, with another version.
Test(record, a_session_has_these_bytes)
{
	static const uint8_t golden[] = "\x9c\x01\x02\xcd\x27\x10\xcd\xea\x60\xcd\x07\xd0"
					"\xcf\x00\x00\x01\x8b\xcf\xe5\x68\x00"
					"\xcf\x00\x00\x01\x8b\xcf\xe5\x68\x01"
					"\xa5"
					"alice\xa5phone\xa3gw1\xc4\x02\x00\x01\x96\xa4"
					"echo\xa2"
					"b1\x09\xa4"
					"chat\xc0\x00";
	const struct record_session record = session_plain();

	cr_assert_eq(record_session_encode(&record, body, &value), 0);
	cr_assert_eq(value.body_bytes, sizeof(golden) - 1, "%u", value.body_bytes);
	cr_expect_eq(memcmp(body, golden, value.body_bytes), 0);
	cr_expect_eq(value.generation, 3);
	cr_expect_eq(value.owner, 0x1122334455667788);
}

Test(record, a_session_comes_back_as_it_was)
{
	const struct record_session record = session_plain();
	struct record_session back;

	cr_assert_eq(record_session_encode(&record, body, &value), 0);
	cr_assert_eq(record_session_decode(&value, &back), 0);
	expect_session(&back, &record);
}

static struct options_text random_text(uint32_t min, uint32_t max)
{
	static char bytes[WIRE_META_MAX];
	const uint32_t len = min + (uint32_t)random() % (max - min + 1);

	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(1 + i % 255);
	return (struct options_text){.bytes = bytes + random() % (WIRE_META_MAX - max + 1),
				     .len = len};
}

static uint64_t random_number(void)
{
	const uint64_t number = (uint64_t)random() << 33 | (uint64_t)random() << 2;

	return number >> random() % 64;
}

Test(record, any_session_comes_back)
{
	srandom(1);
	for (int turn = 0; turn < 20000; turn++) {
		struct record_session record = {
		    .generation = random_number(),
		    .owner = random_number(),
		    .epoch = (uint32_t)random_number(),
		    .timeout_ms = (uint32_t)random_number(),
		    .grace_ms = (uint32_t)random_number(),
		    .heartbeat_ms = (uint32_t)random_number(),
		    .created_ms = random_number(),
		    .changed_ms = random_number(),
		    .subject = random_text(0, WIRE_NAME_MAX),
		    .client = random_text(0, WIRE_CLIENT_LABEL_MAX),
		    .gateway = random_text(0, WIRE_NAME_MAX),
		    .meta = random_text(0, WIRE_META_MAX),
		    .channels_count = (uint32_t)random() % (WIRE_CHANNELS_MAX + 1),
		};
		struct record_session back;

		for (uint32_t i = 0; i < record.channels_count; i++) {
			record.channels[i].service = random_text(1, WIRE_NAME_MAX);
			if (random() % 4 == 0)
				continue;
			record.channels[i].backend = random_text(1, WIRE_NAME_MAX);
			record.channels[i].instance = random_number();
		}
		cr_assert_eq(record_session_encode(&record, body, &value), 0);
		cr_assert_eq(record_session_decode(&value, &back), 0);
		expect_session(&back, &record);
	}
}

Test(record, the_longest_session_fits_exactly)
{
	struct record_session record = session_plain();
	static char bytes[WIRE_META_MAX + 1];
	const struct options_text name = {.bytes = bytes, .len = WIRE_NAME_MAX};

	record.epoch = record.timeout_ms = record.grace_ms = record.heartbeat_ms = UINT32_MAX;
	record.created_ms = record.changed_ms = UINT64_MAX;
	record.subject = record.gateway = name;
	record.client = (struct options_text){.bytes = bytes, .len = WIRE_CLIENT_LABEL_MAX};
	record.meta = (struct options_text){.bytes = bytes, .len = WIRE_META_MAX};
	record.channels_count = WIRE_CHANNELS_MAX;
	for (uint32_t i = 0; i < WIRE_CHANNELS_MAX; i++)
		record.channels[i] = (struct record_channel){
		    .service = name, .backend = name, .instance = UINT64_MAX};
	cr_assert_eq(record_session_encode(&record, body, &value), 0);
	cr_expect_leq(value.body_bytes, RECORD_BYTES_MAX);
	cr_expect_gt(value.body_bytes, RECORD_BYTES_MAX - 64, "the bound could be smaller: %u",
		     value.body_bytes);
}

Test(record, nothing_beyond_its_bound_is_written)
{
	static char bytes[WIRE_META_MAX + 1];
	const struct options_text name = {.bytes = bytes, .len = WIRE_NAME_MAX + 1};
	const struct options_text none = {.bytes = bytes, .len = 0};
	struct record_session records[9];

	for (size_t i = 0; i < 9; i++)
		records[i] = session_plain();
	records[0].subject = name;
	records[1].gateway = name;
	records[2].client = (struct options_text){.bytes = bytes, .len = WIRE_CLIENT_LABEL_MAX + 1};
	records[3].meta = (struct options_text){.bytes = bytes, .len = WIRE_META_MAX + 1};
	records[4].channels_count = WIRE_CHANNELS_MAX + 1;
	records[5].channels[0].service = name;
	records[6].channels[0].service = none;
	records[7].channels[0].backend = none;
	records[8].channels[1].instance = 1;
	for (size_t i = 0; i < 9; i++)
		cr_expect_eq(record_session_encode(&records[i], body, &value), -EINVAL, "case %zu",
			     i);
}

Test(record, a_session_cut_anywhere_is_malformed)
{
	const struct record_session record = session_plain();
	struct record_session back;
	uint8_t *exact;

	cr_assert_eq(record_session_encode(&record, body, &value), 0);
	for (uint32_t len = 0; len < value.body_bytes; len++) {
		struct store_value cut = value;

		// Of exactly that size, so that a sanitizer sees a read beyond it.
		exact = malloc(len > 0 ? len : 1);
		memcpy(exact, body, len);
		cut.body = exact;
		cut.body_bytes = len;
		cr_expect_eq(record_session_decode(&cut, &back), -EBADMSG, "%u bytes", len);
		free(exact);
	}
	body[value.body_bytes++] = 0xc0;
	cr_expect_eq(record_session_decode(&value, &back), -EBADMSG, "one byte more");
}

Test(record, versions_are_told_apart)
{
	static const struct {
		const char *bytes;
		uint32_t len;
		int rc;
	} cases[] = {
	    {"\x92\x02\xc0", 3, -ENOTSUP},                              // later, of another shape
	    {"\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 10, -ENOTSUP}, // much later
	    {"\x9c\x00", 2, -EBADMSG},                                  // there is no version 0
	    {"\x90", 1, -EBADMSG},                                      // none
	    {"\x91\xa1", 2, -EBADMSG},                                  // a text
	    {"\x9b\x01", 2, -EBADMSG},                                  // too few items
	    {"\x80", 1, -EBADMSG},                                      // a map
	    {"", 0, -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct store_value stored = {.body = (const uint8_t *)cases[i].bytes,
						   .body_bytes = cases[i].len};
		struct record_session session;
		struct record_backend backend;

		cr_expect_eq(record_session_decode(&stored, &session), cases[i].rc, "case %zu", i);
		cr_expect_eq(record_backend_decode(&stored, &backend), cases[i].rc, "case %zu", i);
	}
}

Test(record, a_backend_comes_back_as_it_was)
{
	for (int flags = 0; flags < 4; flags++) {
		const struct record_backend record = {.generation = 5,
						      .owner = 6,
						      .instance = UINT64_MAX,
						      .changed_ms = 1700000000000,
						      .alive = (flags & 1) != 0,
						      .draining = (flags & 2) != 0,
						      .service = options_text("echo"),
						      .name = options_text("b1"),
						      .gateway = options_text("gw1")};
		struct record_backend back;

		cr_assert_eq(record_backend_encode(&record, body, &value), 0);
		cr_assert_eq(record_backend_decode(&value, &back), 0);
		cr_expect_eq(back.generation, 5);
		cr_expect_eq(back.owner, 6);
		cr_expect_eq(back.instance, UINT64_MAX);
		cr_expect_eq(back.changed_ms, 1700000000000);
		cr_expect_eq(back.alive, record.alive);
		cr_expect_eq(back.draining, record.draining);
		expect_text(back.service, record.service);
		expect_text(back.name, record.name);
		expect_text(back.gateway, record.gateway);
	}
}

Test(record, a_backend_without_a_name_is_not_written)
{
	struct record_backend record = {.service = options_text("echo")};

	cr_expect_eq(record_backend_encode(&record, body, &value), -EINVAL);
	record.name = options_text("b1");
	record.service = options_text("");
	cr_expect_eq(record_backend_encode(&record, body, &value), -EINVAL);
}

Test(record, backends_have_keys_of_their_own)
{
	uint8_t one[RECORD_BACKEND_KEY_MAX], two[RECORD_BACKEND_KEY_MAX];
	const uint32_t one_len = record_backend_key(options_text("ab"), options_text("c"), one);
	const uint32_t two_len = record_backend_key(options_text("a"), options_text("bc"), two);

	cr_expect_eq(one_len, 4);
	cr_expect_eq(two_len, 4);
	cr_expect_neq(memcmp(one, two, 4), 0);
	cr_expect_eq(memcmp(one, "ab\0c", 4), 0);
}
