// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dataplane/limiter.h"

enum { INTERVAL_MS = 100, STEPS = 200000, KEYS = 64 };

static struct limiter limiter;

static void start(void)
{
	limiter = (struct limiter){.interval_ms = INTERVAL_MS};
}

TestSuite(limiter, .init = start);

// A key that shares no place with key 0.
static uint64_t key_apart(void)
{
	for (uint64_t key = 1;; key++) {
		start();
		limiter_pass(&limiter, 0, 0);
		if (limiter_pass(&limiter, key, 0)) {
			start();
			return key;
		}
	}
}

// A key that shares the place of key 0.
static uint64_t key_together(void)
{
	for (uint64_t key = 1;; key++) {
		start();
		limiter_pass(&limiter, 0, 0);
		if (!limiter_pass(&limiter, key, 0)) {
			start();
			return key;
		}
	}
}

Test(limiter, the_first_passes_whatever_the_clock_says)
{
	static const uint32_t clocks[] = {0, 1, INTERVAL_MS, INT32_MAX, UINT32_MAX};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		start();
		cr_expect(limiter_pass(&limiter, 7, clocks[i]), "clock %u", clocks[i]);
	}
}

Test(limiter, the_next_passes_after_the_interval_and_not_before)
{
	static const uint32_t clocks[] = {0,
					  1,
					  INT32_MAX,
					  UINT32_MAX - INTERVAL_MS,
					  UINT32_MAX - INTERVAL_MS + 1,
					  UINT32_MAX - 1,
					  UINT32_MAX};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		start();
		cr_assert(limiter_pass(&limiter, 7, clocks[i]));
		for (uint32_t ms = 0; ms < INTERVAL_MS; ms++)
			cr_expect_not(limiter_pass(&limiter, 7, clocks[i] + ms), "%u + %u",
				      clocks[i], ms);
		cr_expect(limiter_pass(&limiter, 7, clocks[i] + INTERVAL_MS + 1));
		if (clocks[i] != UINT32_MAX) { // there it is one longer
			start();
			cr_assert(limiter_pass(&limiter, 7, clocks[i]));
			cr_expect(limiter_pass(&limiter, 7, clocks[i] + INTERVAL_MS));
		}
	}
}

Test(limiter, a_refusal_does_not_put_the_next_pass_off)
{
	cr_assert(limiter_pass(&limiter, 7, 1000));
	cr_expect_not(limiter_pass(&limiter, 7, 1000 + INTERVAL_MS - 1));
	cr_expect(limiter_pass(&limiter, 7, 1000 + INTERVAL_MS));
}

Test(limiter, keys_apart_do_not_hinder_each_other)
{
	const uint64_t other = key_apart();

	cr_expect(limiter_pass(&limiter, 0, 5));
	cr_expect(limiter_pass(&limiter, other, 5));
	cr_expect_not(limiter_pass(&limiter, 0, 6));
	cr_expect_not(limiter_pass(&limiter, other, 6));
}

Test(limiter, keys_that_share_a_place_share_its_interval)
{
	const uint64_t other = key_together();

	cr_expect(limiter_pass(&limiter, 0, 5));
	cr_expect_not(limiter_pass(&limiter, other, 6));
	cr_expect(limiter_pass(&limiter, other, 5 + INTERVAL_MS));
	cr_expect_not(limiter_pass(&limiter, 0, 6 + INTERVAL_MS));
}

Test(limiter, keys_that_count_up_spread_over_the_places)
{
	uint32_t passed = 0;

	for (uint64_t key = 0; key < LIMITER_PLACES; key++)
		passed += limiter_pass(&limiter, key << 8, 1); // slots of sessions, by channel
	cr_expect(passed > LIMITER_PLACES / 2, "%u", passed);
}

Test(limiter, no_key_passes_twice_in_an_interval_however_often_it_asks)
{
	uint64_t last_ms[KEYS];
	uint64_t now_ms = UINT32_MAX - 50000u; // over the wrap of the clock
	bool ever[KEYS] = {false};
	uint32_t passed = 0;

	srand(1);
	for (uint32_t i = 0; i < STEPS; i++) {
		const uint32_t key = (uint32_t)rand() % KEYS;

		now_ms += (uint32_t)rand() % 2;
		if (!limiter_pass(&limiter, key * UINT64_C(0x100000001), (uint32_t)now_ms))
			continue;
		cr_assert(!ever[key] || now_ms - last_ms[key] >= INTERVAL_MS);
		ever[key] = true;
		last_ms[key] = now_ms;
		passed++;
	}
	cr_expect(now_ms > UINT32_MAX);
	cr_expect(passed > STEPS / 2 / INTERVAL_MS);
}
