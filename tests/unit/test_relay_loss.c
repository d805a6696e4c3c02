// SPDX-License-Identifier: BSD-3-Clause
// How a client learns that its session is lost: what is handed back, what it is told, and when.
#include <criterion/criterion.h>

#include "../support/toy_world.h"

enum { SECOND_US = 1000000 };

static struct toy_world *world;

static void end(void)
{
	toy_world_end(world);
}

TestSuite(relay_loss, .fini = end, .timeout = 60);

static struct toy_caller *connected_caller(uint64_t seed, bool renew)
{
	struct holdfast_client_options options;
	struct toy_caller *caller;

	world = toy_world_start(seed, 1);
	toy_world_options(&options);
	options.renew = renew;
	caller = toy_world_caller(world, &options);
	toy_world_connect(world, caller);
	toy_world_send(world, caller, 10);
	toy_world_settle(world, 5 * SECOND_US);
	return caller;
}

Test(relay_loss, a_session_that_the_gateway_forgot_is_lost_and_then_closed)
{
	struct toy_caller *caller = connected_caller(1, false);

	toy_gateway_restart(&world->gateway);
	toy_world_send(world, caller, 100);
	toy_net_run(&world->net, 30 * SECOND_US);
	cr_expect_eq(caller->lost, 1);
	cr_expect_eq(caller->lost_returned, 100, "handed back before LOST: %u",
		     caller->lost_returned);
	cr_expect_eq(caller->renewed, 0);
	cr_expect_eq(caller->closed, 1);
	cr_expect_eq(caller->code, HOLDFAST_STATE_MISMATCH);
	cr_expect_eq(holdfast_client_code(caller->client), HOLDFAST_STATE_MISMATCH);
}

Test(relay_loss, every_code_but_normal_tells_of_the_loss_before_the_end)
{
	static const uint16_t codes[] = {HOLDFAST_EXPIRED, HOLDFAST_STATE_MISMATCH,
					 HOLDFAST_EVICTED, HOLDFAST_SUPERSEDED,
					 HOLDFAST_PROTOCOL_ERROR};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct toy_caller *caller = connected_caller(10 + i, false);

		toy_gateway_close(&world->gateway, toy_world_session(world, caller), codes[i]);
		toy_net_run(&world->net, 2 * SECOND_US);
		cr_expect_eq(caller->lost, 1, "code %u", codes[i]);
		cr_expect_eq(caller->closed, 1, "code %u", codes[i]);
		cr_expect_eq(caller->code, codes[i]);
		toy_world_end(world);
	}
	world = toy_world_start(20, 1);
}

Test(relay_loss, a_session_that_ended_as_its_backend_wished_is_not_lost)
{
	struct toy_caller *caller = connected_caller(21, true);

	toy_gateway_close(&world->gateway, toy_world_session(world, caller), HOLDFAST_NORMAL);
	toy_net_run(&world->net, 2 * SECOND_US);
	cr_expect_eq(caller->lost, 0);
	cr_expect_eq(caller->closed, 1);
	cr_expect_eq(caller->code, HOLDFAST_NORMAL);
}

Test(relay_loss, renewing_does_not_bring_an_evicted_session_back)
{
	struct toy_caller *caller = connected_caller(22, true);

	toy_gateway_close(&world->gateway, toy_world_session(world, caller), HOLDFAST_EVICTED);
	toy_net_run(&world->net, 2 * SECOND_US);
	cr_expect_eq(caller->lost, 1);
	cr_expect_eq(caller->renewed, 0);
	cr_expect_eq(caller->closed, 1);
}

Test(relay_loss, an_expired_session_is_lost_once_and_begins_anew)
{
	struct toy_caller *caller = connected_caller(23, true);

	toy_gateway_close(&world->gateway, toy_world_session(world, caller), HOLDFAST_EXPIRED);
	toy_net_run(&world->net, 5 * SECOND_US);
	cr_expect_eq(caller->lost, 1);
	cr_expect_eq(caller->renewed, 1);
	cr_expect_eq(caller->closed, 0);
	cr_expect_eq(caller->connected, 2);
}

Test(relay_loss, a_resume_that_is_forbidden_loses_the_session)
{
	struct toy_caller *caller = connected_caller(24, true);

	world->gateway.refuse = HOLDFAST_NOT_AUTHORIZED;
	holdfast_client_move(caller->client, NULL);
	toy_net_run(&world->net, 5 * SECOND_US);
	cr_expect_eq(caller->lost, 1);
	cr_expect_eq(caller->closed, 1);
	cr_expect_eq(caller->code, HOLDFAST_NOT_AUTHORIZED);
}

Test(relay_loss, where_no_session_was_none_is_lost)
{
	struct toy_caller *caller;

	world = toy_world_start(25, 1);
	world->gateway.refuse = HOLDFAST_UNKNOWN_SERVICE;
	caller = toy_world_caller(world, NULL);
	holdfast_client_connect(caller->client);
	toy_net_run(&world->net, 5 * SECOND_US);
	cr_expect_eq(caller->lost, 0);
	cr_expect_eq(caller->closed, 1);
	cr_expect_eq(caller->code, HOLDFAST_UNKNOWN_SERVICE);
}

Test(relay_loss, what_is_sent_again_as_it_comes_back_goes_with_the_new_session)
{
	struct toy_caller *caller = connected_caller(26, true);

	caller->send_again = true;
	toy_gateway_restart(&world->gateway);
	toy_world_send(world, caller, 100);
	toy_net_run(&world->net, 30 * SECOND_US);
	cr_expect_eq(caller->renewed, 1);
	cr_expect_eq(caller->returned_maybe + caller->returned_not_sent, 100);
	cr_expect_eq(caller->delivered, 110, "%u", caller->delivered);
}
