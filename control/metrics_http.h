// SPDX-License-Identifier: BSD-3-Clause
// The listener for Prometheus: GET /metrics over HTTP, on the control thread's loop.
//
// Not libevent's evhttp: that accepts any number of connections and lets each keep its memory.
// Here a connection is one request: METRICS_HTTP_CONNECTIONS_MAX at a time (one more is closed at
// once, counted as scrapes_refused), a head of METRICS_HTTP_HEAD_BYTES, METRICS_HTTP_TIMEOUT_MS
// from accept to the last byte, then it is closed. No body is ever read. A text is rendered in one
// go; that takes well below a millisecond a worker.
//
// Control thread.
#pragma once

#include <stdint.h>

enum {
	METRICS_HTTP_CONNECTIONS_MAX = 8,
	METRICS_HTTP_HEAD_BYTES = 4096,
	METRICS_HTTP_TIMEOUT_MS = 5000,
	METRICS_HTTP_ERROR_BYTES = 256,
};

struct gateway;
struct metrics_http;

// Listens at address from now on; the gateway is borrowed and outlives it.
// Returns NULL with errno and one line in error.
struct metrics_http *metrics_http_start(struct gateway *gateway, const char *address,
					char error[static METRICS_HTTP_ERROR_BYTES]);

// The port that it listens on: what the address named, or what the kernel chose for 0.
uint16_t metrics_http_port(const struct metrics_http *http);

// Closes listener and connections. NULL is taken.
void metrics_http_stop(struct metrics_http *http);
