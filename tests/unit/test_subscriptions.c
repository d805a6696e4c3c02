// SPDX-License-Identifier: BSD-3-Clause
// Subscribers: what they are told, in which order, and what becomes of those who do not read.
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "control/rpc.h"
#include "control/subscriptions.h"

enum { CONNECTIONS = 200, ALL = (1 << EVENT_KINDS) - 1 };

static struct tally tally;
static struct events *events;
static struct subscriptions *subscriptions;
static size_t waiting[CONNECTIONS];
static uint32_t told_events[CONNECTIONS], told_gaps[CONNECTIONS], told_stats[CONNECTIONS];
static uint64_t last_offset[CONNECTIONS], gap_from, gap_to, gap_missed;

static size_t link_waiting(void *context, uint64_t connection)
{
	(void)context;
	return waiting[connection];
}

static bool text_is(const msgpack_object *object, const char *text)
{
	return object->via.str.size == strlen(text) &&
	       memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

static uint64_t number_of(const msgpack_object *map, const char *key)
{
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		if (text_is(&map->via.map.ptr[i].key, key))
			return map->via.map.ptr[i].val.via.u64;
	}
	return 0;
}

static void took(uint64_t connection, const msgpack_object *notification)
{
	const msgpack_object *values = notification->via.array.ptr;
	const msgpack_object *map = values[2].via.array.ptr;

	cr_assert_eq(notification->via.array.size, 3);
	cr_assert_eq(values[0].via.u64, 2);
	cr_expect_gt(number_of(map, "subscription"), 0);
	if (text_is(&values[1], "event")) {
		const uint64_t offset = number_of(map, "offset");

		cr_expect(told_events[connection]++ == 0 || offset > last_offset[connection]);
		last_offset[connection] = offset;
	} else if (text_is(&values[1], "gap")) {
		told_gaps[connection]++;
		gap_from = number_of(map, "from");
		gap_to = number_of(map, "to");
		gap_missed = number_of(map, "missed");
	} else {
		cr_expect(text_is(&values[1], "stats"));
		cr_expect_eq(number_of(map, "answer"), 42);
		told_stats[connection]++;
	}
}

// Whatever is sent is whole.
static void link_send(void *context, uint64_t connection, const char *bytes, size_t length)
{
	msgpack_unpacked one;
	size_t offset = 0;

	(void)context;
	msgpack_unpacked_init(&one);
	while (offset < length) {
		cr_assert_eq(msgpack_unpack_next(&one, bytes, length, &offset),
			     MSGPACK_UNPACK_SUCCESS);
		took(connection, &one.data);
	}
	msgpack_unpacked_destroy(&one);
}

static void link_stats(void *context, msgpack_packer *packer)
{
	(void)context;
	rpc_pack_key_uint(packer, "answer", 42);
}

static void start(void)
{
	const struct subscriptions_link link = {
	    .waiting = link_waiting, .send = link_send, .stats = link_stats, .stats_keys = 1};

	events = events_create(8192, &tally);
	subscriptions = subscriptions_create(events, &link, &tally);
}

static void stop(void)
{
	subscriptions_destroy(subscriptions);
	events_destroy(events);
}

TestSuite(subscriptions, .init = start, .fini = stop);

static void happen(enum event_kind kind, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct event event = {.kind = kind, .state = "running"};

		events_add(events, &event);
	}
}

static int subscribe(uint64_t connection, uint32_t kinds, uint64_t from)
{
	uint32_t number = 0;
	const int rc = subscriptions_events(subscriptions, connection, kinds, from, &number);

	cr_expect(rc != 0 || number > 0);
	return rc;
}

Test(subscriptions, replay_from_an_offset_and_go_on_live)
{
	happen(EVENT_SESSION_CREATED, 10);
	cr_assert_eq(subscribe(1, ALL, 4), 0);
	subscriptions_pump(subscriptions, 1);
	cr_expect_eq(told_events[1], 6);
	cr_expect_eq(last_offset[1], 9);
	happen(EVENT_GATEWAY_STATE, 1);
	subscriptions_pump(subscriptions, 2);
	cr_expect_eq(told_events[1], 7);
	cr_expect_eq(last_offset[1], 10);
	cr_expect_eq(told_gaps[1], 0);
	cr_expect_eq(subscribe(1, ALL, 12), -ERANGE);
	cr_expect_eq(subscribe(1, ALL, 11), 0);
}

Test(subscriptions, tell_only_the_kinds_that_were_asked_for)
{
	cr_assert_eq(subscribe(1, events_mask("gateway", 7), 0), 0);
	happen(EVENT_SESSION_CREATED, 5);
	happen(EVENT_GATEWAY_STATE, 1);
	happen(EVENT_REFUSED, 5);
	subscriptions_pump(subscriptions, 1);
	cr_expect_eq(told_events[1], 1);
	cr_expect_eq(last_offset[1], 5);
}

Test(subscriptions, tell_what_was_overwritten_as_one_gap)
{
	happen(EVENT_SESSION_CREATED, 8192 + 100);
	cr_assert_eq(subscribe(1, ALL, 7), 0);
	subscriptions_pump(subscriptions, 1);
	cr_expect_eq(told_gaps[1], 1);
	cr_expect_eq(gap_from, 7);
	cr_expect_eq(gap_to, 100);
	cr_expect_eq(last_offset[1], 100 + SUBSCRIPTIONS_EVENTS_ONE - 1);
	cr_expect_eq(tally.subscriptions_gaps, 1);
}

Test(subscriptions, wait_for_nobody_and_tell_a_slow_reader_one_gap)
{
	cr_assert_eq(subscribe(1, ALL, 0), 0);
	cr_assert_eq(subscribe(2, ALL, 0), 0);
	waiting[1] = SUBSCRIPTIONS_WAITING_BYTES + 1;
	for (uint32_t i = 0; i < 100; i++) {
		happen(EVENT_SESSION_CREATED, 200);
		subscriptions_pump(subscriptions, i);
	}
	cr_expect_eq(told_events[1], 0);
	cr_expect_eq(told_events[2], 20000);
	cr_expect_eq(told_gaps[2], 0);
	waiting[1] = SUBSCRIPTIONS_WAITING_BYTES;
	for (uint32_t i = 0; i < 100; i++)
		subscriptions_pump(subscriptions, 100 + i);
	cr_expect_eq(told_gaps[1], 1);
	cr_expect_eq(gap_from, 0);
	cr_expect_eq(gap_to, 20000 - 8192);
	cr_expect_eq(told_events[1], 8192);
	cr_expect_eq(last_offset[1], 19999);
}

Test(subscriptions, share_what_one_pump_does)
{
	for (uint64_t connection = 1; connection <= 20; connection++)
		cr_assert_eq(subscribe(connection, ALL, 0), 0);
	happen(EVENT_SESSION_CREATED, 1000);
	subscriptions_pump(subscriptions, 1);
	cr_expect_eq(tally.notifications, SUBSCRIPTIONS_EVENTS_ALL);
	for (uint32_t i = 0; i < 9; i++)
		subscriptions_pump(subscriptions, 2 + i);
	for (uint64_t connection = 1; connection <= 20; connection++)
		cr_expect_eq(told_events[connection], 1000, "connection %lu: %u", connection,
			     told_events[connection]);
}

Test(subscriptions, are_bounded_and_end_with_their_connection)
{
	for (uint32_t i = 0; i < SUBSCRIPTIONS_OF_ONE; i++)
		cr_assert_eq(subscribe(1, ALL, 0), 0);
	cr_expect_eq(subscribe(1, ALL, 0), -EAGAIN);
	for (uint64_t i = SUBSCRIPTIONS_OF_ONE; i < SUBSCRIPTIONS_MAX; i++)
		cr_assert_eq(subscribe(2 + i / 2, ALL, 0), 0);
	cr_expect_eq(subscribe(CONNECTIONS - 1, ALL, 0), -EAGAIN);
	cr_expect_eq(tally.subscriptions_refused, 2);
	waiting[1] = SIZE_MAX;
	subscriptions_pump(subscriptions, 1);
	cr_expect_eq(subscriptions_count(subscriptions), SUBSCRIPTIONS_MAX - SUBSCRIPTIONS_OF_ONE);
	cr_expect_eq(subscribe(CONNECTIONS - 1, ALL, 0), 0);
}

Test(subscriptions, stats_come_at_their_interval_and_are_left_out_for_a_slow_reader)
{
	uint32_t number;

	cr_assert_eq(subscriptions_stats(subscriptions, 1, 100, 1000, &number), 0);
	for (uint64_t now_ms = 1000; now_ms < 2000; now_ms += 5)
		subscriptions_pump(subscriptions, now_ms);
	cr_expect_eq(told_stats[1], 10);
	waiting[1] = SUBSCRIPTIONS_WAITING_BYTES + 1;
	for (uint64_t now_ms = 2000; now_ms < 3000; now_ms += 5)
		subscriptions_pump(subscriptions, now_ms);
	cr_expect_eq(told_stats[1], 10);
	cr_expect_eq(tally.subscriptions_missed, 10);
	waiting[1] = 0;
	for (uint64_t now_ms = 3000; now_ms < 3100; now_ms += 5)
		subscriptions_pump(subscriptions, now_ms);
	cr_expect_eq(told_stats[1], 11);
	cr_expect_eq(told_gaps[1], 1);
	cr_expect_eq(gap_missed, 10);
}

Test(subscriptions, to_stats_of_many_share_the_pumps)
{
	uint32_t number;

	for (uint64_t connection = 1; connection <= 40; connection++)
		cr_assert_eq(subscriptions_stats(subscriptions, connection, 100, 0, &number), 0);
	for (uint64_t now_ms = 0; now_ms < 2000; now_ms += 5)
		subscriptions_pump(subscriptions, now_ms);
	for (uint64_t connection = 1; connection <= 40; connection++)
		cr_expect_eq(told_stats[connection], 10);
}
