// SPDX-License-Identifier: BSD-3-Clause
// Backends: how they register, how their lanes live, what their sessions are told.
#include <criterion/criterion.h>

#include <string.h>

#include "control/lanes.h"
#include "control/liveness_sweep.h"
#include "control/registration.h"
#include "tests/support/fake_dataplane.h"

enum { WORKERS = 2, SLOTS = 64 };

static struct settings settings;
static struct tally tally;
static struct dataplane *dataplane;
static struct courier *courier;
static struct backends *backends;
static struct frame sent;
static uint8_t sent_body[FAKE_FRAME_BYTES];
static uint64_t now_ms = 1000;

static const uint8_t allowed_ip[4] = {10, 0, 0, 5};
static const uint8_t link_a[WIRE_SESSION_ID_BYTES] = {0xaa};
static const uint8_t link_b[WIRE_SESSION_ID_BYTES] = {0xbb};

static void start(void)
{
	settings_defaults(&settings);
	settings.gateway.workers = WORKERS;
	settings.services_count = 2;
	strcpy(settings.services[0].name, "echo");
	settings.services[0].any = true;
	strcpy(settings.services[1].name, "chat");
	settings.services[1].names_count = 1;
	strcpy(settings.services[1].names[0], "c1");
	settings.addresses_count = 2;
	settings.addresses[0].ip[15] = 1;
	settings.addresses[1].ip[15] = 2;
	settings.backend.listen_count = 1;
	settings.backend.listen[0][15] = 1;
	settings.backend.from_count = 1;
	settings.backend.from[0] =
	    (struct settings_prefix){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .bits = 96 + 8};
	dataplane = fake_create(WORKERS, SLOTS);
	courier = courier_create(dataplane, WORKERS, &tally);
	const struct answerer answerer = {.dataplane = dataplane,
					  .courier = courier,
					  .tally = &tally,
					  .frame_max = WIRE_FRAME_MAX_DEFAULT};

	backends = backends_create(&settings, &answerer, 77);
}

static void stop(void)
{
	backends_destroy(backends);
	courier_destroy(courier);
	fake_destroy(dataplane);
}

TestSuite(registration, .init = start, .fini = stop);

struct attempt {
	const uint8_t *link; // link_a where NULL
	const char *service; // "echo" where NULL
	const char *name;    // "b1" where NULL
	uint64_t instance;   // 1 where 0
	uint64_t capacity;
	uint32_t epoch; // 1 where 0
	uint16_t lane;
	uint16_t port; // 5000 + lane where 0
	uint8_t local;
	uint8_t worker;
	const uint8_t *ip; // allowed_ip where NULL
	uint32_t without;  // options left out
};

static struct path path_of(const struct attempt *attempt)
{
	return fake_path(attempt->ip != NULL ? attempt->ip : allowed_ip,
			 attempt->port > 0 ? attempt->port : (uint16_t)(5000 + attempt->lane),
			 attempt->local);
}

static void give(uint8_t worker, const struct path *path, uint16_t backend, uint16_t lane,
		 const uint8_t *bytes, uint32_t count)
{
	struct notice notice;
	struct frame frame;

	fake_frame(dataplane, worker, path, backend, lane, bytes, count);
	cr_assert_eq(dataplane_notices(dataplane, &notice, 1), 1);
	const enum frame_fault fault = frame_decode(notice.frame, notice.frame_bytes, &frame);

	if (backend == DIRECTORY_NONE)
		registration_hello(backends, &notice, &frame, fault, now_ms);
	else
		lanes_frame(backends, &notice, &frame, now_ms);
	dataplane_packet_free(notice.packet);
}

// Says HELLO. Returns the code of the REJECT, or HOLDFAST_OK for a WELCOME (in `sent`).
static uint16_t hello(const struct attempt *attempt)
{
	struct handshake handshake = {
	    .epoch = attempt->epoch > 0 ? attempt->epoch : 1,
	    .role = WIRE_ROLE_BACKEND,
	    .lane = attempt->lane,
	};
	const struct options options = {
	    .present = (OPTIONS_SERVICE | OPTIONS_BACKEND | OPTIONS_INSTANCE | OPTIONS_CAPACITY |
			OPTIONS_AGENT) &
		       ~attempt->without,
	    .service = options_text(attempt->service != NULL ? attempt->service : "echo"),
	    .backend = options_text(attempt->name != NULL ? attempt->name : "b1"),
	    .agent = options_text("test"),
	    .instance = attempt->instance > 0 ? attempt->instance : 1,
	    .capacity = attempt->capacity,
	};
	const struct path path = path_of(attempt);
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];
	struct frame_reject reject;

	memcpy(handshake.session, attempt->link != NULL ? attempt->link : link_a,
	       sizeof(handshake.session));
	give(attempt->worker, &path, DIRECTORY_NONE, 0, bytes,
	     fake_hello(bytes, 0, &handshake, &options));
	cr_assert(fake_sent(dataplane, attempt->worker, &sent, sent_body), "no answer");
	if (sent.type == WIRE_WELCOME)
		return HOLDFAST_OK;
	cr_assert_eq(sent.type, WIRE_REJECT);
	frame_decode_reject(&sent, &reject);
	return reject.code;
}

static void give_bare(const struct attempt *attempt, uint8_t type, uint64_t handle, uint16_t index,
		      uint16_t lane)
{
	const struct frame frame = {.type = type, .handle = handle};
	const struct path path = path_of(attempt);
	uint8_t bytes[WIRE_HEADER_BYTES + 4] = {0};
	uint32_t count = WIRE_HEADER_BYTES;

	frame_encode_header(&frame, bytes);
	if (type == WIRE_CONFIRM)
		count += frame_encode_confirm(attempt->epoch > 0 ? attempt->epoch : 1,
					      bytes + WIRE_HEADER_BYTES);
	else if (type == WIRE_CLOSE)
		count += frame_encode_close(&(struct frame_close){HOLDFAST_NORMAL},
					    bytes + WIRE_HEADER_BYTES);
	give(attempt->worker, &path, index, lane, bytes, count);
}

// Confirms the attempt with the handle of its WELCOME. Returns whether an ACK came back.
static bool confirm_at(const struct attempt *attempt, uint64_t handle)
{
	const uint16_t index = (uint16_t)((handle >> 32) - SLOTS);

	give_bare(attempt, WIRE_CONFIRM, handle, index, 0);
	return fake_sent(dataplane, attempt->worker, &sent, sent_body) && sent.type == WIRE_ACK &&
	       sent.handle == handle;
}

static uint64_t register_lane(const struct attempt *attempt)
{
	cr_assert_eq(hello(attempt), HOLDFAST_OK);
	const uint64_t handle = sent.handle;

	// Until it is confirmed nothing may have changed.
	const struct backends_entry before = backends->entries[(handle >> 32) - SLOTS];

	cr_assert(confirm_at(attempt, handle));
	cr_assert(before.used);
	return handle;
}

static const struct backends_entry *entry_of(uint64_t handle)
{
	return &backends->entries[(handle >> 32) - SLOTS];
}

static uint32_t live_lanes(uint64_t handle)
{
	uint32_t live = 0;

	for (uint32_t i = 0; i < DIRECTORY_LANES_MAX; i++)
		live += entry_of(handle)->lanes[i].live;
	return live;
}

static uint32_t told(uint32_t worker, enum command_kind kind)
{
	return fake_discard(dataplane, worker, kind);
}

Test(registration, is_for_allowed_places_names_and_services_only)
{
	static const uint8_t stranger[4] = {11, 0, 0, 5};
	static const struct {
		struct attempt attempt;
		uint16_t code;
	} cases[] = {
	    {{.ip = stranger}, HOLDFAST_NOT_AUTHORIZED},
	    {{.local = 1}, HOLDFAST_NOT_AUTHORIZED},
	    {{.local = 2}, HOLDFAST_NOT_AUTHORIZED},
	    {{.service = "nothing"}, HOLDFAST_UNKNOWN_SERVICE},
	    {{.service = "chat", .name = "c2"}, HOLDFAST_NOT_AUTHORIZED},
	    {{.service = "chat", .name = "c1"}, HOLDFAST_OK},
	    {{.service = "echo", .name = "anything"}, HOLDFAST_OK},
	    {{.without = OPTIONS_SERVICE}, HOLDFAST_MALFORMED},
	    {{.without = OPTIONS_BACKEND}, HOLDFAST_MALFORMED},
	    {{.without = OPTIONS_INSTANCE}, HOLDFAST_MALFORMED},
	    {{.without = OPTIONS_CAPACITY | OPTIONS_AGENT, .name = "b2"}, HOLDFAST_OK},
	    // A stranger learns nothing about services.
	    {{.ip = stranger, .service = "nothing"}, HOLDFAST_NOT_AUTHORIZED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(hello(&cases[i].attempt), cases[i].code, "case %zu", i);
}

Test(registration, is_for_nobody_without_a_listen_address_or_a_prefix)
{
	const struct attempt attempt = {0};

	settings.backend.from_count = 0;
	cr_expect_eq(hello(&attempt), HOLDFAST_NOT_AUTHORIZED);
	settings.backend.from_count = 1;
	settings.backend.listen_count = 0;
	cr_expect_eq(hello(&attempt), HOLDFAST_NOT_AUTHORIZED);
}

Test(registration, counts_only_once_confirmed)
{
	const struct attempt attempt = {.worker = 1, .capacity = 5};
	struct options options;
	struct handshake welcome;

	cr_assert_eq(hello(&attempt), HOLDFAST_OK);
	const uint64_t handle = sent.handle;

	cr_expect_eq(handshake_decode(&sent, &welcome), 0);
	cr_expect_eq(welcome.role, WIRE_ROLE_BACKEND);
	cr_expect_eq(options_decode(welcome.options, welcome.options_bytes, &options), 0);
	cr_expect_eq(options.worker, 1);
	cr_expect_eq(options.workers, WORKERS);
	cr_expect_eq(options.instance, 77);
	cr_expect_eq(options.timeout_ms, 10000);
	cr_expect_eq(options.heartbeat_ms, 2000);
	cr_expect_not(entry_of(handle)->connected);
	cr_expect_eq(backends_choose(backends, 0, link_a), DIRECTORY_NONE);

	cr_expect(confirm_at(&attempt, handle));
	cr_expect(entry_of(handle)->connected);
	cr_expect_eq(entry_of(handle)->capacity, 5);
	cr_expect_eq(backends_choose(backends, 0, link_a), 0);
	cr_expect_eq(tally.backends_registered, 1);
	cr_expect_eq(dataplane->lanes[0][0].heard_times, 1);
	// Repeats change nothing and are answered.
	cr_expect(confirm_at(&attempt, handle));
	cr_expect_eq(hello(&attempt), HOLDFAST_OK);
	cr_expect_eq(sent.handle, handle);
	cr_expect_eq(tally.lanes_opened, 1);
	cr_expect_eq(dataplane->lanes[0][0].heard_times, 1);
}

Test(registration, forgets_an_attempt_that_is_not_confirmed)
{
	const struct attempt attempt = {0};

	cr_assert_eq(hello(&attempt), HOLDFAST_OK);
	const uint64_t handle = sent.handle;

	backends->changed = false;
	now_ms += BACKENDS_OPENING_MS - 1;
	lanes_tick(backends, now_ms);
	cr_expect(entry_of(handle)->used);
	now_ms += 200;
	lanes_tick(backends, now_ms);
	cr_expect_not(entry_of(handle)->used);
	cr_expect(backends->changed);
	cr_expect_eq(tally.lanes_expired, 1);
	cr_expect_not(confirm_at(&attempt, handle));
}

Test(registration, wants_the_epoch_and_the_path_of_the_attempt_in_its_confirm)
{
	const struct attempt attempt = {.epoch = 4};
	const struct attempt other_epoch = {.epoch = 5};
	const struct attempt other_path = {.epoch = 4, .port = 1};

	cr_assert_eq(hello(&attempt), HOLDFAST_OK);
	const uint64_t handle = sent.handle;

	cr_expect_not(confirm_at(&other_epoch, handle));
	cr_expect_not(confirm_at(&other_path, handle));
	cr_expect_not(confirm_at(&attempt, handle ^ 1));
	cr_expect_not(entry_of(handle)->connected);
	cr_expect(confirm_at(&attempt, handle));
}

Test(registration, says_unknown_to_a_confirm_that_fits_nothing_but_not_too_often)
{
	const struct attempt attempt = {.epoch = 4};
	const struct attempt other_epoch = {.epoch = 5};
	uint32_t answers = 0;

	cr_assert_eq(hello(&attempt), HOLDFAST_OK);
	const uint64_t handle = sent.handle;

	give_bare(&other_epoch, WIRE_CONFIRM, handle, 0, DIRECTORY_NONE);
	cr_assert(fake_sent(dataplane, 0, &sent, sent_body));
	cr_expect_eq(sent.type, WIRE_UNKNOWN);
	cr_expect_eq(sent.handle, handle);
	give_bare(&attempt, WIRE_CONFIRM, handle + 1, 0, DIRECTORY_NONE);
	cr_assert(fake_sent(dataplane, 0, &sent, sent_body));
	cr_expect_eq(sent.type, WIRE_UNKNOWN);
	cr_expect_eq(sent.handle, handle + 1);
	give_bare(&attempt, WIRE_CONFIRM, handle, 900, DIRECTORY_NONE);
	for (uint32_t i = 0; i < 100; i++)
		give_bare(&other_epoch, WIRE_CONFIRM, handle, 0, DIRECTORY_NONE);
	while (fake_sent(dataplane, 0, &sent, sent_body))
		answers++;
	cr_expect_eq(answers, BACKENDS_UNKNOWN_PER_SOURCE - 2);
}

Test(registration, keeps_a_name_for_its_live_instance)
{
	const struct attempt first = {0};
	const struct attempt second = {.link = link_b, .instance = 2, .port = 9};
	struct frame_reject reject;
	const uint64_t handle = register_lane(&first);

	cr_expect_eq(hello(&second), HOLDFAST_NAME_IN_USE);
	frame_decode_reject(&sent, &reject);
	cr_expect(reject.retriable);
	cr_expect_gt(reject.retry_after_ms, 0);
	// Another service has names of its own.
	const struct attempt elsewhere = {
	    .link = link_b, .instance = 2, .service = "chat", .name = "c1", .port = 9};

	cr_expect_eq(hello(&elsewhere), HOLDFAST_OK);
	cr_expect(entry_of(handle)->connected);
}

Test(registration, keeps_a_name_for_the_attempt_that_came_first)
{
	const struct attempt first = {0};
	const struct attempt second = {.link = link_b, .instance = 2, .port = 9};

	cr_assert_eq(hello(&first), HOLDFAST_OK);
	cr_expect_eq(hello(&second), HOLDFAST_NAME_IN_USE);
	now_ms += BACKENDS_OPENING_MS;
	lanes_tick(backends, now_ms);
	cr_expect_eq(hello(&second), HOLDFAST_OK);
}

Test(registration, compares_epochs_and_paths_within_one_lane)
{
	const struct attempt zero = {.epoch = 2};
	const struct attempt one = {.epoch = 2, .lane = 1, .worker = 1};
	const struct attempt zero_elsewhere = {.epoch = 2, .port = 9};
	const struct attempt zero_old = {.epoch = 1};
	const struct attempt two_old = {.epoch = 1, .lane = 2};
	struct frame_reject reject;
	const uint64_t handle = register_lane(&zero);

	cr_expect_eq(register_lane(&one), handle);
	cr_expect_eq(live_lanes(handle), 2);
	cr_expect_eq(hello(&zero_elsewhere), HOLDFAST_STALE_EPOCH);
	frame_decode_reject(&sent, &reject);
	cr_expect_eq(reject.epoch_standing, 2);
	cr_expect_eq(hello(&zero_old), HOLDFAST_STALE_EPOCH);
	cr_expect_eq(hello(&two_old), HOLDFAST_STALE_EPOCH);
	cr_expect_eq(hello(&zero), HOLDFAST_OK);
	cr_expect_eq(tally.backends_returned, 0);
}

Test(registration, ends_the_lanes_of_the_old_epoch_with_a_new_one)
{
	const struct attempt zero = {.epoch = 1};
	const struct attempt one = {.epoch = 1, .lane = 1, .worker = 1};
	const struct attempt again = {.epoch = 2};
	const uint64_t handle = register_lane(&zero);

	register_lane(&one);
	cr_assert_eq(hello(&again), HOLDFAST_OK);
	cr_expect_eq(sent.handle, handle, "a link that lives keeps its handle");
	cr_expect_eq(live_lanes(handle), 2, "nothing ends because of an attempt");
	give_bare(&again, WIRE_CONFIRM, handle, 0, 0);
	cr_expect_eq(live_lanes(handle), 1);
	cr_expect_eq(told(1, COMMAND_BACKEND_RETURNED), 1);
	cr_expect_eq(told(0, COMMAND_BACKEND_RETURNED), 1);
	cr_expect_eq(tally.backends_lost, 0);
	cr_expect_eq(tally.lanes_lost, 2);
}

Test(registration, of_the_same_instance_returns_and_of_another_resets)
{
	const struct attempt first = {0};
	const struct attempt same = {.link = link_b, .epoch = 1, .port = 7};
	const struct attempt another = {.link = link_b, .epoch = 1, .instance = 2, .port = 8};
	const struct attempt another_lane = {
	    .link = link_b, .epoch = 1, .instance = 2, .lane = 1, .port = 9};
	const uint64_t handle = register_lane(&first);

	backends_drop_lane(backends, 0, 0, "test", now_ms);
	cr_expect_eq(told(0, COMMAND_BACKEND_LOST), 1);
	cr_expect_eq(told(1, COMMAND_BACKEND_LOST), 1);

	cr_expect_eq(hello(&same), HOLDFAST_OK);
	cr_expect_eq(sent.handle, handle);
	give_bare(&same, WIRE_CONFIRM, handle, 0, 0);
	cr_expect_eq(told(0, COMMAND_BACKEND_RETURNED), 1);
	cr_expect_eq(told(1, COMMAND_BACKEND_RETURNED), 1);

	backends_drop_lane(backends, 0, 0, "test", now_ms);
	told(0, COMMAND_BACKEND_LOST);
	told(1, COMMAND_BACKEND_LOST);
	cr_expect_eq(hello(&another), HOLDFAST_OK);
	const uint64_t fresh = sent.handle;

	cr_expect_neq(fresh, handle, "what the old instance knew counts no more");
	cr_expect_eq(fresh >> 32, handle >> 32, "its sessions find it in the same place");
	cr_expect_eq(hello(&another_lane), HOLDFAST_OK);
	cr_expect_eq(sent.handle, fresh, "a second lane belongs to the same link");
	give_bare(&another, WIRE_CONFIRM, fresh, 0, 0);
	cr_expect_eq(told(0, COMMAND_BACKEND_RESET), 1);
	cr_expect_eq(told(1, COMMAND_BACKEND_RESET), 1);
	cr_expect_eq(entry_of(fresh)->instance, 2);
	cr_expect(confirm_at(&another_lane, fresh));
	cr_expect_eq(told(0, COMMAND_BACKEND_RESET), 0);
	cr_expect_eq(tally.backends_reset, 1);
}

Test(registration, gives_the_name_to_the_old_instance_if_it_confirms_first)
{
	const struct attempt first = {0};
	const struct attempt another = {.link = link_b, .instance = 2, .port = 8};
	const struct attempt back = {.epoch = 2};
	const uint64_t handle = register_lane(&first);

	backends_drop_lane(backends, 0, 0, "test", now_ms);
	cr_assert_eq(hello(&another), HOLDFAST_OK);
	const uint64_t fresh = sent.handle;

	cr_assert_eq(hello(&back), HOLDFAST_OK);
	cr_expect_eq(sent.handle, fresh);
	cr_expect(confirm_at(&back, fresh));
	cr_expect_not(confirm_at(&another, fresh));
	cr_expect_eq(entry_of(handle)->instance, 1);
	cr_expect_eq(tally.backends_reset, 0);
	cr_expect_eq(hello(&another), HOLDFAST_NAME_IN_USE);
}

Test(registration, gives_each_worker_its_own_lane_and_others_any)
{
	const struct attempt zero = {.worker = 1};
	const struct attempt one = {.lane = 1, .worker = 1};
	struct directory_backend *filled = calloc(DIRECTORY_BACKENDS_MAX, sizeof(*filled));
	struct directory directory = {.backends = filled};
	const uint64_t handle = register_lane(&zero);

	register_lane(&one);
	backends_fill(backends, &directory);
	cr_expect_eq(directory.services_count, 2);
	cr_expect_str_eq(directory.services[1].name, "chat");
	cr_expect_eq(directory.backends_count, 1);
	cr_expect_eq(filled[0].link_handle, handle);
	cr_expect(filled[0].connected);
	cr_expect_eq(filled[0].lane_of_worker[1], 0);
	cr_expect_neq(filled[0].lane_of_worker[0], DIRECTORY_LANE_NONE);
	cr_expect_eq(filled[0].lane_of_worker[2], DIRECTORY_LANE_NONE);
	free(filled);
}

Test(registration, makes_room_among_lanes_that_help_nobody)
{
	struct attempt attempt = {0};
	uint64_t handle = 0;

	for (uint16_t i = 0; i < DIRECTORY_LANES_MAX; i++) {
		attempt.lane = i;
		attempt.worker = i == 0 ? 1 : 0;
		handle = register_lane(&attempt);
	}
	cr_expect_eq(live_lanes(handle), DIRECTORY_LANES_MAX);
	attempt.lane = DIRECTORY_LANES_MAX;
	cr_expect_eq(register_lane(&attempt), handle);
	cr_expect_eq(live_lanes(handle), DIRECTORY_LANES_MAX);
	cr_expect(entry_of(handle)->lanes[0].live, "the only lane of worker 1 stays");
}

Test(registration, refuses_one_backend_too_many)
{
	struct attempt attempt = {0};
	char name[16];

	attempt.name = name;
	for (uint32_t i = 0; i < DIRECTORY_BACKENDS_MAX; i++) {
		snprintf(name, sizeof(name), "b%u", i);
		attempt.port = (uint16_t)(1 + i);
		cr_assert_eq(hello(&attempt), HOLDFAST_OK);
	}
	strcpy(name, "more");
	attempt.port = 2000;
	cr_expect_eq(hello(&attempt), HOLDFAST_OVERLOADED);
}

Test(registration, gives_the_place_of_one_long_lost_that_no_session_has)
{
	struct attempt attempt = {0};
	char name[16];

	attempt.name = name;
	for (uint32_t i = 0; i < DIRECTORY_BACKENDS_MAX; i++) {
		snprintf(name, sizeof(name), "b%u", i);
		attempt.port = (uint16_t)(1 + i);
		register_lane(&attempt);
	}
	const uint64_t handle = entry_of((uint64_t)(SLOTS + 8) << 32)->handle;

	for (uint16_t i = 7; i < 10; i++)
		backends_drop_lane(backends, i, 0, "test", now_ms + i);
	backends->entries[7].sessions = 1;
	strcpy(name, "more");
	attempt.port = 2000;
	now_ms += BACKENDS_LOST_MS + 7;
	cr_expect_eq(hello(&attempt), HOLDFAST_OVERLOADED);
	now_ms += 1;
	cr_expect_eq(hello(&attempt), HOLDFAST_OK);
	cr_expect_eq(sent.handle >> 32, SLOTS + 8);
	cr_expect_neq(sent.handle, handle);
	cr_expect_str_eq(backends->entries[8].name, "more");
	cr_expect_eq(tally.backends_forgotten, 1);
}

Test(registration, of_new_ones_stops_when_draining_but_known_ones_may_return)
{
	const struct attempt first = {0};
	const struct attempt more = {.lane = 1};
	const struct attempt stranger = {.name = "b2", .link = link_b, .port = 9};

	register_lane(&first);
	backends->draining = true;
	cr_expect_eq(hello(&more), HOLDFAST_OK);
	cr_expect_eq(hello(&stranger), HOLDFAST_DRAINING);
}

// ---- Lanes ---------------------------------------------------------------------------------

// Lets `ms` pass for control and for the lanes of backend 0.
static void pass(uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i++) {
		now_ms++;
		for (uint32_t lane = 0; lane < DIRECTORY_LANES_MAX; lane++)
			dataplane->lanes[0][lane].now_ms++;
		lanes_tick(backends, now_ms);
	}
}

// The worker sends what it was asked to.
static uint32_t ask_lanes(uint32_t worker)
{
	struct command command;
	uint32_t asked = 0;

	while (fake_command(dataplane, worker, &command)) {
		if (command.packet != NULL)
			dataplane_packet_free(command.packet);
		if (command.kind != COMMAND_LANE_HEARTBEAT)
			continue;
		struct fake_lane *lane = &dataplane->lanes[command.backend][command.lane];

		if (!lane->liveness.asked)
			lane->liveness.asked_first_ms = lane->now_ms;
		lane->liveness.asked = true;
		lane->liveness.asked_ms = lane->liveness.sent_ms = lane->now_ms;
		asked++;
	}
	return asked;
}

static void hear_lane(uint32_t lane)
{
	dataplane->lanes[0][lane].liveness.heard_ms = dataplane->lanes[0][lane].now_ms;
	dataplane->lanes[0][lane].liveness.asked = false;
}

Test(registration, asks_an_idle_lane_each_interval_and_keeps_it_while_it_answers)
{
	const struct attempt attempt = {0};
	const uint64_t handle = register_lane(&attempt);
	uint32_t asked = 0;

	for (uint32_t i = 0; i < 100000; i += 10) {
		pass(10);
		if (ask_lanes(0) > 0) {
			asked++;
			hear_lane(0);
		}
	}
	cr_expect_eq(live_lanes(handle), 1);
	// Every 1625 to 2000 ms, over 100 s.
	cr_expect_geq(asked, 100000 / 2000);
	cr_expect_leq(asked, 100000 / 1600);
}

Test(registration, finds_a_silent_lane_within_its_time_and_the_backend_with_its_last_one)
{
	const struct attempt zero = {0};
	const struct attempt one = {.lane = 1, .worker = 1};
	const uint64_t handle = register_lane(&zero);
	uint32_t lost_at_ms = 0;

	register_lane(&one);
	for (uint32_t ms = 0; ms < 13000 && live_lanes(handle) > 0; ms += 10) {
		pass(10);
		ask_lanes(0);
		ask_lanes(1);
		if (ms < 5000)
			hear_lane(1);
		if (live_lanes(handle) == 1 && lost_at_ms == 0)
			lost_at_ms = ms;
		cr_assert(ms < 9990 || lost_at_ms > 0 || ms <= 12000);
	}
	cr_expect_geq(lost_at_ms, 9990);
	cr_expect_leq(lost_at_ms, 12000);
	cr_expect(entry_of(handle)->connected, "one lane is left");
	for (uint32_t ms = 0; ms < 6000; ms += 10) {
		pass(10);
		ask_lanes(1);
		if (!entry_of(handle)->connected)
			break;
	}
	cr_expect_not(entry_of(handle)->connected);
	cr_expect_eq(tally.backends_lost, 1);
	cr_expect_eq(tally.lanes_lost, 2);
	cr_expect(entry_of(handle)->used, "its sessions may wait for it");
}

Test(registration, takes_nobody_for_silent_who_was_not_asked)
{
	const struct attempt attempt = {0};
	const uint64_t handle = register_lane(&attempt);

	// The worker does not take its commands, and a long time passes.
	pass(60000);
	cr_expect_eq(live_lanes(handle), 1);
}

Test(registration, ends_at_once_with_a_close)
{
	const struct attempt zero = {0};
	const struct attempt one = {.lane = 1, .worker = 1};
	const struct attempt next = {.instance = 2, .link = link_b, .port = 9};
	const uint64_t handle = register_lane(&zero);

	register_lane(&one);
	give_bare(&one, WIRE_CLOSE, handle, 0, 1);
	cr_assert(fake_sent(dataplane, 1, &sent, sent_body));
	cr_expect_eq(sent.type, WIRE_CLOSE_ACK);
	cr_expect_eq(sent.handle, handle);
	cr_expect_eq(live_lanes(handle), 0);
	cr_expect_eq(tally.backends_lost, 1);
	cr_expect_eq(hello(&next), HOLDFAST_OK, "the name is free");
}

Test(registration, loses_a_lane_that_does_not_know_its_link)
{
	const struct attempt zero = {0};
	const struct attempt one = {.lane = 1, .worker = 1};
	const uint64_t handle = register_lane(&zero);

	register_lane(&one);
	give_bare(&zero, WIRE_UNKNOWN, handle, 0, 0);
	cr_expect_eq(live_lanes(handle), 1);
	// From another address it means nothing.
	give_bare(&zero, WIRE_UNKNOWN, handle, 0, 1);
	cr_expect_eq(live_lanes(handle), 1);
	give_bare(&one, WIRE_UNKNOWN, handle, 0, 1);
	cr_expect_not(entry_of(handle)->connected);
}

Test(registration, ignores_frames_that_fit_nothing)
{
	const struct attempt attempt = {0};
	const uint64_t handle = register_lane(&attempt);

	give_bare(&attempt, WIRE_EVENT_ACK, handle, 0, 0);
	give_bare(&attempt, WIRE_CLOSE, handle + 1, 0, 0);
	give_bare(&attempt, WIRE_CLOSE, handle, 5, 0);
	cr_expect_eq(tally.ignored, 3);
	cr_expect_eq(live_lanes(handle), 1);
}
