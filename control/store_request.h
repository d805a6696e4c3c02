// SPDX-License-Identifier: BSD-3-Clause
// What is asked of the store: keys, values, requests, slices of scans.
//
// Control thread. All of it is the caller's memory; see store.h for how long it stays as it is.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	STORE_KEY_BYTES_MAX = 160,
	STORE_BODY_BYTES_MAX = 4096,
	STORE_SLICE_MAX = 256, // records of one slice of a scan
};

// 10 years. A longer life is none.
static const uint64_t STORE_LIFE_MAX_MS = UINT64_C(10) * 365 * 86400 * 1000;

// Keys of different spaces are different keys.
enum store_space { STORE_SESSIONS, STORE_BACKENDS, STORE_ENDED, STORE_SPACES };

struct store_key {
	enum store_space space;
	uint32_t len; // 1 to STORE_KEY_BYTES_MAX
	const uint8_t *bytes;
};

struct store_value {
	uint64_t generation;
	uint64_t owner;      // instance of the gateway that claimed the record last
	uint32_t body_bytes; // at most STORE_BODY_BYTES_MAX
	const uint8_t *body;
};

enum store_verb {
	STORE_CREATE,    // writes it if it is absent; EXISTS carries what is there
	STORE_UPDATE,    // replaces it if it is present; else NOT_FOUND
	STORE_LOAD,      // reads it
	STORE_SWAP,      // replaces it if its generation is the expected one; CONFLICT carries it
	STORE_DELETE,    // OK whether it was there or not
	STORE_DELETE_IF, // if generation and owner are the expected ones; CONFLICT carries it
	STORE_VERBS,
};

enum store_result {
	STORE_OK,
	STORE_NOT_FOUND,
	STORE_EXISTS,
	STORE_CONFLICT,
	STORE_UNAVAILABLE,
	STORE_RESULTS,
};

struct store_answer {
	enum store_result result;
	struct store_value
	    value; // LOAD's OK, EXISTS, CONFLICT; its body is good until done() returns
};

// What stands between requests and scans that wait in a queue; the store's own.
struct store_entry {
	struct store_entry *next;
	uint64_t begun_ms; // monotonic
};

struct store_request {
	enum store_verb verb;
	struct store_key key;
	struct store_value value;     // CREATE, UPDATE, SWAP
	uint64_t expected_generation; // SWAP, DELETE_IF
	uint64_t expected_owner;      // DELETE_IF
	// How long the record lives from now on, at most STORE_LIFE_MAX_MS. 0: CREATE: until it is
	// deleted; UPDATE, SWAP, LOAD: as before.
	uint64_t life_ms;
	// The request is the caller's again, who may begin it anew in here. UNAVAILABLE: it is not
	// known whether it was done, or will be.
	void (*done)(struct store_request *request, const struct store_answer *answer);
	void *context;
	struct store_entry entry;
};

// A walk over one space in slices. Whatever lives all the time from the first slice to the last is
// found, in Redis perhaps more than once; what comes or goes meanwhile may be found.
struct store_scan {
	enum store_space space;
	uint32_t max; // records of a slice, 1 to STORE_SLICE_MAX; some slices have more, or none
	void (*found)(struct store_scan *scan, const struct store_key *key,
		      const struct store_value *value);
	// The slice is over: OK, or UNAVAILABLE, and the next call does it again. May begin the
	// next slice.
	void (*done)(struct store_scan *scan, enum store_result result);
	void *context;
	bool over; // with OK: this slice was the last one

	// The store's own; all zero before the first slice.
	struct store_entry entry;
	uint64_t cursor;
	uint32_t last_len;
	uint8_t last[STORE_KEY_BYTES_MAX]; // key
};
