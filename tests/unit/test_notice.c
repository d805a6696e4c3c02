// SPDX-License-Identifier: BSD-3-Clause
// Notices while control does not read its mailbox: what must not be missed comes later, in order
// and as it was; what is lost is counted.
#include <criterion/criterion.h>

#include "holdfast/errors.h"
#include "tests/support/rig_session.h"

enum { ROOM = 64 }; // a little more than one command can need

static const struct frame_triple zero;
static struct rig rig;
static struct rig_peer client;
static struct rig_session session;

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = 1});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
}

static void finish(void)
{
	struct notice notice;

	while (dataplane_notices(rig.dataplane, &notice, 1) == 1)
		continue; // none has a packet
	rig_stop(&rig);
}

TestSuite(notice, .init = begin, .fini = finish, .timeout = 60);

// Control reads nothing until the mailbox is full: of what nobody minds.
static void mailbox_fill(void)
{
	const struct notice old = {.kind = NOTICE_CREATED};

	rig.paused = true;
	while (rte_ring_enqueue_elem(rig.dataplane->workers[0]->notices, (void *)(uintptr_t)&old,
				     sizeof(old)) == 0)
		;
}

// Control takes count of the notices that nobody minds.
static void mailbox_drain(uint32_t count)
{
	struct notice notice;

	for (uint32_t i = 0; i < count; i++) {
		cr_assert_eq(dataplane_notices(rig.dataplane, &notice, 1), 1);
		cr_assert_eq(notice.handle, 0);
	}
}

// The next notice about the session.
static struct notice next(void)
{
	struct notice notice = {.handle = 0};

	while (notice.handle == 0)
		cr_assert_eq(dataplane_notices(rig.dataplane, &notice, 1), 1, "no further notice");
	cr_assert_eq(notice.handle, session.handle);
	return notice;
}

// CONNECTED, and control does not know.
static void connected_untold(void)
{
	rig_hello(&rig, &session, false);
	rig_answer_open(&rig, 0, 0, &zero);
	rig_welcome(&rig, &session);
	mailbox_fill();
	rig_confirm(&rig, &session);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_CONNECTED);
	rig_forget(&rig);
}

Test(notice, that_waited_comes_as_it_was)
{
	const uint32_t slot = 0;
	struct notice notice;

	connected_untold();
	rig.dataplane->sessions->cold[slot].end_reason = SESSION_EVICTED; // of the slot's last one
	mailbox_drain(ROOM);
	rig_run(&rig, 1);
	notice = next();
	cr_expect_eq(notice.kind, NOTICE_CONNECTED);
	cr_expect_eq(notice.reason, SESSION_CONFIRMED);
	cr_expect_eq(notice.epoch, session.epoch);
	cr_expect_eq(notice.token, 0);
	cr_expect_eq(rig_count(&rig, COUNTER_notices_lost), 0);
}

Test(notice, that_waited_comes_before_what_a_frame_did_later)
{
	connected_untold();
	mailbox_drain(ROOM);
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	cr_expect_eq(next().kind, NOTICE_CONNECTED);
	cr_expect_eq(next().kind, NOTICE_DETACHED);
}

Test(notice, that_waited_comes_before_what_a_command_does)
{
	connected_untold();
	mailbox_drain(ROOM);
	rig_command(&rig, COMMAND_END, session.handle, SESSION_EVICTED, HOLDFAST_EVICTED);
	rig_run(&rig, 1);
	mailbox_drain(2 * ROOM);
	rig_run(&rig, 1);
	cr_expect_eq(next().kind, NOTICE_CONNECTED);
	cr_expect_eq(next().kind, NOTICE_CLOSING);
}

Test(notice, that_waits_for_a_session_that_goes_is_counted_as_lost)
{
	connected_untold();
	rig_bare(&rig, &rig.backend, WIRE_UNKNOWN, session.handle, 0);
	cr_assert_eq(rig_state(&rig, session.handle), SESSION_FREE);
	cr_expect_eq(rig_count(&rig, COUNTER_notices_lost), 2, "CONNECTED and GONE");
}
