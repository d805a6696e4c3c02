// SPDX-License-Identifier: BSD-3-Clause
// The whole control thread, tick by tick, over a data plane of plain arrays.
#include <criterion/criterion.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <event2/event.h>

#include "control/gateway_parts.h"
#include "tests/support/lone_gateway.h"

TestSuite(gateway, .init = start, .fini = stop);

static uint16_t refused_with(uint8_t worker)
{
	struct frame sent;
	uint8_t body[FAKE_FRAME_BYTES];
	struct frame_reject reject;

	if (!fake_sent(dataplane, worker, &sent, body) || sent.type != WIRE_REJECT)
		return HOLDFAST_OK;
	frame_decode_reject(&sent, &reject);
	return reject.code;
}

Test(gateway, publishes_a_first_directory_with_what_the_settings_say)
{
	const struct directory *directory = dataplane_directory(dataplane);

	cr_assert_not_null(directory);
	cr_expect_eq(directory->window, settings.session.window);
	cr_expect_eq(directory->frame_max, WIRE_FRAME_MAX_DEFAULT);
	cr_expect_eq(directory->timeout_default_ms, 10000);
	cr_expect_eq(directory->opening_timeout_ms, 2000);
	cr_expect_eq(directory->instance, gateway_instance(gateway));
	cr_expect_neq(directory->instance, 0);
	cr_expect_str_eq(directory->services[0].name, "echo");
	cr_expect_not(directory->draining);
	cr_expect_eq(gateway_state(gateway), GATEWAY_RUNNING);
}

Test(gateway, changes_the_cookie_key_every_15_seconds_and_keeps_the_one_before)
{
	uint64_t first[2], second[2];

	memcpy(first, dataplane_directory(dataplane)->cookie_keys[0], sizeof(first));
	cr_expect(first[0] != 0 || first[1] != 0);
	now_ms += PUBLISHER_COOKIE_MS - 2;
	tick();
	cr_expect_arr_eq(dataplane_directory(dataplane)->cookie_keys[0], first, sizeof(first));
	cr_expect_eq(dataplane->published, 1, "nothing had changed");
	tick();
	memcpy(second, dataplane_directory(dataplane)->cookie_keys[0], sizeof(second));
	cr_expect_arr_neq(second, first, sizeof(first));
	cr_expect_arr_eq(dataplane_directory(dataplane)->cookie_keys[1], first, sizeof(first));
	now_ms += PUBLISHER_COOKIE_MS;
	tick();
	cr_expect_arr_eq(dataplane_directory(dataplane)->cookie_keys[1], second, sizeof(second));
	cr_expect_eq(gateway_tally(gateway)->cookie_keys, 2);
}

Test(gateway, publishes_a_lane_before_its_welcome_goes_out)
{
	say_backend_hello();
	tick();
	const struct directory_backend *backend = &dataplane_directory(dataplane)->backends[0];

	cr_assert(backend->used);
	cr_expect_not(backend->connected);
	cr_expect_eq(backend->lanes[0].path.peer.port, 5000);
	cr_expect_not(backend->lanes[0].live);
	cr_expect_eq(backend->lane_of_worker[0], DIRECTORY_LANE_NONE);
	cr_expect_eq(dataplane->mailboxes[0].count, 1);
	say_confirm(backend->link_handle);
	tick();
	backend = &dataplane_directory(dataplane)->backends[0];
	cr_expect(backend->connected);
	cr_expect(backend->lanes[0].live);
	cr_expect_eq(backend->lane_of_worker[0], 0);
	cr_expect_eq(backend->lane_of_worker[1], 0);
}

Test(gateway, shows_a_backend_as_it_is)
{
	struct gateway_backend_view view;
	struct gateway_service_view service;
	struct gateway_gauges gauges;

	cr_expect_not(gateway_backend(gateway, 0, &view));
	register_backend();
	now_ms += 500;
	dataplane->lanes[0][0].now_ms += 501;
	tick();
	cr_assert(gateway_backend(gateway, 0, &view));
	cr_expect_str_eq(view.service, "echo");
	cr_expect_str_eq(view.name, "b1");
	cr_expect(view.connected);
	cr_expect_eq(view.age_ms, 501);
	cr_expect_eq(view.lanes_count, 1);
	cr_expect_eq(view.lanes[0].heard_ms, 501);
	cr_expect_not(gateway_backend(gateway, 1, &view));
	cr_assert(gateway_service(gateway, 0, &service));
	cr_expect_eq(service.backends_connected, 1);
	cr_expect_not(gateway_service(gateway, 1, &service));
	gateway_gauges(gateway, &gauges);
	cr_expect_eq(gauges.backends_connected, 1);
	cr_expect_eq(gauges.lanes_live, 1);
}

Test(gateway, admits_a_session_once_there_is_a_backend)
{
	struct command command;

	say_hello(1, 0);
	tick();
	cr_expect_eq(refused_with(1), HOLDFAST_NO_BACKEND);
	register_backend();
	say_hello(1, 0);
	tick();
	cr_assert(fake_command(dataplane, 1, &command));
	cr_expect_eq(command.kind, COMMAND_CREATE);
	cr_expect_eq(command.backends[0], 0);
	dataplane_packet_free(command.packet);
}

Test(gateway, hears_of_an_end_before_the_hello_that_came_behind_it)
{
	const struct notice closing = {.kind = NOTICE_CLOSING,
				       .code = HOLDFAST_EVICTED,
				       .reason = SESSION_EVICTED,
				       .handle = 1,
				       .id = {1, 2, 3}};

	register_backend();
	// Another worker's ring is looked at first: the HELLO stands in front.
	say_hello(1, 0);
	fake_notice(dataplane, &closing);
	tick();
	cr_expect_eq(refused_with(1), HOLDFAST_EVICTED);
	now_ms += ENDS_KEEP_MIN_MS - 2;
	say_hello(1, 0);
	tick();
	cr_expect_eq(refused_with(1), HOLDFAST_EVICTED);
	now_ms += 2;
	say_hello(1, 0);
	tick();
	cr_expect_eq(refused_with(1), HOLDFAST_OK);
}

Test(gateway, keeps_an_end_for_twice_a_long_time_out)
{
	struct fake_session *session = fake_session(dataplane, 4, 0);
	const struct notice closing = {.kind = NOTICE_CLOSING,
				       .code = HOLDFAST_NORMAL,
				       .handle = session->judged.handle,
				       .id = {1, 2, 3}};

	session->judged.timeout_ms = 300000;
	fake_notice(dataplane, &closing);
	tick();
	session->used = false;
	cr_expect_eq(ends_find(gateway->ends, session_id, now_ms + 599999), HOLDFAST_NORMAL);
	cr_expect_eq(ends_find(gateway->ends, session_id, now_ms + 600000), HOLDFAST_OK);
}

Test(gateway, answers_the_end_that_an_endpoint_wants)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	const struct notice wanted = {.kind = NOTICE_END_WANTED,
				      .worker = 1,
				      .code = HOLDFAST_NORMAL,
				      .reason = SESSION_CLOSED,
				      .handle = session->judged.handle};

	fake_notice(dataplane, &wanted);
	tick();
	fake_work(dataplane, 0);
	cr_expect_eq(session->judged.state, SESSION_CLOSING);
	tick();
	cr_expect_eq(ends_find(gateway->ends, session->id, now_ms), HOLDFAST_NORMAL);
}

Test(gateway, follows_a_session_that_moved_before_its_end)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	const struct notice wanted = {.kind = NOTICE_END_WANTED,
				      .worker = 0, // was its owner
				      .code = HOLDFAST_NORMAL,
				      .reason = SESSION_CLOSED,
				      .handle = session->judged.handle};

	fake_notice(dataplane, &wanted);
	tick();
	fake_work(dataplane, 0); // refuses
	tick();
	fake_work(dataplane, 0);
	cr_expect_eq(session->judged.state, SESSION_CLOSING);
	cr_expect_eq(gateway_tally(gateway)->ends_asked_again, 1);
}

Test(gateway, forgets_an_expiry_from_which_a_frame_rescued)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	const struct notice refused = {.kind = NOTICE_REFUSED,
				       .worker = 0,
				       .code = HOLDFAST_EXPIRED,
				       .reason = SESSION_EXPIRED,
				       .handle = session->judged.handle};

	fake_notice(dataplane, &refused);
	tick();
	cr_expect_eq(fake_discard(dataplane, 1, COMMAND_END), 0);
}

Test(gateway, tells_a_session_that_never_opened_to_open_another)
{
	const struct notice gone = {
	    .kind = NOTICE_GONE, .reason = SESSION_TIMED_OUT, .handle = 1, .id = {1, 2, 3}};
	const struct notice let_go = {
	    .kind = NOTICE_GONE, .reason = SESSION_LET_GO, .handle = 2, .id = {9}};

	register_backend();
	fake_notice(dataplane, &gone);
	fake_notice(dataplane, &let_go);
	say_hello(0, 0);
	tick();
	cr_expect_eq(refused_with(0), HOLDFAST_STATE_MISMATCH);
	cr_expect_eq(ends_count(gateway->ends), 1);
}

// ---- Eviction ------------------------------------------------------------------------------

struct told {
	uint32_t times;
	uint64_t handle;
	bool evicted;
};

static void on_evicted(void *context, uint64_t handle, bool evicted)
{
	struct told *told = context;

	told->times++;
	told->handle = handle;
	told->evicted = evicted;
}

Test(gateway, evicts_a_session_and_tells_once)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	const uint64_t handle = session->judged.handle;
	struct told first = {0}, second = {0};

	cr_expect_eq(gateway_evict(gateway, handle, HOLDFAST_EVICTED, on_evicted, &first), 0);
	// Somebody else wants the same before it has happened.
	cr_expect_eq(gateway_evict(gateway, handle, HOLDFAST_EVICTED, on_evicted, &second), 0);
	tick();
	cr_expect_eq(first.times, 0);
	fake_work(dataplane, 0);
	tick();
	cr_expect_eq(first.times, 1);
	cr_expect(first.evicted);
	cr_expect_eq(first.handle, handle);
	cr_expect_eq(second.times, 1);
	cr_expect_not(second.evicted, "only one call did it");
	cr_expect_eq(gateway_evict(gateway, handle, HOLDFAST_EVICTED, on_evicted, &second),
		     -ENOENT);
	cr_expect_eq(gateway_tally(gateway)->evicted, 1);
	cr_expect_eq(ends_find(gateway->ends, session->id, now_ms), HOLDFAST_EVICTED);
}

Test(gateway, finds_no_session_to_evict_under_a_wrong_handle)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);

	cr_expect_eq(
	    gateway_evict(gateway, session->judged.handle + 1, HOLDFAST_EVICTED, on_evicted, NULL),
	    -ENOENT);
	cr_expect_eq(
	    gateway_evict(gateway, (uint64_t)SLOTS << 32 | 1, HOLDFAST_EVICTED, on_evicted, NULL),
	    -ENOENT);
	cr_expect_eq(gateway_evict(gateway, 0, HOLDFAST_EVICTED, on_evicted, NULL), -ENOENT);
}

Test(gateway, follows_a_session_that_moves_while_it_is_evicted)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	struct told told = {0};

	gateway_evict(gateway, session->judged.handle, HOLDFAST_EVICTED, on_evicted, &told);
	session->judged.owner = 0;
	fake_work(dataplane, 0);
	tick();
	cr_expect_eq(told.times, 0);
	fake_work(dataplane, 0);
	tick();
	cr_expect_eq(told.times, 1);
	cr_expect(told.evicted);
}

Test(gateway, gives_an_eviction_up_when_the_session_does_not_end)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	const uint64_t handle = session->judged.handle;
	struct told told = {0};
	struct command command;

	gateway_evict(gateway, handle, HOLDFAST_EVICTED, on_evicted, &told);
	cr_assert(fake_command(dataplane, 1, &command));
	// Refused by its owner, without a word why.
	const struct notice refused = {
	    .kind = NOTICE_REFUSED, .worker = 1, .token = command.token, .handle = handle};

	fake_notice(dataplane, &refused);
	tick();
	cr_expect_eq(told.times, 1);
	cr_expect_not(told.evicted);
}

Test(gateway, asks_again_with_the_code_of_the_eviction_though_the_refusal_has_none)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	const uint64_t handle = session->judged.handle;
	struct told told = {0};
	struct command command;

	gateway_evict(gateway, handle, HOLDFAST_EVICTED, on_evicted, &told);
	cr_assert(fake_command(dataplane, 1, &command));
	const struct notice refused = {
	    .kind = NOTICE_REFUSED, .worker = 1, .token = command.token, .handle = handle};

	session->judged.owner = 0;
	fake_notice(dataplane, &refused);
	tick();
	cr_assert(fake_command(dataplane, 0, &command));
	cr_expect_eq(command.code, HOLDFAST_EVICTED);
	cr_expect_eq(command.reason, SESSION_EVICTED);
	cr_expect_eq(command.token, refused.token);
}

Test(gateway, asks_nobody_again_after_a_refusal_that_tells_nothing)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	const struct notice refused = {
	    .kind = NOTICE_REFUSED, .worker = 0, .handle = session->judged.handle};

	fake_notice(dataplane, &refused);
	tick();
	cr_expect_eq(fake_discard(dataplane, 1, COMMAND_END), 0);
}

Test(gateway, bounds_the_evictions_that_wait)
{
	struct fake_session *session = fake_session(dataplane, 4, 1);
	struct told told = {0};

	for (uint32_t i = 0; i < GATEWAY_EVICTIONS_MAX; i++)
		cr_assert_eq(gateway_evict(gateway, session->judged.handle, HOLDFAST_EVICTED,
					   on_evicted, &told),
			     0);
	cr_expect_eq(
	    gateway_evict(gateway, session->judged.handle, HOLDFAST_EVICTED, on_evicted, &told),
	    -EAGAIN);
	gateway_evict_forget(gateway, &told);
	fake_work(dataplane, 0);
	tick();
	cr_expect_eq(told.times, 0);
	cr_expect_eq(endings_waiting(gateway->endings), 0);
}

// ---- The end -------------------------------------------------------------------------------

Test(gateway, drains_in_the_order_directory_announcement_let_go)
{
	struct command command;

	fake_session(dataplane, 3, 0);
	register_backend();
	cr_expect(gateway_drain(gateway, 1000));
	cr_expect_not(gateway_drain(gateway, 1000));
	cr_expect_eq(dataplane->mailboxes[0].count, 0, "not before the directory says so");
	tick();
	cr_expect(dataplane_directory(dataplane)->draining);
	for (uint32_t worker = 0; worker < WORKERS; worker++) {
		cr_assert(fake_command(dataplane, worker, &command));
		cr_expect_eq(command.kind, COMMAND_ANNOUNCE_DRAIN);
	}
	say_hello(1, 0);
	tick();
	cr_expect_eq(refused_with(1), HOLDFAST_DRAINING);
	now_ms += 1000;
	tick();
	cr_expect_eq(gateway_state(gateway), GATEWAY_STOPPING);
	cr_expect_eq(fake_discard(dataplane, 0, COMMAND_LET_GO_ALL), 1);
	cr_expect_eq(fake_discard(dataplane, 1, COMMAND_LET_GO_ALL), 1);
	tick();
	cr_expect_eq(gateway_state(gateway), GATEWAY_STOPPING);
	dataplane->sessions[3].used = false;
	tick();
	cr_expect_eq(gateway_state(gateway), GATEWAY_STOPPED);
}

static void shut_down(evutil_socket_t socket, short what, void *context)
{
	gateway_shutdown(gateway, 100);
}

Test(gateway, runs_its_loop_until_it_is_shut_down, .timeout = 20)
{
	const struct timeval soon = {.tv_usec = 20000};

	event_base_once(gateway_base(gateway), -1, EV_TIMEOUT, shut_down, NULL, &soon);
	cr_expect_eq(gateway_run(gateway), 0);
	cr_expect_eq(gateway_state(gateway), GATEWAY_STOPPED);
	cr_expect_gt(dataplane->ticks, 2);
	cr_expect_eq(fake_discard(dataplane, 0, COMMAND_LET_GO_ALL), 1);
}

static void raise_signal(evutil_socket_t socket, short what, void *context)
{
	raise(*(const int *)context);
}

Test(gateway, drains_on_a_signal_and_stops_at_once_on_the_second, .timeout = 20)
{
	static int terminate = SIGTERM, interrupt = SIGINT, hang_up = SIGHUP;
	const struct timeval first = {.tv_usec = 10000};
	const struct timeval second = {.tv_usec = 50000};
	const struct timeval third = {.tv_usec = 300000};
	struct told told = {0};

	// A session that will not go.
	struct fake_session *session = fake_session(dataplane, 3, 0);

	session->judged.liveness.heard_ms = 0;
	event_base_once(gateway_base(gateway), -1, EV_TIMEOUT, raise_signal, &hang_up, &first);
	event_base_once(gateway_base(gateway), -1, EV_TIMEOUT, raise_signal, &terminate, &second);
	event_base_once(gateway_base(gateway), -1, EV_TIMEOUT, raise_signal, &interrupt, &third);
	gateway_evict(gateway, session->judged.handle, HOLDFAST_EVICTED, on_evicted, &told);
	cr_expect_eq(gateway_run(gateway), 0);
	cr_expect_eq(gateway_state(gateway), GATEWAY_STOPPED);
	cr_expect(dataplane_directory(dataplane)->draining);
	cr_expect_eq(fake_discard(dataplane, 0, COMMAND_LET_GO_ALL), 0, "it had no time to");
	cr_expect_eq(told.times, 1, "who waits is told");
	cr_expect_not(told.evicted);
}

// ---- Trouble -------------------------------------------------------------------------------

Test(gateway, decides_a_thousand_frames_more_than_it_has_room_for)
{
	for (uint32_t i = 0; i < 1000 + GATEWAY_FRAMES_MAX; i++)
		say_hello((uint8_t)(i % WORKERS), WIRE_FLAG_RESUME);
	tick();
	cr_expect_eq(gateway_tally(gateway)->refused[HOLDFAST_STATE_MISMATCH],
		     1000 + GATEWAY_FRAMES_MAX);
}

Test(gateway, drops_what_is_no_frame_for_it)
{
	const struct path path = fake_path(client_ip, 4000, 0);
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT] = {0};

	for (uint32_t length = 0; length <= 100; length++)
		fake_frame(dataplane, 0, &path, DIRECTORY_NONE, 0, bytes, length);
	fake_frame(dataplane, 0, &path, 5, 0, bytes, 24);
	bytes[1] = WIRE_ACK; // of another version: whose it is cannot be known
	fake_frame(dataplane, 0, &path, DIRECTORY_NONE, 0, bytes, 100);
	bytes[0] = WIRE_VERSION;
	bytes[15] = 1; // handle
	fake_frame(dataplane, 0, &path, DIRECTORY_NONE, 0, bytes, 24);
	tick();
	cr_expect_eq(gateway_tally(gateway)->admitted, 0);
	cr_expect_eq(gateway_tally(gateway)->ignored, 1);
	cr_expect_eq(gateway_tally(gateway)->malformed, 103);
	cr_expect_eq(dataplane->mailboxes[0].count, 0);
}

Test(gateway, survives_a_hello_cut_at_every_length)
{
	struct handshake handshake = {.epoch = 1, .count = 1};
	const struct options options = {
	    .present = OPTIONS_SERVICES, .services_count = 1, .services = {options_text("echo")}};
	const struct path path = fake_path(client_ip, 4000, 0);
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];
	const uint32_t length = fake_hello(bytes, 0, &handshake, &options);

	for (uint32_t i = 0; i < length; i++) {
		fake_frame(dataplane, 0, &path, DIRECTORY_NONE, 0, bytes, i);
		tick();
	}
	cr_expect_eq(gateway_tally(gateway)->admitted, 0);
	cr_expect_eq(gateway_tally(gateway)->malformed, WIRE_HELLO_FIXED_BYTES);
	cr_expect_eq(gateway_tally(gateway)->refused[HOLDFAST_MALFORMED],
		     length - WIRE_HELLO_FIXED_BYTES);
}
