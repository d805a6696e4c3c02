// SPDX-License-Identifier: BSD-3-Clause
// What client and backend do with the options that they are created from.
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../support/toy_world.h"

enum { SECOND_US = 1000000, LINES_MAX = 100, LINE_BYTES = 300, ROOM_BYTES = 1024 };

static const char *const gateways[] = {"192.0.2.10", "192.0.2.11"};
static const char *const services[] = {"echo", "echo", "echo", "echo",
				       "echo", "echo", "echo", "echo"};
static struct toy_world *world;
static char lines[LINES_MAX][LINE_BYTES];
static uint32_t lines_count;

static void end(void)
{
	if (world != NULL)
		toy_world_end(world);
}

TestSuite(relay_options, .fini = end, .timeout = 240);

static void keep_line(void *context, enum holdfast_log_level level, const char *line)
{
	cr_assert(lines_count < LINES_MAX);
	cr_expect(level >= HOLDFAST_LOG_ERROR && level <= HOLDFAST_LOG_DEBUG);
	cr_expect(strlen(line) < LINE_BYTES && strchr(line, '\n') == NULL);
	snprintf(lines[lines_count++], LINE_BYTES, "%s", line);
}

static bool said(const char *text)
{
	for (uint32_t i = 0; i < lines_count; i++) {
		if (strstr(lines[i], text) != NULL)
			return true;
	}
	return false;
}

static bool take(void *context, struct holdfast_session *session,
		 const struct holdfast_message *message)
{
	return true;
}

static void backend_options(struct holdfast_backend_options *options)
{
	holdfast_backend_options_init(options, sizeof(*options));
	options->gateways = gateways;
	options->gateways_count = 1;
	options->service = options->name = "echo";
	options->on_message = take;
}

static bool client_possible(const struct holdfast_client_options *options)
{
	struct holdfast_client *client = holdfast_client_create(options);

	cr_expect(client != NULL || errno == EINVAL);
	holdfast_client_destroy(client);
	return client != NULL;
}

static bool backend_possible(const struct holdfast_backend_options *options)
{
	struct holdfast_backend *backend = holdfast_backend_create(options);

	cr_expect(backend != NULL || errno == EINVAL);
	holdfast_backend_destroy(backend);
	return backend != NULL;
}

Test(relay_options, the_gateway_is_shown_the_token_of_client_and_backend)
{
	struct holdfast_client_options options;
	char token[] = "a\0secret";

	world = toy_world_start(1, 1);
	toy_world_options(&options);
	options.token = token;
	options.token_bytes = sizeof(token);

	struct toy_caller *caller = toy_world_caller(world, &options);

	memset(token, 0, sizeof(token)); // it was copied
	toy_world_connect(world, caller);
	cr_assert_eq(world->gateway.client_token_bytes, sizeof(token));
	cr_expect_eq(memcmp(world->gateway.client_token, "a\0secret", sizeof(token)), 0);
	cr_expect_eq(world->gateway.backend_token_bytes, 5);
	cr_expect_eq(memcmp(world->gateway.backend_token, "proof", 5), 0);
}

Test(relay_options, a_token_may_be_as_long_as_a_hello_has_room)
{
	static const uint8_t bytes[ROOM_BYTES];
	struct holdfast_client_options options;
	struct holdfast_backend_options other;
	uint32_t longest = 0;

	toy_world_options(&options);
	backend_options(&other);
	options.token = other.token = bytes;
	for (uint32_t i = 1; i <= sizeof(bytes); i++) {
		options.token_bytes = i;
		if (!client_possible(&options))
			break;
		longest = i;
	}
	cr_expect(longest > 800 && longest < WIRE_OPTIONS_BYTES_MAX, "%u", longest);
	options.meta = bytes;
	options.meta_bytes = WIRE_META_MAX;
	cr_expect(!client_possible(&options), "together with other options, too");
	options.token_bytes = UINT32_MAX;
	cr_expect(!client_possible(&options));
	other.token_bytes = 700;
	cr_expect(backend_possible(&other));
	other.token_bytes = WIRE_OPTIONS_BYTES_MAX;
	cr_expect(!backend_possible(&other));
	other.token_bytes = UINT32_MAX;
	cr_expect(!backend_possible(&other));
}

Test(relay_options, a_number_out_of_its_bounds_is_refused_at_once)
{
	struct holdfast_client_options options;
	struct holdfast_backend_options other;

	toy_world_options(&options);
	options.grace_ms = (int64_t)UINT32_MAX + 1;
	cr_expect(!client_possible(&options));
	toy_world_options(&options);
	options.window = WIRE_WINDOW_MAX + 1;
	cr_expect(!client_possible(&options));
	backend_options(&other);
	other.window = WIRE_WINDOW_MAX + 1;
	cr_expect(!backend_possible(&other));
	backend_options(&other);
	other.message_max = 0;
	cr_expect(!backend_possible(&other));
	backend_options(&other);
	other.soft_frames = 0;
	cr_expect(!backend_possible(&other));
	backend_options(&other);
	other.hard_factor = 0;
	cr_expect(!backend_possible(&other));
}

Test(relay_options, what_does_not_fit_a_small_hello_is_refused)
{
	struct holdfast_client_options options;

	toy_world_options(&options);
	options.services = services;
	options.services_count = WIRE_CHANNELS_MAX;
	options.frame_max = 300;
	options.message_max = 4000;
	cr_expect(!client_possible(&options));
	options.frame_max = 1200;
	cr_expect(client_possible(&options));
}

Test(relay_options, a_welcome_with_sizes_that_cannot_be_is_no_answer)
{
	static const struct {
		uint32_t frame_max, window;
	} sizes[] = {
	    {WIRE_FRAME_MAX_LIMIT + 1, WIRE_WINDOW_DEFAULT},
	    {WIRE_FRAME_MAX_MIN - 1, WIRE_WINDOW_DEFAULT},
	    {UINT32_MAX, WIRE_WINDOW_DEFAULT},
	    {WIRE_FRAME_MAX_DEFAULT, WIRE_WINDOW_MAX + 1},
	    {WIRE_FRAME_MAX_DEFAULT, WIRE_WINDOW_MIN - 1},
	};
	struct holdfast_client_options options;
	struct toy_caller *caller;

	world = toy_world_start(2, 1);
	toy_world_options(&options);
	caller = toy_world_caller(world, &options);
	holdfast_client_connect(caller->client);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		world->gateway.frame_max = sizes[i].frame_max;
		world->gateway.window = sizes[i].window;
		toy_net_run(&world->net, 5 * SECOND_US);
		cr_expect_neq(holdfast_client_state(caller->client), HOLDFAST_CLIENT_CONNECTED,
			      "case %zu", i);
	}
	world->gateway.frame_max = WIRE_FRAME_MAX_DEFAULT;
	world->gateway.window = WIRE_WINDOW_DEFAULT;
	toy_net_run(&world->net, 40 * SECOND_US);
	cr_expect_eq(holdfast_client_state(caller->client), HOLDFAST_CLIENT_CONNECTED);
}

Test(relay_options, the_log_tells_of_attempts_refusals_moves_and_losses)
{
	struct holdfast_client_options options;

	world = toy_world_start(2, 1);
	toy_world_options(&options);
	options.on_log = keep_line;
	options.renew = true;

	struct toy_caller *caller = toy_world_caller(world, &options);

	world->gateway.refuse = HOLDFAST_OVERLOADED;
	holdfast_client_connect(caller->client);
	toy_net_run(&world->net, SECOND_US);
	cr_expect(said("attempt 1 to 192.0.2.10:7400"));
	cr_expect(said("refused"));
	world->gateway.refuse = 0;
	toy_net_run(&world->net, 10 * SECOND_US);
	cr_expect(said("connected"));
	lines_count = 0;
	toy_world_send(world, caller, 1000);
	toy_world_settle(world, 10 * SECOND_US);
	cr_expect_eq(lines_count, 0, "no line for messages: %s", lines[0]);
	holdfast_client_move(caller->client, NULL);
	toy_net_run(&world->net, 5 * SECOND_US);
	cr_expect(said("moving to another socket"));
	cr_expect(said("resumed"));
	toy_gateway_restart(&world->gateway);
	toy_net_run(&world->net, 30 * SECOND_US);
	cr_expect(said("session lost"));
	cr_expect(said("new session"));
}

static uint32_t backend_lines;
static bool backend_registered, backend_lost;

static void backend_line(void *context, enum holdfast_log_level level, const char *line)
{
	backend_lines++;
	backend_registered |= strstr(line, "registered") != NULL;
	backend_lost |= strstr(line, "link lost") != NULL;
}

Test(relay_options, a_backend_logs_its_links)
{
	struct holdfast_backend_options options;
	struct holdfast_backend *backend;

	world = toy_world_start(3, 1);
	backend_options(&options);
	options.name = "other";
	options.on_log = backend_line;
	backend = toy_net_backend(&world->net, &options);
	toy_net_run(&world->net, 5 * SECOND_US);
	cr_expect(backend_registered);
	world->net.cut = true;
	toy_net_run(&world->net, 600 * SECOND_US);
	cr_expect(backend_lost);
	cr_expect(backend_lines < 200, "%u lines in ten minutes", backend_lines);
	toy_net_backend_end(&world->net, backend);
}

Test(relay_options, a_backend_counts_its_live_sessions_as_those_that_ended)
{
	struct holdfast_backend_stats live, ended;

	world = toy_world_start(4, 1);
	world->net.loss_permille = 100;
	world->net.double_permille = 50;
	world->net.jitter_us = 4000;

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_world_send(world, caller, 500);
	toy_world_settle(world, 60 * SECOND_US);
	world->net.loss_permille = world->net.double_permille = 0;
	world->net.jitter_us = 0;
	toy_net_run(&world->net, SECOND_US);
	holdfast_backend_stats(world->backend, &live, sizeof(live));
	cr_expect(live.counters.frames_doubled > 0);
	cr_expect(live.counters.frames_reordered > 0);
	cr_expect(live.counters.naks_sent > 0);
	toy_gateway_close(&world->gateway, toy_world_session(world, caller), HOLDFAST_NORMAL);
	toy_net_run(&world->net, SECOND_US);
	holdfast_backend_stats(world->backend, &ended, sizeof(ended));
	cr_expect_eq(ended.sessions, 0);
	cr_expect_eq(ended.counters.frames_doubled, live.counters.frames_doubled);
	cr_expect_eq(ended.counters.frames_reordered, live.counters.frames_reordered);
	cr_expect_eq(ended.counters.naks_sent, live.counters.naks_sent);
	cr_expect_eq(ended.counters.naks_received, live.counters.naks_received);
	cr_expect_eq(ended.counters.probes, live.counters.probes);
	cr_expect_eq(ended.counters.messages_acked, live.counters.messages_acked);
}
