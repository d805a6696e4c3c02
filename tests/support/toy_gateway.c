// SPDX-License-Identifier: BSD-3-Clause
// The toy gateway between handshakes: frames that pass, what it tells by itself, its timers.
#include "toy_gateway.h"

#include <criterion/criterion.h>
#include <string.h>

#include "protocol/options.h"
#include "protocol/sequence.h"

static const uint64_t first_link_handle = UINT64_C(0x7700000001);

void toy_frame_send(struct toy_gateway *gateway, int socket, const struct frame *header,
		    const void *body, uint32_t len)
{
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];

	cr_assert(WIRE_HEADER_BYTES + len <= sizeof(bytes));
	if (socket < 0)
		return; // whose client has ended
	frame_encode_header(header, bytes);
	if (len > 0)
		memcpy(bytes + WIRE_HEADER_BYTES, body, len);
	toy_net_reply(gateway->net, socket, bytes, WIRE_HEADER_BYTES + len);
}

static void bare_send(struct toy_gateway *gateway, int socket, uint8_t type, uint64_t handle,
		      uint8_t channel)
{
	const struct frame header = {.type = type, .channel = channel, .handle = handle};

	toy_frame_send(gateway, socket, &header, NULL, 0);
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

bool toy_lane_of(const struct toy_gateway *gateway, const struct toy_session *session, int *socket)
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

// ---- Frames of sessions --------------------------------------------------------------------

static void acks_send(struct toy_gateway *gateway, int socket, const struct toy_session *session)
{
	for (uint32_t k = 0; k < session->channels; k++) {
		const struct frame header = {
		    .type = WIRE_ACK,
		    .channel = (uint8_t)k,
		    .window = TOY_WINDOW,
		    .handle = session->handle,
		    .seq = (uint32_t)session->down[k].next,
		    .ack = (uint32_t)session->up[k].acked,
		};

		toy_frame_send(gateway, socket, &header, NULL, 0);
	}
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
		for (uint32_t k = 0; k < session->channels; k++) {
			if (session->told[k].expected > session->down[k].acked)
				session->down[k].acked = session->told[k].expected;
		}
	}
	acks_send(gateway, socket, session);
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

	struct toy_direction *up = &session->up[frame->channel];
	struct toy_direction *down = &session->down[frame->channel];

	cr_assert(frame->channel < session->channels);
	if (!numbers_learn(frame, from_client ? up : down, from_client ? down : up))
		return;
	if (from_client ? !toy_lane_of(gateway, session, &socket)
			: session->detached || !session->connected)
		return;
	toy_net_reply(gateway->net, socket, bytes, len);
}

void toy_gateway_close(struct toy_gateway *gateway, struct toy_session *session, uint16_t code)
{
	struct frame header = {.type = WIRE_CLOSE, .handle = session->handle};
	const struct frame_close close = {.code = code};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];
	int socket;

	frame_encode_close(&close, body);
	if (session->client >= 0 && !session->detached)
		toy_frame_send(gateway, session->client, &header, body, sizeof(body));
	for (; header.channel < session->channels && toy_lane_of(gateway, session, &socket);
	     header.channel++)
		toy_frame_send(gateway, socket, &header, body, sizeof(body));
	session->used = false;
}

static void close_take(struct toy_gateway *gateway, struct toy_session *session, int socket,
		       const struct frame *frame)
{
	struct frame_close close;

	gateway->closes++;
	frame_decode_close(frame, &close);
	bare_send(gateway, socket, WIRE_CLOSE_ACK, session->handle, frame->channel);
	if ((session->fresh & 1u << frame->channel) != 0)
		return;
	toy_gateway_close(gateway, session, close.code);
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
		toy_open_ack_take(gateway, session, frame);
	} else if (frame->type == WIRE_CLOSE) {
		close_take(gateway, session, socket, frame);
	} else if (frame->type == WIRE_EVENT_ACK) {
		const uint16_t last = backend ? session->backend_event : session->client_event;

		cr_expect_eq(frame->aux, last, "event %u, not %u", frame->aux, last);
		gateway->client_event_acks += !backend;
		gateway->backend_event_acks += backend;
	} else if (frame->type == WIRE_SLEEP) {
		acks_send(gateway, socket, session);
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
			toy_frame_send(gateway, socket, &ack, NULL, 0);
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
		toy_hello_take(gateway, socket, &frame);
	else if (session)
		session_take(gateway, session, socket, &frame, bytes, len);
	else if (frame.handle == gateway->link_handle && gateway->link_epoch != 0)
		link_take(gateway, socket, &frame);
	else
		unknown_answer(gateway, socket, &frame);
}

void toy_gateway_event(struct toy_gateway *gateway, struct toy_session *session, bool to_client,
		       const char *name, uint8_t channel, bool again)
{
	uint16_t *number = to_client ? &session->client_event : &session->backend_event;
	const struct frame header = {.type = WIRE_EVENT,
				     .channel = channel,
				     .aux = again ? *number : ++*number,
				     .handle = session->handle};
	const struct options options = {
	    .present = OPTIONS_EVENT | OPTIONS_EPOCH,
	    .event = options_text(name),
	    .epoch = session->epoch,
	};
	uint8_t body[128];
	int socket = session->client;

	if (to_client || toy_lane_of(gateway, session, &socket))
		toy_frame_send(gateway, socket, &header, body,
			       (uint32_t)options_encode(&options, body, sizeof(body)));
}

void toy_gateway_detach(struct toy_gateway *gateway, struct toy_session *session)
{
	session->detached = true;
	toy_gateway_event(gateway, session, false, WIRE_EVENT_PEER_DETACHED, 0, false);
}

void toy_gateway_forget(struct toy_session *session, uint8_t channel)
{
	session->fresh |= (uint8_t)(1u << channel);
}

// ---- Timers --------------------------------------------------------------------------------

static void heartbeats_send(struct toy_gateway *gateway)
{
	static const uint8_t body[WIRE_HEARTBEAT_BODY_BYTES] = "heartbea";
	struct frame header = {.type = WIRE_HEARTBEAT, .handle = gateway->link_handle};

	for (uint32_t i = 0; i < TOY_LANES_MAX; i++) {
		if (gateway->lanes[i].live)
			toy_frame_send(gateway, gateway->lanes[i].socket, &header, body,
				       sizeof(body));
	}
	for (uint32_t i = 0; i < TOY_SESSIONS_MAX; i++) {
		const struct toy_session *session = &gateway->sessions[i];

		header.handle = session->handle;
		if (session->used && session->connected && !session->detached)
			toy_frame_send(gateway, session->client, &header, body, sizeof(body));
	}
}

static void timers_run(void *arg)
{
	struct toy_gateway *gateway = arg;
	const uint64_t now_us = gateway->net->now_us;

	for (uint32_t i = 0; i < TOY_SESSIONS_MAX; i++) {
		struct toy_session *session = &gateway->sessions[i];

		if (session->used && session->opened + 1u != 1u << session->channels &&
		    now_us >= session->repeat_us)
			toy_open_send(gateway, session);
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
	    .frame_max = WIRE_FRAME_MAX_DEFAULT,
	    .window = TOY_WINDOW,
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
