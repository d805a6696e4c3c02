// SPDX-License-Identifier: BSD-3-Clause
#include "toy_gateway.h"

#include <criterion/criterion.h>
#include <string.h>

#include "protocol/handshake.h"
#include "protocol/options.h"
#include "protocol/sequence.h"

enum { OPEN_REPEAT_US = 200000 };

static const uint64_t first_link_handle = UINT64_C(0x7700000001);

static void frame_send(struct toy_gateway *gateway, int socket, const struct frame *header,
		       const void *body, uint32_t len)
{
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];

	cr_assert(WIRE_HEADER_BYTES + len <= sizeof(bytes));
	frame_encode_header(header, bytes);
	if (len > 0)
		memcpy(bytes + WIRE_HEADER_BYTES, body, len);
	toy_net_reply(gateway->net, socket, bytes, WIRE_HEADER_BYTES + len);
}

static void bare_send(struct toy_gateway *gateway, int socket, uint8_t type, uint64_t handle,
		      uint8_t channel)
{
	const struct frame header = {.type = type, .channel = channel, .handle = handle};

	frame_send(gateway, socket, &header, NULL, 0);
}

// ---- Handshakes ----------------------------------------------------------------------------

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
	frame_send(gateway, socket, &header, body, frame_encode_retry(&retry, body));
}

static void reject_send(struct toy_gateway *gateway, int socket, const struct handshake *block,
			uint16_t code, uint32_t standing)
{
	const struct frame header = {.type = WIRE_REJECT};
	struct frame_reject reject = {
	    .epoch = block->epoch, .code = code, .epoch_standing = standing};
	uint8_t body[WIRE_REJECT_BODY_BYTES];

	memcpy(reject.session, block->session, sizeof(reject.session));
	frame_send(gateway, socket, &header, body, frame_encode_reject(&reject, body));
}

static void block_send(struct toy_gateway *gateway, int socket, const struct frame *header,
		       const struct handshake *block, const struct options *options)
{
	uint8_t body[1024];
	uint32_t len = handshake_encode(block, body);
	const int packed = options_encode(options, body + len, sizeof(body) - len);

	cr_assert(packed >= 0);
	frame_send(gateway, socket, header, body, len + (uint32_t)packed);
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
	    .window = TOY_WINDOW,
	    .frame_max = WIRE_FRAME_MAX_DEFAULT,
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
	struct handshake block = {.epoch = session->epoch, .count = 1};
	struct options options = welcome_options(gateway);

	memcpy(block.session, session->id, sizeof(block.session));
	block.triples[0] =
	    (struct frame_triple){session->down.acked, session->down.next, session->up.acked};
	options.present |= OPTIONS_RESUMED;
	options.resumed = session->connected;
	block_send(gateway, session->attempt, &header, &block, &options);
}

static bool lane_of(const struct toy_gateway *gateway, const struct toy_session *session,
		    int *socket)
{
	for (uint32_t i = 0; i < TOY_LANES_MAX; i++) {
		const struct toy_lane *lane = &gateway->lanes[(session->lane + i) % TOY_LANES_MAX];

		if (!lane->live)
			continue;
		*socket = lane->socket;
		return true;
	}
	return false;
}

static void open_send(struct toy_gateway *gateway, struct toy_session *session)
{
	const struct frame header = {.type = WIRE_OPEN,
				     .flags = session->connected ? WIRE_FLAG_RESUME : 0,
				     .handle = session->handle};
	struct handshake block = {.epoch = session->epoch, .count = 1};
	const struct options options = {
	    .present = OPTIONS_SERVICE | OPTIONS_TIMEOUT_MS | OPTIONS_GRACE_MS,
	    .service = options_text("echo"),
	    .timeout_ms = gateway->timeout_ms,
	    .grace_ms = gateway->grace_ms,
	};
	int socket;

	session->repeat_us = gateway->net->now_us + OPEN_REPEAT_US;
	memcpy(block.session, session->id, sizeof(block.session));
	block.triples[0] = session->told;
	if (lane_of(gateway, session, &socket))
		block_send(gateway, socket, &header, &block, &options);
}

struct toy_session *toy_gateway_find(struct toy_gateway *gateway, const uint8_t *id)
{
	for (uint32_t i = 0; i < TOY_SESSIONS_MAX; i++) {
		struct toy_session *session = &gateway->sessions[i];

		if (session->used && memcmp(session->id, id, sizeof(session->id)) == 0)
			return session;
	}
	return NULL;
}

static struct toy_session *session_make(struct toy_gateway *gateway, const struct handshake *hello)
{
	struct toy_session *session = gateway->sessions;

	while (session->used)
		session++;
	cr_assert(session < gateway->sessions + TOY_SESSIONS_MAX);
	*session = (struct toy_session){.used = true, .client = -1, .attempt = -1};
	memcpy(session->id, hello->session, sizeof(session->id));
	session->handle = gateway->instance << 32 | ++gateway->handles;
	session->lane = (uint32_t)gateway->handles % gateway->workers;
	return session;
}

static void attempt_begin(struct toy_gateway *gateway, struct toy_session *session, int socket,
			  const struct handshake *hello)
{
	session->epoch = hello->epoch;
	session->attempt = socket;
	session->told = hello->triples[0];
	session->opened = false;
	if (session->connected)
		client_welcome(gateway, session);
	open_send(gateway, session);
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
	else if (session->attempt == socket && (session->opened || session->connected))
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

static void hello_take(struct toy_gateway *gateway, int socket, const struct frame *frame)
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

// ---- Frames of sessions --------------------------------------------------------------------

static void ack_send(struct toy_gateway *gateway, int socket, const struct toy_session *session)
{
	const struct frame header = {
	    .type = WIRE_ACK,
	    .window = TOY_WINDOW,
	    .handle = session->handle,
	    .seq = (uint32_t)session->down.next,
	    .ack = (uint32_t)session->up.acked,
	};

	frame_send(gateway, socket, &header, NULL, 0);
}

static void confirm_take(struct toy_gateway *gateway, struct toy_session *session, int socket,
			 uint32_t epoch)
{
	if (epoch != session->epoch || (socket != session->attempt && socket != session->client)) {
		bare_send(gateway, socket, WIRE_UNKNOWN, session->handle, 0);
		return;
	}
	if (socket == session->attempt) {
		session->client = socket;
		session->attempt = -1;
		session->connected = true;
		session->detached = false;
		if (session->told.expected > session->down.acked)
			session->down.acked = session->told.expected;
	}
	ack_send(gateway, socket, session);
}

// Learns from a frame that passes. Returns whether it may.
static bool numbers_learn(const struct frame *frame, struct toy_direction *own,
			  struct toy_direction *acked)
{
	if (frame->type == WIRE_DATAGRAM)
		return true;

	const uint64_t ack = sequence_extend(acked->acked, frame->ack);

	if (sequence_ack(acked->acked, acked->next, ack) == SEQUENCE_ACK_BEYOND)
		return false;
	if (ack > acked->acked)
		acked->acked = ack;
	if (frame->type == WIRE_DATA) {
		const uint64_t seq = sequence_extend(own->acked, frame->seq);

		if (sequence_place(own->acked, TOY_WINDOW, seq) != SEQUENCE_WITHIN)
			return seq < own->acked; // a double asks for an ack
		if (seq >= own->next)
			own->next = seq + 1;
	}
	return true;
}

static void pass_on(struct toy_gateway *gateway, struct toy_session *session, bool from_client,
		    const uint8_t *bytes, uint32_t len, const struct frame *frame)
{
	int socket = session->client;

	if (!numbers_learn(frame, from_client ? &session->up : &session->down,
			   from_client ? &session->down : &session->up))
		return;
	if (from_client ? !lane_of(gateway, session, &socket)
			: session->detached || !session->connected)
		return;
	toy_net_reply(gateway->net, socket, bytes, len);
}

void toy_gateway_close(struct toy_gateway *gateway, struct toy_session *session, uint16_t code)
{
	const struct frame header = {.type = WIRE_CLOSE, .handle = session->handle};
	const struct frame_close close = {.code = code};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];
	int socket;

	frame_encode_close(&close, body);
	if (session->client >= 0 && !session->detached)
		frame_send(gateway, session->client, &header, body, sizeof(body));
	if (lane_of(gateway, session, &socket))
		frame_send(gateway, socket, &header, body, sizeof(body));
	session->used = false;
}

static void close_take(struct toy_gateway *gateway, struct toy_session *session, int socket,
		       const struct frame *frame)
{
	struct frame_close close;

	gateway->closes++;
	frame_decode_close(frame, &close);
	bare_send(gateway, socket, WIRE_CLOSE_ACK, session->handle, frame->channel);
	toy_gateway_close(gateway, session, close.code);
}

static void open_ack_take(struct toy_gateway *gateway, struct toy_session *session,
			  const struct frame *frame)
{
	struct frame_open_ack ack;
	struct handshake block = {.epoch = session->epoch};

	frame_decode_open_ack(frame, &ack);
	if (session->opened)
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
	session->opened = true;
	if (session->connected)
		return;
	session->up = (struct toy_direction){ack.triple.expected, session->told.next};
	session->down = (struct toy_direction){session->told.expected, ack.triple.next};
	client_welcome(gateway, session);
}

static struct toy_session *session_of(struct toy_gateway *gateway, uint64_t handle)
{
	for (uint32_t i = 0; i < TOY_SESSIONS_MAX; i++) {
		if (gateway->sessions[i].used && gateway->sessions[i].handle == handle)
			return &gateway->sessions[i];
	}
	return NULL;
}

static bool is_lane(const struct toy_gateway *gateway, int socket)
{
	for (uint32_t i = 0; i < TOY_LANES_MAX; i++) {
		if (gateway->lanes[i].live && gateway->lanes[i].socket == socket)
			return true;
	}
	return false;
}

static void unknown_answer(struct toy_gateway *gateway, int socket, const struct frame *frame)
{
	if (frame->type == WIRE_UNKNOWN || frame->type == WIRE_CLOSE_ACK ||
	    frame->type == WIRE_OPEN_ACK)
		return;
	gateway->unknowns++;
	bare_send(gateway, socket, WIRE_UNKNOWN, frame->handle, 0);
}

static void session_take(struct toy_gateway *gateway, struct toy_session *session, int socket,
			 const struct frame *frame, const uint8_t *bytes, uint32_t len)
{
	const bool backend = is_lane(gateway, socket);

	if (frame->type == WIRE_CONFIRM) {
		confirm_take(gateway, session, socket, frame_decode_confirm(frame));
	} else if (!backend && (socket != session->client || session->detached)) {
		if (socket != session->attempt)
			unknown_answer(gateway, socket, frame);
	} else if (frame->type == WIRE_OPEN_ACK) {
		open_ack_take(gateway, session, frame);
	} else if (frame->type == WIRE_CLOSE) {
		close_take(gateway, session, socket, frame);
	} else if (frame->type == WIRE_SLEEP) {
		ack_send(gateway, socket, session);
		toy_gateway_detach(gateway, session);
	} else if (frame->type == WIRE_DATA || frame->type == WIRE_ACK || frame->type == WIRE_NAK ||
		   frame->type == WIRE_DATAGRAM) {
		pass_on(gateway, session, !backend, bytes, len, frame);
	}
}

// Frames of the backend's link.
static void link_take(struct toy_gateway *gateway, int socket, const struct frame *frame)
{
	const struct frame ack = {.type = WIRE_ACK, .handle = gateway->link_handle};

	for (uint32_t i = 0; i < TOY_LANES_MAX; i++) {
		struct toy_lane *lane = &gateway->lanes[i];

		if (!lane->used || lane->socket != socket)
			continue;
		if (frame->type == WIRE_CONFIRM && gateway->link_epoch != 0) {
			lane->live = true;
			frame_send(gateway, socket, &ack, NULL, 0);
		}
		if (frame->type == WIRE_CLOSE)
			bare_send(gateway, socket, WIRE_CLOSE_ACK, gateway->link_handle, 0);
		return;
	}
	unknown_answer(gateway, socket, frame);
}

static void packet_take(void *arg, int socket, const uint8_t *bytes, uint32_t len)
{
	struct toy_gateway *gateway = arg;
	struct toy_session *session;
	struct frame frame;

	cr_assert_eq(frame_decode(bytes, len, &frame), FRAME_OK, "an endpoint sent no frame");
	cr_assert(frame_legal_from(frame.type, FRAME_FROM_CLIENT) ||
		  frame_legal_from(frame.type, FRAME_FROM_BACKEND));
	session = session_of(gateway, frame.handle);
	if (frame.type == WIRE_HELLO)
		hello_take(gateway, socket, &frame);
	else if (session)
		session_take(gateway, session, socket, &frame, bytes, len);
	else if (frame.handle == gateway->link_handle && gateway->link_epoch != 0)
		link_take(gateway, socket, &frame);
	else
		unknown_answer(gateway, socket, &frame);
}

void toy_gateway_detach(struct toy_gateway *gateway, struct toy_session *session)
{
	const struct frame header = {
	    .type = WIRE_EVENT, .aux = ++session->event, .handle = session->handle};
	const struct options options = {
	    .present = OPTIONS_EVENT | OPTIONS_EPOCH,
	    .event = options_text(WIRE_EVENT_PEER_DETACHED),
	    .epoch = session->epoch,
	};
	uint8_t body[128];
	int socket;

	session->detached = true;
	if (lane_of(gateway, session, &socket))
		frame_send(gateway, socket, &header, body,
			   (uint32_t)options_encode(&options, body, sizeof(body)));
}

// ---- Timers --------------------------------------------------------------------------------

static void heartbeats_send(struct toy_gateway *gateway)
{
	static const uint8_t body[WIRE_HEARTBEAT_BODY_BYTES] = "heartbea";
	struct frame header = {.type = WIRE_HEARTBEAT, .handle = gateway->link_handle};

	for (uint32_t i = 0; i < TOY_LANES_MAX; i++) {
		if (gateway->lanes[i].live)
			frame_send(gateway, gateway->lanes[i].socket, &header, body, sizeof(body));
	}
	for (uint32_t i = 0; i < TOY_SESSIONS_MAX; i++) {
		const struct toy_session *session = &gateway->sessions[i];

		header.handle = session->handle;
		if (session->used && session->connected && !session->detached)
			frame_send(gateway, session->client, &header, body, sizeof(body));
	}
}

static void timers_run(void *arg)
{
	struct toy_gateway *gateway = arg;
	const uint64_t now_us = gateway->net->now_us;

	for (uint32_t i = 0; i < TOY_SESSIONS_MAX; i++) {
		struct toy_session *session = &gateway->sessions[i];

		if (session->used && !session->opened && now_us >= session->repeat_us)
			open_send(gateway, session);
	}
	if (now_us < gateway->heartbeat_us)
		return;
	gateway->heartbeat_us = now_us + (uint64_t)gateway->heartbeat_ms * 1000;
	heartbeats_send(gateway);
}

void toy_gateway_init(struct toy_gateway *gateway, struct toy_net *net, uint32_t workers)
{
	*gateway = (struct toy_gateway){
	    .net = net,
	    .instance = 1,
	    .workers = workers,
	    .timeout_ms = 10000,
	    .heartbeat_ms = 2000,
	    .grace_ms = 20000,
	    .link_handle = first_link_handle,
	};
	net->gateway = packet_take;
	net->gateway_timers = timers_run;
	net->arg = gateway;
}

void toy_gateway_restart(struct toy_gateway *gateway)
{
	memset(gateway->lanes, 0, sizeof(gateway->lanes));
	memset(gateway->sessions, 0, sizeof(gateway->sessions));
	gateway->instance++;
	gateway->link_epoch = 0;
	gateway->link_handle++;
}
