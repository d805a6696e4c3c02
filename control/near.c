// SPDX-License-Identifier: BSD-3-Clause
#include "control/near.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
	NAME_MAX_LEN = 31, // longer ones are near to nothing
	SLIPS_MAX = 2,
	PREFIX_MIN_LEN = 2,
};

static_assert(NEAR_FAR == SLIPS_MAX + 1, "one slip more is far");

static uint32_t least(uint32_t left, uint32_t right)
{
	return left < right ? left : right;
}

// Letters to insert, leave out, replace or swap with their neighbour to make one of the other.
static uint32_t slips(const char *left, const char *right)
{
	const size_t left_len = strlen(left), right_len = strlen(right);
	uint32_t rows[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];

	if (left_len > NAME_MAX_LEN || right_len > NAME_MAX_LEN)
		return NEAR_FAR;
	for (uint32_t i = 0; i <= left_len; i++) {
		for (uint32_t k = 0; k <= right_len; k++) {
			if (i == 0 || k == 0) {
				rows[i][k] = i + k;
				continue;
			}
			const bool other = left[i - 1] != right[k - 1];

			rows[i][k] = least(rows[i - 1][k - 1] + other,
					   least(rows[i - 1][k], rows[i][k - 1]) + 1);
			if (i > 1 && k > 1 && left[i - 1] == right[k - 2] &&
			    left[i - 2] == right[k - 1])
				rows[i][k] = least(rows[i][k], rows[i - 2][k - 2] + 1);
		}
	}
	return rows[left_len][right_len];
}

uint32_t near_distance(const char *written, const char *name)
{
	const size_t written_len = strlen(written), name_len = strlen(name);
	const size_t shorter = written_len < name_len ? written_len : name_len;
	const uint32_t found = slips(written, name);

	// Two slips in a word of two letters are another word.
	if (found <= SLIPS_MAX && 2 * found <= written_len + 1)
		return found;
	return shorter >= PREFIX_MIN_LEN && strncmp(written, name, shorter) == 0 ? SLIPS_MAX
										 : NEAR_FAR;
}
