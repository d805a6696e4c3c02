// SPDX-License-Identifier: BSD-3-Clause
// Other settings while the gateway runs: all or nothing, what is told of it, what becomes of it.
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/gateway_config.h"
#include "control/gateway_parts.h"
#include "tests/support/fake_dataplane.h"

enum { WORKERS = 2, SLOTS = 32 };

#define GATEWAY "[gateway]\nname = gw1\nworkers = 2\n"
#define PORT "[port p0]\ndevice = net_null0\naddresses = 192.0.2.10/24\n"
#define BACKEND "[backend]\nlisten = 192.0.2.10\nfrom = 10.0.0.0/8\n"
#define ECHO "[service echo]\nbackends = *\n"
#define SESSIONS "[session]\nmax = 32\n"
#define SOUND GATEWAY PORT BACKEND ECHO SESSIONS

static struct config config;
static char path[] = "/tmp/holdfast-reload-XXXXXX";
static struct dataplane *dataplane;
static struct gateway *gateway;
static uint64_t now_ms;
static struct config_report report;
static char error[SETTINGS_ERROR_BYTES];

static void file_is(const char *text)
{
	FILE *out = fopen(path, "w");

	cr_assert_not_null(out);
	fputs(text, out);
	fclose(out);
}

static void start(void)
{
	close(mkstemp(path));
	file_is(SOUND);
	cr_assert_eq(config_load(&config, path, error), 0, "%s", error);
	dataplane = fake_create(WORKERS, SLOTS);
	gateway = gateway_create(&config.settings, dataplane, error);
	cr_assert_not_null(gateway, "%s", error);
	gateway_configure(gateway, &config);
	now_ms = gateway->now_ms;
}

static void stop(void)
{
	config_report_fini(&report);
	gateway_destroy(gateway);
	fake_destroy(dataplane);
	unlink(path);
}

TestSuite(reload, .init = start, .fini = stop);

static void run_ms(uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i++)
		gateway_tick(gateway, ++now_ms);
}

static int reload(const char *text)
{
	config_report_fini(&report);
	error[0] = '\0';
	file_is(text);
	return gateway_reload(gateway, &report, error);
}

static int set(const char *key, const char *value)
{
	config_report_fini(&report);
	error[0] = '\0';
	return gateway_set(gateway, key, value, &report, error);
}

// "key: old -> new; ", in order.
static const char *told(const struct config_changes *changes)
{
	static char text[2048];
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < changes->count; i++) {
		const struct config_change *change = &changes->items[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s: %s -> %s; ",
					 change->key, change->old != NULL ? change->old : "nil",
					 change->new != NULL ? change->new : "nil");
	}
	return text;
}

static const struct directory *directory(void)
{
	return dataplane_directory(dataplane);
}

static void say(const uint8_t *bytes, uint32_t count, uint16_t backend)
{
	static const uint8_t ip[4] = {10, 0, 0, 5};
	const struct path from = fake_path(ip, 5000, 0);

	fake_frame(dataplane, 0, &from, backend, 0, bytes, count);
	run_ms(1);
}

// Returns whether the HELLO was welcome.
static bool backend_hello(const char *service, struct frame *welcome)
{
	const struct handshake handshake = {.epoch = 1, .role = WIRE_ROLE_BACKEND};
	const struct options options = {.present =
					    OPTIONS_SERVICE | OPTIONS_BACKEND | OPTIONS_INSTANCE,
					.service = options_text(service),
					.backend = options_text("b1"),
					.instance = 1};
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT], body[FAKE_FRAME_BYTES];

	say(bytes, fake_hello(bytes, 0, &handshake, &options), DIRECTORY_NONE);
	return fake_sent(dataplane, 0, welcome, body) && welcome->type == WIRE_WELCOME;
}

static void backend_registers(const char *service)
{
	uint8_t bytes[WIRE_HEADER_BYTES + WIRE_CONFIRM_BODY_BYTES];
	struct frame welcome;

	cr_assert(backend_hello(service, &welcome));
	const struct frame confirm = {.type = WIRE_CONFIRM, .handle = welcome.handle};

	frame_encode_header(&confirm, bytes);
	frame_encode_confirm(1, bytes + WIRE_HEADER_BYTES);
	say(bytes, sizeof(bytes), 0);
	cr_assert_eq(backends_connected(gateway->backends), 1);
}

static void backend_closes(void)
{
	const struct frame close_frame = {.type = WIRE_CLOSE,
					  .handle = gateway->backends->entries[0].handle};
	uint8_t bytes[WIRE_HEADER_BYTES + 64] = {0};

	frame_encode_header(&close_frame, bytes);
	say(bytes, WIRE_HEADER_BYTES + WIRE_CLOSE_BODY_BYTES, 0);
	cr_assert_eq(backends_connected(gateway->backends), 0);
}

Test(reload, of_an_unchanged_file_changes_nothing)
{
	cr_expect_eq(reload(SOUND), 0, "%s", error);
	cr_expect_eq(report.changed.count, 0, "%s", told(&report.changed));
	cr_expect_eq(report.pending.count, 0, "%s", told(&report.pending));
}

Test(reload, puts_live_keys_into_force_and_tells_each)
{
	const uint32_t before = dataplane->published;

	cr_assert_eq(reload(SOUND "timeout_ms = 4000\ngrace_ms = 1\n[limits]\nnew_per_second = 7\n"
				  "[backend]\nfrom = 10.1.0.0/16\n"),
		     0, "%s", error);
	cr_expect_str_eq(told(&report.changed),
			 "backend.from: 10.0.0.0/8 -> 10.0.0.0/8, 10.1.0.0/16; "
			 "session.timeout_ms: 10000 -> 4000; session.grace_ms: 60000 -> 1; "
			 "limits.new_per_second: 100000 -> 7; ");
	cr_expect_eq(report.pending.count, 0);
	cr_expect_eq(dataplane->published, before + 1, "one step, one directory");
	cr_expect_eq(directory()->timeout_default_ms, 4000);
	cr_expect_eq(directory()->grace_default_ms, 1);
	cr_expect_eq(gateway->backends->timeout_ms, 4000);
	// What is no longer in the file is the default again.
	cr_assert_eq(reload(SOUND), 0, "%s", error);
	cr_expect_eq(directory()->timeout_default_ms, 10000);
}

Test(reload, of_a_file_with_any_error_changes_nothing)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
	    {SOUND "timeout_ms = 5000\ntimout_ms = 1\n", "did you mean timeout_ms?"},
	    {SOUND "timeout_ms = 5000\nwindow = 1\n", "window = 1: a whole number"},
	    {SOUND "timeout_ms = 5000\nheartbeat_ms = 6000\n", "heartbeat_ms must be"},
	    {SOUND "timeout_ms = 5000\n[port p1]\n", "[port p1]: addresses is missing"},
	    {GATEWAY PORT BACKEND, "no [service NAME]"},
	    {"", "no [port NAME]"},
	    // A new address needs a restart, so it cannot be listened at yet.
	    {GATEWAY "[port p0]\ndevice = net_null0\naddresses = 192.0.2.10/24, 192.0.2.11/24\n"
		     "[backend]\nlisten = 192.0.2.11\nfrom = 10.0.0.0/8\n" ECHO SESSIONS,
	     "listen: not an address of any port (with the keys that need a restart as they are)"},
	};
	static struct settings before;
	const uint32_t published = dataplane->published;

	before = config.settings;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_lt(reload(cases[i].text), 0, "case %zu", i);
		cr_expect_not_null(strstr(error, cases[i].error), "case %zu: %s", i, error);
		cr_expect_eq(memcmp(&before, &config.settings, sizeof(before)), 0, "case %zu", i);
	}
	unlink(path);
	cr_expect_eq(gateway_reload(gateway, &report, error), -ENOENT);
	run_ms(10);
	cr_expect_eq(dataplane->published, published);
}

struct seen {
	uint32_t count;
	struct config_row row;
	char value[64], pending[64];
};

static void see(void *context, const struct config_row *row)
{
	struct seen *seen = context;

	seen->count++;
	seen->row = *row;
	snprintf(seen->value, sizeof(seen->value), "%s", row->value != NULL ? row->value : "nil");
	snprintf(seen->pending, sizeof(seen->pending), "%s",
		 row->pending != NULL ? row->pending : "nil");
}

Test(reload, keeps_what_needs_a_restart_and_tells_that_it_waits)
{
	struct seen seen = {.count = 0};

	cr_assert_eq(reload("[gateway]\nname = gw2\nworkers = 1\n" PORT
			    "[port p1]\ndevice = x\naddresses = 192.0.2.12/24\n" BACKEND ECHO
			    "[session]\nmax = 33\nwindow = 128\ngrace_ms = 9\n"),
		     0, "%s", error);
	cr_expect_str_eq(told(&report.changed), "session.grace_ms: 60000 -> 9; ");
	cr_expect_str_eq(told(&report.pending),
			 "gateway.name: gw1 -> gw2; gateway.workers: 2 -> 1; "
			 "session.max: 32 -> 33; session.window: 256 -> 128; "
			 "port.p1.device: nil -> x; port.p1.addresses: nil -> 192.0.2.12/24; "
			 "port.p1.mtu: nil -> 0; port.p1.vlan: nil -> 0; "
			 "port.p1.exception: nil -> none; port.p1.checksum: nil -> verify; ");
	cr_expect_eq(config.settings.session.max, 32);
	cr_expect_eq(directory()->window, 256);
	cr_assert_eq(config_each(&config, "session.max", see, &seen, error), 0);
	cr_expect(seen.row.waits);
	cr_expect_str_eq(seen.value, "32");
	cr_expect_str_eq(seen.pending, "33");
	// It still waits after a change of something else.
	cr_assert_eq(set("session.grace_ms", "10"), 0);
	cr_expect_not_null(strstr(told(&report.pending), "session.max: 32 -> 33"));
	// Back in the file: nothing waits any more.
	cr_assert_eq(reload(SOUND), 0);
	cr_expect_eq(report.pending.count, 0, "%s", told(&report.pending));
	cr_assert_eq(config_each(&config, "session.max", see, &seen, error), 0);
	cr_expect_not(seen.row.waits);
}

Test(reload, adds_services_behind_those_that_there_are)
{
	cr_assert_eq(reload(GATEWAY PORT BACKEND "[service chat]\nbackends = c1\n" ECHO SESSIONS),
		     0, "%s", error);
	cr_expect_str_eq(told(&report.changed),
			 "service.chat.backends: nil -> c1; service.chat.lost: nil -> wait; ");
	cr_assert_eq(directory()->services_count, 2);
	cr_expect_str_eq(directory()->services[0].name, "echo");
	cr_expect_str_eq(directory()->services[1].name, "chat");
	backend_registers("echo");
	struct frame answer;
	cr_expect_not(backend_hello("chat", &answer), "b1 is no name for it");
}

Test(reload, lets_a_service_go_that_nobody_serves_or_uses)
{
	struct gateway_service_view view;

	cr_assert_eq(reload(SOUND "[service chat]\nbackends = *\n"), 0);
	cr_assert_eq(reload(SOUND), 0, "%s", error);
	cr_expect_str_eq(told(&report.changed),
			 "service.chat.backends: * -> nil; service.chat.lost: wait -> nil; ");
	cr_expect_not(directory()->services[1].used);
	cr_assert(gateway_service(gateway, 1, &view));
	cr_expect_str_eq(view.name, "");
	cr_expect_eq(backends_service(gateway->backends, "", 0), DIRECTORY_NONE);
	// Its place is not taken by another while there are others.
	cr_assert_eq(reload(SOUND "[service news]\nbackends = *\n"), 0);
	cr_expect_eq(backends_service(gateway->backends, "news", 4), 2);
}

Test(reload, keeps_a_service_with_a_backend)
{
	static const char without[] =
	    GATEWAY PORT BACKEND SESSIONS "[service chat]\nbackends = *\n";

	backend_registers("echo");
	cr_expect_eq(reload(without), -EBUSY);
	cr_expect_not_null(strstr(error, "[service echo] is missing, but backend b1 is registered"),
			   "%s", error);
	cr_expect_eq(config.settings.services_count, 1, "not even chat is there");
	backend_closes();
	run_ms(2 * LIVENESS_SWEEP_FULL_TURN * liveness_sweep_period_ms(&config.settings));
	cr_expect_eq(reload(without), 0, "%s", error);
	cr_expect_not(directory()->services[0].used);
	cr_expect_eq(backends_find(gateway->backends, 0, "b1", 2), DIRECTORY_NONE);
}

Test(reload, keeps_a_service_with_a_session)
{
	static const char without[] =
	    GATEWAY PORT BACKEND SESSIONS "[service chat]\nbackends = *\n";
	const uint32_t turns_ms =
	    2 * LIVENESS_SWEEP_FULL_TURN * liveness_sweep_period_ms(&config.settings) + 100;
	struct fake_session *session = fake_session(dataplane, 3, 0);

	session->judged.channels = 1;
	session->judged.backends[0] = DIRECTORY_NONE;
	run_ms(turns_ms);
	cr_expect_eq(reload(without), -EBUSY);
	cr_expect_not_null(strstr(error, "sessions use it (1)"), "%s", error);
	session->used = false;
	fake_discard(dataplane, 0, COMMAND_HEARTBEAT);
	run_ms(turns_ms);
	cr_expect_eq(reload(without), 0, "%s", error);
}

Test(reload, of_from_and_names_is_for_registrations_from_then_on)
{
	struct frame answer;

	backend_registers("echo");
	cr_assert_eq(reload(GATEWAY PORT
			    "[backend]\nlisten = 192.0.2.10\nfrom = 10.9.0.0/16\n" ECHO SESSIONS),
		     0);
	run_ms(5);
	cr_expect_eq(backends_connected(gateway->backends), 1, "who is there stays");
	cr_assert_eq(reload(GATEWAY PORT BACKEND "[service echo]\nbackends = b2\n" SESSIONS), 0);
	cr_expect_not(backend_hello("echo", &answer));
}

Test(reload, of_rates_counts_for_the_next_session)
{
	const struct address source = {.ip = {[10] = 0xff, [11] = 0xff, 1, 2, 3, 4}, .port = 1};

	cr_assert_eq(reload(SOUND "[limits]\nnew_per_source = 2\n"), 0);
	cr_expect_eq(rates_take(gateway->rates, &source, now_ms), RATES_GOOD);
	cr_expect_eq(rates_take(gateway->rates, &source, now_ms), RATES_GOOD);
	cr_expect_eq(rates_take(gateway->rates, &source, now_ms), RATES_SOURCE);
	cr_assert_eq(reload(SOUND), 0);
	cr_expect_eq(rates_take(gateway->rates, &source, now_ms + 1000), RATES_GOOD);
}

Test(reload, puts_back_what_was_set_by_hand_and_says_so)
{
	struct seen seen = {.count = 0};

	cr_assert_eq(set("session.timeout_ms", "5000"), 0, "%s", error);
	cr_expect_str_eq(told(&report.changed), "session.timeout_ms: 10000 -> 5000; ");
	cr_expect_eq(directory()->timeout_default_ms, 5000);
	cr_assert_eq(config_each(&config, "session.timeout_ms", see, &seen, error), 0);
	cr_expect_str_eq(seen.row.source, "set");
	cr_expect_str_eq(seen.row.usual, "10000");
	cr_assert_eq(reload(SOUND), 0);
	cr_expect_str_eq(told(&report.changed), "session.timeout_ms: 5000 -> 10000; ");
	cr_expect(report.changed.items[0].was_set);
	cr_assert_eq(config_each(&config, "session.timeout_ms", see, &seen, error), 0);
	cr_expect_str_eq(seen.row.source, "default");
}

Test(reload, of_one_key_takes_what_the_file_would_take_and_nothing_else)
{
	static const struct {
		const char *key, *value;
		int rc;
		const char *error;
	} cases[] = {
	    {"session.timout_ms", "1", -ENOENT,
	     "no key \"session.timout_ms\"; did you mean timeout"},
	    {"sessoin.max", "1", -ENOENT, "did you mean [session]?"},
	    {"service.no.backends", "*", -ENOENT, "there is no section of this name"},
	    {"", "", -ENOENT, "no key \"\"; there are "},
	    {"session.max", "33", -EPERM, "session.max needs a restart"},
	    {"gateway.workers", "1", -EPERM, "gateway.workers needs a restart"},
	    {"session.timeout_ms", "99", -EINVAL, "a whole number from 100 to 300000"},
	    {"session.timeout_ms", "", -EINVAL, "a whole number"},
	    {"session.timeout_ms", "1500", -EINVAL, "heartbeat_ms must be"},
	    {"backend.from", "10.0.0.0/33", -EINVAL, "a prefix is wanted"},
	    {"backend.listen", "192.0.2.99", -EINVAL, "not an address of any port"},
	    {"service.echo.lost", "close", -EINVAL, "is not in this build"},
	    {"store.url", "redis://127.0.0.1", -EINVAL, "kept in memory only"},
	};
	static struct settings before;

	before = config.settings;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(set(cases[i].key, cases[i].value), cases[i].rc, "case %zu: %s", i,
			     error);
		cr_expect_not_null(strstr(error, cases[i].error), "case %zu: %s", i, error);
		cr_expect_eq(memcmp(&before, &config.settings, sizeof(before)), 0, "case %zu", i);
	}
	cr_expect_eq(set("backend.from", "10.1.0.0/16,10.2.0.0/16"), 0, "%s", error);
	cr_expect_eq(config.settings.backend.from_count, 2, "a list is replaced");
	cr_expect_eq(set("service.echo.backends", ""), 0, "%s", error);
	cr_expect_not(config.settings.services[0].any);
}

Test(reload, of_the_heartbeat_leaves_older_sessions_an_interval_that_they_can_live_with)
{
	struct fake_session *session = fake_session(dataplane, 0, 0);

	session->judged.timeout_ms = 2000; // wished for, as long as it was allowed
	cr_assert_eq(set("session.heartbeat_ms", "5000"), 0, "%s", error);
	cr_expect_eq(liveness_interval_kept_ms(2000, 5000), 1999);
	cr_expect_eq(liveness_interval_kept_ms(400, 0), 100);
	cr_expect_eq(liveness_interval_kept_ms(10000, 5000), 5000);
	cr_expect_eq(liveness_interval_kept_ms(1, 0), 1);
	// Asked at once, again and again, it would be if it had none.
	cr_expect_eq(liveness_sweep_judge(&session->judged, &config.settings), LIVENESS_REST);
}
