// SPDX-License-Identifier: BSD-3-Clause
// One table says of each frame type what its header and body may be, and who may send it.
#include "protocol/frame.h"

#include <assert.h>

#include "protocol/bytes.h"

enum { CLIENT = 1 << FRAME_FROM_CLIENT, BACKEND = 1 << FRAME_FROM_BACKEND };
enum { GATEWAY = 1 << FRAME_FROM_GATEWAY, ENDPOINT = CLIENT | BACKEND, ANY = ENDPOINT | GATEWAY };

enum handle_rule { HANDLE_NEEDED, HANDLE_NONE, HANDLE_EITHER };

struct type {
	const char *name; // NULL: no such type
	uint16_t body_min;
	uint16_t body_max;
	uint8_t flags; // that it can carry
	uint8_t sides; // that may send it: bits of enum frame_side
	uint8_t handle;
	bool channel; // has one
};

enum { BODY_ANY = UINT16_MAX, NAK_BYTES_MAX = WIRE_NAK_PAIRS_MAX * WIRE_NAK_PAIR_BYTES };

static const struct type types[WIRE_TYPE_MAX + 1] = {
    [WIRE_HELLO] = {"HELLO", WIRE_HANDSHAKE_BYTES, BODY_ANY, WIRE_FLAG_RESUME, ENDPOINT,
		    HANDLE_NONE, false},
    [WIRE_RETRY] = {"RETRY", WIRE_RETRY_BODY_BYTES, WIRE_RETRY_BODY_BYTES, 0, GATEWAY, HANDLE_NONE,
		    false},
    [WIRE_WELCOME] = {"WELCOME", WIRE_HANDSHAKE_BYTES, BODY_ANY, 0, GATEWAY, HANDLE_NEEDED, false},
    [WIRE_REJECT] = {"REJECT", WIRE_REJECT_BODY_BYTES, BODY_ANY, 0, GATEWAY, HANDLE_EITHER, false},
    [WIRE_OPEN] = {"OPEN", WIRE_HANDSHAKE_BYTES + WIRE_TRIPLE_BYTES, BODY_ANY, WIRE_FLAG_RESUME,
		   GATEWAY, HANDLE_NEEDED, true},
    [WIRE_OPEN_ACK] = {"OPEN_ACK", WIRE_OPEN_ACK_BODY_BYTES, WIRE_OPEN_ACK_BODY_BYTES, 0, BACKEND,
		       HANDLE_NEEDED, true},
    [WIRE_DATA] = {"DATA", 0, BODY_ANY, WIRE_FLAG_MORE | WIRE_FLAG_BUNDLE | WIRE_FLAG_REPLAYED, ANY,
		   HANDLE_NEEDED, true},
    [WIRE_ACK] = {"ACK", 0, 0, 0, ANY, HANDLE_NEEDED, true},
    [WIRE_NAK] = {"NAK", WIRE_NAK_PAIR_BYTES, NAK_BYTES_MAX, 0, ANY, HANDLE_NEEDED, true},
    [WIRE_DATAGRAM] = {"DATAGRAM", 0, BODY_ANY, 0, ANY, HANDLE_NEEDED, true},
    [WIRE_HEARTBEAT] = {"HEARTBEAT", WIRE_HEARTBEAT_BODY_BYTES, WIRE_HEARTBEAT_BODY_BYTES, 0,
			GATEWAY, HANDLE_NEEDED, false},
    [WIRE_HEARTBEAT_ACK] = {"HEARTBEAT_ACK", WIRE_HEARTBEAT_BODY_BYTES, WIRE_HEARTBEAT_BODY_BYTES,
			    0, ENDPOINT, HANDLE_NEEDED, false},
    [WIRE_EVENT] = {"EVENT", 0, BODY_ANY, 0, GATEWAY, HANDLE_NEEDED, true},
    [WIRE_EVENT_ACK] = {"EVENT_ACK", 0, 0, 0, ENDPOINT, HANDLE_NEEDED, false},
    [WIRE_CLOSE] = {"CLOSE", WIRE_CLOSE_BODY_BYTES, BODY_ANY, 0, ANY, HANDLE_NEEDED, true},
    [WIRE_CLOSE_ACK] = {"CLOSE_ACK", 0, 0, 0, ANY, HANDLE_NEEDED, true},
    [WIRE_UNKNOWN] = {"UNKNOWN", 0, 0, 0, ANY, HANDLE_NEEDED, false},
    [WIRE_SLEEP] = {"SLEEP", 0, 0, 0, CLIENT, HANDLE_NEEDED, false},
    [WIRE_CONFIRM] = {"CONFIRM", WIRE_CONFIRM_BODY_BYTES, WIRE_CONFIRM_BODY_BYTES, 0, ENDPOINT,
		      HANDLE_NEEDED, false},
};

static enum frame_fault frame_judge(const struct frame *frame)
{
	if (frame->type > WIRE_TYPE_MAX || types[frame->type].name == NULL)
		return FRAME_TYPE;

	const struct type *type = &types[frame->type];
	const uint8_t both = WIRE_FLAG_MORE | WIRE_FLAG_BUNDLE;

	if ((frame->flags & ~type->flags) != 0 || (frame->flags & both) == both)
		return FRAME_FLAGS;
	if (frame->channel >= WIRE_CHANNELS_MAX || (frame->channel != 0 && !type->channel))
		return FRAME_CHANNEL;
	if ((type->handle == HANDLE_NONE && frame->handle != 0) ||
	    (type->handle == HANDLE_NEEDED && frame->handle == 0))
		return FRAME_HANDLE;
	if (frame->body_bytes < type->body_min || frame->body_bytes > type->body_max)
		return FRAME_BODY;
	if (frame->type == WIRE_NAK && frame->body_bytes % WIRE_NAK_PAIR_BYTES != 0)
		return FRAME_BODY;
	return FRAME_OK;
}

enum frame_fault frame_decode(const uint8_t *bytes, uint32_t len, struct frame *frame)
{
	if (len < WIRE_HEADER_BYTES)
		return FRAME_SHORT;
	frame->type = bytes[1];
	frame->flags = bytes[2];
	frame->channel = bytes[3];
	frame->window = bytes_read16(bytes + 4);
	frame->aux = bytes_read16(bytes + 6);
	frame->handle = bytes_read64(bytes + 8);
	frame->seq = bytes_read32(bytes + 16);
	frame->ack = bytes_read32(bytes + 20);
	frame->body = bytes + WIRE_HEADER_BYTES;
	frame->body_bytes = len - WIRE_HEADER_BYTES;
	if (bytes[0] != WIRE_VERSION)
		return FRAME_VERSION;
	return frame_judge(frame);
}

void frame_encode_header(const struct frame *frame, uint8_t *bytes)
{
	bytes[0] = WIRE_VERSION;
	bytes[1] = frame->type;
	bytes[2] = frame->flags;
	bytes[3] = frame->channel;
	bytes_write16(bytes + 4, frame->window);
	bytes_write16(bytes + 6, frame->aux);
	bytes_write64(bytes + 8, frame->handle);
	bytes_write32(bytes + 16, frame->seq);
	bytes_write32(bytes + 20, frame->ack);
}

bool frame_legal_from(uint8_t type, enum frame_side side)
{
	return type <= WIRE_TYPE_MAX && ((types[type].sides >> side) & 1u) != 0;
}

const char *frame_type_name(uint8_t type)
{
	return type <= WIRE_TYPE_MAX && types[type].name != NULL ? types[type].name : "type ?";
}

void frame_decode_retry(const struct frame *frame, struct frame_retry *retry)
{
	memcpy(retry->session, frame->body, WIRE_SESSION_ID_BYTES);
	retry->epoch = bytes_read32(frame->body + 16);
	memcpy(retry->cookie, frame->body + 20, WIRE_COOKIE_BYTES);
}

uint32_t frame_encode_retry(const struct frame_retry *retry, uint8_t *body)
{
	memcpy(body, retry->session, WIRE_SESSION_ID_BYTES);
	bytes_write32(body + 16, retry->epoch);
	memcpy(body + 20, retry->cookie, WIRE_COOKIE_BYTES);
	return WIRE_RETRY_BODY_BYTES;
}

void frame_decode_reject(const struct frame *frame, struct frame_reject *reject)
{
	memcpy(reject->session, frame->body, WIRE_SESSION_ID_BYTES);
	reject->epoch = bytes_read32(frame->body + 16);
	reject->code = bytes_read16(frame->body + 20);
	reject->retriable = frame->body[22] != 0;
	reject->retry_after_ms = bytes_read32(frame->body + 24);
	reject->epoch_standing = bytes_read32(frame->body + 28);
}

uint32_t frame_encode_reject(const struct frame_reject *reject, uint8_t *body)
{
	memcpy(body, reject->session, WIRE_SESSION_ID_BYTES);
	bytes_write32(body + 16, reject->epoch);
	bytes_write16(body + 20, reject->code);
	body[22] = reject->retriable;
	body[23] = 0;
	bytes_write32(body + 24, reject->retry_after_ms);
	bytes_write32(body + 28, reject->epoch_standing);
	return WIRE_REJECT_BODY_BYTES;
}

void frame_decode_triple(const uint8_t *bytes, struct frame_triple *triple)
{
	triple->oldest = bytes_read64(bytes);
	triple->next = bytes_read64(bytes + 8);
	triple->expected = bytes_read64(bytes + 16);
}

void frame_encode_triple(const struct frame_triple *triple, uint8_t *bytes)
{
	bytes_write64(bytes, triple->oldest);
	bytes_write64(bytes + 8, triple->next);
	bytes_write64(bytes + 16, triple->expected);
}

bool frame_triple_valid(const struct frame_triple *triple)
{
	const uint64_t limit = UINT64_C(1) << 63;

	return triple->oldest < limit && triple->next < limit && triple->expected < limit &&
	       triple->oldest <= triple->next && triple->next - triple->oldest <= WIRE_WINDOW_MAX;
}

void frame_decode_open_ack(const struct frame *frame, struct frame_open_ack *ack)
{
	ack->code = bytes_read16(frame->body);
	ack->epoch = bytes_read32(frame->body + 4);
	frame_decode_triple(frame->body + 8, &ack->triple);
}

uint32_t frame_encode_open_ack(const struct frame_open_ack *ack, uint8_t *body)
{
	bytes_write16(body, ack->code);
	bytes_write16(body + 2, 0);
	bytes_write32(body + 4, ack->epoch);
	frame_encode_triple(&ack->triple, body + 8);
	return WIRE_OPEN_ACK_BODY_BYTES;
}

void frame_decode_close(const struct frame *frame, struct frame_close *close)
{
	close->code = bytes_read16(frame->body);
}

uint32_t frame_encode_close(const struct frame_close *close, uint8_t *body)
{
	bytes_write16(body, close->code);
	bytes_write16(body + 2, 0);
	return WIRE_CLOSE_BODY_BYTES;
}

uint32_t frame_decode_confirm(const struct frame *frame)
{
	return bytes_read32(frame->body);
}

uint32_t frame_encode_confirm(uint32_t epoch, uint8_t *body)
{
	bytes_write32(body, epoch);
	return WIRE_CONFIRM_BODY_BYTES;
}

uint32_t frame_decode_nak(const struct frame *frame,
			  struct frame_nak_pair pairs[static WIRE_NAK_PAIRS_MAX])
{
	const uint32_t count = frame->body_bytes / WIRE_NAK_PAIR_BYTES;

	for (uint32_t i = 0; i < count; i++) {
		pairs[i].first = bytes_read32(frame->body + i * WIRE_NAK_PAIR_BYTES);
		pairs[i].count = bytes_read32(frame->body + i * WIRE_NAK_PAIR_BYTES + 4);
	}
	return count;
}

uint32_t frame_encode_nak(const struct frame_nak_pair *pairs, uint32_t count, uint8_t *body)
{
	assert(count >= 1 && count <= WIRE_NAK_PAIRS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		bytes_write32(body + i * WIRE_NAK_PAIR_BYTES, pairs[i].first);
		bytes_write32(body + i * WIRE_NAK_PAIR_BYTES + 4, pairs[i].count);
	}
	return count * WIRE_NAK_PAIR_BYTES;
}
