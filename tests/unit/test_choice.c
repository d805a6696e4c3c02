// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "control/choice.h"

enum { BACKENDS = 10, SESSIONS = 20000 };

static uint64_t seed_of(uint32_t backend)
{
	char name[16];

	snprintf(name, sizeof(name), "b%u", backend);
	return choice_seed("echo", name);
}

static void id_of(uint32_t number, uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	memset(id, 0, WIRE_SESSION_ID_BYTES);
	memcpy(id + 12, &number, sizeof(number));
}

// The choice among `count` backends, leaving one out.
static uint32_t choose(uint32_t number, uint32_t count, uint32_t without)
{
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint64_t best_weight = 0;
	uint32_t best = count;

	id_of(number, id);
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t weight = choice_weight(seed_of(i), id);

		if (i != without && (best == count || weight > best_weight)) {
			best = i;
			best_weight = weight;
		}
	}
	return best;
}

Test(choice, is_the_same_on_every_machine)
{
	uint8_t id[WIRE_SESSION_ID_BYTES];

	id_of(7, id);
	cr_expect_eq(choice_seed("echo", "b1"), choice_seed("echo", "b1"));
	cr_expect_neq(choice_seed("echo", "b1"), choice_seed("echo", "b2"));
	cr_expect_neq(choice_seed("echo", "b1"), choice_seed("other", "b1"));
	cr_expect_neq(choice_seed("a", "bc"), choice_seed("ab", "c"));
	// Gateways of different builds must agree, so the numbers themselves are fixed.
	cr_expect_eq(choice_seed("echo", "b1"), UINT64_C(0x347a033b699c60d9), "%llx",
		     (unsigned long long)choice_seed("echo", "b1"));
	cr_expect_eq(choice_weight(UINT64_C(1), id), UINT64_C(0x17b91c8789cdba9f), "%llx",
		     (unsigned long long)choice_weight(UINT64_C(1), id));
}

Test(choice, spreads_sessions_evenly)
{
	uint32_t counts[BACKENDS] = {0};

	for (uint32_t i = 0; i < SESSIONS; i++)
		counts[choose(i, BACKENDS, BACKENDS)]++;
	for (uint32_t i = 0; i < BACKENDS; i++) {
		// Five standard deviations of a fair share of 2000.
		cr_expect_geq(counts[i], 2000 - 5 * 43, "backend %u has %u", i, counts[i]);
		cr_expect_leq(counts[i], 2000 + 5 * 43, "backend %u has %u", i, counts[i]);
	}
}

Test(choice, moves_only_the_sessions_of_a_backend_that_goes)
{
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const uint32_t before = choose(i, BACKENDS, BACKENDS);
		const uint32_t after = choose(i, BACKENDS, 3);

		if (before != 3)
			cr_assert_eq(before, after, "session %u", i);
		else
			cr_assert_neq(after, 3, "session %u", i);
	}
}

Test(choice, moves_sessions_only_to_a_backend_that_comes)
{
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const uint32_t before = choose(i, BACKENDS - 1, BACKENDS);
		const uint32_t after = choose(i, BACKENDS, BACKENDS);

		cr_assert(after == before || after == BACKENDS - 1, "session %u", i);
	}
}
