// SPDX-License-Identifier: BSD-3-Clause
// Dice: all chance of a run, from its seed. Several dice make parts of a run independent: what one
// part draws does not change what another one does.
//
// Plain value; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice)
{
	uint64_t value = (dice->state += UINT64_C(0x9e3779b97f4a7c15));

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

// Dice number part of a seed.
static inline struct dice dice_of(uint64_t seed, uint64_t part)
{
	struct dice dice = {.state = seed * UINT64_C(0xd1342543de82ef95) + part};

	dice_next(&dice);
	dice.state ^= dice_next(&dice);
	return dice;
}

// A number below count, which is above 0.
static inline uint32_t dice_below(struct dice *dice, uint32_t count)
{
	return (uint32_t)((dice_next(dice) >> 32) * count >> 32);
}

// A number of [low, high].
static inline uint32_t dice_between(struct dice *dice, uint32_t low, uint32_t high)
{
	return low + dice_below(dice, high - low + 1);
}

static inline bool dice_chance(struct dice *dice, uint32_t permille)
{
	return permille > 0 && dice_below(dice, 1000) < permille;
}
