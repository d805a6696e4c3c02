// SPDX-License-Identifier: BSD-3-Clause
// What torture tests share: how long they run, numbers that look random, checks.
//
// A torture test is a plain program: real code on real threads, more of them than there are cores,
// until its time is over. Its argument is a number of seconds. A check that fails says what and
// where and ends the process; a sanitizer does the same.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TORTURE_SECONDS = 2, TORTURE_SECONDS_MAX = 24 * 3600 };

#define TORTURE_CHECK(condition, ...)                                                              \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline uint64_t torture_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// How long the command line wants it to run; ends the process where that cannot be read.
static inline uint32_t torture_ms(int argc, char **argv)
{
	char *end = NULL;
	unsigned long seconds = TORTURE_SECONDS;

	if (argc > 1)
		seconds = strtoul(argv[1], &end, 10);
	if (argc > 2 || (end != NULL && (end == argv[1] || *end != '\0')) || seconds == 0 ||
	    seconds > TORTURE_SECONDS_MAX) {
		fprintf(stderr, "usage: %s [SECONDS]   (1 to %d; %d if not given)\n", argv[0],
			TORTURE_SECONDS_MAX, TORTURE_SECONDS);
		exit(2);
	}
	return (uint32_t)seconds * 1000;
}

// A generator of the caller's own; *state is not 0.
static inline uint32_t torture_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

// A number below limit, which is not 0.
static inline uint32_t torture_below(uint64_t *state, uint32_t limit)
{
	return torture_random(state) % limit;
}
