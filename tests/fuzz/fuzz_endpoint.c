// SPDX-License-Identifier: BSD-3-Clause
// A client and a backend of libholdfast, whose gateway is the input: any datagrams at any time.
//
// An input is a byte of options and a list of actions: honest answers with fields that are any,
// frames and datagrams of any bytes, what the two applications do, time (all of it made up:
// tests/support/toy_net.h). Whatever the gateway says, both send nothing but legal frames, come to
// rest, and account for every message: acknowledged, or handed back when its session has ended.
#include "protocol/handshake.h"
#include "protocol/options.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/toy_net.h"

enum {
	ACTIONS_MAX = 128,
	HELD_MAX = 16, // sessions of the backend that are known here
	BODY_BYTES_MAX = 1400,
	RUN_US = 4000,
	LONG_RUN_US = 250000,
	LAST_RUN_US_MAX = 20000000,
	MESSAGE_MAX = 3000,
	LINK_HANDLE = 0x77,
	SESSION_HANDLE = 0x1000,
};

enum action {
	ACT_RETRY,
	ACT_WELCOME,
	ACT_REJECT,
	ACT_OPEN,
	ACT_DATA,
	ACT_ACK,
	ACT_NAK,
	ACT_EVENT,
	ACT_CLOSE,
	ACT_HEARTBEAT,
	ACT_FRAME,
	ACT_BYTES,
	ACT_CLIENT,
	ACT_BACKEND,
	ACT_RUN,
	ACT_LONG_RUN,
	ACTIONS,
};

// What the gateway has seen of one side: CLIENT or BACKEND.
struct side {
	int socket; // of its last HELLO, -1: none yet
	struct handshake hello;
	uint64_t handle; // that the next frames have
	uint64_t up;     // number of the DATA that it sends next
	uint64_t down;   // number of the DATA that it is sent next
	uint16_t event;
};

enum { CLIENT, BACKEND, SIDES };

struct world {
	struct toy_net net;
	struct holdfast_client *client;
	struct holdfast_backend *backend;
	struct side sides[SIDES];
	uint8_t roles[TOY_SOCKETS_MAX]; // by socket, of those that said HELLO
	struct holdfast_session *held[HELD_MAX];
	bool hold;    // neither application takes messages
	bool hang_up; // the backend ends sessions from inside of callbacks
};

// ---- The gateway -----------------------------------------------------------------------------

static void hello_seen(struct world *world, int socket, const struct frame *frame)
{
	struct handshake block;
	struct options options;
	struct side *side;

	FUZZ_CHECK(handshake_decode(frame, &block) == 0, "HELLO is malformed");
	FUZZ_CHECK(options_decode(block.options, block.options_bytes, &options) == 0,
		   "options of HELLO");
	side = &world->sides[block.role];
	side->socket = socket;
	side->hello = block;
	world->roles[socket] = block.role;
}

static void packet_seen(void *arg, int socket, const uint8_t *bytes, uint32_t len)
{
	struct world *world = arg;
	struct frame frame;
	const enum frame_fault fault = frame_decode(bytes, len, &frame);

	FUZZ_CHECK(fault == FRAME_OK, "fault %d of a %s", fault, frame_type_name(bytes[1]));
	if (frame.type == WIRE_HELLO)
		hello_seen(world, socket, &frame);

	const uint8_t role = world->roles[socket];

	FUZZ_CHECK(frame_legal_from(frame.type, role == WIRE_ROLE_BACKEND ? FRAME_FROM_BACKEND
									  : FRAME_FROM_CLIENT),
		   "%s from role %u", frame_type_name(frame.type), role);
	if (frame.type == WIRE_DATA && frame.seq == (uint32_t)world->sides[role].up)
		world->sides[role].up++;
}

static void bytes_send(struct world *world, const struct side *side, const uint8_t *bytes,
		       uint32_t len)
{
	if (side->socket >= 0 && world->net.sockets[side->socket].open)
		toy_net_reply(&world->net, side->socket, bytes, len);
}

static void frame_send(struct world *world, const struct side *side, const struct frame *frame)
{
	uint8_t bytes[WIRE_HEADER_BYTES + BODY_BYTES_MAX];

	FUZZ_CHECK(frame->body_bytes <= BODY_BYTES_MAX, "too long");
	frame_encode_header(frame, bytes);
	if (frame->body_bytes > 0)
		memcpy(bytes + WIRE_HEADER_BYTES, frame->body, frame->body_bytes);
	bytes_send(world, side, bytes, WIRE_HEADER_BYTES + frame->body_bytes);
}

static void retry(struct world *world, const struct side *side, struct fuzz_input *input)
{
	struct frame_retry retry = {.epoch = side->hello.epoch};
	uint8_t body[WIRE_RETRY_BODY_BYTES];
	const struct frame frame = {.type = WIRE_RETRY, .body = body, .body_bytes = sizeof(body)};

	memcpy(retry.session, side->hello.session, sizeof(retry.session));
	memset(retry.cookie, fuzz_take8(input), sizeof(retry.cookie));
	frame_encode_retry(&retry, body);
	frame_send(world, side, &frame);
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

static void block_send(struct world *world, const struct side *side, struct frame *frame,
		       const struct handshake *block, struct fuzz_input *input)
{
	const struct options options = options_any(input);
	uint8_t body[BODY_BYTES_MAX];
	int bytes;

	frame->body = body;
	frame->body_bytes = handshake_encode(block, body);
	bytes = options_encode(&options, body + frame->body_bytes, WIRE_OPTIONS_BYTES_MAX);
	FUZZ_CHECK(bytes > 0, "options do not fit");
	frame->body_bytes += (uint32_t)bytes;
	frame_send(world, side, frame);
}

// Numbers that fit what the side said, but for small differences.
static void welcome(struct world *world, struct side *side, struct fuzz_input *input)
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
	block_send(world, side, &frame, &block, input);
}

static void reject(struct world *world, const struct side *side, struct fuzz_input *input)
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
	frame_send(world, side, &frame);
}

static void open_to_backend(struct world *world, struct fuzz_input *input)
{
	struct side *side = &world->sides[BACKEND];
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
	block_send(world, side, &frame, &block, input);
}

// ---- Frames of sessions ----------------------------------------------------------------------

// A frame's head under the handle of a session: the client's, or one of the backend's.
static struct frame head(const struct side *side, bool backend, uint8_t type,
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

static void data(struct world *world, struct side *side, bool backend, struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_DATA, input);
	const int8_t off = (int8_t)fuzz_take8(input);

	frame.flags = fuzz_take8(input) % 8;
	frame.seq += (uint32_t)off;
	frame.body_bytes = fuzz_take(input, fuzz_take8(input), &frame.body);
	side->down += off == 0;
	frame_send(world, side, &frame);
}

static void ack(struct world *world, struct side *side, bool backend, struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_ACK, input);

	frame.ack -= fuzz_take8(input);
	frame.window = fuzz_take8(input);
	frame.aux = fuzz_take8(input);
	frame_send(world, side, &frame);
}

static void nak(struct world *world, struct side *side, bool backend, struct fuzz_input *input)
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
	frame_send(world, side, &frame);
}

static void event(struct world *world, struct side *side, bool backend, struct fuzz_input *input)
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
	frame_send(world, side, &frame);
}

static void close_say(struct world *world, struct side *side, bool backend,
		      struct fuzz_input *input)
{
	struct frame frame = head(side, backend, WIRE_CLOSE, input);
	const struct frame_close close = {.code = fuzz_take8(input)};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];

	frame.body = body;
	frame.body_bytes = frame_encode_close(&close, body);
	frame_send(world, side, &frame);
}

static void any_frame(struct world *world, struct side *side, bool backend,
		      struct fuzz_input *input)
{
	struct frame frame = head(side, backend, fuzz_take8(input), input);

	frame.flags = fuzz_take8(input);
	frame.seq += (uint32_t)(int16_t)fuzz_take16(input);
	frame.ack += (uint32_t)(int16_t)fuzz_take16(input);
	frame.window = fuzz_take16(input);
	frame.aux = fuzz_take16(input);
	frame.body_bytes = fuzz_take(input, fuzz_take8(input), &frame.body);
	frame_send(world, side, &frame);
}

static void any_bytes(struct world *world, const struct side *side, struct fuzz_input *input)
{
	const uint8_t *bytes;
	const uint32_t len = fuzz_take(input, fuzz_take16(input) % BODY_BYTES_MAX, &bytes);

	bytes_send(world, side, bytes, len);
}

// ---- The applications ------------------------------------------------------------------------

static bool client_message(void *context, struct holdfast_client *client,
			   const struct holdfast_message *message)
{
	const struct world *world = context;

	FUZZ_CHECK(message->len <= MESSAGE_MAX, "%u bytes", message->len);
	return !world->hold;
}

static void client_returned(void *context, struct holdfast_client *client,
			    const struct holdfast_returned *message)
{
	const struct world *world = context;

	// An application that hurries to send it again.
	if (world->hang_up)
		holdfast_client_send(client, message->channel, message->bytes, message->len, 0);
}

static bool backend_message(void *context, struct holdfast_session *session,
			    const struct holdfast_message *message)
{
	const struct world *world = context;

	FUZZ_CHECK(message->len <= MESSAGE_MAX, "%u bytes", message->len);
	if (world->hang_up)
		holdfast_backend_end(session, HOLDFAST_NORMAL, 0);
	else if (!world->hold)
		holdfast_backend_send(session, message->bytes, message->len, 0);
	return !world->hold;
}

static void backend_session(void *context, struct holdfast_session *session,
			    const struct holdfast_session_event *event)
{
	struct world *world = context;
	uint32_t i = 0;

	while (i < HELD_MAX &&
	       world->held[i] != (event->kind == HOLDFAST_SESSION_EVENT_OPENED ? NULL : session))
		i++;
	if (i < HELD_MAX && event->kind == HOLDFAST_SESSION_EVENT_OPENED)
		world->held[i] = session;
	else if (i < HELD_MAX && event->kind == HOLDFAST_SESSION_EVENT_CLOSED)
		world->held[i] = NULL;
	if (world->hang_up && event->kind != HOLDFAST_SESSION_EVENT_CLOSED)
		holdfast_backend_end(session, HOLDFAST_NORMAL, 0);
}

static void client_acts(struct world *world, struct fuzz_input *input)
{
	static const uint8_t text[2 * MESSAGE_MAX];
	const uint8_t what = fuzz_take8(input);
	const uint8_t channel = what >> 4 & 3;

	switch (what % 8) {
	case 0:
		holdfast_client_connect(world->client);
		break;
	case 1:
		holdfast_client_sleep(world->client);
		break;
	case 2:
		holdfast_client_datagram(world->client, channel, text, fuzz_take8(input) * 8u);
		break;
	case 3:
		world->hold = !world->hold;
		for (uint8_t i = 0; i < WIRE_CHANNELS_MAX && !world->hold; i++)
			holdfast_client_continue(world->client, i);
		break;
	case 4:
		holdfast_client_close(world->client, fuzz_take8(input));
		break;
	default:
		for (uint8_t left = fuzz_take8(input) % 32; left > 0; left--)
			holdfast_client_send(world->client, channel, text, fuzz_take8(input) * 16u,
					     1);
	}
}

static void backend_acts(struct world *world, struct fuzz_input *input)
{
	static const uint8_t text[2 * MESSAGE_MAX];
	const uint8_t what = fuzz_take8(input);
	struct holdfast_session *session = world->held[what >> 4];

	if (what % 8 == 0) {
		holdfast_backend_retry(world->backend);
	} else if (what % 8 == 1) {
		world->hang_up = !world->hang_up;
	} else if (session == NULL) {
		return;
	} else if (what % 8 == 2) {
		holdfast_backend_datagram(session, text, fuzz_take8(input) * 8u);
	} else if (what % 8 == 3) {
		holdfast_backend_continue(session);
	} else if (what % 8 == 4) {
		holdfast_backend_end(session, fuzz_take8(input), fuzz_take8(input));
	} else {
		for (uint8_t left = fuzz_take8(input) % 32; left > 0 && session != NULL; left--)
			holdfast_backend_send(session, text, fuzz_take8(input) * 16u, 1);
	}
}

// ---- Beginning and end -----------------------------------------------------------------------

static void act(struct world *world, struct fuzz_input *input)
{
	const uint8_t byte = fuzz_take8(input);
	const bool backend = (byte & 0x80) != 0;
	struct side *side = &world->sides[backend ? BACKEND : CLIENT];

	switch ((enum action)(byte % ACTIONS)) {
	case ACT_RETRY:
		retry(world, side, input);
		break;
	case ACT_WELCOME:
		welcome(world, side, input);
		break;
	case ACT_REJECT:
		reject(world, side, input);
		break;
	case ACT_OPEN:
		open_to_backend(world, input);
		break;
	case ACT_DATA:
		data(world, side, backend, input);
		break;
	case ACT_ACK:
		ack(world, side, backend, input);
		break;
	case ACT_NAK:
		nak(world, side, backend, input);
		break;
	case ACT_EVENT:
		event(world, side, backend, input);
		break;
	case ACT_CLOSE:
		close_say(world, side, backend, input);
		break;
	case ACT_FRAME:
		any_frame(world, side, backend, input);
		break;
	case ACT_BYTES:
		any_bytes(world, side, input);
		break;
	case ACT_CLIENT:
		client_acts(world, input);
		break;
	case ACT_BACKEND:
		backend_acts(world, input);
		break;
	case ACT_RUN:
		toy_net_run(&world->net, fuzz_take8(input) * RUN_US);
		break;
	case ACT_LONG_RUN:
		toy_net_run(&world->net, fuzz_take8(input) * LONG_RUN_US);
		break;
	default: {
		struct frame frame = head(side, backend, WIRE_HEARTBEAT, input);

		frame.body_bytes = fuzz_take(input, WIRE_HEARTBEAT_BODY_BYTES, &frame.body);
		frame_send(world, side, &frame);
	}
	}
	// What was just said arrives.
	toy_net_run(&world->net, world->net.delay_us + 1);
}

static void client_make(struct world *world, uint8_t how)
{
	static const char *const gateways[] = {"192.0.2.10", "192.0.2.11"};
	static const char *const services[] = {"echo", "chat", "other"};
	struct holdfast_client_options options;

	holdfast_client_options_init(&options, sizeof(options));
	options.gateways = gateways;
	options.gateways_count = 1 + (how & 1);
	options.services = services;
	options.services_count = 1 + (how >> 1 & 3) % 3;
	options.renew = (how & 8) != 0;
	options.window = 64;
	options.message_max = MESSAGE_MAX;
	options.context = world;
	options.on_message = client_message;
	options.on_returned = client_returned;
	world->client = toy_net_client(&world->net, &options);
	holdfast_client_connect(world->client);
}

static void backend_make(struct world *world)
{
	static const char *const gateways[] = {"192.0.2.10"};
	struct holdfast_backend_options options;

	holdfast_backend_options_init(&options, sizeof(options));
	options.gateways = gateways;
	options.gateways_count = 1;
	options.service = options.name = "echo";
	options.capacity = 12;
	options.window = 64;
	options.message_max = MESSAGE_MAX;
	options.context = world;
	options.on_message = backend_message;
	options.on_session = backend_session;
	world->backend = toy_net_backend(&world->net, &options);
}

static bool over(void *arg)
{
	const struct world *world = arg;
	struct holdfast_backend_stats stats;

	holdfast_backend_stats(world->backend, &stats, sizeof(stats));
	return stats.sessions == 0 &&
	       holdfast_client_state(world->client) == HOLDFAST_CLIENT_CLOSED;
}

// Both applications stop; then every message has had an end.
static void account(struct world *world)
{
	struct holdfast_client_stats client;
	struct holdfast_backend_stats backend;

	world->hang_up = false; // nothing is sent again
	holdfast_client_close(world->client, 0);
	for (uint32_t i = 0; i < HELD_MAX; i++) {
		if (world->held[i] != NULL)
			holdfast_backend_end(world->held[i], HOLDFAST_NORMAL, 0);
	}
	toy_net_until(&world->net, LAST_RUN_US_MAX, over, world);
	holdfast_client_stats(world->client, &client, sizeof(client));
	FUZZ_CHECK(client.state == HOLDFAST_CLIENT_CLOSED, "the client is in state %d",
		   client.state);
	FUZZ_CHECK(client.counters.messages_sent ==
		       client.counters.messages_acked + client.counters.messages_returned,
		   "client: %lu sent, %lu acknowledged, %lu handed back",
		   client.counters.messages_sent, client.counters.messages_acked,
		   client.counters.messages_returned);
	holdfast_backend_stats(world->backend, &backend, sizeof(backend));
	FUZZ_CHECK(backend.sessions == 0, "%lu sessions are left", backend.sessions);
	FUZZ_CHECK(backend.counters.messages_sent ==
		       backend.counters.messages_acked + backend.counters.messages_returned,
		   "backend: %lu sent, %lu acknowledged, %lu handed back",
		   backend.counters.messages_sent, backend.counters.messages_acked,
		   backend.counters.messages_returned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data_bytes, size_t size)
{
	struct fuzz_input input = {data_bytes, size};
	struct world *world = calloc(1, sizeof(*world));

	FUZZ_CHECK(world != NULL, "out of memory");
	toy_net_init(&world->net, 1);
	world->net.gateway = packet_seen;
	world->net.arg = world;
	for (uint32_t i = 0; i < SIDES; i++)
		world->sides[i].socket = -1;
	world->sides[CLIENT].handle = SESSION_HANDLE;
	world->sides[BACKEND].handle = LINK_HANDLE;
	client_make(world, fuzz_take8(&input));
	backend_make(world);
	toy_net_run(&world->net, 2 * world->net.delay_us);
	for (uint32_t i = 0; i < ACTIONS_MAX && input.left > 0; i++)
		act(world, &input);
	account(world);
	toy_net_client_end(&world->net, world->client);
	toy_net_backend_end(&world->net, world->backend);
	toy_net_fini(&world->net);
	free(world);
	return 0;
}
