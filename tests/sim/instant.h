// SPDX-License-Identifier: BSD-3-Clause
// Virtual time. Every clock that the gateway's code reads is this one: the linker puts it in their
// place, so that the code under test is the code that ships.
//
// One thread.
#pragma once

#include <stdint.h>

// Microseconds of every monotonic clock; never back within a run.
uint64_t instant_us(void);
void instant_set(uint64_t us);
