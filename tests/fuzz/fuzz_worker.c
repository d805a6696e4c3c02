// SPDX-License-Identifier: BSD-3-Clause
// Whole workers, fed with sequences of packets in virtual time, over the real data plane.
//
// An input is a list of actions: honest steps of three clients' sessions and of their backend,
// frames whose fields are any, packets changed on their way, raw packets, control's commands, time.
// After each input the gateway lets go of everything, and nothing may be missing: packets, chunks,
// sessions, attempts, errands; and packets are conserved. What leaves the gateway meanwhile must
// decode, be legal from its side and have good checksums (tests/support/rig.h).
#include "dataplane/errand.h"
#include "tests/fuzz/party.h"

enum {
	SESSIONS = 3,
	ACTIONS_MAX = 96,
	CHANGES_MAX = 8,
	FRAME_BYTES_MAX = 1200,
	ETHER_BYTES_MAX = 1500,
	RUN_MS_MAX = 50,
	JUMP_MS = 100,
	QUIET_MS_MAX = 6000,
	QUIET_STEP_MS = 300,
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

static struct party parties[SESSIONS];
static uint32_t sessions_made;

// ---- Frames ----------------------------------------------------------------------------------

static const struct rig_peer *peer_of(const struct party *party, bool backend)
{
	return backend ? &party_rig.backend : &party->session.client;
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
	rig_send(&party_rig, peer_of(party, backend), &frame);
}

static void ack(const struct party *party, struct fuzz_input *input, bool backend)
{
	const uint32_t number = party->next[!backend] - fuzz_take8(input);

	rig_bare(&party_rig, peer_of(party, backend), WIRE_ACK, party->session.handle, number);
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
	rig_send(&party_rig, peer_of(party, backend), &frame);
}

static void any_frame(const struct party *party, struct fuzz_input *input, bool backend)
{
	struct frame frame = {
	    .type = fuzz_take8(input), .flags = fuzz_take8(input), .channel = fuzz_take8(input)};
	const uint8_t handle = fuzz_take8(input);

	frame.handle = handle == LINK ? party_rig.link : party->session.handle ^ (handle >> 1);
	if (frame.type == WIRE_HELLO)
		frame.handle = handle;
	frame.seq = party->next[backend] + (uint32_t)(int16_t)fuzz_take16(input);
	frame.ack = party->next[!backend] + (uint32_t)(int16_t)fuzz_take16(input);
	frame.window = fuzz_take16(input);
	frame.aux = fuzz_take16(input);
	frame.body_bytes = fuzz_take(input, fuzz_take8(input), &frame.body);
	rig_send(&party_rig, peer_of(party, backend), &frame);
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
	len = rig_wrap(&party_rig, from, payload, sizeof(payload), packet);
	for (uint8_t left = fuzz_take8(input) % CHANGES_MAX; left > 0; left--) {
		const uint32_t at = fuzz_take8(input) % len;

		packet[at] ^= fuzz_take8(input);
	}
	rig_send_raw(&party_rig, from->queue, packet, len - fuzz_take8(input) % len);
}

static void payload(const struct party *party, struct fuzz_input *input, bool backend)
{
	const struct rig_peer *from = peer_of(party, backend);
	uint8_t packet[RIG_PACKET_BYTES];
	const uint8_t *bytes;
	const uint32_t len = fuzz_take(input, fuzz_take16(input) % FRAME_BYTES_MAX, &bytes);

	rig_send_raw(&party_rig, from->queue, packet,
		     rig_wrap(&party_rig, from, bytes, len, packet));
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
		memcpy(packet, party_rig.dataplane->ports[0].mac, 6);
	memcpy(packet + 6, party->session.client.mac, 6);
	memcpy(packet + 12, bytes, len);
	rig_send_raw(&party_rig, party->session.client.queue, packet, 12 + len);
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

	rig_command(&party_rig, kind, party->session.handle, (enum session_reason)reason,
		    fuzz_take8(input));
	party_run(1);
}

static void jump(uint32_t ms)
{
	const uint64_t tsc_per_ms =
	    (UINT64_C(1000) << 32) / party_rig.dataplane->clock.us_per_tsc + 1;

	party_rig.ms += ms;
	party_rig.tsc += ms * tsc_per_ms;
	party_run(1);
}

static void act(struct fuzz_input *input)
{
	const uint8_t byte = fuzz_take8(input);
	struct party *party = &parties[(byte >> 4 & 3) % SESSIONS];
	const bool backend = (byte & 0x80) != 0;

	switch ((enum action)(byte % ACTIONS)) {
	case ACT_OPEN:
		party_open(party, input);
		break;
	case ACT_HELLO:
		party_hello(party, input);
		break;
	case ACT_ANSWER_OPEN:
		party_open_answer_any(party, input);
		break;
	case ACT_WELCOME:
		party_welcome(party);
		break;
	case ACT_CONFIRM:
		party_confirm(party);
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
		party_run(fuzz_take8(input) % RUN_MS_MAX);
		break;
	case ACT_JUMP:
		jump(fuzz_take8(input) * JUMP_MS);
		break;
	default: // the client has another address, and may land on another worker
		party->session.client =
		    rig_peer(&party_rig, 1 + fuzz_take8(input) % 100, byte >> 7);
	}
	party_control();
	party_inbox_look();
}

static bool quiet(void)
{
	for (uint32_t i = 0; i < PARTY_WORKERS; i++) {
		struct dataplane_gauges gauges = {.chunks_used = 0};

		dataplane_gauges(party_rig.dataplane, i, &gauges);
		if (gauges.attempts != 0 || gauges.chunks_used != 0 ||
		    party_rig.dataplane->workers[i]->errands->used != 0)
			return false;
		for (uint32_t k = 0; k < SESSION_STATES; k++) {
			if (gauges.sessions[k] != 0)
				return false;
		}
		for (uint32_t k = 0; k < WORKER_WALKS_MAX; k++) {
			if (party_rig.dataplane->workers[i]->walks[k].active)
				return false;
		}
	}
	return true;
}

static void let_go(void)
{
	const struct command all = {.kind = COMMAND_LET_GO_ALL};

	party_run(2);
	for (uint32_t i = 0; i < PARTY_WORKERS; i++)
		FUZZ_CHECK(dataplane_command(party_rig.dataplane, i, &all) == 0,
			   "the mailbox is full");
	party_run(2);
	// A grace period takes 10 ms of real time: not more of them than there must be.
	for (uint32_t ms = 0; ms < QUIET_MS_MAX && !quiet(); ms += QUIET_STEP_MS) {
		rig_grace(&party_rig); // slots come back
		party_run(QUIET_STEP_MS);
	}
	rig_forget(&party_rig);
	rig_check_empty(&party_rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data_bytes, size_t size)
{
	struct fuzz_input input = {data_bytes, size};

	party_start_once();
	rig_forget(&party_rig);
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const struct rig_peer client =
		    rig_peer(&party_rig, (uint8_t)(i + 1), i % PARTY_WORKERS);

		parties[i] = (struct party){.session = rig_session(&client, ++sessions_made)};
	}
	for (uint32_t i = 0; i < ACTIONS_MAX && input.left > 0; i++)
		act(&input);
	let_go();
	return 0;
}
