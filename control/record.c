// SPDX-License-Identifier: BSD-3-Clause
// A session: [version, epoch, timeout_ms, grace_ms, heartbeat_ms, created_ms, changed_ms, subject,
// client, gateway, meta, [service, backend or nil, instance, ...]]. A backend: [version, instance,
// changed_ms, alive, draining, service, name, gateway].
#include "control/record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <msgpack.h>

#include "protocol/bytes.h"

enum { SESSION_ITEMS = 12, BACKEND_ITEMS = 8, CHANNEL_ITEMS = 3 };

static_assert((int)RECORD_BYTES_MAX <= (int)STORE_BODY_BYTES_MAX, "a record fits");
static_assert((int)RECORD_BACKEND_KEY_MAX <= (int)STORE_KEY_BYTES_MAX, "and its key");

// ---- Reading -------------------------------------------------------------------------------

// What is left. Once something did not fit, everything reads as 0 or "".
struct reader {
	const uint8_t *at, *end;
	bool bad;
};

static const uint8_t *take(struct reader *reader, size_t len)
{
	const uint8_t *bytes = reader->at;

	if (reader->bad || (size_t)(reader->end - reader->at) < len) {
		reader->bad = true;
		return NULL;
	}
	reader->at += len;
	return bytes;
}

static uint8_t take_byte(struct reader *reader)
{
	const uint8_t *byte = take(reader, 1);

	return byte != NULL ? *byte : 0;
}

// An integer of 1, 2, 4 or 8 bytes.
static uint64_t take_number(struct reader *reader, size_t len)
{
	const uint8_t *bytes = take(reader, len);

	if (bytes == NULL)
		return 0;
	switch (len) {
	case 1:
		return *bytes;
	case 2:
		return bytes_read16(bytes);
	case 4:
		return bytes_read32(bytes);
	default:
		return bytes_read64(bytes);
	}
}

static uint64_t take_uint(struct reader *reader, uint64_t max)
{
	const uint8_t head = take_byte(reader);
	uint64_t number = head;

	if (head >= 0xcc && head <= 0xcf)
		number = take_number(reader, (size_t)1 << (head - 0xcc));
	else if (head > 0x7f)
		reader->bad = true;
	if (number > max)
		reader->bad = true;
	return reader->bad ? 0 : number;
}

static bool take_bool(struct reader *reader)
{
	const uint8_t head = take_byte(reader);

	if (head != 0xc2 && head != 0xc3)
		reader->bad = true;
	return head == 0xc3;
}

static struct options_text take_bytes(struct reader *reader, uint64_t len, uint32_t max)
{
	const uint8_t *bytes = len <= max ? take(reader, len) : NULL;

	if (bytes == NULL) {
		reader->bad = true;
		len = 0;
	}
	return (struct options_text){.bytes = (const char *)bytes, .len = (uint32_t)len};
}

static struct options_text take_text(struct reader *reader, uint32_t min, uint32_t max)
{
	const uint8_t head = take_byte(reader);
	uint64_t len = head & 0x1f;

	if (head == 0xd9 || head == 0xda)
		len = take_number(reader, head == 0xd9 ? 1 : 2);
	else if (head < 0xa0 || head > 0xbf)
		reader->bad = true;
	if (len < min)
		reader->bad = true;
	return take_bytes(reader, len, max);
}

static struct options_text take_bin(struct reader *reader, uint32_t max)
{
	const uint8_t head = take_byte(reader);

	if (head != 0xc4 && head != 0xc5)
		reader->bad = true;
	return take_bytes(reader, take_number(reader, head == 0xc4 ? 1 : 2), max);
}

static struct options_text take_name_or_nil(struct reader *reader)
{
	if (!reader->bad && reader->at < reader->end && *reader->at == 0xc0) {
		reader->at++;
		return (struct options_text){.bytes = NULL};
	}
	return take_text(reader, 1, WIRE_NAME_MAX);
}

static uint32_t take_array(struct reader *reader)
{
	const uint8_t head = take_byte(reader);

	if (head == 0xdc)
		return (uint32_t)take_number(reader, 2);
	if (head < 0x90 || head > 0x9f)
		reader->bad = true;
	return head & 0x0f;
}

// The head of every record. Returns 0, -ENOTSUP or -EBADMSG.
static int take_head(struct reader *reader, const struct store_value *value, uint32_t items)
{
	uint32_t count;
	uint64_t version;

	*reader = (struct reader){.at = value->body, .end = value->body + value->body_bytes};
	count = take_array(reader);
	version = take_uint(reader, UINT64_MAX);
	if (reader->bad || version == 0)
		return -EBADMSG;
	if (version > RECORD_VERSION)
		return -ENOTSUP;
	return count == items ? 0 : -EBADMSG;
}

static int take_end(const struct reader *reader)
{
	return reader->bad || reader->at != reader->end ? -EBADMSG : 0;
}

static void take_channels(struct reader *reader, struct record_session *record)
{
	const uint32_t items = take_array(reader);

	if (items % CHANNEL_ITEMS != 0 || items / CHANNEL_ITEMS > WIRE_CHANNELS_MAX) {
		reader->bad = true;
		return;
	}
	record->channels_count = items / CHANNEL_ITEMS;
	for (uint32_t i = 0; i < record->channels_count; i++) {
		struct record_channel *channel = &record->channels[i];

		channel->service = take_text(reader, 1, WIRE_NAME_MAX);
		channel->backend = take_name_or_nil(reader);
		channel->instance =
		    take_uint(reader, channel->backend.bytes != NULL ? UINT64_MAX : 0);
	}
}

int record_session_decode(const struct store_value *value, struct record_session *record)
{
	struct reader reader;
	const int rc = take_head(&reader, value, SESSION_ITEMS);

	if (rc != 0)
		return rc;
	record->generation = value->generation;
	record->owner = value->owner;
	record->epoch = (uint32_t)take_uint(&reader, UINT32_MAX);
	record->timeout_ms = (uint32_t)take_uint(&reader, UINT32_MAX);
	record->grace_ms = (uint32_t)take_uint(&reader, UINT32_MAX);
	record->heartbeat_ms = (uint32_t)take_uint(&reader, UINT32_MAX);
	record->created_ms = take_uint(&reader, UINT64_MAX);
	record->changed_ms = take_uint(&reader, UINT64_MAX);
	record->subject = take_text(&reader, 0, WIRE_NAME_MAX);
	record->client = take_text(&reader, 0, WIRE_CLIENT_LABEL_MAX);
	record->gateway = take_text(&reader, 0, WIRE_NAME_MAX);
	record->meta = take_bin(&reader, WIRE_META_MAX);
	take_channels(&reader, record);
	return take_end(&reader);
}

int record_backend_decode(const struct store_value *value, struct record_backend *record)
{
	struct reader reader;
	const int rc = take_head(&reader, value, BACKEND_ITEMS);

	if (rc != 0)
		return rc;
	record->generation = value->generation;
	record->owner = value->owner;
	record->instance = take_uint(&reader, UINT64_MAX);
	record->changed_ms = take_uint(&reader, UINT64_MAX);
	record->alive = take_bool(&reader);
	record->draining = take_bool(&reader);
	record->service = take_text(&reader, 1, WIRE_NAME_MAX);
	record->name = take_text(&reader, 1, WIRE_NAME_MAX);
	record->gateway = take_text(&reader, 0, WIRE_NAME_MAX);
	return take_end(&reader);
}

// ---- Writing -------------------------------------------------------------------------------

struct writer {
	uint8_t *body;
	uint32_t len;
};

static int on_write(void *context, const char *bytes, size_t len)
{
	struct writer *writer = context;

	// What is written was held to its bounds before.
	assert(len <= RECORD_BYTES_MAX - writer->len);
	memcpy(writer->body + writer->len, bytes, len);
	writer->len += (uint32_t)len;
	return 0;
}

static bool fits(struct options_text text, uint32_t min, uint32_t max)
{
	return text.len >= min && text.len <= max;
}

static void pack_text(msgpack_packer *packer, struct options_text text)
{
	msgpack_pack_str(packer, text.len);
	if (text.len > 0)
		msgpack_pack_str_body(packer, text.bytes, text.len);
}

static void pack_bool(msgpack_packer *packer, bool value)
{
	if (value)
		msgpack_pack_true(packer);
	else
		msgpack_pack_false(packer);
}

static bool session_fits(const struct record_session *record)
{
	if (record->channels_count > WIRE_CHANNELS_MAX)
		return false;
	for (uint32_t i = 0; i < record->channels_count; i++) {
		const struct record_channel *channel = &record->channels[i];

		if (!fits(channel->service, 1, WIRE_NAME_MAX))
			return false;
		if (channel->backend.bytes == NULL ? channel->instance != 0
						   : !fits(channel->backend, 1, WIRE_NAME_MAX))
			return false;
	}
	return fits(record->subject, 0, WIRE_NAME_MAX) &&
	       fits(record->client, 0, WIRE_CLIENT_LABEL_MAX) &&
	       fits(record->gateway, 0, WIRE_NAME_MAX) && fits(record->meta, 0, WIRE_META_MAX);
}

static void pack_channel(msgpack_packer *packer, const struct record_channel *channel)
{
	pack_text(packer, channel->service);
	if (channel->backend.bytes == NULL)
		msgpack_pack_nil(packer);
	else
		pack_text(packer, channel->backend);
	msgpack_pack_uint64(packer, channel->instance);
}

int record_session_encode(const struct record_session *record,
			  uint8_t body[static RECORD_BYTES_MAX], struct store_value *value)
{
	struct writer writer = {.body = body};
	msgpack_packer packer;

	if (!session_fits(record))
		return -EINVAL;
	msgpack_packer_init(&packer, &writer, on_write);
	msgpack_pack_array(&packer, SESSION_ITEMS);
	msgpack_pack_uint32(&packer, RECORD_VERSION);
	msgpack_pack_uint32(&packer, record->epoch);
	msgpack_pack_uint32(&packer, record->timeout_ms);
	msgpack_pack_uint32(&packer, record->grace_ms);
	msgpack_pack_uint32(&packer, record->heartbeat_ms);
	msgpack_pack_uint64(&packer, record->created_ms);
	msgpack_pack_uint64(&packer, record->changed_ms);
	pack_text(&packer, record->subject);
	pack_text(&packer, record->client);
	pack_text(&packer, record->gateway);
	msgpack_pack_bin(&packer, record->meta.len);
	if (record->meta.len > 0)
		msgpack_pack_bin_body(&packer, record->meta.bytes, record->meta.len);
	msgpack_pack_array(&packer, record->channels_count * CHANNEL_ITEMS);
	for (uint32_t i = 0; i < record->channels_count; i++)
		pack_channel(&packer, &record->channels[i]);
	*value = (struct store_value){.generation = record->generation,
				      .owner = record->owner,
				      .body_bytes = writer.len,
				      .body = body};
	return 0;
}

int record_backend_encode(const struct record_backend *record,
			  uint8_t body[static RECORD_BYTES_MAX], struct store_value *value)
{
	struct writer writer = {.body = body};
	msgpack_packer packer;

	if (!fits(record->service, 1, WIRE_NAME_MAX) || !fits(record->name, 1, WIRE_NAME_MAX) ||
	    !fits(record->gateway, 0, WIRE_NAME_MAX))
		return -EINVAL;
	msgpack_packer_init(&packer, &writer, on_write);
	msgpack_pack_array(&packer, BACKEND_ITEMS);
	msgpack_pack_uint32(&packer, RECORD_VERSION);
	msgpack_pack_uint64(&packer, record->instance);
	msgpack_pack_uint64(&packer, record->changed_ms);
	pack_bool(&packer, record->alive);
	pack_bool(&packer, record->draining);
	pack_text(&packer, record->service);
	pack_text(&packer, record->name);
	pack_text(&packer, record->gateway);
	*value = (struct store_value){.generation = record->generation,
				      .owner = record->owner,
				      .body_bytes = writer.len,
				      .body = body};
	return 0;
}

uint32_t record_backend_key(struct options_text service, struct options_text name,
			    uint8_t key[static RECORD_BACKEND_KEY_MAX])
{
	assert(fits(service, 1, WIRE_NAME_MAX));
	assert(fits(name, 1, WIRE_NAME_MAX));
	memcpy(key, service.bytes, service.len);
	key[service.len] = '\0';
	memcpy(key + service.len + 1, name.bytes, name.len);
	return service.len + 1 + name.len;
}
