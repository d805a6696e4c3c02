// SPDX-License-Identifier: BSD-3-Clause
// What workers measure, by real frames through a stepped data plane: handshakes, resumes, and the
// way of a heartbeat there and back.
#include <string.h>

#include <criterion/criterion.h>

#include "tests/support/rig_session.h"

enum { PAUSE_MS = 40, SHORT_MS = 3 };

static const struct frame_triple zero;
static struct rig rig;
static struct rig_peer client;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = 2});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(timings, .init = begin, .fini = finish, .timeout = 60);

static struct histogram measured(enum histogram_name name)
{
	struct histogram sums[HISTOGRAMS_COUNT] = {{.sum_us = 0}};

	for (uint32_t i = 0; i < rig.settings.workers; i++)
		dataplane_histograms(rig.dataplane, i, sums);
	return sums[name];
}

// The one duration there is lies within what a test's steps can add to ms.
static void expect_one(enum histogram_name name, uint64_t ms)
{
	const struct histogram histogram = measured(name);

	cr_expect_eq(histogram_count(&histogram), 1);
	cr_expect_geq(histogram.sum_us, ms * 1000);
	cr_expect_leq(histogram.sum_us, (ms + SHORT_MS) * 1000);
}

static void expect_none(enum histogram_name name)
{
	const struct histogram histogram = measured(name);

	cr_expect_eq(histogram_count(&histogram), 0);
}

static void heartbeat_answer(const uint8_t *body, uint32_t ms)
{
	const struct frame answer = {.type = WIRE_HEARTBEAT_ACK,
				     .handle = session.handle,
				     .body = body,
				     .body_bytes = WIRE_HEARTBEAT_BODY_BYTES};

	if (ms > 0)
		rig_run(&rig, ms);
	rig_send(&rig, &client, &answer);
}

Test(timings, a_handshake_is_measured_from_hello_to_confirm)
{
	rig_hello(&rig, &session, false);
	rig_run(&rig, PAUSE_MS);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	expect_none(HISTOGRAM_handshake_duration);
	rig_confirm(&rig, &session);
	expect_one(HISTOGRAM_handshake_duration, PAUSE_MS);
	rig_confirm(&rig, &session); // once more: it was lost
	expect_one(HISTOGRAM_handshake_duration, PAUSE_MS);
	expect_none(HISTOGRAM_resume_duration);
}

Test(timings, a_hello_that_takes_the_place_of_another_goes_on_from_the_first)
{
	rig_hello(&rig, &session, false);
	rig_run(&rig, PAUSE_MS);
	session.epoch++;
	rig_hello(&rig, &session, false);
	rig_forget(&rig);
	rig_run(&rig, 1000); // OPEN again
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	rig_confirm(&rig, &session);

	const struct histogram histogram = measured(HISTOGRAM_handshake_duration);

	cr_expect_eq(histogram_count(&histogram), 1);
	cr_expect_geq(histogram.sum_us, (PAUSE_MS + 1000) * 1000);
}

Test(timings, a_resume_is_measured_by_itself_at_whichever_worker_it_came_in)
{
	const struct rig_peer away = rig_peer(&rig, 2, 1); // lands on the other worker

	rig_open(&rig, &session);
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	rig_run(&rig, 5000);
	rig_forget(&rig);
	rig_resume(&rig, &session, &away, &zero);
	expect_one(HISTOGRAM_resume_duration, 0);
}

Test(timings, a_heartbeat_is_measured_there_and_back)
{
	uint8_t body[WIRE_HEARTBEAT_BODY_BYTES];

	rig_open(&rig, &session);
	rig_command(&rig, COMMAND_HEARTBEAT, session.handle, 0, 0);
	rig_run(&rig, 1);
	memcpy(body, rig_want(&rig, &client, WIRE_HEARTBEAT)->frame.body, sizeof(body));
	heartbeat_answer(body, PAUSE_MS);
	expect_one(HISTOGRAM_heartbeat_round_trip, PAUSE_MS);
	expect_none(HISTOGRAM_lane_round_trip);
}

Test(timings, a_made_up_heartbeat_is_not_measured)
{
	const uint64_t now_us = rig.dataplane->workers[0]->now_us;
	const uint64_t made_up[] = {0, UINT64_MAX, now_us + 3600000000, 1};

	rig_open(&rig, &session);
	// The machine may have been started less than ten minutes ago.
	for (size_t i = now_us > HISTOGRAM_STAMP_MAX_US ? 0 : 1; i < 3; i++) {
		uint8_t body[WIRE_HEARTBEAT_BODY_BYTES];

		memcpy(body, &made_up[i], sizeof(body));
		heartbeat_answer(body, 0);
	}
	expect_none(HISTOGRAM_heartbeat_round_trip);
}
