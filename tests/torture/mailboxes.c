// SPDX-License-Identifier: BSD-3-Clause
// Mailboxes and hand-over rings that are full most of the time: workers on threads of their own
// hand each other datagrams faster than they are taken, now and then one stands still, and control
// sends commands by the thousand and reads their answers when it likes.
//
// A datagram arrives once and in its order or is dropped, and counted, because the ring was full. A
// command is answered once for each of its handles, in order: none is ever lost.
//
// usage: torture_mailboxes [SECONDS]
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "control/courier.h"
#include "tests/support/rig_session.h"
#include "tests/torture/torture.h"

enum {
	WORKERS = 3,
	SESSIONS = 6, // each worker owns its share
	BURST =
	    BURST_MAX, // datagrams that a worker finds on its queue: as many as it takes at a time
	COMMANDS_BURST = 3000, // of control, to one worker
	COMMANDS_WAITING = 12000,
	PAUSE_MAX_US = 60000,
	FINISH_MS = 60000,    // until everything has been answered
	UDP_AT = 14 + 20 + 8, // bytes in front of a frame, IPv4
};

struct stamp {
	uint32_t source; // worker
	uint32_t count;
};

struct runner {
	uint32_t index;
	uint64_t random;
	uint64_t sent, arrived;
	uint32_t counts[SESSIONS];        // last that it sent to a session
	uint32_t seen[WORKERS][SESSIONS]; // last that came out here, by source
};

static struct rig rig;
static struct rig_session sessions[SESSIONS];
static struct runner runners[WORKERS];
static uint64_t first_tsc;
static bool quiet, stop; // atomic
static struct tally tally;
static struct courier *courier;
static uint32_t tokens[WORKERS];                     // last that was given out
static uint32_t answered[WORKERS], answers[WORKERS]; // tokens in full, handles of the next

static uint64_t tsc_now(void)
{
	return rig.tsc + (rte_rdtsc() - first_tsc);
}

// ---- Workers ---------------------------------------------------------------------------------

static void datagram_put(struct runner *runner, uint32_t to)
{
	const struct stamp stamp = {runner->index, ++runner->counts[to]};
	const struct frame frame = {.type = WIRE_DATAGRAM,
				    .handle = sessions[to].handle,
				    .body = (const uint8_t *)&stamp,
				    .body_bytes = sizeof(stamp)};
	uint8_t payload[RIG_PACKET_BYTES], packet[RIG_PACKET_BYTES];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(rig.packets);
	uint32_t bytes;

	if (mbuf == NULL) { // the rest is under way
		runner->counts[to]--;
		return;
	}
	frame_encode_header(&frame, payload);
	memcpy(payload + WIRE_HEADER_BYTES, &stamp, sizeof(stamp));
	bytes = rig_wrap(&rig, &rig.backend, payload, WIRE_HEADER_BYTES + sizeof(stamp), packet);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)bytes), packet, bytes);
	TORTURE_CHECK(rte_ring_enqueue(rig.wires[runner->index], mbuf) == 0, "the wire is full");
	runner->sent++;
}

static void packet_take(struct runner *runner, const uint8_t *bytes, uint32_t len)
{
	struct frame frame;
	struct stamp stamp;
	uint32_t to = 0;

	TORTURE_CHECK(len > UDP_AT &&
			  frame_decode(bytes + UDP_AT, len - UDP_AT, &frame) == FRAME_OK,
		      "no frame");
	if (frame.type != WIRE_DATAGRAM)
		return;
	while (to < SESSIONS && sessions[to].handle != frame.handle)
		to++;
	TORTURE_CHECK(to < SESSIONS && to % WORKERS == runner->index,
		      "a datagram came out at worker %u", runner->index);
	memcpy(&stamp, frame.body, sizeof(stamp));
	TORTURE_CHECK(stamp.source < WORKERS, "not what was sent");
	TORTURE_CHECK(stamp.count > runner->seen[stamp.source][to],
		      "datagram %u of worker %u after %u", stamp.count, stamp.source,
		      runner->seen[stamp.source][to]);
	runner->seen[stamp.source][to] = stamp.count;
	runner->arrived++;
}

static void wire_take(struct runner *runner)
{
	void *taken;

	while (rte_ring_dequeue(rig.wires[runner->index], &taken) == 0) {
		const struct rte_mbuf *mbuf = taken;

		packet_take(runner, rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len);
		rte_pktmbuf_free(taken);
	}
}

// Now and then a worker does not run for a while, or gives the others its core.
static void pause_sometimes(struct runner *runner)
{
	const uint32_t dice = torture_below(&runner->random, 2000);

	if (dice == 0) {
		urcu_qsbr_thread_offline();
		usleep(torture_below(&runner->random, PAUSE_MAX_US));
		urcu_qsbr_thread_online();
	} else if (dice < 200) {
		sched_yield();
	}
}

static void *worker_run(void *argument)
{
	struct runner *runner = argument;

	urcu_qsbr_register_thread();
	urcu_qsbr_set_thread_call_rcu_data(rig.dataplane->reclaimer);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		const bool sends = !__atomic_load_n(&quiet, __ATOMIC_RELAXED);

		for (uint32_t i = 0; i < BURST && sends; i++)
			datagram_put(runner, torture_below(&runner->random, SESSIONS));
		worker_poll(rig.dataplane->workers[runner->index], tsc_now());
		wire_take(runner);
		pause_sometimes(runner);
	}
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	urcu_qsbr_unregister_thread();
	return NULL;
}

// ---- Control ---------------------------------------------------------------------------------

// A handle that nobody has: the worker must refuse each.
static uint64_t handle_of(uint32_t token, uint32_t index)
{
	return session_handle(SESSION_NONE - 1 - index, token);
}

static void commands_send(uint32_t worker, uint32_t count)
{
	struct command command = {
	    .kind = COMMAND_END, .reason = SESSION_EVICTED, .count = DATAPLANE_HANDLES_MAX};

	for (uint32_t i = 0; i < count; i++) {
		command.token = ++tokens[worker];
		for (uint32_t k = 0; k < command.count; k++)
			command.handles[k] = handle_of(command.token, k);
		courier_decide(courier, worker, &command);
	}
}

static void answers_take(uint32_t max)
{
	struct notice notice;

	while (max-- > 0 && dataplane_notices(rig.dataplane, &notice, 1) == 1) {
		const uint32_t worker = notice.worker;

		TORTURE_CHECK(notice.kind == NOTICE_REFUSED, "notice %u", notice.kind);
		TORTURE_CHECK(notice.token == answered[worker] + 1 &&
				  notice.handle == handle_of(notice.token, answers[worker]),
			      "worker %u answers command %u, not %u", worker, notice.token,
			      answered[worker] + 1);
		if (++answers[worker] == DATAPLANE_HANDLES_MAX) {
			answers[worker] = 0;
			answered[worker]++;
		}
	}
}

static bool all_answered(void)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		if (answered[i] != tokens[i])
			return false;
	}
	return true;
}

static void control_wait(uint32_t us)
{
	urcu_qsbr_thread_offline();
	usleep(us);
	urcu_qsbr_thread_online();
}

// Whether every kind of way was full at some time.
static bool was_full(void)
{
	return rig_drops(&rig, DROP_ring_full) > 0 && tally.commands_queued > 0;
}

static void control_run(uint32_t ms)
{
	const uint64_t end_ms = torture_now_ms() + ms;
	uint64_t random = 4711;

	while (torture_now_ms() < end_ms ||
	       (!was_full() && torture_now_ms() < end_ms + FINISH_MS)) {
		if (courier_waiting(courier) < COMMANDS_WAITING)
			commands_send(torture_below(&random, WORKERS),
				      torture_below(&random, COMMANDS_BURST));
		courier_flush(courier);
		answers_take(torture_below(&random, 4 * DATAPLANE_NOTICES_QUEUE));
		control_wait(torture_below(&random, PAUSE_MAX_US));
	}
	__atomic_store_n(&quiet, true, __ATOMIC_RELAXED);
	while (!all_answered()) {
		TORTURE_CHECK(torture_now_ms() < end_ms + FINISH_MS, "commands without an answer");
		courier_flush(courier);
		answers_take(UINT32_MAX);
		control_wait(1000);
	}
}

// ---- Begin and end ---------------------------------------------------------------------------

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = WORKERS});
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const struct rig_peer client =
		    rig_peer(&rig, (uint8_t)(i + 1), (uint16_t)(i % WORKERS));

		sessions[i] = rig_session(&client, i);
		rig_open(&rig, &sessions[i]);
	}
	courier = courier_create(rig.dataplane, WORKERS, &tally);
	TORTURE_CHECK(courier != NULL, "out of memory");
	first_tsc = rte_rdtsc();
}

static void end(pthread_t *threads)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	urcu_qsbr_thread_offline();
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	urcu_qsbr_thread_online();
	rig.tsc = tsc_now();
	// What still stood in a ring comes out now.
	for (uint32_t i = 0; i < 4 * WORKER_RING_PACKETS / BURST_MAX * WORKERS; i++) {
		worker_poll(rig.dataplane->workers[i % WORKERS], rig.tsc);
		wire_take(&runners[i % WORKERS]);
	}
	courier_destroy(courier);
}

int main(int argc, char **argv)
{
	const uint32_t ms = torture_ms(argc, argv);
	pthread_t threads[WORKERS];
	uint64_t sent = 0, arrived = 0, dropped, commands = 0;

	begin();
	for (uint32_t i = 0; i < WORKERS; i++) {
		runners[i] = (struct runner){.index = i, .random = 31 + i};
		pthread_create(&threads[i], NULL, worker_run, &runners[i]);
	}
	control_run(ms);
	end(threads);
	for (uint32_t i = 0; i < WORKERS; i++) {
		sent += runners[i].sent;
		arrived += runners[i].arrived;
		commands += answered[i];
	}
	dropped = rig_drops(&rig, DROP_ring_full);
	printf("%" PRIu64 " datagrams: %" PRIu64 " arrived, %" PRIu64
	       " dropped at a full ring; %" PRIu64 " commands answered, %" PRIu64
	       " waited for room\n",
	       sent, arrived, dropped, commands, (uint64_t)tally.commands_queued);
	TORTURE_CHECK(sent == arrived + dropped, "datagrams are missing");
	TORTURE_CHECK(rig_count(&rig, COUNTER_notices_lost) == 0, "answers were lost");
	TORTURE_CHECK(arrived > 0 && was_full(), "something was never full");
	rig_stop(&rig);
	return 0;
}
