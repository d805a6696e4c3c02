// SPDX-License-Identifier: BSD-3-Clause
// The toy gateway's handshakes: HELLO of clients and of backends, OPEN and what is answered.
#include <criterion/criterion.h>
#include <string.h>

#include "protocol/handshake.h"
#include "protocol/options.h"
#include "toy_gateway.h"

enum { OPEN_REPEAT_US = 200000 };

static void cookie_make(const struct toy_gateway *gateway, int socket,
			const struct handshake *block, uint8_t *cookie)
{
	memset(cookie, 0xc0, WIRE_COOKIE_BYTES);
	cookie[0] = (uint8_t)socket;
	cookie[1] = (uint8_t)(socket >> 8);
	cookie[2] = (uint8_t)block->epoch;
	cookie[3] = (uint8_t)gateway->instance;
}

static void retry_send(struct toy_gateway *gateway, int socket, const struct handshake *block,
		       const uint8_t *cookie)
{
	const struct frame header = {.type = WIRE_RETRY};
	struct frame_retry retry = {.epoch = block->epoch};
	uint8_t body[WIRE_RETRY_BODY_BYTES];

	memcpy(retry.session, block->session, sizeof(retry.session));
	memcpy(retry.cookie, cookie, sizeof(retry.cookie));
	toy_frame_send(gateway, socket, &header, body, frame_encode_retry(&retry, body));
}

static void reject_send(struct toy_gateway *gateway, int socket, const struct handshake *block,
			uint16_t code, uint32_t standing)
{
	const struct frame header = {.type = WIRE_REJECT};
	struct frame_reject reject = {
	    .epoch = block->epoch, .code = code, .epoch_standing = standing};
	uint8_t body[WIRE_REJECT_BODY_BYTES];

	memcpy(reject.session, block->session, sizeof(reject.session));
	toy_frame_send(gateway, socket, &header, body, frame_encode_reject(&reject, body));
}

static void block_send(struct toy_gateway *gateway, int socket, const struct frame *header,
		       const struct handshake *block, const struct options *options)
{
	uint8_t body[1024];
	uint32_t len = handshake_encode(block, body);
	const int packed = options_encode(options, body + len, sizeof(body) - len);

	cr_assert(packed >= 0);
	toy_frame_send(gateway, socket, header, body, len + (uint32_t)packed);
}

// What both WELCOMEs have in common.
static struct options welcome_options(const struct toy_gateway *gateway)
{
	return (struct options){
	    .present = OPTIONS_INSTANCE | OPTIONS_HEARTBEAT_MS | OPTIONS_TIMEOUT_MS |
		       OPTIONS_GRACE_MS | OPTIONS_WINDOW | OPTIONS_FRAME_MAX,
	    .instance = gateway->instance,
	    .heartbeat_ms = gateway->heartbeat_ms,
	    .timeout_ms = gateway->timeout_ms,
	    .grace_ms = gateway->grace_ms,
	    .window = gateway->window,
	    .frame_max = gateway->frame_max,
	};
}

static void link_welcome(struct toy_gateway *gateway, int socket, const struct handshake *hello)
{
	const struct frame header = {.type = WIRE_WELCOME, .handle = gateway->link_handle};
	struct handshake block = *hello;
	struct options options = welcome_options(gateway);

	memset(block.cookie, 0, sizeof(block.cookie));
	options.present |= OPTIONS_WORKER | OPTIONS_WORKERS;
	options.worker = (uint32_t)socket % gateway->workers;
	options.workers = gateway->workers;
	block_send(gateway, socket, &header, &block, &options);
}

static void backend_hello(struct toy_gateway *gateway, int socket, const struct handshake *hello)
{
	struct toy_lane *lane = &gateway->lanes[(uint32_t)socket % gateway->workers];

	if (hello->epoch < gateway->link_epoch) {
		reject_send(gateway, socket, hello, HOLDFAST_STALE_EPOCH, gateway->link_epoch);
		return;
	}
	if (hello->epoch > gateway->link_epoch)
		memset(gateway->lanes, 0, sizeof(gateway->lanes));
	gateway->link_epoch = hello->epoch;
	if (!lane->live)
		*lane = (struct toy_lane){.used = true, .socket = socket, .number = hello->lane};
	link_welcome(gateway, socket, hello);
}

static void client_welcome(struct toy_gateway *gateway, const struct toy_session *session)
{
	const struct frame header = {.type = WIRE_WELCOME, .handle = session->handle};
	struct handshake block = {.epoch = session->epoch, .count = (uint8_t)session->channels};
	struct options options = welcome_options(gateway);

	memcpy(block.session, session->id, sizeof(block.session));
	for (uint32_t k = 0; k < session->channels; k++)
		block.triples[k] = (struct frame_triple){
		    session->down[k].acked, session->down[k].next, session->up[k].acked};
	options.present |= OPTIONS_RESUMED;
	options.resumed = session->connected;
	block_send(gateway, session->attempt, &header, &block, &options);
}

static uint8_t all_channels(const struct toy_session *session)
{
	return (uint8_t)((1u << session->channels) - 1);
}

static void channel_open(struct toy_gateway *gateway, const struct toy_session *session, uint32_t k)
{
	const bool fresh = (session->fresh & 1u << k) != 0;
	const struct frame header = {.type = WIRE_OPEN,
				     .flags = fresh ? 0 : WIRE_FLAG_RESUME,
				     .channel = (uint8_t)k,
				     .handle = session->handle};
	struct handshake block = {.epoch = session->epoch, .count = 1};
	const struct options options = {
	    .present = OPTIONS_SERVICE | OPTIONS_TIMEOUT_MS | OPTIONS_GRACE_MS,
	    .service = options_text("echo"),
	    .timeout_ms = gateway->timeout_ms,
	    .grace_ms = gateway->grace_ms,
	};
	int socket;

	memcpy(block.session, session->id, sizeof(block.session));
	block.triples[0] = session->told[k];
	if (toy_lane_of(gateway, session, &socket))
		block_send(gateway, socket, &header, &block, &options);
}

void toy_open_send(struct toy_gateway *gateway, struct toy_session *session)
{
	session->repeat_us = gateway->net->now_us + OPEN_REPEAT_US;
	for (uint32_t k = 0; k < session->channels; k++) {
		if ((session->opened & 1u << k) == 0)
			channel_open(gateway, session, k);
	}
}

static struct toy_session *session_make(struct toy_gateway *gateway, const struct handshake *hello)
{
	struct toy_session *session = gateway->sessions;

	while (session->used)
		session++;
	cr_assert(session < gateway->sessions + TOY_SESSIONS_MAX);
	*session = (struct toy_session){.used = true, .client = -1, .attempt = -1};
	memcpy(session->id, hello->session, sizeof(session->id));
	session->channels = hello->count;
	session->fresh = all_channels(session);
	session->handle = gateway->instance << 32 | ++gateway->handles;
	session->lane = (uint32_t)gateway->handles % gateway->workers;
	return session;
}

static void attempt_begin(struct toy_gateway *gateway, struct toy_session *session, int socket,
			  const struct handshake *hello)
{
	session->epoch = hello->epoch;
	session->attempt = socket;
	cr_assert_eq(hello->count, session->channels);
	memcpy(session->told, hello->triples, sizeof(session->told));
	session->opened = 0;
	if (session->connected && session->fresh != 0) { // a channel was reset: a new handle
		session->handle = gateway->instance << 32 | ++gateway->handles;
		session->client_event = session->backend_event = 0;
	}
	if (session->fresh == 0)
		client_welcome(gateway, session);
	toy_open_send(gateway, session);
}

static void client_hello(struct toy_gateway *gateway, int socket, const struct frame *frame,
			 const struct handshake *hello)
{
	struct toy_session *session = toy_gateway_find(gateway, hello->session);
	const bool resume = (frame->flags & WIRE_FLAG_RESUME) != 0;

	if (gateway->refuse != 0) {
		reject_send(gateway, socket, hello, gateway->refuse, 0);
		return;
	}
	if (!session && (resume || hello->triples[0].expected > 0)) {
		reject_send(gateway, socket, hello, HOLDFAST_STATE_MISMATCH, 0);
		return;
	}
	if (!session)
		session = session_make(gateway, hello);
	if (hello->epoch < session->epoch ||
	    (hello->epoch == session->epoch && socket != session->attempt &&
	     socket != session->client))
		reject_send(gateway, socket, hello, HOLDFAST_STALE_EPOCH, session->epoch);
	else if (hello->epoch > session->epoch)
		attempt_begin(gateway, session, socket, hello);
	else if (session->attempt == socket && session->fresh == 0)
		client_welcome(gateway, session);
}

static uint32_t token_keep(const struct handshake *hello, uint8_t *kept, uint32_t room)
{
	struct options options;

	cr_assert_eq(options_decode(hello->options, hello->options_bytes, &options), 0);
	cr_assert(options.token.len <= room);
	if (options.token.len > 0)
		memcpy(kept, options.token.bytes, options.token.len);
	return options.token.len;
}

void toy_hello_take(struct toy_gateway *gateway, int socket, const struct frame *frame)
{
	struct handshake hello;
	uint8_t cookie[WIRE_COOKIE_BYTES];

	cr_assert_eq(frame->body_bytes + WIRE_HEADER_BYTES, WIRE_FRAME_MAX_DEFAULT, "padded");
	cr_assert_eq(handshake_decode(frame, &hello), 0);
	cookie_make(gateway, socket, &hello, cookie);
	if (memcmp(cookie, hello.cookie, sizeof(cookie)) != 0) {
		retry_send(gateway, socket, &hello, cookie);
	} else if (hello.role == WIRE_ROLE_BACKEND) {
		gateway->backend_token_bytes =
		    token_keep(&hello, gateway->backend_token, sizeof(gateway->backend_token));
		backend_hello(gateway, socket, &hello);
	} else {
		gateway->client_token_bytes =
		    token_keep(&hello, gateway->client_token, sizeof(gateway->client_token));
		client_hello(gateway, socket, frame, &hello);
	}
}

void toy_open_ack_take(struct toy_gateway *gateway, struct toy_session *session,
		       const struct frame *frame)
{
	struct frame_open_ack ack;
	struct handshake block = {.epoch = session->epoch};
	const uint32_t k = frame->channel;
	const uint8_t bit = (uint8_t)(1u << k);

	frame_decode_open_ack(frame, &ack);
	if ((session->opened & bit) != 0)
		return;
	gateway->open_acks += ack.code == 0;
	gateway->open_refusals += ack.code != 0;
	if (ack.code != 0) {
		memcpy(block.session, session->id, sizeof(block.session));
		reject_send(gateway, session->attempt, &block, ack.code, ack.epoch);
		session->used = false;
		return;
	}
	if (ack.epoch != session->epoch)
		return;
	session->opened |= bit;
	if ((session->fresh & bit) == 0)
		return;
	session->fresh &= (uint8_t)~bit;
	session->up[k] = (struct toy_direction){ack.triple.expected, session->told[k].next};
	session->down[k] = (struct toy_direction){session->told[k].expected, ack.triple.next};
	if (session->fresh == 0)
		client_welcome(gateway, session);
}
