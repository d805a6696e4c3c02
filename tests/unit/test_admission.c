// SPDX-License-Identifier: BSD-3-Clause
// Decisions about clients' HELLOs that no worker could take.
#include <criterion/criterion.h>

#include <string.h>

#include "control/admission.h"
#include "control/registration.h"
#include "tests/support/fake_dataplane.h"

static struct settings settings;
static struct tally tally;
static struct dataplane *dataplane;
static struct courier *courier;
static struct admission admission;
static struct frame sent;
static uint8_t sent_body[FAKE_FRAME_BYTES];

static const uint8_t client_ip[4] = {198, 51, 100, 7};
static const uint8_t session_id[WIRE_SESSION_ID_BYTES] = {1, 2, 3, 4};

static void add_backend(const char *name, uint64_t capacity)
{
	const uint16_t index = backends_add(admission.backends, 0, name, (uint32_t)strlen(name), 0);

	admission.backends->entries[index].connected = true;
	admission.backends->entries[index].capacity = capacity;
}

static void start(void)
{
	settings_defaults(&settings);
	settings.gateway.workers = 2;
	settings.session.max = 10;
	settings.services_count = 2;
	strcpy(settings.services[0].name, "echo");
	strcpy(settings.services[1].name, "chat");
	dataplane = fake_create(2, 16);
	courier = courier_create(dataplane, 2, &tally);
	admission.settings = &settings;
	admission.answerer = (struct answerer){.dataplane = dataplane,
					       .courier = courier,
					       .tally = &tally,
					       .frame_max = WIRE_FRAME_MAX_DEFAULT};
	admission.backends = backends_create(&settings, &admission.answerer, 1);
	admission.ends = ends_create(16);
	admission.rates = rates_create(settings.limits.new_per_second, 5, RATES_SOURCES);
	add_backend("b1", 0);
}

static void stop(void)
{
	rates_destroy(admission.rates);
	ends_destroy(admission.ends);
	backends_destroy(admission.backends);
	courier_destroy(courier);
	fake_destroy(dataplane);
}

TestSuite(admission, .init = start, .fini = stop);

struct attempt {
	uint8_t flags;
	uint64_t expected;
	const char *services[2]; // a channel each
	uint32_t timeout_ms;     // 0: no wish
	uint32_t services_told;  // other than the channels, where not 0
	uint8_t role;
	uint8_t version; // other than ours, where not 0
	uint64_t now_ms;
};

// Says HELLO on worker 1. Returns whether the packet was taken.
static bool hello(const struct attempt *attempt)
{
	struct handshake handshake = {.epoch = 3, .role = attempt->role};
	struct options options = {.present = OPTIONS_SERVICES};
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];
	struct notice notice;
	struct frame frame;

	memcpy(handshake.session, session_id, sizeof(session_id));
	for (uint32_t i = 0; i < 2 && attempt->services[i] != NULL; i++) {
		handshake.triples[i].expected = attempt->expected;
		handshake.count++;
		options.services[i] = options_text(attempt->services[i]);
	}
	options.services_count =
	    attempt->services_told > 0 ? attempt->services_told : handshake.count;
	options.services[1] = options.services[1].bytes ? options.services[1] : options_text("x");
	if (attempt->timeout_ms > 0) {
		options.present |= OPTIONS_TIMEOUT_MS;
		options.timeout_ms = attempt->timeout_ms;
	}
	const uint32_t length = fake_hello(bytes, attempt->flags, &handshake, &options);
	const struct path path = fake_path(client_ip, 4000, 0);

	if (attempt->version > 0)
		bytes[0] = attempt->version;
	fake_frame(dataplane, 1, &path, DIRECTORY_NONE, 0, bytes, length);
	cr_assert_eq(dataplane_notices(dataplane, &notice, 1), 1);
	const enum frame_fault fault = frame_decode(notice.frame, notice.frame_bytes, &frame);
	const bool taken = admission_hello(&admission, &notice, &frame, fault, attempt->now_ms);

	if (!taken)
		dataplane_packet_free(notice.packet);
	return taken;
}

// Code of the REJECT that was sent, or HOLDFAST_OK: none was.
static uint16_t refused_with(struct frame_reject *reject)
{
	if (!fake_sent(dataplane, 1, &sent, sent_body))
		return HOLDFAST_OK;
	cr_assert_eq(sent.type, WIRE_REJECT);
	cr_assert_eq(sent.handle, 0);
	frame_decode_reject(&sent, reject);
	cr_expect_arr_eq(reject->session, session_id, sizeof(session_id));
	cr_expect_eq(reject->epoch, 3);
	cr_expect_eq(reject->retriable, holdfast_code_retriable(reject->code));
	return reject->code;
}

Test(admission, creates_a_new_session_on_the_worker_where_it_landed)
{
	const struct attempt attempt = {.services = {"echo"}};
	struct command command;

	cr_assert(hello(&attempt));
	cr_assert(fake_command(dataplane, 1, &command));
	cr_expect_eq(command.kind, COMMAND_CREATE);
	cr_expect_eq(command.backends[0], 0);
	cr_expect_eq(command.backends[1], DIRECTORY_NONE);
	cr_expect_eq(command.path.peer.port, 4000);
	cr_expect_neq(command.packet, NULL);
	cr_expect_eq(tally.admitted, 1);
	dataplane_packet_free(command.packet);
}

Test(admission, opens_a_session_with_one_of_its_services_absent)
{
	const struct attempt attempt = {.services = {"chat", "echo"}};
	struct command command;

	cr_assert(hello(&attempt));
	cr_assert(fake_command(dataplane, 1, &command));
	cr_expect_eq(command.backends[0], DIRECTORY_NONE);
	cr_expect_eq(command.backends[1], 0);
	dataplane_packet_free(command.packet);
}

Test(admission, refuses_each_fault_with_its_code)
{
	static const struct {
		struct attempt attempt;
		uint16_t code;
	} cases[] = {
	    {{.services = {"echo"}, .version = 2}, HOLDFAST_VERSION_MISMATCH},
	    {{.services = {"echo"}, .services_told = 2}, HOLDFAST_MALFORMED},
	    {{.services = {"nothing"}}, HOLDFAST_UNKNOWN_SERVICE},
	    {{.services = {"echo", "nothing"}}, HOLDFAST_UNKNOWN_SERVICE},
	    {{.services = {"echo"}, .timeout_ms = 1999}, HOLDFAST_INVALID_TIMEOUT},
	    {{.services = {"echo"}, .timeout_ms = 2000}, HOLDFAST_OK},
	    {{.services = {"echo"}, .timeout_ms = 300000}, HOLDFAST_OK},
	    {{.services = {"echo"}, .timeout_ms = 300001}, HOLDFAST_INVALID_TIMEOUT},
	    {{.services = {"echo"}, .flags = WIRE_FLAG_RESUME}, HOLDFAST_STATE_MISMATCH},
	    {{.services = {"echo"}, .expected = 1}, HOLDFAST_STATE_MISMATCH},
	    {{.services = {"chat"}}, HOLDFAST_NO_BACKEND},
	};
	struct frame_reject reject;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool taken = hello(&cases[i].attempt);

		cr_expect_eq(taken, cases[i].code == HOLDFAST_OK, "case %zu", i);
		if (!taken)
			cr_expect_eq(refused_with(&reject), cases[i].code, "case %zu: %s", i,
				     holdfast_code_name(reject.code));
		fake_discard(dataplane, 1, COMMAND_CREATE);
	}
	cr_expect_eq(tally.refused[HOLDFAST_STATE_MISMATCH], 2);
	cr_expect_eq(tally.refused[HOLDFAST_INVALID_TIMEOUT], 2);
}

Test(admission, decides_in_the_order_of_the_protocol)
{
	static const struct {
		struct admission_facts facts;
		uint16_t code;
	} cases[] = {
	    {{0}, HOLDFAST_OK},
	    {{HOLDFAST_EVICTED, true, true, true, true}, HOLDFAST_EVICTED},
	    {{HOLDFAST_OK, true, true, true, true}, HOLDFAST_OK},
	    {{HOLDFAST_OK, false, true, true, true}, HOLDFAST_DRAINING},
	    {{HOLDFAST_OK, false, false, true, true}, HOLDFAST_OVERLOADED},
	    {{HOLDFAST_OK, false, false, false, true}, HOLDFAST_STATE_MISMATCH},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(admission_judge(&cases[i].facts), cases[i].code, "case %zu", i);
}

Test(admission, tells_the_code_of_an_end_until_it_is_forgotten)
{
	const struct attempt soon = {.services = {"echo"}, .now_ms = 59999};
	const struct attempt late = {.services = {"echo"}, .now_ms = 60000};
	struct frame_reject reject;

	ends_add(admission.ends, session_id, HOLDFAST_EVICTED, 60000, 0);
	cr_expect_not(hello(&soon));
	cr_expect_eq(refused_with(&reject), HOLDFAST_EVICTED);
	cr_expect(hello(&late));
}

Test(admission, refuses_when_draining_or_full_and_spreads_the_return)
{
	const struct attempt attempt = {.services = {"echo"}};
	struct frame_reject reject;
	uint32_t least = UINT32_MAX, most = 0;

	admission.sessions = settings.session.max;
	for (uint32_t i = 0; i < 100; i++) {
		cr_assert_not(hello(&attempt));
		cr_assert_eq(refused_with(&reject), HOLDFAST_OVERLOADED);
		least = reject.retry_after_ms < least ? reject.retry_after_ms : least;
		most = reject.retry_after_ms > most ? reject.retry_after_ms : most;
	}
	cr_expect_geq(least, 1000);
	cr_expect_leq(most, 2000);
	cr_expect_gt(most, least + 500);
	admission.draining = true;
	cr_expect_not(hello(&attempt));
	cr_expect_eq(refused_with(&reject), HOLDFAST_DRAINING);
	cr_expect_gt(reject.retry_after_ms, 0);
}

Test(admission, counts_only_new_sessions_against_their_source)
{
	const struct attempt attempt = {.services = {"echo"}, .now_ms = 5000};
	const struct attempt resume = {
	    .services = {"echo"}, .flags = WIRE_FLAG_RESUME, .now_ms = 5000};
	struct frame_reject reject;

	for (uint32_t i = 0; i < 20; i++) {
		cr_assert_not(hello(&resume));
		cr_assert_eq(refused_with(&reject), HOLDFAST_STATE_MISMATCH);
	}
	for (uint32_t i = 0; i < 5; i++)
		cr_assert(hello(&attempt));
	fake_discard(dataplane, 1, COMMAND_CREATE);
	cr_expect_not(hello(&attempt));
	cr_expect_eq(refused_with(&reject), HOLDFAST_OVERLOADED);
}

Test(admission, hands_back_what_has_become_known_meanwhile)
{
	const struct attempt attempt = {.services = {"echo"}, .flags = WIRE_FLAG_RESUME};

	memcpy(fake_session(dataplane, 3, 0)->id, session_id, sizeof(session_id));
	admission.draining = true;
	cr_expect(hello(&attempt));
	cr_expect_eq(tally.decided_again, 1);
}

Test(admission, gives_a_backend_no_more_than_it_can_take)
{
	const struct attempt attempt = {.services = {"echo"}};
	struct frame_reject reject;

	admission.backends->entries[0].capacity = 2;
	cr_expect(hello(&attempt));
	cr_expect(hello(&attempt));
	fake_discard(dataplane, 1, COMMAND_CREATE);
	cr_expect_not(hello(&attempt));
	cr_expect_eq(refused_with(&reject), HOLDFAST_NO_BACKEND);
	// Those were refused or have gone: two turns later the place is free again.
	backends_count_end(admission.backends);
	backends_count_end(admission.backends);
	cr_expect(hello(&attempt));
}

Test(admission, drops_a_hello_when_a_worker_is_far_behind)
{
	const struct attempt attempt = {.services = {"echo"}};
	const struct command command = {.kind = COMMAND_BACKEND_LOST};

	dataplane->mailboxes[1].room = 0;
	for (uint32_t i = 0; i < COURIER_REPEATED_MAX; i++)
		courier_decide(courier, 1, &command);
	cr_expect_not(hello(&attempt));
	cr_expect_eq(tally.commands_refused, 1);
	cr_expect_eq(tally.admitted, 0);
	cr_expect_eq(dataplane->packets, 0);
}

Test(admission, survives_that_no_buffer_is_left_for_an_answer)
{
	const struct attempt attempt = {.services = {"nothing"}};

	dataplane->packets_max = 1; // that of the HELLO
	cr_expect_not(hello(&attempt));
	cr_expect_eq(tally.no_buffer, 1);
}
