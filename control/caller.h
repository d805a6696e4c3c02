// SPDX-License-Identifier: BSD-3-Clause
// The other end of the control socket: one blocking connection, one call at a time, and after a
// call that subscribes its notifications. For holdfastctl.
#pragma once

#include <signal.h>
#include <stdint.h>

#include <msgpack.h>

enum { CALLER_ERROR_BYTES = 256, CALLER_TIMEOUT_MS = 10000 };

struct caller {
	int fd;
	uint32_t last_id;
	msgpack_unpacker unpacker;      // keeps what came behind the last value
	char error[CALLER_ERROR_BYTES]; // of the last call that failed, one line
};

// What a call or a notification brought: result lives in unpacked.
struct caller_result {
	msgpack_unpacked unpacked;
	msgpack_object result;
	const char *method; // of a notification; not zero-terminated
	uint32_t method_len;
};

// Connects. Returns 0, or -errno with a line in caller->error: -EACCES where a gateway may be there
// that this user may not call.
int caller_open(struct caller *caller, const char *path);

// Calls method with the map that params holds (packed; NULL: none) and waits for its answer at
// most CALLER_TIMEOUT_MS.
//
// Returns 0 (the caller calls caller_result_fini()), -EREMOTEIO: refused, caller->error has code
// and message; -EBADMSG: what came is no answer; or another -errno: no answer, likewise. Not to be
// called on a connection that has subscribed: a notification is no answer.
int caller_call(struct caller *caller, const char *method, const msgpack_sbuffer *params,
		struct caller_result *result);
void caller_result_fini(struct caller_result *result);

// Waits for the next notification at most timeout_ms (negative: for ever), with the signals of mask
// blocked while it waits (NULL: as they are).
//
// Returns 0 (the caller calls caller_result_fini()), -EINTR: a signal came, -ETIMEDOUT, or with a
// line in caller->error -ECONNRESET: the gateway closed the connection, -EBADMSG, another -errno.
int caller_next(struct caller *caller, const sigset_t *mask, int timeout_ms,
		struct caller_result *result);

// After a caller_open() that returned 0, once.
void caller_close(struct caller *caller);

// The value of a key of a map, or NULL.
const msgpack_object *caller_get(const msgpack_object *map, const char *key);
// The same as a number (0 where absent or no number) and as text ("" likewise; *len its bytes).
uint64_t caller_get_uint(const msgpack_object *map, const char *key);
const char *caller_get_text(const msgpack_object *map, const char *key, uint32_t *len);
