// SPDX-License-Identifier: BSD-3-Clause
#include "protocol/handshake.h"

#include <assert.h>
#include <errno.h>

#include "protocol/bytes.h"

void handshake_decode_fixed(const struct frame *frame, struct handshake *handshake)
{
	const uint8_t *body = frame->body;

	memset(handshake, 0, sizeof(*handshake));
	memcpy(handshake->session, body, WIRE_SESSION_ID_BYTES);
	handshake->epoch = bytes_read32(body + 16);
	memcpy(handshake->cookie, body + 24, WIRE_COOKIE_BYTES);
}

// Whether this type of frame can have this role and count of triples.
static bool shape_valid(const struct frame *frame, const struct handshake *handshake)
{
	if (handshake->epoch == 0 || handshake->role > WIRE_ROLE_BACKEND)
		return false;
	if (frame->type == WIRE_OPEN)
		return handshake->role == WIRE_ROLE_CLIENT && handshake->count == 1 &&
		       handshake->lane == 0;
	if (handshake->role == WIRE_ROLE_BACKEND)
		return handshake->count == 0;
	return handshake->count >= 1 && handshake->count <= WIRE_CHANNELS_MAX &&
	       handshake->lane == 0;
}

int handshake_decode(const struct frame *frame, struct handshake *handshake)
{
	const uint8_t *body = frame->body;

	handshake_decode_fixed(frame, handshake);
	handshake->role = body[20];
	handshake->count = body[21];
	handshake->lane = bytes_read16(body + 22);
	if (!shape_valid(frame, handshake))
		return -EBADMSG;

	const uint32_t bytes =
	    WIRE_HANDSHAKE_BYTES + (uint32_t)handshake->count * WIRE_TRIPLE_BYTES;

	if (frame->body_bytes < bytes)
		return -EBADMSG;
	for (uint32_t i = 0; i < handshake->count; i++) {
		frame_decode_triple(body + WIRE_HANDSHAKE_BYTES + i * WIRE_TRIPLE_BYTES,
				    &handshake->triples[i]);
		if (!frame_triple_valid(&handshake->triples[i]))
			return -EBADMSG;
	}
	handshake->options = body + bytes;
	handshake->options_bytes = frame->body_bytes - bytes;
	return 0;
}

uint32_t handshake_encode(const struct handshake *handshake, uint8_t *body)
{
	assert(handshake->count <= WIRE_CHANNELS_MAX);
	memcpy(body, handshake->session, WIRE_SESSION_ID_BYTES);
	bytes_write32(body + 16, handshake->epoch);
	body[20] = handshake->role;
	body[21] = handshake->count;
	bytes_write16(body + 22, handshake->lane);
	memcpy(body + 24, handshake->cookie, WIRE_COOKIE_BYTES);
	for (uint32_t i = 0; i < handshake->count; i++)
		frame_encode_triple(&handshake->triples[i],
				    body + WIRE_HANDSHAKE_BYTES + i * WIRE_TRIPLE_BYTES);
	return WIRE_HANDSHAKE_BYTES + (uint32_t)handshake->count * WIRE_TRIPLE_BYTES;
}

enum handshake_verdict handshake_check_late(const struct frame_triple *client,
					    const struct frame_triple *backend)
{
	if (client->oldest > backend->expected)
		return HANDSHAKE_CLIENT_FORGOT;
	if (client->expected > backend->next)
		return HANDSHAKE_CLIENT_CLAIMS;
	return HANDSHAKE_GOOD;
}

enum handshake_verdict handshake_check(const struct frame_triple *client,
				       const struct frame_triple *backend)
{
	const enum handshake_verdict late = handshake_check_late(client, backend);

	if (late != HANDSHAKE_GOOD)
		return late;
	if (backend->oldest > client->expected)
		return HANDSHAKE_BACKEND_FORGOT;
	if (backend->expected > client->next)
		return HANDSHAKE_BACKEND_CLAIMS;
	return HANDSHAKE_GOOD;
}
