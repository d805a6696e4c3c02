// SPDX-License-Identifier: BSD-3-Clause
// Sessions for load tests at a worker: like those of a handshake, by real frames through a stepped
// data plane.
#include <string.h>

#include <criterion/criterion.h>

#include "tests/support/rig_session.h"

enum { SESSIONS_MAX = 8 };

static const uint64_t first = UINT32_MAX; // the number after it has another upper half

static struct rig rig;
static struct rig_peer client;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.sessions_max = SESSIONS_MAX});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(preload, .init = begin, .fini = finish, .timeout = 60);

// Asks for session number n. Returns its handle, or 0.
static uint64_t preload(uint32_t n)
{
	const struct rig_session wanted = rig_session(&client, n);
	struct command command = {
	    .kind = COMMAND_PRELOAD,
	    .token = n,
	    .path = {.peer = client.at},
	    .backends = {RIG_ECHO},
	    .birth = {.first = first, .service = RIG_ECHO},
	};
	struct notice notice;

	memcpy(command.birth.id, wanted.id, sizeof(command.birth.id));
	cr_assert_eq(dataplane_command(rig.dataplane, 0, &command), 0);
	rig_run(&rig, 2);
	cr_assert(rig_notice(&rig, NOTICE_PRELOADED, &notice));
	cr_assert_eq(notice.token, n);
	return notice.handle;
}

Test(preload, a_session_is_connected_found_and_counted_like_any_other)
{
	struct dataplane_session_view view;
	struct notice notice;
	const uint64_t handle = preload(1);

	cr_assert_neq(handle, 0);
	cr_expect_eq(rig_state(&rig, handle), SESSION_CONNECTED);
	cr_expect_eq(dataplane_find(rig.dataplane, session.id), handle);
	cr_assert(dataplane_session_view(rig.dataplane, (uint32_t)(handle >> 32), &view));
	cr_expect_str_eq(view.client, "bench");
	cr_expect_eq(view.epoch, 1);
	cr_expect(address_equal(&view.path.peer, &client.at));
	cr_expect_eq(view.channels[0].backend, RIG_ECHO);
	cr_expect_eq(view.channels[0].up.acked, first);
	cr_expect_eq(view.channels[0].down.next, first);
	cr_expect_eq(rig_count(&rig, COUNTER_sessions_created), 1);
	cr_expect_eq(rig_count(&rig, COUNTER_sessions_connected), 1);
	cr_assert(rig_notice(&rig, NOTICE_CREATED, &notice));
	cr_assert(rig_notice(&rig, NOTICE_CONNECTED, &notice));
	cr_expect_eq(notice.handle, handle);
	cr_expect_null(rig_take(&rig, &client, WIRE_WELCOME));
	cr_expect_null(rig_take(&rig, &rig.backend, WIRE_OPEN));
}

Test(preload, frames_go_both_ways_from_the_first_number_on)
{
	session.handle = preload(1);
	rig_up(&rig, &session, (uint32_t)first, (uint32_t)first, "up");
	rig_want_data(&rig, &rig.backend, (uint32_t)first, "up");
	rig_up(&rig, &session, (uint32_t)(first + 1), (uint32_t)first, "on");
	rig_want_data(&rig, &rig.backend, 0, "on");
	rig_down(&rig, &session, (uint32_t)first, (uint32_t)(first + 2), "down");
	rig_want_data(&rig, &client, (uint32_t)first, "down");
	rig_bare(&rig, &client, WIRE_ACK, session.handle, (uint32_t)(first + 1));
	cr_expect_eq(rig_count(&rig, COUNTER_forwarded), 4);
}

Test(preload, a_known_id_and_a_full_table_give_no_handle_and_change_nothing)
{
	const uint64_t handle = preload(1);

	cr_expect_eq(preload(1), 0);
	cr_expect_eq(rig_state(&rig, handle), SESSION_CONNECTED);
	for (uint32_t n = 2; n <= SESSIONS_MAX; n++)
		cr_expect_neq(preload(n), 0, "%u", n);
	cr_expect_eq(preload(SESSIONS_MAX + 1), 0);
	cr_expect_eq(rig_count(&rig, COUNTER_sessions_created), SESSIONS_MAX);
}

Test(preload, a_session_ends_and_resumes_like_any_other)
{
	const struct rig_peer elsewhere = rig_peer(&rig, 2, 0);
	struct notice notice;

	session.numbers = (struct frame_triple){first, first, first};
	session.epoch = 1;
	session.handle = preload(1);
	rig_resume(&rig, &session, &elsewhere, &session.numbers);
	cr_expect_eq(session.epoch, 2);
	rig_command(&rig, COMMAND_END, session.handle, SESSION_EVICTED, 0);
	rig_run(&rig, 2);
	cr_assert(rig_notice(&rig, NOTICE_CLOSING, &notice));
	cr_expect_eq(notice.handle, session.handle);
	cr_expect_neq(rig_state(&rig, session.handle), SESSION_CONNECTED);
}
