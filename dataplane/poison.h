// SPDX-License-Identifier: BSD-3-Clause
// Memory that is free but mapped: in builds with the address sanitizer whoever touches it is told
// on, in others these functions are nothing.
//
// Any thread; the caller alone owns the memory. What is poisoned must be clean again before it is
// given back to the system, which may give the same addresses to somebody else.
#pragma once

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISON_SANITIZED 1
#endif

#ifdef POISON_SANITIZED
#include <sanitizer/asan_interface.h>
#endif

// bytes from start on are nobody's. start + bytes is a multiple of 8.
static inline void poison_set(const void *start, size_t bytes)
{
#ifdef POISON_SANITIZED
	__asan_poison_memory_region(start, bytes);
#endif
}

// They are somebody's again.
static inline void poison_clear(const void *start, size_t bytes)
{
#ifdef POISON_SANITIZED
	__asan_unpoison_memory_region(start, bytes);
#endif
}
