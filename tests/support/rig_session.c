// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/rig_session.h"

#include <string.h>

struct rig_session rig_session(const struct rig_peer *client, uint32_t n)
{
	struct rig_session session = {.client = *client, .epoch = 1};

	memset(session.id, 0xc5, sizeof(session.id));
	memcpy(session.id, &n, sizeof(n));
	return session;
}

void rig_hello_cookie(struct rig *rig, const struct rig_session *session, bool resume,
		      const uint8_t *cookie)
{
	uint8_t body[1000] = {0};
	struct handshake block = {.epoch = session->epoch, .role = WIRE_ROLE_CLIENT, .count = 1};
	struct options options = {.present = OPTIONS_SERVICES | OPTIONS_CLIENT,
				  .services_count = 1,
				  .client = options_text("rig")};
	struct frame frame = {
	    .type = WIRE_HELLO, .flags = resume ? WIRE_FLAG_RESUME : 0, .body = body};
	int bytes;

	memcpy(block.session, session->id, sizeof(block.session));
	if (cookie != NULL)
		memcpy(block.cookie, cookie, sizeof(block.cookie));
	block.triples[0] = session->numbers;
	options.services[0] = options_text("echo");
	options.timeout_ms = session->timeout_ms;
	options.grace_ms = session->grace_ms;
	options.present |= session->timeout_ms != 0 ? (uint32_t)OPTIONS_TIMEOUT_MS : 0;
	options.present |= session->grace_ms != 0 ? (uint32_t)OPTIONS_GRACE_MS : 0;
	frame.body_bytes = handshake_encode(&block, body);
	bytes = options_encode(&options, body + frame.body_bytes, 500);
	RIG_CHECK(bytes > 0, "options do not fit");
	frame.body_bytes += (uint32_t)bytes;
	// As long as what it can be answered with.
	frame.body_bytes = frame.body_bytes < 300 ? 300 : frame.body_bytes;
	rig_send(rig, &session->client, &frame);
}

void rig_hello(struct rig *rig, const struct rig_session *session, bool resume)
{
	struct frame_retry retry;

	rig_hello_cookie(rig, session, resume, NULL);
	frame_decode_retry(&rig_want(rig, &session->client, WIRE_RETRY)->frame, &retry);
	rig_hello_cookie(rig, session, resume, retry.cookie);
	rig_run(rig, 2); // control admits, the owner creates; or a hand-over
}

uint32_t rig_answer_open(struct rig *rig, uint16_t code, uint32_t standing,
			 const struct frame_triple *numbers)
{
	const struct rig_packet *packet = rig_want(rig, &rig->backend, WIRE_OPEN);
	uint8_t body[WIRE_OPEN_ACK_BODY_BYTES];
	struct frame frame = {.type = WIRE_OPEN_ACK, .handle = packet->frame.handle, .body = body};
	struct frame_open_ack ack = {.code = code, .epoch = standing, .triple = *numbers};
	struct handshake open;

	RIG_CHECK(handshake_decode(&packet->frame, &open) == 0, "malformed");
	if (code == 0)
		ack.epoch = open.epoch;
	frame.body_bytes = frame_encode_open_ack(&ack, body);
	rig_send(rig, &rig->backend, &frame);
	rig_run(rig, 1);
	return open.epoch;
}

void rig_welcome(struct rig *rig, struct rig_session *session)
{
	const struct rig_packet *packet = rig_want(rig, &session->client, WIRE_WELCOME);
	struct handshake welcome;

	RIG_CHECK(handshake_decode(&packet->frame, &welcome) == 0, "malformed");
	RIG_CHECK(welcome.epoch == session->epoch, "of another attempt");
	RIG_CHECK(memcmp(welcome.session, session->id, sizeof(session->id)) == 0,
		  "of another session");
	session->handle = packet->frame.handle;
}

void rig_confirm(struct rig *rig, const struct rig_session *session)
{
	uint8_t body[WIRE_CONFIRM_BODY_BYTES];
	struct frame frame = {.type = WIRE_CONFIRM, .handle = session->handle, .body = body};

	frame.body_bytes = frame_encode_confirm(session->epoch, body);
	rig_send(rig, &session->client, &frame);
	rig_run(rig, 1);
}

void rig_open(struct rig *rig, struct rig_session *session)
{
	const struct frame_triple zero = {0};

	rig_hello(rig, session, false);
	rig_answer_open(rig, 0, 0, &zero);
	rig_welcome(rig, session);
	rig_confirm(rig, session);
	RIG_CHECK(rig_state(rig, session->handle) == SESSION_CONNECTED, "not connected");
	rig_forget(rig);
}

void rig_resume(struct rig *rig, struct rig_session *session, const struct rig_peer *from,
		const struct frame_triple *backend)
{
	session->epoch++;
	session->client = *from;
	rig_hello(rig, session, true);
	rig_welcome(rig, session);
	rig_confirm(rig, session);
	rig_answer_open(rig, 0, 0, backend);
	RIG_CHECK(rig_state(rig, session->handle) == SESSION_CONNECTED, "not connected");
}

uint16_t rig_rejected(struct rig *rig, const struct rig_session *session)
{
	struct frame_reject reject;

	frame_decode_reject(&rig_want(rig, &session->client, WIRE_REJECT)->frame, &reject);
	RIG_CHECK(memcmp(reject.session, session->id, sizeof(session->id)) == 0,
		  "of another session");
	RIG_CHECK(reject.epoch == session->epoch, "of another attempt");
	return reject.code;
}

static void data(struct rig *rig, const struct rig_peer *from, uint64_t handle, uint32_t seq,
		 uint32_t ack, const char *text)
{
	rig_send(rig, from,
		 &(struct frame){.type = WIRE_DATA,
				 .window = 256,
				 .handle = handle,
				 .seq = seq,
				 .ack = ack,
				 .body = (const uint8_t *)text,
				 .body_bytes = (uint32_t)strlen(text)});
}

void rig_up(struct rig *rig, const struct rig_session *session, uint32_t seq, uint32_t ack,
	    const char *text)
{
	data(rig, &session->client, session->handle, seq, ack, text);
}

void rig_down(struct rig *rig, const struct rig_session *session, uint32_t seq, uint32_t ack,
	      const char *text)
{
	data(rig, &rig->backend, session->handle, seq, ack, text);
}

void rig_bare(struct rig *rig, const struct rig_peer *from, uint8_t type, uint64_t handle,
	      uint32_t ack)
{
	rig_send(rig, from, &(struct frame){.type = type, .handle = handle, .ack = ack});
}

void rig_nak(struct rig *rig, const struct rig_peer *from, uint64_t handle, uint32_t first,
	     uint32_t count)
{
	const struct frame_nak_pair pair = {first, count};
	uint8_t body[WIRE_NAK_PAIR_BYTES];
	struct frame frame = {.type = WIRE_NAK, .handle = handle, .body = body};

	frame.body_bytes = frame_encode_nak(&pair, 1, body);
	rig_send(rig, from, &frame);
}

void rig_close(struct rig *rig, const struct rig_peer *from, uint64_t handle, uint16_t code)
{
	const struct frame_close close = {.code = code};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];
	struct frame frame = {.type = WIRE_CLOSE, .handle = handle, .body = body};

	frame.body_bytes = frame_encode_close(&close, body);
	rig_send(rig, from, &frame);
	rig_run(rig, 2);
}

void rig_want_data(struct rig *rig, const struct rig_peer *to, uint32_t seq, const char *text)
{
	const struct rig_packet *packet = rig_want(rig, to, WIRE_DATA);

	RIG_CHECK(packet->frame.seq == seq, "DATA %u came, not %u", packet->frame.seq, seq);
	RIG_CHECK(packet->frame.body_bytes == strlen(text), "another length");
	RIG_CHECK(memcmp(packet->frame.body, text, packet->frame.body_bytes) == 0, "another text");
}
