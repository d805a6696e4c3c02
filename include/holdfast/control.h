// SPDX-License-Identifier: BSD-3-Clause
// The control socket: its methods as one list, its limits, its error names.
//
// MessagePack-RPC over a Unix stream socket: request [0, id, method, [params]], answer
// [1, id, error, result], notification [2, method, [params]]. params is one map and may be
// absent; error is nil or {"code": name, "message": text}. docs/operations.md tells the keys.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

enum {
	CONTROL_VERSION = 1,
	CONTROL_FRAME_BYTES_MAX = 1024 * 1024, // one request or answer
	CONTROL_DEPTH_MAX = 16,
	CONTROL_LIST_MAX = 1000, // sessions of one answer
	CONTROL_CONNECTIONS_MAX = 64,
};

#define CONTROL_SOCKET_DEFAULT "/run/holdfast/control.sock"

// X(enum name, method, what it does, version that added it)
#define CONTROL_METHODS(X)                                                                         \
	X(HELLO, "hello", "version of this interface, program, start time", 1)                     \
	X(GATEWAY_INFO, "gateway.info", "build, uptime, workers, ports, state", 1)                 \
	X(GATEWAY_DRAIN, "gateway.drain", "refuse new sessions, then let go and stop", 1)          \
	X(GATEWAY_SHUTDOWN, "gateway.shutdown", "let go and stop", 1)                              \
	X(SESSION_LIST, "session.list", "sessions, page by page", 1)                               \
	X(SESSION_GET, "session.get", "everything known of one session", 1)                        \
	X(SESSION_EVICT, "session.evict", "end one session", 1)                                    \
	X(BACKEND_LIST, "backend.list", "backends and their lanes", 1)                             \
	X(SERVICE_LIST, "service.list", "services and how many backends serve them", 1)            \
	X(STATS_GET, "stats.get", "counters, drops, gauges, summed and by worker", 1)

#define CONTROL_METHOD_ENUM(name, method, text, version) CONTROL_METHOD_##name,
enum control_method { CONTROL_METHODS(CONTROL_METHOD_ENUM) CONTROL_METHODS_COUNT };
#undef CONTROL_METHOD_ENUM

// Names in error.code.
#define CONTROL_ERROR_UNKNOWN_METHOD "UNKNOWN_METHOD"
#define CONTROL_ERROR_INVALID_PARAMS "INVALID_PARAMS" // unknown value, wrong type, out of bounds
#define CONTROL_ERROR_NOT_FOUND "NOT_FOUND"
#define CONTROL_ERROR_NOT_PERMITTED "NOT_PERMITTED"
#define CONTROL_ERROR_UNAVAILABLE "UNAVAILABLE" // not now: stopping, or a limit is reached
#define CONTROL_ERROR_VERSION "VERSION"         // hello asked for a version not spoken here

#ifdef __cplusplus
}
#endif
