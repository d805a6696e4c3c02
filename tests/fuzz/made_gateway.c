// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/made_gateway.h"

#include "protocol/options.h"

enum {
	BODY_BYTES_MAX = 1400,
	LINK_HANDLE = 0x77,
	SESSION_HANDLE = 0x1000, // of the backend's session 0
};

// ---- What is said to it ----------------------------------------------------------------------

static void hello_seen(struct made_gateway *gateway, int socket, const struct frame *frame)
{
	struct handshake block;
	struct options options;
	struct made_gateway_side *side;

	FUZZ_CHECK(handshake_decode(frame, &block) == 0, "HELLO is malformed");
	FUZZ_CHECK(options_decode(block.options, block.options_bytes, &options) == 0,
		   "options of HELLO");
	side = &gateway->sides[block.role];
	side->socket = socket;
	side->hello = block;
	gateway->roles[socket] = block.role;
}

static void packet_seen(void *arg, int socket, const uint8_t *bytes, uint32_t len)
{
	struct made_gateway *gateway = arg;
	struct frame frame;
	const enum frame_fault fault = frame_decode(bytes, len, &frame);

	FUZZ_CHECK(fault == FRAME_OK, "fault %d of a %s", fault, frame_type_name(bytes[1]));
	if (frame.type == WIRE_HELLO)
		hello_seen(gateway, socket, &frame);

	const uint8_t role = gateway->roles[socket];

	FUZZ_CHECK(frame_legal_from(frame.type, role == WIRE_ROLE_BACKEND ? FRAME_FROM_BACKEND
									  : FRAME_FROM_CLIENT),
		   "%s from role %u", frame_type_name(frame.type), role);
	if (frame.type == WIRE_DATA && frame.seq == (uint32_t)gateway->sides[role].up)
		gateway->sides[role].up++;
}

static void bytes_send(struct made_gateway *gateway, const struct made_gateway_side *side,
		       const uint8_t *bytes, uint32_t len)
{
	if (side->socket >= 0 && gateway->net->sockets[side->socket].open)
		toy_net_reply(gateway->net, side->socket, bytes, len);
}

static void frame_send(struct made_gateway *gateway, const struct made_gateway_side *side,
		       const struct frame *frame)
{
	uint8_t bytes[WIRE_HEADER_BYTES + BODY_BYTES_MAX];

	FUZZ_CHECK(frame->body_bytes <= BODY_BYTES_MAX, "too long");
	frame_encode_header(frame, bytes);
	if (frame->body_bytes > 0)
		memcpy(bytes + WIRE_HEADER_BYTES, frame->body, frame->body_bytes);
	bytes_send(gateway, side, bytes, WIRE_HEADER_BYTES + frame->body_bytes);
}

static void retry(struct made_gateway *gateway, const struct made_gateway_side *side,
		  struct fuzz_input *input)
{
	struct frame_retry retry = {.epoch = side->hello.epoch};
	uint8_t body[WIRE_RETRY_BODY_BYTES];
	const struct frame frame = {.type = WIRE_RETRY, .body = body, .body_bytes = sizeof(body)};

	memcpy(retry.session, side->hello.session, sizeof(retry.session));
	memset(retry.cookie, fuzz_take8(input), sizeof(retry.cookie));
	frame_encode_retry(&retry, body);
	frame_send(gateway, side, &frame);
}

// Options as a gateway gives them, some of them any.
static struct options options_any(struct fuzz_input *input)
{
	const uint8_t odd = fuzz_take8(input);
	struct options options = {
	    .present = OPTIONS_INSTANCE | OPTIONS_HEARTBEAT_MS | OPTIONS_TIMEOUT_MS |
		       OPTIONS_GRACE_MS | OPTIONS_WINDOW | OPTIONS_FRAME_MAX | OPTIONS_RESUMED |
		       OPTIONS_WORKER | OPTIONS_WORKERS | OPTIONS_SERVICE,
	    .instance = 1,
	    .heartbeat_ms = 2000,
	    .timeout_ms = 10000,
	    .grace_ms = 60000,
	    .window = WIRE_WINDOW_DEFAULT,
	    .frame_max = WIRE_FRAME_MAX_DEFAULT,
	    .resumed = (odd & 1) != 0,
	    .workers = 1,
	    .service = options_text("echo"),
	};

	if ((odd & 2) != 0)
		options.frame_max = fuzz_take16(input);
	if ((odd & 4) != 0)
		options.window = fuzz_take16(input);
	if ((odd & 8) != 0)
		options.timeout_ms = fuzz_take32(input);
	if ((odd & 16) != 0)
		options.heartbeat_ms = fuzz_take32(input);
	if ((odd & 32) != 0)
		options.workers = fuzz_take32(input);
	if ((odd & 64) != 0)
		options.worker = fuzz_take8(input);
	if ((odd & 128) != 0)
		options.frame_max = options.window = UINT32_MAX - fuzz_take8(input);
	return options;
}

static void block_send(struct made_gateway *gateway, const struct made_gateway_side *side,
		       struct frame *frame, const struct handshake *block, struct fuzz_input *input)
{
	const struct options options = options_any(input);
	uint8_t body[BODY_BYTES_MAX];
	int bytes;

	frame->body = body;
	frame->body_bytes = handshake_encode(block, body);
	bytes = options_encode(&options, body + frame->body_bytes, WIRE_OPTIONS_BYTES_MAX);
	FUZZ_CHECK(bytes > 0, "options do not fit");
	frame->body_bytes += (uint32_t)bytes;
	frame_send(gateway, side, frame);
}

// Numbers that fit what the side said, but for small differences.
static void welcome(struct made_gateway *gateway, struct made_gateway_side *side,
		    struct fuzz_input *input)
{
	const uint8_t how = fuzz_take8(input);
	struct frame frame = {.type = WIRE_WELCOME, .handle = side->handle};
	struct handshake block = side->hello;

	memset(block.cookie, 0, sizeof(block.cookie));
	for (uint32_t i = 0; i < block.count; i++) {
		const struct frame_triple *told = &side->hello.triples[i];

		block.triples[i] = (struct frame_triple){
		    .oldest = told->expected, .next = told->expected, .expected = told->oldest};
		if ((how & 1) != 0) {
			block.triples[i].next += fuzz_take8(input);
			block.triples[i].expected += fuzz_take8(input);
		}
	}
	if ((how & 2) != 0)
		frame.handle = side->handle += 16;
	side->down = block.count > 0 ? block.triples[0].next : side->down;
	block_send(gateway, side, &frame, &block, input);
}

static void reject(struct made_gateway *gateway, const struct made_gateway_side *side,
		   struct fuzz_input *input)
{
	struct frame_reject reject = {.epoch = side->hello.epoch};
	uint8_t body[WIRE_REJECT_BODY_BYTES];
	const struct frame frame = {.type = WIRE_REJECT, .body = body, .body_bytes = sizeof(body)};

	memcpy(reject.session, side->hello.session, sizeof(reject.session));
	reject.code = fuzz_take8(input);
	reject.retriable = fuzz_take8(input) % 2 != 0;
	reject.retry_after_ms = fuzz_take32(input);
	reject.epoch_standing = fuzz_take8(input);
	frame_encode_reject(&reject, body);
	frame_send(gateway, side, &frame);
}

static void open_to_backend(struct made_gateway *gateway, struct fuzz_input *input)
{
	struct made_gateway_side *side = &gateway->sides[WIRE_ROLE_BACKEND];
	const uint8_t which = fuzz_take8(input);
	struct frame frame = {.type = WIRE_OPEN,
			      .flags = (which & 0x80) != 0 ? WIRE_FLAG_RESUME : 0,
			      .channel = which >> 4 & 7,
			      .window = 64,
			      .handle = SESSION_HANDLE + which % 16};
	struct handshake block = {.epoch = 1 + fuzz_take8(input) % 4u, .count = 1};

	memset(block.session, which % 8, sizeof(block.session));
	block.triples[0].oldest = fuzz_take8(input);
	block.triples[0].next = block.triples[0].oldest + fuzz_take8(input);
	block.triples[0].expected = fuzz_take8(input);
	if ((which & 0x80) == 0)
		side->up = side->down = 0;
	block_send(gateway, side, &frame, &block, input);
}

// ---- Frames of sessions ----------------------------------------------------------------------

// A frame's head under the handle of a session: the client's, or one of the backend's.
static struct frame head(const struct made_gateway_side *side, bool backend, uint8_t type,
			 struct fuzz_input *input)
{
	const uint8_t which = fuzz_take8(input);

	return (struct frame){
	    .type = type,
	    .channel = which >> 4 & 7,
	    .window = WIRE_WINDOW_DEFAULT,
	    .handle =
		backend && which % 16 != 15 ? (uint64_t)SESSION_HANDLE + which % 16 : side->handle,
	    .seq = (uint32_t)side->down,
	    .ack = (uint32_t)side->up,
	};
}

static void data(struct made_gateway *gateway, struct made_gateway_side *side, bool backend,
		 struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_DATA, input);
	const int8_t off = (int8_t)fuzz_take8(input);

	frame.flags = fuzz_take8(input) % 8;
	frame.seq += (uint32_t)off;
	frame.body_bytes = fuzz_take(input, fuzz_take8(input), &frame.body);
	side->down += off == 0;
	frame_send(gateway, side, &frame);
}

static void ack(struct made_gateway *gateway, struct made_gateway_side *side, bool backend,
		struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_ACK, input);

	frame.ack -= fuzz_take8(input);
	frame.window = fuzz_take8(input);
	frame.aux = fuzz_take8(input);
	frame_send(gateway, side, &frame);
}

static void nak(struct made_gateway *gateway, struct made_gateway_side *side, bool backend,
		struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_NAK, input);
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	uint8_t body[WIRE_NAK_PAIRS_MAX * WIRE_NAK_PAIR_BYTES];
	const uint32_t count = 1 + fuzz_take8(input) % WIRE_NAK_PAIRS_MAX;

	for (uint32_t i = 0; i < count; i++)
		pairs[i] = (struct frame_nak_pair){(uint32_t)side->up - fuzz_take8(input),
						   fuzz_take8(input)};
	frame.ack = pairs[0].first;
	frame.body = body;
	frame.body_bytes = frame_encode_nak(pairs, count, body);
	frame_send(gateway, side, &frame);
}

static void event(struct made_gateway *gateway, struct made_gateway_side *side, bool backend,
		  struct fuzz_input *input)
{
	static const char *const names[] = {WIRE_EVENT_PEER_DETACHED, WIRE_EVENT_CHANNEL_DOWN,
					    WIRE_EVENT_CHANNEL_RESET, WIRE_EVENT_CHANNEL_UP,
					    WIRE_EVENT_DRAINING,      "other"};
	struct frame frame = head(side, backend, WIRE_EVENT, input);
	const uint8_t which = fuzz_take8(input);
	const struct options options = {.present = OPTIONS_EVENT,
					.event = options_text(names[which % 6])};
	uint8_t body[WIRE_OPTIONS_BYTES_MAX];

	frame.aux = (which & 0x80) != 0 ? side->event : ++side->event;
	frame.body = body;
	frame.body_bytes = (uint32_t)options_encode(&options, body, sizeof(body));
	frame_send(gateway, side, &frame);
}

static void close_say(struct made_gateway *gateway, struct made_gateway_side *side, bool backend,
		      struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_CLOSE, input);
	const struct frame_close close = {.code = fuzz_take8(input)};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];

	frame.body = body;
	frame.body_bytes = frame_encode_close(&close, body);
	frame_send(gateway, side, &frame);
}

static void heartbeat(struct made_gateway *gateway, const struct made_gateway_side *side,
		      bool backend, struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_HEARTBEAT, input);

	frame.body_bytes = fuzz_take(input, WIRE_HEARTBEAT_BODY_BYTES, &frame.body);
	frame_send(gateway, side, &frame);
}

static void any_frame(struct made_gateway *gateway, struct made_gateway_side *side, bool backend,
		      struct fuzz_input *input)
{
	struct frame frame = head(side, backend, fuzz_take8(input), input);

	frame.flags = fuzz_take8(input);
	frame.seq += (uint32_t)(int16_t)fuzz_take16(input);
	frame.ack += (uint32_t)(int16_t)fuzz_take16(input);
	frame.window = fuzz_take16(input);
	frame.aux = fuzz_take16(input);
	frame.body_bytes = fuzz_take(input, fuzz_take8(input), &frame.body);
	frame_send(gateway, side, &frame);
}

static void any_bytes(struct made_gateway *gateway, const struct made_gateway_side *side,
		      struct fuzz_input *input)
{
	const uint8_t *bytes;
	const uint32_t len = fuzz_take(input, fuzz_take16(input) % BODY_BYTES_MAX, &bytes);

	bytes_send(gateway, side, bytes, len);
}

// ---- Its actions -----------------------------------------------------------------------------

void made_gateway_init(struct made_gateway *gateway, struct toy_net *net)
{
	memset(gateway, 0, sizeof(*gateway));
	gateway->net = net;
	gateway->sides[WIRE_ROLE_CLIENT].socket = gateway->sides[WIRE_ROLE_BACKEND].socket = -1;
	gateway->sides[WIRE_ROLE_CLIENT].handle = SESSION_HANDLE;
	gateway->sides[WIRE_ROLE_BACKEND].handle = LINK_HANDLE;
	net->gateway = packet_seen;
	net->arg = gateway;
}

void made_gateway_act(struct made_gateway *gateway, enum made_gateway_action action, bool backend,
		      struct fuzz_input *input)
{
	struct made_gateway_side *side =
	    &gateway->sides[backend ? WIRE_ROLE_BACKEND : WIRE_ROLE_CLIENT];

	switch (action) {
	case MADE_RETRY:
		retry(gateway, side, input);
		break;
	case MADE_WELCOME:
		welcome(gateway, side, input);
		break;
	case MADE_REJECT:
		reject(gateway, side, input);
		break;
	case MADE_OPEN:
		open_to_backend(gateway, input);
		break;
	case MADE_DATA:
		data(gateway, side, backend, input);
		break;
	case MADE_ACK:
		ack(gateway, side, backend, input);
		break;
	case MADE_NAK:
		nak(gateway, side, backend, input);
		break;
	case MADE_EVENT:
		event(gateway, side, backend, input);
		break;
	case MADE_CLOSE:
		close_say(gateway, side, backend, input);
		break;
	case MADE_HEARTBEAT:
		heartbeat(gateway, side, backend, input);
		break;
	case MADE_FRAME:
		any_frame(gateway, side, backend, input);
		break;
	default:
		any_bytes(gateway, side, input);
	}
}
