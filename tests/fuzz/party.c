// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/party.h"

enum {
	FRAME_BYTES_MAX = 1200,
	HELLO_BYTES = 300, // as long as what it can be answered with
	CHANGES_MAX = 8,
	INBOX_FULL = 1024,
};

struct rig party_rig;

void party_start_once(void)
{
	if (party_rig.dataplane != NULL)
		return;
	// Small, so that limits are reached.
	rig_start(&party_rig, &(struct rig_settings){.workers = PARTY_WORKERS,
						     .sessions_max = 4,
						     .attempts_max = 4,
						     .window = 64,
						     .replay_bytes = 1 << 16,
						     .replay_session_bytes = 8192,
						     .resumes_per_second = 1000});
	party_rig.paused = true; // control is played here
}

// ---- Control ---------------------------------------------------------------------------------

// Whether control would admit this HELLO.
static bool admitted(const struct notice *notice, struct handshake *hello)
{
	struct frame frame;

	return frame_decode(notice->frame, notice->frame_bytes, &frame) == FRAME_OK &&
	       frame.type == WIRE_HELLO && handshake_decode(&frame, hello) == 0 &&
	       hello->role == WIRE_ROLE_CLIENT && (frame.flags & WIRE_FLAG_RESUME) == 0 &&
	       hello->triples[0].expected == 0;
}

static void frame_noticed(const struct notice *notice)
{
	struct command command = {
	    .kind = COMMAND_CREATE, .path = notice->path, .packet = notice->packet};
	struct handshake hello;

	if (!admitted(notice, &hello)) {
		dataplane_packet_free(notice->packet);
		return;
	}
	for (uint32_t k = 0; k < WIRE_CHANNELS_MAX; k++)
		command.backends[k] = k < hello.count ? RIG_ECHO : DIRECTORY_NONE;
	FUZZ_CHECK(dataplane_command(party_rig.dataplane, notice->worker, &command) == 0,
		   "the mailbox is full");
}

void party_control(void)
{
	struct notice notice;

	while (dataplane_notices(party_rig.dataplane, &notice, 1) == 1) {
		if (notice.kind == NOTICE_FRAME)
			frame_noticed(&notice);
		else if (notice.kind == NOTICE_END_WANTED)
			rig_command(&party_rig, COMMAND_END, notice.handle,
				    (enum session_reason)notice.reason, notice.code);
	}
}

// What leaves is legal; what nobody took is forgotten in time.
void party_inbox_look(void)
{
	for (uint32_t i = 0; i < party_rig.inbox_count; i++) {
		const struct rig_packet *packet = &party_rig.inbox[i];

		if (packet->is_frame && packet->frame.type != WIRE_DATA)
			FUZZ_CHECK(frame_legal_from(packet->frame.type, FRAME_FROM_GATEWAY) ||
				       packet->frame.type == WIRE_HEARTBEAT,
				   "%s from the gateway", frame_type_name(packet->frame.type));
	}
	if (party_rig.inbox_count > INBOX_FULL)
		rig_forget(&party_rig);
}

void party_run(uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i++) {
		rig_run(&party_rig, 1);
		party_control();
		party_inbox_look();
	}
}

// ---- Handshakes ------------------------------------------------------------------------------

static void hello_send(const struct party *party, struct fuzz_input *input, bool honest)
{
	uint8_t body[FRAME_BYTES_MAX] = {0};
	const uint8_t *own;
	struct handshake block = {.epoch = party->session.epoch, .count = 1};
	struct options options = {.present = OPTIONS_SERVICES, .services_count = 1};
	struct frame frame = {.type = WIRE_HELLO, .body = body};
	int bytes;

	memcpy(block.session, party->session.id, sizeof(block.session));
	memcpy(block.cookie, party->cookie, sizeof(block.cookie));
	block.triples[0] = party->session.numbers;
	if (party->resume)
		frame.flags = WIRE_FLAG_RESUME;
	frame.body_bytes = handshake_encode(&block, body);
	options.services[0] = options_text("echo");
	bytes = options_encode(&options, body + frame.body_bytes, 500);
	FUZZ_CHECK(bytes > 0, "options do not fit");
	if (!honest) {
		bytes = (int)fuzz_take(input, fuzz_take8(input), &own);
		memset(body + frame.body_bytes, 0, 64);
		memcpy(body + frame.body_bytes, own, (size_t)bytes);
		for (uint8_t left = fuzz_take8(input) % CHANGES_MAX; left > 0; left--)
			body[fuzz_take8(input)] = fuzz_take8(input);
	}
	frame.body_bytes += (uint32_t)bytes;
	frame.body_bytes = frame.body_bytes < HELLO_BYTES ? HELLO_BYTES : frame.body_bytes;
	rig_send(&party_rig, &party->session.client, &frame);
	party_control();
}

static void retry_take(struct party *party)
{
	const struct rig_packet *packet = rig_take(&party_rig, &party->session.client, WIRE_RETRY);
	struct frame_retry retry;

	if (packet == NULL)
		return;
	frame_decode_retry(&packet->frame, &retry);
	memcpy(party->cookie, retry.cookie, sizeof(party->cookie));
}

void party_hello(struct party *party, struct fuzz_input *input)
{
	const uint8_t how = fuzz_take8(input);

	party->session.epoch += how >> 4 & 3;
	party->resume = (how & 1) != 0;
	if ((how & 2) != 0) {
		party->session.numbers.expected = party->next[1];
		party->session.numbers.next = party->next[0];
	}
	hello_send(party, input, (how & 4) == 0);
	retry_take(party);
}

static void open_answer(uint16_t code, const struct frame_triple *numbers)
{
	const struct rig_packet *packet = rig_take(&party_rig, &party_rig.backend, WIRE_OPEN);
	struct frame_open_ack ack = {.code = code, .triple = *numbers};
	uint8_t body[WIRE_OPEN_ACK_BODY_BYTES];
	struct handshake block;

	if (packet == NULL)
		return;
	FUZZ_CHECK(handshake_decode(&packet->frame, &block) == 0, "OPEN is malformed");

	struct frame frame = {.type = WIRE_OPEN_ACK,
			      .channel = packet->frame.channel,
			      .handle = packet->frame.handle,
			      .body = body};

	ack.epoch = block.epoch;
	frame.body_bytes = frame_encode_open_ack(&ack, body);
	rig_send(&party_rig, &party_rig.backend, &frame);
	party_control();
}

void party_open_answer_any(const struct party *party, struct fuzz_input *input)
{
	const uint8_t code = fuzz_take8(input);
	const struct frame_triple numbers = {
	    .oldest = fuzz_take8(input),
	    .next = party->next[1] + (uint64_t)fuzz_take8(input),
	    .expected = party->next[0] + (uint64_t)fuzz_take8(input),
	};

	open_answer(code, &numbers);
}

void party_welcome(struct party *party)
{
	const struct rig_packet *packet =
	    rig_take(&party_rig, &party->session.client, WIRE_WELCOME);
	struct handshake block;
	struct options options;

	if (packet == NULL)
		return;
	FUZZ_CHECK(handshake_decode(&packet->frame, &block) == 0, "WELCOME is malformed");
	FUZZ_CHECK(options_decode(block.options, block.options_bytes, &options) == 0,
		   "options of WELCOME");
	party->session.handle = packet->frame.handle;
}

void party_confirm(const struct party *party)
{
	uint8_t body[WIRE_CONFIRM_BODY_BYTES];
	struct frame frame = {.type = WIRE_CONFIRM, .handle = party->session.handle, .body = body};

	frame.body_bytes = frame_encode_confirm(party->session.epoch, body);
	rig_send(&party_rig, &party->session.client, &frame);
	party_run(1);
}

void party_open(struct party *party, struct fuzz_input *input)
{
	struct frame_triple numbers = {.next = party->next[1], .expected = party->next[0]};

	hello_send(party, input, true);
	retry_take(party);
	hello_send(party, input, true);
	party_run(2);
	open_answer(0, &numbers);
	party_run(1);
	party_welcome(party);
	party_confirm(party);
}
