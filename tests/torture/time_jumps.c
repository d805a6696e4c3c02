// SPDX-License-Identifier: BSD-3-Clause
// Time that does not pass as it should: the clock jumps by an hour, control does not run for half a
// minute, one worker stands still for seconds while the others go on. Real data plane, sweep and
// courier, in virtual time; clients answer their HEARTBEATs but for some that fall silent.
//
// Nobody who answers is ever found silent, whoever is silent is found in time, frames go on and are
// not lost.
//
// usage: torture_time_jumps [SECONDS]
#include <inttypes.h>

#include "control/liveness_sweep.h"
#include "tests/support/rig_session.h"
#include "tests/torture/torture.h"

enum {
	WORKERS = 3,
	SESSIONS = 60,
	TIMEOUT_MS = 10000,
	INTERVAL_MS = 2000,
	ROUND_TRIP_MS = 200,
	SLACK_MS = 200,
	CONTROL_STALL_MS = 30000,
	WORKER_STALL_MAX_MS = 9000,
	SETTLE_MS = 14000,
	HOUR_MS = 3600 * 1000,
	SILENT_ONE_IN = 10,
};

struct client {
	struct rig_session session;
	uint32_t up; // next number
	bool silent;
	bool found; // silent, by the gateway
};

static struct rig rig;
static struct settings settings;
static struct tally tally;
static struct courier *courier;
static struct backends *backends;
static struct liveness_sweep *sweep;
static struct client clients[SESSIONS];
static uint64_t seed = 7, control_ms = 1;
static uint32_t found, earliest_ms = UINT32_MAX, latest_ms;

static struct client *client_of(uint64_t handle)
{
	for (uint32_t i = 0; i < SESSIONS; i++) {
		if (clients[i].session.handle == handle)
			return &clients[i];
	}
	RIG_CHECK(false, "nobody's handle");
	return NULL;
}

// Heartbeats that left are answered, a round trip later; each answer steps a worker, which may ask
// more.
static void heartbeats_answer(void)
{
	for (uint32_t i = 0; i < rig.inbox_count; i++) {
		const struct rig_packet *packet = &rig.inbox[i];
		struct frame answer = packet->frame;

		if (!packet->is_frame || packet->frame.type != WIRE_HEARTBEAT)
			continue;

		const struct client *client = client_of(packet->frame.handle);

		// What comes for a worker that stands still is lost: the gateway asks again.
		if (client->silent || client->session.client.queue >= rig.settings.workers)
			continue;
		answer.type = WIRE_HEARTBEAT_ACK;
		rig_send(&rig, &client->session.client, &answer);
	}
	rig_forget(&rig);
}

static void verdicts_judge(void)
{
	struct notice notice;

	while (rig_notice(&rig, NOTICE_DETACHED, &notice)) {
		struct client *client = client_of(notice.handle);
		const struct session *session =
		    &rig.dataplane->sessions->hot[session_handle_slot(notice.handle)];
		const uint32_t silence_ms = session->detached_ms - session->heard_ms;

		RIG_CHECK(client->silent, "one who answers was found silent after %u ms",
			  silence_ms);
		RIG_CHECK(silence_ms >= TIMEOUT_MS, "found after %u ms", silence_ms);
		client->found = true;
		found++;
		earliest_ms = RTE_MIN(earliest_ms, silence_ms);
		latest_ms = RTE_MAX(latest_ms, silence_ms);
	}
	rig.notices_count = 0;
}

// Ends with questions under way, which what comes next falls upon.
static void pass(uint32_t ms, bool control)
{
	for (uint32_t i = 0; i < ms; i++) {
		control_ms++;
		if (control) {
			courier_flush(courier);
			liveness_sweep_tick(sweep, control_ms);
		}
		rig_run(&rig, 1);
		if (i % ROUND_TRIP_MS == 0)
			heartbeats_answer();
		verdicts_judge();
	}
}

// A frame of everybody who is not silent reaches the backend.
static void frames_go_on(void)
{
	for (uint32_t i = 0; i < SESSIONS; i++) {
		struct client *client = &clients[i];

		if (client->silent)
			continue;
		rig_up(&rig, &client->session, client->up, 0, "still here");
		rig_run(&rig, 2);
		rig_want_data(&rig, &rig.backend, client->up++, "still here");
		rig_bare(&rig, &rig.backend, WIRE_ACK, client->session.handle, client->up);
		rig_run(&rig, 2);
		heartbeats_answer();
	}
}

// ---- What goes wrong -------------------------------------------------------------------------

static void clock_jumps(void)
{
	const uint64_t tsc_per_ms = (UINT64_C(1000) << 32) / rig.dataplane->clock.us_per_tsc + 1;

	rig.tsc += tsc_per_ms * (HOUR_MS + torture_below(&seed, HOUR_MS));
	if (torture_below(&seed, 2) == 0) // control sees it too, or not
		control_ms += HOUR_MS;
}

static void control_stalls(void)
{
	pass(CONTROL_STALL_MS, false);
}

// Workers from `running` on stand still, and what is sent to them waits.
static void worker_stalls(void)
{
	const uint32_t running = 1 + torture_below(&seed, WORKERS - 1);
	const uint32_t ms = torture_below(&seed, WORKER_STALL_MAX_MS);

	rig.settings.workers = running;
	pass(ms, true);
	rig.settings.workers = WORKERS;
}

// ---- Begin and end ---------------------------------------------------------------------------

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = WORKERS});
	settings_defaults(&settings);
	settings.gateway.workers = WORKERS;
	courier = courier_create(rig.dataplane, WORKERS, &tally);
	backends = backends_create(
	    &settings,
	    &(struct answerer){.dataplane = rig.dataplane, .courier = courier, .tally = &tally}, 1);
	sweep = liveness_sweep_create(&settings, rig.dataplane, courier, backends, &tally);
	RIG_CHECK(courier != NULL && backends != NULL && sweep != NULL, "out of memory");
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const struct rig_peer client =
		    rig_peer(&rig, (uint8_t)(i + 1), (uint16_t)(i % WORKERS));

		clients[i].session = rig_session(&client, i);
		rig_open(&rig, &clients[i].session);
		pass(torture_below(&seed, 100), true);
	}
}

// Some fall silent: they are found in time, and come back.
static void silent_found(void)
{
	const uint32_t before = found;
	uint32_t silent = 0;

	for (uint32_t i = 0; i < SESSIONS; i++) {
		clients[i].silent = torture_below(&seed, SILENT_ONE_IN) == 0;
		clients[i].found = false;
		silent += clients[i].silent;
	}
	latest_ms = 0;
	pass(SETTLE_MS, true);
	RIG_CHECK(found - before == silent, "%u of %u silent ones found", found - before, silent);
	RIG_CHECK(latest_ms <= TIMEOUT_MS + INTERVAL_MS + SLACK_MS, "found after %u ms", latest_ms);
	for (uint32_t i = 0; i < SESSIONS; i++) {
		struct client *client = &clients[i];
		const struct frame_triple backend = {0, 0, client->up};
		const struct rig_peer from = client->session.client;

		if (!client->silent)
			continue;
		client->silent = false;
		client->session.numbers = (struct frame_triple){client->up, client->up, 0};
		rig_resume(&rig, &client->session, &from, &backend);
		heartbeats_answer();
	}
}

int main(int argc, char **argv)
{
	static void (*const wrongs[])(void) = {clock_jumps, control_stalls, worker_stalls};
	const uint32_t kinds = sizeof(wrongs) / sizeof(wrongs[0]);
	const uint64_t end_ms = torture_now_ms() + torture_ms(argc, argv);
	uint32_t done = 0;

	begin();
	while (done < kinds || torture_now_ms() < end_ms) {
		wrongs[done < kinds ? done : torture_below(&seed, kinds)]();
		pass(INTERVAL_MS, true);
		frames_go_on();
		if (done % kinds == kinds - 1)
			silent_found();
		done++;
	}
	printf("%" PRIu32 " jumps and stalls, %" PRIu32 " silent found after %" PRIu32
	       " to %" PRIu32 " ms, %" PRIu64 " ms not run by workers\n",
	       done, found, earliest_ms, latest_ms, rig_count(&rig, COUNTER_stalled_ms));
	RIG_CHECK(rig_count(&rig, COUNTER_stalled_ms) > HOUR_MS, "no clock ever jumped");
	liveness_sweep_destroy(sweep);
	backends_destroy(backends);
	courier_destroy(courier);
	rig_stop(&rig);
	return 0;
}
