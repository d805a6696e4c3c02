// SPDX-License-Identifier: BSD-3-Clause
// The other end of the control socket: one blocking connection, one call at a time. For
// holdfastctl.
#pragma once

#include <stdint.h>

#include <msgpack.h>

enum { CALLER_ERROR_BYTES = 256, CALLER_TIMEOUT_MS = 10000 };

struct caller {
	int fd;
	uint32_t last_id;
	char error[CALLER_ERROR_BYTES]; // of the last call that failed, one line
};

// What a call brought back: result lives in unpacked.
struct caller_result {
	msgpack_unpacked unpacked;
	msgpack_object result;
};

// Connects. Returns 0, or -errno with a line in caller->error.
int caller_open(struct caller *caller, const char *path);

// Calls method with the map that params holds (packed; NULL: none) and waits for its answer at
// most CALLER_TIMEOUT_MS.
//
// Returns 0 (the caller calls caller_result_fini()), -EREMOTEIO: refused, caller->error has code
// and message; or another -errno: no answer, likewise.
int caller_call(struct caller *caller, const char *method, const msgpack_sbuffer *params,
		struct caller_result *result);
void caller_result_fini(struct caller_result *result);

void caller_close(struct caller *caller);

// The value of a key of a map, or NULL.
const msgpack_object *caller_get(const msgpack_object *map, const char *key);
// The same as a number (0 where absent or no number) and as text ("" likewise; *len its bytes).
uint64_t caller_get_uint(const msgpack_object *map, const char *key);
const char *caller_get_text(const msgpack_object *map, const char *key, uint32_t *len);
