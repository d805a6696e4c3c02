// SPDX-License-Identifier: BSD-3-Clause
// What it costs the control thread to keep COUNT connected idle sessions, T = 10 s, and how exact
// its verdicts are. A real data plane on the rig, real sweep and courier, virtual time; every
// client answers its HEARTBEATs but for one in a thousand, which falls silent at some moment. Then
// the control thread stands still for 30 s and goes on.
//
// usage: liveness [COUNT]      default 1000000
//
// Prints one line of JSON: the share of a core is CPU time of the sweep over virtual time. Exit: 0,
// or 1 where a verdict came early, late, or to somebody who answered.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/liveness_sweep.h"
#include "tests/support/rig_session.h"

enum {
	DEFAULT_COUNT = 1000000,
	TIMEOUT_MS = 10000,
	INTERVAL_MS = 2000,
	SLACK_MS = 100,
	SETTLE_MS = 4000,
	WATCH_MS = 16000,
	STALL_MS = 30000,
	AFTER_MS = 5000,
	SILENT_ONE_IN = 1000,
	PROGRESS_MS = 1000,
};

struct bench {
	struct rig rig;
	struct settings settings;
	struct tally tally;
	struct courier *courier;
	struct backends *backends;
	struct liveness_sweep *sweep;
	uint64_t now_ms;   // of control
	uint64_t sweep_ns; // CPU time
	uint64_t worst_ns; // of one tick
	uint64_t asked;    // HEARTBEATs that were answered
	uint32_t detached, early, late, wrong;
	uint32_t silent_from_ms; // by the rig's time: from then on the silent do not answer
	uint32_t earliest_ms, latest_ms;
};

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool falls_silent(const struct bench *bench, uint64_t handle)
{
	const uint32_t slot = session_handle_slot(handle);

	return slot % SILENT_ONE_IN == 7 &&
	       bench->rig.ms >= bench->silent_from_ms + slot / SILENT_ONE_IN % INTERVAL_MS;
}

static void heartbeats_answer(struct bench *bench)
{
	struct rig *rig = &bench->rig;

	// Each answer steps the worker, which may ask more.
	for (uint32_t i = 0; i < rig->inbox_count; i++) {
		const struct rig_packet *packet = &rig->inbox[i];
		struct rig_peer client = packet->to;
		struct frame answer = packet->frame;

		if (!packet->is_frame || packet->frame.type != WIRE_HEARTBEAT ||
		    falls_silent(bench, packet->frame.handle))
			continue;
		answer.type = WIRE_HEARTBEAT_ACK;
		rig_send(rig, &client, &answer);
		bench->asked++;
	}
	rig_forget(rig);
}

// A session was found silent: when was it last heard?
static void verdicts_judge(struct bench *bench)
{
	struct rig *rig = &bench->rig;
	struct notice notice;

	while (rig_notice(rig, NOTICE_DETACHED, &notice)) {
		const uint32_t slot = session_handle_slot(notice.handle);
		const struct session *session = &rig->dataplane->sessions->hot[slot];
		const uint32_t silence_ms = session->detached_ms - session->heard_ms;

		bench->detached++;
		bench->wrong += !falls_silent(bench, notice.handle);
		bench->early += silence_ms < TIMEOUT_MS;
		bench->late += silence_ms > TIMEOUT_MS + INTERVAL_MS + SLACK_MS;
		bench->earliest_ms = RTE_MIN(bench->earliest_ms, silence_ms);
		bench->latest_ms = RTE_MAX(bench->latest_ms, silence_ms);
	}
	rig->notices_count = 0;
}

static void millisecond(struct bench *bench, bool control)
{
	bench->now_ms++;
	if (control) {
		const uint64_t begun = cpu_ns();

		courier_flush(bench->courier);
		liveness_sweep_tick(bench->sweep, bench->now_ms);

		const uint64_t took = cpu_ns() - begun;

		bench->sweep_ns += took;
		bench->worst_ns = RTE_MAX(bench->worst_ns, took);
	}
	rig_run(&bench->rig, 1);
	heartbeats_answer(bench);
	verdicts_judge(bench);
}

static void run(struct bench *bench, uint32_t ms, bool control, const char *what)
{
	for (uint32_t i = 0; i < ms; i++) {
		if (i % PROGRESS_MS == 0)
			fprintf(stderr, "%s: %" PRIu32 " s, %" PRIu64 " answers, %u detached\n",
				what, i / 1000, bench->asked, bench->detached);
		millisecond(bench, control);
	}
}

static void begin(struct bench *bench, uint32_t count)
{
	rig_start(&bench->rig, &(struct rig_settings){.sessions_max = count});
	settings_defaults(&bench->settings);
	bench->settings.gateway.workers = 1;
	bench->courier = courier_create(bench->rig.dataplane, 1, &bench->tally);
	bench->backends = backends_create(&bench->settings,
					  &(struct answerer){.dataplane = bench->rig.dataplane,
							     .courier = bench->courier,
							     .tally = &bench->tally},
					  1);
	bench->sweep = liveness_sweep_create(&bench->settings, bench->rig.dataplane, bench->courier,
					     bench->backends, &bench->tally);
	RIG_CHECK(bench->courier != NULL && bench->backends != NULL && bench->sweep != NULL,
		  "out of memory");
	bench->now_ms = 1;
	bench->silent_from_ms = bench->earliest_ms = UINT32_MAX;
}

// Sessions open in the middle of virtual time, as they would: a few hundred a millisecond.
static void sessions_open(struct bench *bench, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		struct rig_peer client = rig_peer(&bench->rig, 1, 0);
		struct rig_session session;

		memcpy(client.at.ip + 13, &n, 3);
		client.at.ip[12] = 10;
		session = rig_session(&client, n);
		rig_open(&bench->rig, &session);
		bench->rig.notices_count = 0;
	}
}

int main(int argc, char **argv)
{
	const uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : DEFAULT_COUNT;
	static struct bench bench;
	uint32_t silent;
	uint64_t ns;

	if (count < SILENT_ONE_IN) {
		fprintf(stderr, "usage: liveness [COUNT]   (1000 or more)\n");
		return 2;
	}
	begin(&bench, count);
	sessions_open(&bench, count);
	// Opened by the rig in less than no time, they would all be asked at once.
	for (uint32_t n = 0; n < count; n++) {
		struct session *session = &bench.rig.dataplane->sessions->hot[n];

		session->heard_ms = session->sent_ms =
		    bench.rig.dataplane->workers[0]->clock.now_ms[0] -
		    (uint32_t)((uint64_t)n * 2654435761u % INTERVAL_MS);
	}
	run(&bench, SETTLE_MS, true, "settle");
	bench.silent_from_ms = bench.rig.ms;
	bench.sweep_ns = bench.worst_ns = bench.asked = 0;
	run(&bench, WATCH_MS, true, "watch");
	ns = bench.sweep_ns;
	silent = bench.detached;
	printf("{\"sessions\": %" PRIu32 ", \"timeout_ms\": %d, \"core_share\": %.4f"
	       ", \"worst_tick_us\": %.0f, \"heartbeats_per_second\": %.0f"
	       ", \"silent\": %" PRIu32 ", \"found_from_ms\": %" PRIu32
	       ", \"found_to_ms\": %" PRIu32,
	       count, TIMEOUT_MS, (double)ns / (WATCH_MS * 1e6), (double)bench.worst_ns / 1e3,
	       (double)bench.asked * 1000 / WATCH_MS, silent, bench.earliest_ms, bench.latest_ms);
	fflush(stdout);
	run(&bench, STALL_MS, false, "control stands still");
	run(&bench, AFTER_MS, true, "and goes on");
	printf(", \"early\": %" PRIu32 ", \"late\": %" PRIu32 ", \"wrong\": %" PRIu32
	       ", \"detached_by_stall\": %" PRIu32 "}\n",
	       bench.early, bench.late, bench.wrong, bench.detached - silent);
	liveness_sweep_destroy(bench.sweep);
	backends_destroy(bench.backends);
	courier_destroy(bench.courier);
	rig_stop(&bench.rig);
	return bench.early + bench.late + bench.wrong + (bench.detached - silent) > 0 ||
	       silent != count / SILENT_ONE_IN;
}
