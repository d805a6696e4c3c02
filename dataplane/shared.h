// SPDX-License-Identifier: BSD-3-Clause
// Copies of what one thread changes while others may read it: byte by byte with relaxed atomics,
// so that a copy that overlaps a change is merely mixed. Who reads has to find that out and throw
// the copy away: by the version of a session (session.h, I3).
//
// For what changes rarely: a byte is an instruction.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Stores bytes that others may be reading. The one writer.
static inline void shared_store(void *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		__atomic_store_n((uint8_t *)to + i, ((const uint8_t *)from)[i], __ATOMIC_RELAXED);
}

// Loads bytes that another thread may be storing. Any thread.
static inline void shared_load(void *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] = __atomic_load_n((const uint8_t *)from + i, __ATOMIC_RELAXED);
}
