// SPDX-License-Identifier: BSD-3-Clause
// How near what somebody wrote is to a name that there is, for "did you mean".
//
// Pure: any thread.
#pragma once

#include <stdint.h>

enum { NEAR_FAR = 3 }; // they have nothing to do with each other

// 0 (the same) to NEAR_FAR: letters to insert, leave out, replace or swap with their neighbour, two
// at most; or two where the one begins as the other. Names of more than 31 letters are far from all
// but those that begin so.
uint32_t near_distance(const char *written, const char *name);
