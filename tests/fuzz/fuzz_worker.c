// SPDX-License-Identifier: BSD-3-Clause
// Whole workers, fed with sequences of packets in virtual time, over the real data plane.
//
// An input is a list of actions: honest steps of three clients' sessions and of their backend,
// frames whose fields are any, packets changed on their way, raw packets, control's commands, time.
// After each input the gateway lets go of everything, and nothing may be missing: packets, chunks,
// sessions, attempts, errands; and packets are conserved. What leaves the gateway meanwhile must
// decode, be legal from its side and have good checksums (tests/support/rig.h).
#include "dataplane/errand.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/rig_session.h"

enum {
	WORKERS = 2,
	SESSIONS = 3,
	ACTIONS_MAX = 96,
	CHANGES_MAX = 8,
	FRAME_BYTES_MAX = 1200,
	HELLO_BYTES = 300, // as long as what it can be answered with
	ETHER_BYTES_MAX = 1500,
	RUN_MS_MAX = 50,
	JUMP_MS = 100,
	QUIET_MS_MAX = 6000,
	QUIET_STEP_MS = 300,
	INBOX_FULL = 1024,
	LINK = 1, // choice of a handle: the backend's link
};

enum action {
	ACT_OPEN, // a whole handshake
	ACT_HELLO,
	ACT_ANSWER_OPEN,
	ACT_WELCOME,
	ACT_CONFIRM,
	ACT_DATA,
	ACT_ACK,
	ACT_NAK,
	ACT_FRAME,
	ACT_CHANGED,
	ACT_PAYLOAD,
	ACT_ETHER,
	ACT_COMMAND,
	ACT_RUN,
	ACT_JUMP,
	ACT_MOVE,
	ACTIONS,
};

// A session as both of its endpoints know it.
struct party {
	struct rig_session session;
	uint8_t cookie[WIRE_COOKIE_BYTES];
	uint32_t next[2]; // number of the next DATA: of the client, of the backend
	bool resume;
};

static struct rig rig;
static struct party parties[SESSIONS];
static uint32_t sessions_made;

static void start_once(void)
{
	if (rig.dataplane != NULL)
		return;
	// Small, so that limits are reached.
	rig_start(&rig, &(struct rig_settings){.workers = WORKERS,
					       .sessions_max = 4,
					       .attempts_max = 4,
					       .window = 64,
					       .replay_bytes = 1 << 16,
					       .replay_session_bytes = 8192,
					       .resumes_per_second = 1000});
	rig.paused = true; // control is played here
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
	FUZZ_CHECK(dataplane_command(rig.dataplane, notice->worker, &command) == 0,
		   "the mailbox is full");
}

static void control(void)
{
	struct notice notice;

	while (dataplane_notices(rig.dataplane, &notice, 1) == 1) {
		if (notice.kind == NOTICE_FRAME)
			frame_noticed(&notice);
		else if (notice.kind == NOTICE_END_WANTED)
			rig_command(&rig, COMMAND_END, notice.handle,
				    (enum session_reason)notice.reason, notice.code);
	}
}

// What leaves is legal; what nobody took is forgotten in time.
static void inbox_look(void)
{
	for (uint32_t i = 0; i < rig.inbox_count; i++) {
		const struct rig_packet *packet = &rig.inbox[i];

		if (packet->is_frame && packet->frame.type != WIRE_DATA)
			FUZZ_CHECK(frame_legal_from(packet->frame.type, FRAME_FROM_GATEWAY) ||
				       packet->frame.type == WIRE_HEARTBEAT,
				   "%s from the gateway", frame_type_name(packet->frame.type));
	}
	if (rig.inbox_count > INBOX_FULL)
		rig_forget(&rig);
}

static void run(uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i++) {
		rig_run(&rig, 1);
		control();
		inbox_look();
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
	rig_send(&rig, &party->session.client, &frame);
	control();
}

static void retry_take(struct party *party)
{
	const struct rig_packet *packet = rig_take(&rig, &party->session.client, WIRE_RETRY);
	struct frame_retry retry;

	if (packet == NULL)
		return;
	frame_decode_retry(&packet->frame, &retry);
	memcpy(party->cookie, retry.cookie, sizeof(party->cookie));
}

static void hello(struct party *party, struct fuzz_input *input)
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
	const struct rig_packet *packet = rig_take(&rig, &rig.backend, WIRE_OPEN);
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
	rig_send(&rig, &rig.backend, &frame);
	control();
}

static void open_answer_any(const struct party *party, struct fuzz_input *input)
{
	const uint8_t code = fuzz_take8(input);
	const struct frame_triple numbers = {
	    .oldest = fuzz_take8(input),
	    .next = party->next[1] + (uint64_t)fuzz_take8(input),
	    .expected = party->next[0] + (uint64_t)fuzz_take8(input),
	};

	open_answer(code, &numbers);
}

static void welcome_take(struct party *party)
{
	const struct rig_packet *packet = rig_take(&rig, &party->session.client, WIRE_WELCOME);
	struct handshake block;
	struct options options;

	if (packet == NULL)
		return;
	FUZZ_CHECK(handshake_decode(&packet->frame, &block) == 0, "WELCOME is malformed");
	FUZZ_CHECK(options_decode(block.options, block.options_bytes, &options) == 0,
		   "options of WELCOME");
	party->session.handle = packet->frame.handle;
}

static void confirm(const struct party *party)
{
	uint8_t body[WIRE_CONFIRM_BODY_BYTES];
	struct frame frame = {.type = WIRE_CONFIRM, .handle = party->session.handle, .body = body};

	frame.body_bytes = frame_encode_confirm(party->session.epoch, body);
	rig_send(&rig, &party->session.client, &frame);
	run(1);
}

static void open_whole(struct party *party, struct fuzz_input *input)
{
	struct frame_triple numbers = {.next = party->next[1], .expected = party->next[0]};

	hello_send(party, input, true);
	retry_take(party);
	hello_send(party, input, true);
	run(2);
	open_answer(0, &numbers);
	run(1);
	welcome_take(party);
	confirm(party);
}

// ---- Frames ----------------------------------------------------------------------------------

static const struct rig_peer *peer_of(const struct party *party, bool backend)
{
	return backend ? &rig.backend : &party->session.client;
}

// The next DATA, or one near it, with a body of as many bytes as its number makes.
static void data(struct party *party, struct fuzz_input *input, bool backend)
{
	static const uint8_t text[FRAME_BYTES_MAX - WIRE_HEADER_BYTES];
	const int8_t off = (int8_t)fuzz_take8(input);
	const uint8_t how = fuzz_take8(input);
	const struct frame frame = {
	    .type = WIRE_DATA,
	    .flags = how % 8,
	    .window = 64,
	    .handle = party->session.handle,
	    .seq = party->next[backend] + (uint32_t)off,
	    .ack = party->next[!backend],
	    .body = text,
	    .body_bytes = how / 8 * 37u,
	};

	party->next[backend] += off == 0;
	rig_send(&rig, peer_of(party, backend), &frame);
}

static void ack(const struct party *party, struct fuzz_input *input, bool backend)
{
	const uint32_t number = party->next[!backend] - fuzz_take8(input);

	rig_bare(&rig, peer_of(party, backend), WIRE_ACK, party->session.handle, number);
}

static void nak(const struct party *party, struct fuzz_input *input, bool backend)
{
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	uint8_t body[WIRE_NAK_PAIRS_MAX * WIRE_NAK_PAIR_BYTES];
	const uint32_t count = 1 + fuzz_take8(input) % WIRE_NAK_PAIRS_MAX;
	struct frame frame = {.type = WIRE_NAK, .handle = party->session.handle, .body = body};

	for (uint32_t i = 0; i < count; i++)
		pairs[i] = (struct frame_nak_pair){party->next[!backend] - fuzz_take8(input),
						   fuzz_take8(input)};
	frame.ack = pairs[0].first;
	frame.body_bytes = frame_encode_nak(pairs, count, body);
	rig_send(&rig, peer_of(party, backend), &frame);
}

static void any_frame(const struct party *party, struct fuzz_input *input, bool backend)
{
	struct frame frame = {
	    .type = fuzz_take8(input), .flags = fuzz_take8(input), .channel = fuzz_take8(input)};
	const uint8_t handle = fuzz_take8(input);

	frame.handle = handle == LINK ? rig.link : party->session.handle ^ (handle >> 1);
	if (frame.type == WIRE_HELLO)
		frame.handle = handle;
	frame.seq = party->next[backend] + (uint32_t)(int16_t)fuzz_take16(input);
	frame.ack = party->next[!backend] + (uint32_t)(int16_t)fuzz_take16(input);
	frame.window = fuzz_take16(input);
	frame.aux = fuzz_take16(input);
	frame.body_bytes = fuzz_take(input, fuzz_take8(input), &frame.body);
	rig_send(&rig, peer_of(party, backend), &frame);
}

// An honest packet of which some bytes were changed on its way.
static void changed(const struct party *party, struct fuzz_input *input, bool backend)
{
	uint8_t payload[WIRE_HEADER_BYTES + 8] = {0}, packet[RIG_PACKET_BYTES];
	const struct frame frame = {.type = WIRE_DATA,
				    .handle = party->session.handle,
				    .seq = party->next[backend],
				    .ack = party->next[!backend]};
	const struct rig_peer *from = peer_of(party, backend);
	uint32_t len;

	frame_encode_header(&frame, payload);
	len = rig_wrap(&rig, from, payload, sizeof(payload), packet);
	for (uint8_t left = fuzz_take8(input) % CHANGES_MAX; left > 0; left--) {
		const uint32_t at = fuzz_take8(input) % len;

		packet[at] ^= fuzz_take8(input);
	}
	rig_send_raw(&rig, from->queue, packet, len - fuzz_take8(input) % len);
}

static void payload(const struct party *party, struct fuzz_input *input, bool backend)
{
	const struct rig_peer *from = peer_of(party, backend);
	uint8_t packet[RIG_PACKET_BYTES];
	const uint8_t *bytes;
	const uint32_t len = fuzz_take(input, fuzz_take16(input) % FRAME_BYTES_MAX, &bytes);

	rig_send_raw(&rig, from->queue, packet, rig_wrap(&rig, from, bytes, len, packet));
}

// Anything below UDP: only where it goes to is given, so that it is looked at.
static void ether(const struct party *party, struct fuzz_input *input)
{
	uint8_t packet[ETHER_BYTES_MAX] = {0};
	const uint8_t *bytes;
	const uint8_t broadcast = fuzz_take8(input);
	const uint32_t len = fuzz_take(input, fuzz_take16(input) % (ETHER_BYTES_MAX - 12), &bytes);

	if ((broadcast & 1) != 0)
		memset(packet, 0xff, 6);
	else
		memcpy(packet, rig.dataplane->ports[0].mac, 6);
	memcpy(packet + 6, party->session.client.mac, 6);
	memcpy(packet + 12, bytes, len);
	rig_send_raw(&rig, party->session.client.queue, packet, 12 + len);
}

// ---- The rest --------------------------------------------------------------------------------

static void command(const struct party *party, struct fuzz_input *input)
{
	static const uint8_t kinds[] = {
	    COMMAND_HEARTBEAT,     COMMAND_DETACH,         COMMAND_END,
	    COMMAND_LET_GO,        COMMAND_BACKEND_LOST,   COMMAND_BACKEND_RETURNED,
	    COMMAND_BACKEND_RESET, COMMAND_ANNOUNCE_DRAIN, COMMAND_LANE_HEARTBEAT,
	    COMMAND_LET_GO_ALL};
	// For which control ends a session.
	static const uint8_t reasons[] = {SESSION_CLOSED, SESSION_EVICTED, SESSION_EXPIRED,
					  SESSION_BROKEN};
	const uint8_t kind = kinds[fuzz_take8(input) % sizeof(kinds)];
	const uint8_t reason = reasons[fuzz_take8(input) % sizeof(reasons)];

	rig_command(&rig, kind, party->session.handle, (enum session_reason)reason,
		    fuzz_take8(input));
	run(1);
}

static void jump(uint32_t ms)
{
	const uint64_t tsc_per_ms = (UINT64_C(1000) << 32) / rig.dataplane->clock.us_per_tsc + 1;

	rig.ms += ms;
	rig.tsc += ms * tsc_per_ms;
	run(1);
}

static void act(struct fuzz_input *input)
{
	const uint8_t byte = fuzz_take8(input);
	struct party *party = &parties[(byte >> 4 & 3) % SESSIONS];
	const bool backend = (byte & 0x80) != 0;

	switch ((enum action)(byte % ACTIONS)) {
	case ACT_OPEN:
		open_whole(party, input);
		break;
	case ACT_HELLO:
		hello(party, input);
		break;
	case ACT_ANSWER_OPEN:
		open_answer_any(party, input);
		break;
	case ACT_WELCOME:
		welcome_take(party);
		break;
	case ACT_CONFIRM:
		confirm(party);
		break;
	case ACT_DATA:
		data(party, input, backend);
		break;
	case ACT_ACK:
		ack(party, input, backend);
		break;
	case ACT_NAK:
		nak(party, input, backend);
		break;
	case ACT_FRAME:
		any_frame(party, input, backend);
		break;
	case ACT_CHANGED:
		changed(party, input, backend);
		break;
	case ACT_PAYLOAD:
		payload(party, input, backend);
		break;
	case ACT_ETHER:
		ether(party, input);
		break;
	case ACT_COMMAND:
		command(party, input);
		break;
	case ACT_RUN:
		run(fuzz_take8(input) % RUN_MS_MAX);
		break;
	case ACT_JUMP:
		jump(fuzz_take8(input) * JUMP_MS);
		break;
	default: // the client has another address, and may land on another worker
		party->session.client = rig_peer(&rig, 1 + fuzz_take8(input) % 100, byte >> 7);
	}
	control();
	inbox_look();
}

static bool quiet(void)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct dataplane_gauges gauges = {.chunks_used = 0};

		dataplane_gauges(rig.dataplane, i, &gauges);
		if (gauges.attempts != 0 || gauges.chunks_used != 0 ||
		    rig.dataplane->workers[i]->errands->used != 0)
			return false;
		for (uint32_t k = 0; k < SESSION_STATES; k++) {
			if (gauges.sessions[k] != 0)
				return false;
		}
		for (uint32_t k = 0; k < WORKER_WALKS_MAX; k++) {
			if (rig.dataplane->workers[i]->walks[k].active)
				return false;
		}
	}
	return true;
}

static void let_go(void)
{
	const struct command all = {.kind = COMMAND_LET_GO_ALL};

	run(2);
	for (uint32_t i = 0; i < WORKERS; i++)
		FUZZ_CHECK(dataplane_command(rig.dataplane, i, &all) == 0, "the mailbox is full");
	run(2);
	// A grace period takes 10 ms of real time: not more of them than there must be.
	for (uint32_t ms = 0; ms < QUIET_MS_MAX && !quiet(); ms += QUIET_STEP_MS) {
		rig_grace(&rig); // slots come back
		run(QUIET_STEP_MS);
	}
	rig_forget(&rig);
	rig_check_empty(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data_bytes, size_t size)
{
	struct fuzz_input input = {data_bytes, size};

	start_once();
	rig_forget(&rig);
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const struct rig_peer client = rig_peer(&rig, (uint8_t)(i + 1), i % WORKERS);

		parties[i] = (struct party){.session = rig_session(&client, ++sessions_made)};
	}
	for (uint32_t i = 0; i < ACTIONS_MAX && input.left > 0; i++)
		act(&input);
	let_go();
	return 0;
}
