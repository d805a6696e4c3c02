// SPDX-License-Identifier: BSD-3-Clause
// What the control thread tells as events, tick by tick.
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "control/gateway_parts.h"
#include "tests/support/lone_gateway.h"

TestSuite(gateway_events, .init = start, .fini = stop);

static const struct event *last_event(void)
{
	return events_get(gateway_events(gateway), events_next(gateway_events(gateway)) - 1);
}

Test(gateway_events, tells_what_becomes_of_it_and_of_backends)
{
	struct events *events = gateway_events(gateway);

	tick();
	cr_assert_eq(events_next(events), 1);
	cr_expect_eq(last_event()->kind, EVENT_GATEWAY_STATE);
	cr_expect_str_eq(last_event()->state, "running");
	register_backend();
	cr_expect_eq(events_next(events), 2);
	cr_expect_eq(last_event()->kind, EVENT_BACKEND_CONNECTED);
	cr_expect_str_eq(last_event()->backend.service, "echo");
	cr_expect_str_eq(last_event()->backend.name, "b1");
	gateway_drain(gateway, 1000);
	say_hello(1, 0);
	tick();
	cr_assert_geq(events_next(events), 4);
	cr_expect_str_eq(events_get(events, 2)->state, "draining");
	cr_expect_eq(events_get(events, 3)->kind, EVENT_REFUSED);
	cr_expect_eq(events_get(events, 3)->refusal.code, HOLDFAST_DRAINING);
	cr_expect_not(events_get(events, 3)->refusal.backend);
}

Test(gateway_events, tells_what_becomes_of_sessions)
{
	static const struct {
		struct notice notice;
		enum event_kind kind;
		bool told;
	} cases[] = {
	    {{.kind = NOTICE_CREATED}, EVENT_SESSION_CREATED, true},
	    {{.kind = NOTICE_CONNECTED}, EVENT_SESSION_CONNECTED, true},
	    {{.kind = NOTICE_RESUMED}, EVENT_SESSION_RESUMED, true},
	    {{.kind = NOTICE_DETACHED, .reason = SESSION_SILENT}, EVENT_SESSION_DETACHED, true},
	    {{.kind = NOTICE_CLOSING, .reason = SESSION_EVICTED, .code = HOLDFAST_EVICTED},
	     EVENT_SESSION_ENDED,
	     true},
	    {{.kind = NOTICE_GONE, .reason = SESSION_LET_GO}, EVENT_SESSION_LET_GO, true},
	    {{.kind = NOTICE_GONE, .reason = SESSION_TIMED_OUT}, EVENT_SESSION_ENDED, true},
	    {{.kind = NOTICE_GONE, .reason = SESSION_ENDED}, EVENT_SESSION_ENDED, false},
	};

	tick();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct notice notice = cases[i].notice;
		const uint64_t before = events_next(gateway_events(gateway));

		notice.handle = 77;
		notice.epoch = 5;
		memcpy(notice.id, session_id, sizeof(session_id));
		fake_notice(dataplane, &notice);
		tick();
		cr_assert_eq(events_next(gateway_events(gateway)), before + cases[i].told,
			     "case %zu", i);
		if (!cases[i].told)
			continue;
		cr_expect_eq(last_event()->kind, cases[i].kind, "case %zu", i);
		cr_expect_eq(last_event()->session.handle, 77);
		cr_expect_eq(last_event()->session.epoch, 5);
		cr_expect_eq(last_event()->session.code, notice.code);
		cr_expect_eq(last_event()->session.reason, notice.reason);
		cr_expect_arr_eq(last_event()->session.id, session_id, sizeof(session_id));
	}
}

static const struct gateway_backend_name b1 = {
    .service = "echo", .service_len = 4, .name = "b1", .name_len = 2};

Test(gateway_events, a_backend_that_drains_gets_nothing_new_and_says_so)
{
	struct gateway_backend_view view;
	bool done = false;

	cr_expect_eq(gateway_backend_drain(gateway, &b1, &done), -ENOENT);
	register_backend();
	cr_expect_eq(gateway_backend_remove(gateway, &b1, &done), -EBUSY);
	cr_assert_eq(gateway_backend_drain(gateway, &b1, &done), 0);
	cr_expect(done);
	cr_assert_eq(gateway_backend_drain(gateway, &b1, &done), 0);
	cr_expect_not(done, "it was the call before");
	tick();
	cr_expect_eq(last_event()->kind, EVENT_BACKEND_DRAINING);
	cr_assert(gateway_backend(gateway, 0, &view));
	cr_expect(view.draining);
	cr_expect(dataplane_directory(dataplane)->backends[0].draining);
	cr_expect_eq(backends_choose(gateway->backends, 0, session_id), DIRECTORY_NONE);
}

Test(gateway_events, a_removed_backend_is_forgotten_when_no_session_can_have_it)
{
	struct gateway_backend_view view;
	struct command command;
	bool done = false;

	register_backend();
	gateway_backend_drain(gateway, &b1, &done);
	cr_assert_eq(gateway_backend_remove(gateway, &b1, &done), 0);
	cr_expect(done);
	cr_expect_eq(last_event()->kind, EVENT_BACKEND_LOST);
	cr_expect_not(fake_command(dataplane, 1, &command), "before the directory that says so");
	cr_assert_eq(gateway_backend_remove(gateway, &b1, &done), 0);
	cr_expect_not(done);
	tick();
	cr_assert(fake_command(dataplane, 1, &command));
	cr_expect_eq(command.kind, COMMAND_BACKEND_LOST);
	cr_assert(gateway_backend(gateway, 0, &view));
	cr_expect(view.removed);
	now_ms += BACKENDS_LOST_MS - 3;
	tick();
	cr_expect(gateway_backend(gateway, 0, &view));
	for (int i = 0; i < 3; i++) {
		now_ms += 1000;
		tick();
	}
	cr_expect_not(gateway_backend(gateway, 0, &view));
	cr_expect_eq(last_event()->kind, EVENT_BACKEND_FORGOTTEN);
	cr_expect_eq(gateway_backend_remove(gateway, &b1, &done), -ENOENT);
}

Test(gateway_events, a_removed_backend_that_returns_is_itself_and_drains_still)
{
	struct gateway_backend_view view;
	bool done = false;

	register_backend();
	gateway_backend_drain(gateway, &b1, &done);
	gateway_backend_remove(gateway, &b1, &done);
	tick();
	fake_discard(dataplane, 0, COMMAND_SEND);
	register_backend();
	cr_expect_eq(last_event()->kind, EVENT_BACKEND_RETURNED);
	cr_assert(gateway_backend(gateway, 0, &view));
	cr_expect(view.connected && view.draining && !view.removed);
}
