// SPDX-License-Identifier: BSD-3-Clause
// Timers: never early, at most two ticks late, whatever is set, stopped and set again meanwhile.
#include <criterion/criterion.h>

#include "dataplane/wheel.h"

enum {
	NODES = 300,
	STEPS = 20000,
	TURN_MS = WHEEL_TICK_MS * WHEEL_SLOTS,
	LATE_MS = 2 * WHEEL_TICK_MS,
	HOUR_MS = 3600 * 1000,
};

static struct wheel wheel;
static struct wheel_node nodes[NODES];
static uint64_t seed = 1;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % limit;
}

// Runs time on, a millisecond at a time, until node is due. Returns when, or limit_ms.
static uint32_t fires_at(const struct wheel_node *node, uint32_t from_ms, uint32_t limit_ms)
{
	for (uint32_t ms = 0; ms < limit_ms; ms++) {
		const struct wheel_node *due = wheel_due(&wheel, from_ms + ms);

		if (due != NULL) {
			cr_assert_eq(due, node);
			return ms;
		}
	}
	return limit_ms;
}

Test(wheel, a_timer_fires_at_its_time_over_every_boundary)
{
	static const uint32_t delays[] = {0,
					  1,
					  WHEEL_TICK_MS - 1,
					  WHEEL_TICK_MS,
					  WHEEL_TICK_MS + 1,
					  TURN_MS - LATE_MS,
					  TURN_MS - WHEEL_TICK_MS,
					  TURN_MS - 1,
					  TURN_MS,
					  TURN_MS + 1,
					  2 * TURN_MS - 1,
					  2 * TURN_MS,
					  5 * TURN_MS + 3};
	static const uint32_t starts[] = {
	    0, 1, 2, 3, TURN_MS, TURN_MS - 1, UINT32_MAX, UINT32_MAX - TURN_MS / 2};

	for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
			wheel_init(&wheel, starts[s]);
			wheel_set(&wheel, &nodes[0], delays[i]);

			const uint32_t at = fires_at(&nodes[0], starts[s], delays[i] + 100);

			cr_expect(at >= delays[i], "%u: %u before %u", starts[s], at, delays[i]);
			cr_expect(at <= delays[i] + LATE_MS, "%u: %u for %u", starts[s], at,
				  delays[i]);
			cr_expect_not(wheel_is_set(&nodes[0]));
		}
	}
}

Test(wheel, a_far_deadline_waits_for_many_turns)
{
	wheel_init(&wheel, 0);
	wheel_set(&wheel, &nodes[0], HOUR_MS);
	cr_expect_null(wheel_due(&wheel, HOUR_MS - 1));
	cr_expect(wheel_is_set(&nodes[0]));
	cr_expect_eq(wheel_due(&wheel, HOUR_MS + LATE_MS), &nodes[0]);
}

Test(wheel, a_stopped_timer_never_fires)
{
	wheel_init(&wheel, 0);
	wheel_set(&wheel, &nodes[0], 10);
	wheel_stop(&nodes[0]);
	wheel_stop(&nodes[0]); // nothing
	cr_expect_not(wheel_is_set(&nodes[0]));
	cr_expect_null(wheel_due(&wheel, 2 * TURN_MS));
}

Test(wheel, the_last_time_set_is_the_one_that_counts)
{
	wheel_init(&wheel, 0);
	wheel_set(&wheel, &nodes[0], 1000);
	wheel_set(&wheel, &nodes[0], 20); // sooner
	cr_expect_eq(wheel_due(&wheel, 20 + LATE_MS), &nodes[0]);
	wheel_set(&wheel, &nodes[0], 20);
	wheel_set(&wheel, &nodes[0], 1000); // later
	cr_expect_null(wheel_due(&wheel, 1000));
	cr_expect_eq(wheel_due(&wheel, 1000 + 20 + 2 * LATE_MS), &nodes[0]);
	cr_expect_null(wheel_due(&wheel, 3 * TURN_MS));
}

Test(wheel, what_a_due_timer_stops_does_not_fire_in_the_same_run)
{
	wheel_init(&wheel, 0);
	for (uint32_t i = 0; i < 3; i++)
		wheel_set(&wheel, &nodes[i], 10);

	struct wheel_node *first = wheel_due(&wheel, 100);
	uint32_t fired = 0;

	cr_assert_not_null(first);
	for (uint32_t i = 0; i < 3; i++) {
		if (&nodes[i] != first) {
			wheel_stop(&nodes[i]);
			break;
		}
	}
	while (wheel_due(&wheel, 100) != NULL)
		fired++;
	cr_expect_eq(fired, 1);
}

Test(wheel, a_timer_set_again_with_no_delay_does_not_hold_a_run_up)
{
	uint32_t fired = 0;
	struct wheel_node *node;

	wheel_init(&wheel, 0);
	wheel_set(&wheel, &nodes[0], 0);
	while ((node = wheel_due(&wheel, 1000)) != NULL) {
		wheel_set(&wheel, node, 0);
		cr_assert(++fired <= 1000 / WHEEL_TICK_MS);
	}
	cr_expect(fired > 0);
}

Test(wheel, each_call_takes_one_and_a_later_pass_goes_on_where_one_stopped)
{
	uint32_t taken = 0;

	wheel_init(&wheel, 0);
	for (uint32_t i = 0; i < NODES; i++)
		wheel_set(&wheel, &nodes[i], i % 50);
	for (uint32_t now_ms = 1000; taken < NODES; now_ms++) {
		for (uint32_t i = 0; i < 64; i++) { // the budget of a pass
			struct wheel_node *node = wheel_due(&wheel, now_ms);

			cr_assert(node != NULL || taken == NODES);
			if (node == NULL)
				break;
			taken++;
		}
	}
	cr_expect_null(wheel_due(&wheel, 2000));
}

Test(wheel, earlier_ticks_come_first_after_a_jump)
{
	uint32_t before = 0, count = 0;
	const struct wheel_node *node;

	wheel_init(&wheel, 0);
	for (uint32_t i = 0; i < NODES; i++)
		wheel_set(&wheel, &nodes[i], random_below(3 * TURN_MS));
	while ((node = wheel_due(&wheel, 4 * TURN_MS)) != NULL) {
		const uint32_t tick = (node->due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

		cr_assert(tick >= before);
		before = tick;
		count++;
	}
	cr_expect_eq(count, NODES);
}

Test(wheel, what_a_late_run_sets_is_not_early)
{
	wheel_init(&wheel, 0);
	wheel_set(&wheel, &nodes[0], 10);
	cr_assert_eq(wheel_due(&wheel, 1000), &nodes[0]);
	wheel_set(&wheel, &nodes[0], 500); // from 1000, not from where the wheel stands
	cr_expect_null(wheel_due(&wheel, 1499));
	cr_expect_eq(wheel_due(&wheel, 1500 + LATE_MS), &nodes[0]);
}

// The model: when each node was set and for how long; 0 delay_ms + 1 is not set.
static struct {
	uint64_t earliest_ms;
	bool set;
} model[NODES];

static void set_random(uint64_t now_ms)
{
	static const uint32_t limits[] = {1, 10, 100, TURN_MS, 4 * TURN_MS};
	const uint32_t delay_ms = random_below(limits[random_below(5)]);
	const uint32_t i = random_below(NODES);

	wheel_set(&wheel, &nodes[i], delay_ms);
	model[i].set = true;
	model[i].earliest_ms = now_ms + delay_ms;
}

static void stop_random(void)
{
	const uint32_t i = random_below(NODES);

	wheel_stop(&nodes[i]);
	model[i].set = false;
}

static void run(uint64_t now_ms)
{
	struct wheel_node *node;

	while ((node = wheel_due(&wheel, (uint32_t)now_ms)) != NULL) {
		const uint32_t i = (uint32_t)(node - nodes);

		cr_assert(model[i].set, "node %u fired unset at %lu", i, now_ms);
		cr_assert(now_ms >= model[i].earliest_ms, "node %u: %lu before %lu", i, now_ms,
			  model[i].earliest_ms);
		model[i].set = false;
		if (random_below(4) == 0)
			set_random(now_ms);
		if (random_below(8) == 0)
			stop_random();
	}
	for (uint32_t i = 0; i < NODES; i++) {
		cr_assert_eq(wheel_is_set(&nodes[i]), model[i].set);
		cr_assert(!model[i].set || now_ms < model[i].earliest_ms + LATE_MS,
			  "node %u: not at %lu", i, now_ms);
	}
}

Test(wheel, agrees_with_a_plain_list_through_any_mix_of_changes)
{
	static const uint32_t steps[] = {2, 2, 5, 60, 3 * TURN_MS};
	uint64_t now_ms = UINT32_MAX - 40 * TURN_MS; // over the wrap of the clock

	wheel_init(&wheel, (uint32_t)now_ms);
	for (uint32_t i = 0; i < STEPS; i++) {
		// Nothing is set between a step in time and its run.
		now_ms += random_below(steps[random_below(i % 100 == 0 ? 5 : 4)]);
		run(now_ms);
		for (uint32_t k = random_below(4); k > 0; k--)
			set_random(now_ms);
		if (random_below(3) == 0)
			stop_random();
	}
	cr_expect(now_ms > UINT32_MAX);
}
