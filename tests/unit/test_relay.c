// SPDX-License-Identifier: BSD-3-Clause
// Clients and a backend with a toy gateway between them, on a made-up network.
#include <criterion/criterion.h>
#include <errno.h>

#include "../support/toy_world.h"

enum { SECOND_US = 1000000 };

static struct toy_world *world;

static void end(void)
{
	toy_world_end(world);
}

TestSuite(relay, .fini = end, .timeout = 60);

Test(relay, messages_come_back_once_and_in_order)
{
	world = toy_world_start(1, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_world_send(world, caller, 1000);
	toy_world_settle(world, 10 * SECOND_US);
	cr_expect_eq(caller->connected, 1);
	cr_expect_eq(caller->resumed, 0);
	cr_expect_eq(world->opened, 1);
	cr_expect_eq(world->gateway.unknowns, 0);
}

Test(relay, a_backend_has_a_lane_to_each_worker)
{
	world = toy_world_start(2, 4);

	struct holdfast_backend_stats stats;

	holdfast_backend_stats(world->backend, &stats, sizeof(stats));
	cr_expect_eq(stats.lanes, 4);
	cr_expect_eq(stats.links, 1);
	for (uint32_t i = 0; i < 4; i++)
		cr_expect(world->gateway.lanes[i].live, "worker %u", i);
	toy_net_run(&world->net, 60 * SECOND_US); // heartbeats keep them
	holdfast_backend_stats(world->backend, &stats, sizeof(stats));
	cr_expect_eq(stats.lanes, 4);
	cr_expect_eq(world->link_lost, 0);
}

Test(relay, loss_doubling_and_disorder_cost_time_only)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		world = toy_world_start(seed, 2);
		world->net.loss_permille = 50;
		world->net.double_permille = 20;
		world->net.jitter_us = 4000;
		for (uint32_t i = 0; i < 4; i++)
			toy_world_connect(world, toy_world_caller(world, NULL));
		for (uint32_t i = 0; i < 4; i++)
			toy_world_send(world, &world->callers[i], 500);
		toy_world_settle(world, 120 * SECOND_US);
		if (seed < 5)
			toy_world_end(world);
	}
}

Test(relay, moves_under_traffic_lose_nothing)
{
	world = toy_world_start(7, 2);
	world->net.loss_permille = 20;
	world->net.jitter_us = 3000;

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	for (uint32_t i = 0; i < 20; i++) {
		toy_world_send(world, caller, 100);
		toy_net_run(&world->net, 100000 + i * 20000);
		cr_assert_eq(holdfast_client_move(caller->client, NULL), 0);
	}
	toy_world_settle(world, 60 * SECOND_US);
	cr_expect(caller->resumed >= 10);
	cr_expect_eq(world->opened, 1);
}

Test(relay, a_detached_client_resumes_when_it_hears_unknown)
{
	world = toy_world_start(9, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_net_run(&world->net, SECOND_US);
	toy_gateway_detach(&world->gateway, toy_world_session(world, caller));
	toy_net_run(&world->net, SECOND_US);
	cr_expect_eq(world->detached, 1);
	toy_world_send(world, caller, 50);
	toy_world_settle(world, 5 * SECOND_US);
	cr_expect_eq(caller->resumed, 1);
	cr_expect_eq(world->resumed, 1);
}

Test(relay, a_session_that_ended_unheard_does_not_stay_at_the_backend)
{
	world = toy_world_start(11, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);
	struct toy_caller *other = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_world_connect(world, other);
	toy_world_send(world, caller, 3);
	toy_world_settle(world, 5 * SECOND_US);
	toy_net_run(&world->net, SECOND_US); // until all of it is acknowledged
	// As after a CLOSE that was lost for as long as it was repeated.
	toy_world_session(world, caller)->used = false;
	toy_net_client_end(&world->net, caller->client);
	world->callers[0] = *other;
	world->callers_count = 1;
	toy_net_run(&world->net, 59 * SECOND_US);
	cr_expect_eq(world->detached, 0);
	toy_net_run(&world->net, 10 * SECOND_US);
	cr_expect_eq(world->detached, 1, "the backend has not asked");
	toy_net_run(&world->net, 120 * SECOND_US);
	cr_expect_eq(world->closed, 1);
	cr_expect_eq(world->closed_code, HOLDFAST_EXPIRED);
}

Test(relay, a_gateway_that_forgot_everything_is_never_silent_about_it)
{
	struct holdfast_client_options options;
	uint32_t returned;

	world = toy_world_start(10, 1);
	toy_world_options(&options);
	options.renew = true;

	struct toy_caller *caller = toy_world_caller(world, &options);

	toy_world_connect(world, caller);
	toy_world_send(world, caller, 10);
	toy_world_settle(world, 5 * SECOND_US);
	toy_gateway_restart(&world->gateway);
	toy_world_send(world, caller, 2000);
	toy_net_run(&world->net, 30 * SECOND_US);
	cr_expect_eq(caller->lost, 1);
	cr_expect_eq(caller->renewed, 1);
	cr_expect_eq(caller->code, HOLDFAST_STATE_MISMATCH);
	cr_expect_eq(caller->connected, 2);
	returned = caller->returned_maybe + caller->returned_not_sent;
	// Everything that was queued after the restart, in order.
	cr_expect_eq(returned, 2000);
	cr_expect(caller->returned_maybe > 0);
	cr_expect(caller->returned_not_sent > 0);
	cr_expect_eq(world->opened, 2);
	// The new session starts from nothing.
	caller->sent = caller->delivered = 0;
	toy_world_send(world, caller, 20);
	toy_world_settle(world, 5 * SECOND_US);
}

static bool closed(void *arg)
{
	const struct toy_caller *caller = arg;

	return caller->closed > 0;
}

Test(relay, closing_flushes_through_a_break)
{
	world = toy_world_start(12, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_world_send(world, caller, 300);
	world->net.cut = true;
	holdfast_client_move(caller->client, NULL);
	holdfast_client_close(caller->client, 20000);
	holdfast_client_close(caller->client, 30000); // cannot make it longer
	cr_expect_eq(holdfast_client_send(caller->client, 0, "x", 1, 0), -EPIPE);
	toy_net_run(&world->net, 2 * SECOND_US);
	cr_expect_eq(caller->closed, 0);
	world->net.cut = false;
	cr_assert(toy_net_until(&world->net, 15 * SECOND_US, closed, caller));
	cr_expect_eq(world->taken, 300);
	cr_expect_eq(caller->returned_maybe + caller->returned_not_sent, 0);
	cr_expect_eq(caller->code, HOLDFAST_NORMAL);
	toy_net_run(&world->net, SECOND_US);
	cr_expect_eq(world->gateway.closes, 1);
	cr_expect_eq(world->closed, 1);
}

Test(relay, closing_ends_in_time_and_hands_back_what_did_not_go)
{
	world = toy_world_start(13, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);
	uint64_t from_us;

	toy_world_connect(world, caller);
	world->hold = true;
	toy_world_send(world, caller, 1000);
	from_us = world->net.now_us;
	holdfast_client_close(caller->client, 3000);
	cr_assert(toy_net_until(&world->net, 10 * SECOND_US, closed, caller));
	cr_expect(world->net.now_us - from_us < 4 * SECOND_US + 100000);
	cr_expect(caller->returned_maybe > 0);
	cr_expect_eq(caller->returned_maybe + caller->returned_not_sent, 1000);
	holdfast_client_close(caller->client, 0); // of no effect any more
	toy_net_run(&world->net, SECOND_US);
	cr_expect_eq(caller->closed, 1);
}

Test(relay, a_sleeping_client_says_so_and_wakes)
{
	world = toy_world_start(14, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	cr_expect_eq(holdfast_client_sleep(caller->client), -ENOTCONN);
	toy_world_connect(world, caller);
	cr_expect_eq(holdfast_client_sleep(caller->client), 0);
	toy_net_run(&world->net, 2 * SECOND_US);
	cr_expect_eq(caller->sleeping, 1);
	cr_expect_eq(holdfast_client_state(caller->client), HOLDFAST_CLIENT_IDLE);
	cr_expect_eq(world->detached, 1);
	toy_net_run(&world->net, 15 * SECOND_US);
	toy_world_send(world, caller, 5);
	toy_world_connect(world, caller);
	toy_world_settle(world, 5 * SECOND_US);
	cr_expect_eq(caller->resumed, 1);
	cr_expect_eq(world->resumed, 1);
}

Test(relay, an_open_that_comes_late_does_not_bring_back_a_session_that_ended)
{
	struct toy_session *place, before;

	world = toy_world_start(16, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	place = toy_world_session(world, caller);
	before = *place;
	holdfast_client_close(caller->client, 0);
	toy_net_run(&world->net, SECOND_US);
	cr_assert_eq(world->closed, 1);
	*place = before; // as far as the network is concerned
	place->opened = 0;
	place->fresh = 1;
	toy_open_send(&world->gateway, place);
	toy_net_run(&world->net, SECOND_US);
	cr_expect_eq(world->opened, 1, "it was opened again");
	cr_expect_gt(world->gateway.open_refusals, 0);
}

Test(relay, closing_in_the_middle_of_falling_asleep_closes)
{
	world = toy_world_start(15, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_net_run(&world->net, SECOND_US);
	cr_assert_eq(holdfast_client_sleep(caller->client), 0);
	toy_net_run(&world->net, world->net.delay_us); // the gateway has been told, and answers
	holdfast_client_close(caller->client, 0);
	toy_net_run(&world->net, 2 * SECOND_US);
	cr_expect_eq(caller->sleeping, 0);
	cr_expect_eq(caller->closed, 1);
	cr_expect_eq(caller->code, HOLDFAST_NORMAL);
}

Test(relay, a_held_message_waits_and_slows_the_client)
{
	struct holdfast_client_options options;

	world = toy_world_start(15, 1);
	toy_world_options(&options);
	options.soft_frames = 64;

	struct toy_caller *caller = toy_world_caller(world, &options);
	uint32_t queued = 0;

	toy_world_connect(world, caller);
	world->hold = true;
	while (holdfast_client_send(caller->client, 0, "\0\0\0\0", 4, queued) == 0)
		queued++;
	cr_expect(!holdfast_client_writable(caller->client, 0));
	cr_expect(queued >= 256, "%u", queued); // four times the soft mark
	toy_net_run(&world->net, 5 * SECOND_US);
	cr_expect_eq(world->taken, 0);
	cr_expect_eq(caller->writable, 0);
}

Test(relay, a_backend_ends_a_session_and_the_client_hears_why)
{
	world = toy_world_start(16, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_net_run(&world->net, SECOND_US);
	cr_assert(world->last);
	holdfast_backend_end(world->last, HOLDFAST_EVICTED, 1000);
	toy_net_run(&world->net, 2 * SECOND_US);
	cr_expect_eq(caller->closed, 1);
	cr_expect_eq(caller->code, HOLDFAST_EVICTED);
	cr_expect_eq(world->closed, 1);
	cr_expect_eq(world->closed_code, HOLDFAST_EVICTED);
}

Test(relay, a_datagram_goes_both_ways_at_once)
{
	world = toy_world_start(17, 1);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	cr_expect_eq(holdfast_client_datagram(caller->client, 0, "x", 1), -ENOTCONN);
	toy_world_connect(world, caller);
	cr_expect_eq(holdfast_client_datagram(caller->client, 0, "hello", 5), 0);
	cr_expect_eq(holdfast_client_datagram(caller->client, 1, "hello", 5), -EINVAL);
	cr_expect_eq(holdfast_client_datagram(caller->client, 0, "hello", 1177), -EMSGSIZE);
	toy_net_run(&world->net, SECOND_US);
	cr_expect_eq(caller->datagrams, 1);
}

Test(relay, a_backend_comes_back_after_its_gateway_was_out_of_reach)
{
	world = toy_world_start(18, 2);

	struct toy_caller *caller = toy_world_caller(world, NULL);

	toy_world_connect(world, caller);
	toy_world_send(world, caller, 10);
	toy_world_settle(world, 5 * SECOND_US);
	world->net.cut = true;
	toy_net_run(&world->net, 15 * SECOND_US);
	cr_expect_eq(world->link_lost, 1);
	world->net.cut = false;
	toy_world_send(world, caller, 10);
	toy_world_settle(world, 60 * SECOND_US);
	cr_expect_eq(world->registered, 2);
	cr_expect_eq(world->opened, 1);
	cr_expect_eq(world->closed, 0);
}

static void quiet(void)
{
	world->net.loss_permille = world->net.double_permille = 0;
	world->net.jitter_us = 0;
}

// Everything at once, from a seed.
static void storm(uint64_t seed)
{
	world = toy_world_start(seed, 3);
	world->net.loss_permille = 30;
	world->net.double_permille = 20;
	world->net.jitter_us = 5000;
	for (uint32_t i = 0; i < TOY_CLIENTS_MAX; i++)
		toy_world_connect(world, toy_world_caller(world, NULL));
	for (uint32_t step = 0; step < 60; step++) {
		struct toy_caller *caller =
		    &world->callers[toy_net_random(&world->net) % TOY_CLIENTS_MAX];
		struct toy_session *session = toy_world_session(world, caller);

		toy_world_send(world, caller, toy_net_random(&world->net) % 60);
		switch (toy_net_random(&world->net) % 6) {
		case 0:
			holdfast_client_move(caller->client, NULL);
			break;
		case 1:
			toy_gateway_detach(&world->gateway, session);
			break;
		case 2:
			world->net.cut = !world->net.cut;
			break;
		default:
			world->net.cut = false;
		}
		toy_net_run(&world->net, toy_net_random(&world->net) % 500000);
	}
	world->net.cut = false;
	toy_world_settle(world, 120 * SECOND_US);
	cr_expect_eq(world->opened, TOY_CLIENTS_MAX);
	quiet();
	for (uint32_t i = 0; i < TOY_CLIENTS_MAX; i++)
		holdfast_client_close(world->callers[i].client, 5000);
	toy_net_run(&world->net, 10 * SECOND_US);
	cr_expect_eq(world->closed, TOY_CLIENTS_MAX);
	for (uint32_t i = 0; i < TOY_CLIENTS_MAX; i++)
		cr_expect_eq(world->callers[i].closed, 1);
}

Test(relay, any_mix_of_breaks_loses_nothing)
{
	for (uint64_t seed = 100; seed < 104; seed++) {
		storm(seed);
		if (seed < 103)
			toy_world_end(world);
	}
}
