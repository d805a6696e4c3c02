// SPDX-License-Identifier: BSD-3-Clause
// Records: any bytes as the body of a session's record or a backend's, chosen by the first byte.
//
// A record that decodes must encode, and mean the same when it is decoded again.
#include <errno.h>

#include "control/record.h"
#include "tests/fuzz/fuzz.h"

static void text_same(struct options_text left, struct options_text right)
{
	FUZZ_CHECK((left.bytes == NULL) == (right.bytes == NULL), "a text that was none");
	FUZZ_CHECK(options_text_equal(left, right), "another text");
}

static void session_same(const struct record_session *left, const struct record_session *right)
{
	FUZZ_CHECK(left->epoch == right->epoch, "another epoch");
	FUZZ_CHECK(left->timeout_ms == right->timeout_ms, "another timeout");
	FUZZ_CHECK(left->grace_ms == right->grace_ms, "another grace");
	FUZZ_CHECK(left->heartbeat_ms == right->heartbeat_ms, "another interval");
	FUZZ_CHECK(left->created_ms == right->created_ms, "another time");
	FUZZ_CHECK(left->changed_ms == right->changed_ms, "another time");
	text_same(left->subject, right->subject);
	text_same(left->client, right->client);
	text_same(left->gateway, right->gateway);
	text_same(left->meta, right->meta);
	FUZZ_CHECK(left->channels_count == right->channels_count, "another count");
	for (uint32_t i = 0; i < left->channels_count; i++) {
		text_same(left->channels[i].service, right->channels[i].service);
		text_same(left->channels[i].backend, right->channels[i].backend);
		FUZZ_CHECK(left->channels[i].instance == right->channels[i].instance,
			   "another instance");
	}
}

static void session_again(const struct store_value *value)
{
	uint8_t body[RECORD_BYTES_MAX];
	struct record_session record, twice;
	struct store_value again;
	const int rc = record_session_decode(value, &record);

	FUZZ_CHECK(rc == 0 || rc == -EBADMSG || rc == -ENOTSUP, "%d", rc);
	if (rc != 0)
		return;
	FUZZ_CHECK(record_session_encode(&record, body, &again) == 0, "it cannot be encoded");
	FUZZ_CHECK(record_session_decode(&again, &twice) == 0, "nor decoded again");
	session_same(&record, &twice);
}

static void backend_again(const struct store_value *value)
{
	uint8_t body[RECORD_BYTES_MAX], key[RECORD_BACKEND_KEY_MAX];
	struct record_backend record, twice;
	struct store_value again;
	const int rc = record_backend_decode(value, &record);

	FUZZ_CHECK(rc == 0 || rc == -EBADMSG || rc == -ENOTSUP, "%d", rc);
	if (rc != 0)
		return;
	FUZZ_CHECK(record_backend_encode(&record, body, &again) == 0, "it cannot be encoded");
	FUZZ_CHECK(record_backend_decode(&again, &twice) == 0, "nor decoded again");
	FUZZ_CHECK(record.instance == twice.instance, "another instance");
	FUZZ_CHECK(record.changed_ms == twice.changed_ms, "another time");
	FUZZ_CHECK(record.alive == twice.alive, "another state");
	FUZZ_CHECK(record.draining == twice.draining, "another state");
	text_same(record.service, twice.service);
	text_same(record.name, twice.name);
	text_same(record.gateway, twice.gateway);
	FUZZ_CHECK(record_backend_key(record.service, record.name, key) <= STORE_KEY_BYTES_MAX,
		   "too long a key");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_value value = {.generation = 1};
	uint8_t *body;

	if (size < 1 || size - 1 > STORE_BODY_BYTES_MAX)
		return 0;
	body = fuzz_copy(data + 1, size - 1);
	value.body = body;
	value.body_bytes = (uint32_t)(size - 1);
	if (data[0] % 2 == 0)
		session_again(&value);
	else
		backend_again(&value);
	free(body);
	return 0;
}
