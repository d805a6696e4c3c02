// SPDX-License-Identifier: BSD-3-Clause
// The clock on the wall, for what limits how long the simulator itself runs.
#pragma once

#include <stdint.h>

// Monotonic milliseconds.
uint64_t real_time_ms(void);

// Something that differs from one call of the program to the next.
uint64_t real_time_seed(void);
