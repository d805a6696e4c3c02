// SPDX-License-Identifier: BSD-3-Clause
// The store: where records live that outlast the gateway's memory. One interface, three kinds: the
// process's own memory, an LMDB file, Redis.
//
// Control thread. Nothing waits: store_begin() takes a request, and its done() is called later,
// from the loop, exactly once, never from within store_begin(). The request, its key and its body
// stay the caller's, who leaves them as they are until done(); so beginning one takes no memory
// and cannot fail. Requests about one key that are under way at the same time may be done in any
// order where the store is Redis; the others do them in the order in which they began.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/store_tally.h"

enum {
	STORE_PENDING_LIMIT = 1 << 20,
	STORE_PREFIX_MAX = 63,
	STORE_ERROR_BYTES = 512,
};

enum store_kind { STORE_MEMORY, STORE_LMDB, STORE_REDIS, STORE_KINDS };

struct store_settings {
	enum store_kind kind;
	const char *path;        // LMDB
	const char *url;         // Redis: redis://, rediss:// (TLS) or unix:PATH; see store_url.h
	const char *prefix;      // Redis: of every key, at most STORE_PREFIX_MAX bytes
	uint32_t pending_max;    // requests under way; one more ends with UNAVAILABLE
	uint32_t records_max;    // memory; CREATE beyond ends with UNAVAILABLE
	uint64_t bytes_max;      // LMDB: of the file; CREATE beyond ends with UNAVAILABLE
	uint32_t commit_ms;      // LMDB: between two commits, unless very much waits
	uint32_t flush_ms;       // LMDB: between the end of a flush to the disk and the next one
	uint32_t connect_max_ms; // Redis: until a connection can be used
	// Redis: until a request ends with UNAVAILABLE. LMDB: until those that wait for a batch do
	// because the disk does not take the one before; what is in that one ends with it.
	uint32_t request_max_ms;
	uint64_t utc_ms; // LMDB: the wall clock now; 0: the system's
};

struct event_base;
struct store;

void store_settings_defaults(struct store_settings *settings);

// Opens the store; settings are copied. base is borrowed and outlives it. LMDB opens its file here,
// and reads all of it after the machine stopped while it was in use; Redis is connected to from the
// loop, and until then every request ends with UNAVAILABLE.
//
// Returns NULL with one line in error that says what to do.
struct store *store_create(const struct store_settings *settings, struct event_base *base,
			   char error[static STORE_ERROR_BYTES]);

// Ends what is under way with UNAVAILABLE, though it may have been done; none of these done() may
// begin a request. Not from within a done(). LMDB: waits until the disk has everything. NULL is
// taken.
void store_destroy(struct store *store);

// Begins a request.
void store_begin(struct store *store, struct store_request *request);

// Begins the next slice of a scan; its found() and done() are called from the loop.
void store_scan_begin(struct store *store, struct store_scan *scan);

// Whether requests that begin now are likely to be done: Redis is connected, the disk takes writes.
bool store_available(const struct store *store);

// Counters since the creation, gauges as of now. Good until the next call.
const struct store_tally *store_tally(struct store *store);

// Name of a kind: "memory", "lmdb", "redis".
const char *store_kind_name(enum store_kind kind);
