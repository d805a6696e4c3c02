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
	CONTROL_READERS_MAX = 32,        // of them, connections that may only look
	CONTROL_STRANGERS_MAX = 4,       // of them, connections that may do nothing
	CONTROL_HALF_REQUEST_MS = 10000, // a request must have come whole by then
	CONTROL_IDLE_MS = 600000,        // without request or subscription a connection is closed
};

#define CONTROL_SOCKET_DEFAULT "/run/holdfast/control.sock"

// Who may call a method. Each right holds those before it.
enum control_right {
	CONTROL_RIGHT_NONE,  // whoever reaches the socket
	CONTROL_RIGHT_LOOK,  // those listed under [control] readers
	CONTROL_RIGHT_STEER, // root, the gateway's own user, members of the socket's group
	CONTROL_RIGHTS,
};

enum { CONTROL_PARAMS_MAX = 8 }; // of one method

#define CONTROL_NO_PARAMS                                                                          \
	{                                                                                          \
		NULL, NULL                                                                         \
	}

// The methods: enum, dispatcher, help and the table in docs/operations.md come from here. A name is
// never used again for another meaning.
//
// X(enum name, method, right needed, version that added it, what it does, parameters...)
// with each parameter as {name, what it is}.
// clang-format off
#define CONTROL_METHODS(X)                                                                         \
	X(HELLO, "hello", NONE, 1,                                                                 \
	  "version of this interface, program, start time",                                        \
	  {"version", "version that the caller speaks"})                                           \
	X(GATEWAY_INFO, "gateway.info", LOOK, 1,                                                   \
	  "build, uptime, workers, ports, state",                                                  \
	  CONTROL_NO_PARAMS)                                                                       \
	X(GATEWAY_DRAIN, "gateway.drain", STEER, 1,                                                \
	  "refuse new sessions, then let go and stop",                                             \
	  {"deadline_ms", "how long sessions may stay, 0 to 86400000; 10000"})                     \
	X(GATEWAY_SHUTDOWN, "gateway.shutdown", STEER, 1,                                          \
	  "let go and stop",                                                                       \
	  {"deadline_ms", "how long letting go may take, 0 to 86400000; 10000"})                   \
	X(SESSION_LIST, "session.list", LOOK, 1,                                                   \
	  "sessions, page by page",                                                                \
	  {"after", "`next` of the page before"},                                                  \
	  {"limit", "sessions of one page, 1 to 1000; 100"},                                       \
	  {"state", "OPENING, CONNECTED, DETACHED or CLOSING"},                                    \
	  {"service", "with a channel to this service"},                                           \
	  {"backend", "with a channel to a backend of this name"},                                 \
	  {"client", "with this client label"},                                                    \
	  {"idle_ms_min", "not heard for so long"})                                                \
	X(SESSION_GET, "session.get", LOOK, 1,                                                     \
	  "everything known of one session",                                                       \
	  {"session", "its id, 32 hex digits"},                                                    \
	  {"handle", "or its handle"})                                                             \
	X(SESSION_EVICT, "session.evict", STEER, 1,                                                \
	  "end one session; `evicted` says whether this call did it",                              \
	  {"session", "its id, 32 hex digits"},                                                    \
	  {"handle", "or its handle"},                                                             \
	  {"reason", "a text for the log"})                                                        \
	X(BACKEND_LIST, "backend.list", LOOK, 1,                                                   \
	  "backends and their lanes",                                                              \
	  {"service", "of this service"},                                                          \
	  {"backend", "of this name"},                                                             \
	  {"after", "`next` of the page before"})                                                  \
	X(BACKEND_DRAIN, "backend.drain", STEER, 1,                                                \
	  "give a backend no new sessions, until another process has its name",                    \
	  {"service", "its service"},                                                              \
	  {"backend", "its name"})                                                                 \
	X(BACKEND_REMOVE, "backend.remove", STEER, 1,                                              \
	  "forget a backend that is lost or draining; its sessions are told",                      \
	  {"service", "its service"},                                                              \
	  {"backend", "its name"})                                                                 \
	X(SERVICE_LIST, "service.list", LOOK, 1,                                                   \
	  "services and how many backends serve them",                                             \
	  CONTROL_NO_PARAMS)                                                                       \
	X(CONFIG_GET, "config.get", LOOK, 1,                                                       \
	  "settings in force, where each comes from, what waits for a restart",                    \
	  {"key", "one only, as `session.max` or `service.echo.backends`"})                        \
	X(CONFIG_SET, "config.set", STEER, 1,                                                      \
	  "change a live key until the file is read anew or the gateway stops",                    \
	  {"key", "as config.get names it"},                                                       \
	  {"value", "as it would stand in the file"})                                              \
	X(CONFIG_RELOAD, "config.reload", STEER, 1,                                                \
	  "read the configuration file anew, all or nothing",                                      \
	  CONTROL_NO_PARAMS)                                                                       \
	X(STATS_GET, "stats.get", LOOK, 1,                                                         \
	  "counters, drops, gauges, summed and by worker",                                         \
	  CONTROL_NO_PARAMS)                                                                       \
	X(STATS_SUBSCRIBE, "stats.subscribe", LOOK, 1,                                             \
	  "the same again and again, as notifications `stats`",                                    \
	  {"interval_ms", "100 to 3600000; 1000"})                                                 \
	X(EVENTS_SUBSCRIBE, "events.subscribe", LOOK, 1,                                           \
	  "what happens, as notifications `event` and `gap`",                                      \
	  {"kinds", "array of kinds or groups of them; all"},                                      \
	  {"from", "offset of the first event wanted; the next one"})                              \
	X(METRICS_GET, "metrics.get", LOOK, 1,                                                     \
	  "everything counted, as text for Prometheus",                                            \
	  CONTROL_NO_PARAMS)                                                                       \
	X(BENCH_PRELOAD, "bench.preload", STEER, 1,                                                \
	  "create sessions for a load test; only with holdfastd --bench",                          \
	  {"count", "how many, 1 to 65536"},                                                       \
	  {"service", "that their channel is bound to"},                                           \
	  {"seed", "first half of their ids, the other is 0, 1, ...; 0"},                          \
	  {"first", "number of the first frame each way, 0 to 2^62; 0"},                           \
	  {"client", "address of the first one's client; 198.18.0.1:10000"},                       \
	  {"worker", "that owns them; each in turn"})

#define CONTROL_METHOD_ENUM(name, ...) CONTROL_METHOD_##name,
enum control_method { CONTROL_METHODS(CONTROL_METHOD_ENUM) CONTROL_METHODS_COUNT };
#undef CONTROL_METHOD_ENUM
// clang-format on

// Names in error.code.
#define CONTROL_ERROR_UNKNOWN_METHOD "UNKNOWN_METHOD"
#define CONTROL_ERROR_INVALID_PARAMS "INVALID_PARAMS" // unknown value, wrong type, out of bounds
#define CONTROL_ERROR_NOT_FOUND "NOT_FOUND"
#define CONTROL_ERROR_FORBIDDEN "FORBIDDEN"           // the caller has not the right
#define CONTROL_ERROR_UNAVAILABLE "UNAVAILABLE"       // not now: stopping, or a limit is reached
#define CONTROL_ERROR_INVALID_CONFIG "INVALID_CONFIG" // the file; nothing has changed
#define CONTROL_ERROR_RESTART_NEEDED "RESTART_NEEDED" // the key cannot change at run time
#define CONTROL_ERROR_VERSION "VERSION"               // hello asked for a version not spoken here

#ifdef __cplusplus
}
#endif
