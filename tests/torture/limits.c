// SPDX-License-Identifier: BSD-3-Clause
// Everything that is bounded, full: packets, attempts, session slots, errands. Each round fills one
// of them to the last place, sees the next one refused by its name and counted, sees what was there
// before go on, lets go, and finds everything back where it was.
//
// usage: torture_limits [SECONDS]
#include <inttypes.h>

#include "dataplane/attempt.h"
#include "dataplane/errand.h"
#include "holdfast/errors.h"
#include "tests/support/rig_session.h"
#include "tests/torture/torture.h"

enum {
	WORKERS = 2,
	SESSIONS_MAX = 64, // half of them are worker 0's to hand out
	ATTEMPTS_MAX = 32,
	OPENING_MS = 2000,
	CLOSING_MS = 1500,
	HELD_MAX = 16384,
	FRAMES = 40, // while there is no packet
};

static const struct frame_triple zero;
static struct rig rig;
static uint64_t seed = 99;
static uint32_t ids; // of sessions, so far
static struct rte_mbuf *held[HELD_MAX];
static struct rig_session sessions[SESSIONS_MAX];

static struct worker *worker_at(uint32_t index)
{
	return rig.dataplane->workers[index];
}

static struct rig_session fresh(uint16_t queue)
{
	const struct rig_peer client = rig_peer(&rig, (uint8_t)(1 + ids % 200), queue);

	return rig_session(&client, ids++);
}

// A HELLO with a good cookie; control and owner have done their part.
static struct rig_session hello(uint16_t queue)
{
	struct rig_session session = fresh(queue);

	rig_hello(&rig, &session, false);
	return session;
}

// Nothing is left of any session.
static void clear(void)
{
	const struct command command = {.kind = COMMAND_LET_GO_ALL};

	for (uint32_t i = 0; i < WORKERS; i++)
		RIG_CHECK(dataplane_command(rig.dataplane, i, &command) == 0, "mailbox");
	rig_run(&rig, 4);
	rig_grace(&rig);
	rig_forget(&rig);
	rig.notices_count = 0;
	rig_check_empty(&rig);
}

static void refused(struct rig_session *session)
{
	const uint16_t code = rig_rejected(&rig, session);

	RIG_CHECK(code == HOLDFAST_OVERLOADED, "refused with %u", code);
}

// A frame each way through a session whose next numbers are both seq.
static void goes_on(struct rig_session *session, uint32_t seq)
{
	rig_forget(&rig);
	rig_up(&rig, session, seq, seq, "up");
	rig_run(&rig, 3); // to the owner, and with a session that moves
	rig_want_data(&rig, &rig.backend, seq, "up");
	rig_down(&rig, session, seq, seq + 1, "down");
	rig_run(&rig, 3); // to the owner, and with a session that moves
	rig_want_data(&rig, &session->client, seq, "down");
}

// ---- Packets ---------------------------------------------------------------------------------

static uint32_t packets_hold(struct rte_mempool *pool)
{
	uint32_t count = 0;

	while (count < HELD_MAX && (held[count] = rte_pktmbuf_alloc(pool)) != NULL)
		count++;
	RIG_CHECK(count > 0 && count < HELD_MAX, "%u packets", count);
	return count;
}

static void packets_give_back(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		rte_pktmbuf_free(held[i]);
}

// Frames of all kinds that want an answer.
static void ask(struct rig_session *session)
{
	const struct rig_session stranger = fresh(0);

	switch (torture_below(&seed, 8)) {
	case 0:
		rig_hello_cookie(&rig, &stranger, false, NULL);
		break;
	case 1:
		rig_nak(&rig, &session->client, session->handle, 0, 1);
		break;
	case 2:
		rig_up(&rig, session, 0, 0, "again");
		break;
	case 3:
		rig_bare(&rig, &stranger.client, WIRE_ACK, session->handle ^ 1, 0);
		break;
	case 4:
		rig_command(&rig, COMMAND_HEARTBEAT, session->handle, SESSION_SILENT, 0);
		break;
	case 5:
		rig_hello_cookie(&rig, session, true, NULL);
		break;
	case 6:
		rig_close(&rig, &session->client, session->handle ^ UINT64_C(1) << 32, 0);
		break;
	default:
		rig_confirm(&rig, session);
	}
	rig_run(&rig, 1 + torture_below(&seed, 10));
	rig_forget(&rig);
}

// A worker without a packet of its own: nothing that it would make leaves, all that only passes
// through does; a handshake, and an end, that begin now come to their ends later.
static void packets_round(void)
{
	struct rig_session session = fresh(0), late = fresh(0), ending = fresh(0);
	struct frame_retry retry;
	uint64_t unmade;
	uint32_t count;

	rig_open(&rig, &session);
	rig_open(&rig, &ending);
	goes_on(&session, 0);
	rig_hello_cookie(&rig, &late, false, NULL);
	frame_decode_retry(&rig_want(&rig, &late.client, WIRE_RETRY)->frame, &retry);
	count = packets_hold(rig.dataplane->pools[0]);
	unmade = rig_count(&rig, COUNTER_unmade);
	for (uint32_t i = 0; i < FRAMES; i++)
		ask(&session);
	RIG_CHECK(rig_count(&rig, COUNTER_unmade) > unmade, "packets were made of nothing");
	goes_on(&session, 1);
	rig_command(&rig, COMMAND_END, ending.handle, SESSION_EVICTED, HOLDFAST_EVICTED);
	rig_hello_cookie(&rig, &late, false, retry.cookie);
	rig_run(&rig, 2);
	RIG_CHECK(rig_take(&rig, &rig.backend, WIRE_OPEN) == NULL, "an OPEN of nothing");
	packets_give_back(count);
	rig_run(&rig, 600);
	rig_want(&rig, &ending.client, WIRE_CLOSE);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &late);
	rig_confirm(&rig, &late);
	RIG_CHECK(rig_state(&rig, late.handle) == SESSION_CONNECTED, "not connected");
	goes_on(&late, 0);
	goes_on(&session, 2);
}

// Control without one: it is told so.
static void control_packets_round(void)
{
	const uint32_t count = packets_hold(rig.dataplane->control_pool);
	struct rig_session session = fresh(1);
	uint8_t *frame;

	RIG_CHECK(dataplane_frame(rig.dataplane, &frame) == NULL, "a packet of nothing");
	rig_open(&rig, &session); // needs none of control's
	packets_give_back(count);

	struct rte_mbuf *packet = dataplane_frame(rig.dataplane, &frame);

	RIG_CHECK(packet != NULL, "no packet");
	dataplane_packet_free(packet);
}

// ---- Attempts, slots, errands ----------------------------------------------------------------

static void attempts_round(void)
{
	const uint32_t max = worker_at(0)->attempts->max;
	struct rig_session session = fresh(0);

	rig_open(&rig, &session);
	for (uint32_t i = 0; i < max; i++) {
		hello(0);
		rig_want(&rig, &rig.backend, WIRE_OPEN);
	}
	for (uint32_t i = 0; i < 4; i++) {
		struct rig_session another = hello(0);

		refused(&another);
	}
	// A resume needs an attempt as well.
	session.epoch++;
	session.numbers = zero;
	rig_hello(&rig, &session, true);
	refused(&session);
	RIG_CHECK(worker_at(0)->attempts->used == max, "attempts");
	goes_on(&session, 0);
	rig_run(&rig, OPENING_MS + 100); // nobody answered
	RIG_CHECK(worker_at(0)->attempts->used == 0, "attempts");
	rig_grace(&rig);
	rig_forget(&rig);
	session.numbers = (struct frame_triple){.oldest = 1, .next = 1, .expected = 1};
	session.epoch++;
	rig_hello(&rig, &session, true);
	rig_welcome(&rig, &session);
}

static void slots_round(void)
{
	const struct session_range *range = &rig.dataplane->sessions->ranges[0];
	const uint32_t room = range->end - range->first;

	for (uint32_t i = 0; i < room; i++) {
		sessions[i] = fresh(0);
		rig_open(&rig, &sessions[i]);
	}
	for (uint32_t i = 0; i < 4; i++) {
		struct rig_session another = hello(0);

		refused(&another);
	}
	rig.notices_count = 0;
	for (uint32_t i = 0; i < room; i++)
		goes_on(&sessions[i], 0);
	rig_command(&rig, COMMAND_LET_GO, sessions[0].handle, SESSION_LET_GO, 0);
	rig_run(&rig, 1);
	rig_grace(&rig);
	sessions[0] = fresh(0);
	rig_open(&rig, &sessions[0]); // one has gone, one has room
	goes_on(&sessions[0], 0);
}

// All slots' sessions at worker 0, which has errands for half of them.
static void sessions_gather(void)
{
	const struct frame_triple beginning = {0};

	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const uint16_t queue = i < SESSIONS_MAX / WORKERS ? 0 : 1;

		sessions[i] = fresh(queue);
		rig_open(&rig, &sessions[i]);
		if (queue != 0) {
			struct rig_peer near = rig_peer(&rig, (uint8_t)(1 + i), 0);

			near.at.port = rte_cpu_to_be_16((uint16_t)(50000 + i));
			rig_resume(&rig, &sessions[i], &near, &beginning);
			goes_on(&sessions[i], 0);
		}
		rig.notices_count = 0;
	}
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		RIG_CHECK(session_table_owner(rig.dataplane->sessions,
					      session_handle_slot(sessions[i].handle)) == 0,
			  "session %u did not follow", i);
}

static void errands_round(void)
{
	const struct command drain = {.kind = COMMAND_ANNOUNCE_DRAIN};
	const uint64_t lost = rig_count(&rig, COUNTER_events_lost);
	const uint32_t max = worker_at(0)->errands->max;

	sessions_gather();
	rig_forget(&rig);
	RIG_CHECK(dataplane_command(rig.dataplane, 0, &drain) == 0, "mailbox");
	rig_run(&rig, 4);
	RIG_CHECK(worker_at(0)->errands->used == max, "%u errands", worker_at(0)->errands->used);
	RIG_CHECK(rig_count(&rig, COUNTER_events_lost) - lost == 2 * (SESSIONS_MAX - max),
		  "events lost");
	rig_forget(&rig);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		rig_command(&rig, COMMAND_END, sessions[i].handle, SESSION_EVICTED,
			    HOLDFAST_EVICTED);
	rig_run(&rig, 20);
	rig.notices_count = 0;
	// Those without an errand went at once, the others had their second.
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const enum session_state state = rig_state(&rig, sessions[i].handle);

		RIG_CHECK(state == SESSION_CLOSING || state == SESSION_FREE, "state %u", state);
	}
	RIG_CHECK(worker_at(0)->errands->used == max, "%u errands", worker_at(0)->errands->used);
	rig_run(&rig, CLOSING_MS);
	RIG_CHECK(worker_at(0)->errands->used == 0, "%u errands", worker_at(0)->errands->used);
}

int main(int argc, char **argv)
{
	static void (*const rounds[])(void) = {packets_round, control_packets_round, attempts_round,
					       slots_round, errands_round};
	const uint32_t kinds = sizeof(rounds) / sizeof(rounds[0]);
	const uint64_t end_ms = torture_now_ms() + torture_ms(argc, argv);
	uint32_t done = 0;

	rig_start(&rig, &(struct rig_settings){.workers = WORKERS,
					       .sessions_max = SESSIONS_MAX,
					       .attempts_max = ATTEMPTS_MAX});
	while (done < kinds || torture_now_ms() < end_ms) {
		rounds[done < kinds ? done : torture_below(&seed, kinds)]();
		clear();
		done++;
	}
	printf("%" PRIu32 " times full and well again, %" PRIu64 " packets not made\n", done,
	       rig_count(&rig, COUNTER_unmade));
	rig_stop(&rig);
	return 0;
}
