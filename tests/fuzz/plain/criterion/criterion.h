// SPDX-License-Identifier: BSD-3-Clause
// The checks of Criterion that tests/support/toy_net.c makes, for programs that are no Criterion
// test: here one that fails ends the process. Fuzz targets find this header before the real one.
#pragma once
#pragma GCC system_header // as the real one: its macros take texts that may be absent

#include <stdio.h>
#include <stdlib.h>

#define PLAIN_CHECK(condition, ...)                                                                \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);            \
			fprintf(stderr, "" __VA_ARGS__);                                           \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define cr_assert(condition, ...) PLAIN_CHECK(condition, __VA_ARGS__)
#define cr_expect_eq(left, right, ...) PLAIN_CHECK((left) == (right), __VA_ARGS__)
