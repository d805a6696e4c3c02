// SPDX-License-Identifier: BSD-3-Clause
// What the kinds that live in this process share: requests gathered into batches, the verbs, life.
//
// Control thread. A kind brings a table with transactions; here is decided what a request does to
// it. Requests wait for the next batch: in the next turn of the loop, or commit_ms after the last
// one; a batch is one transaction, after which its requests end. Where more waits than one batch
// takes, the next batch follows in the next turn.
//
// A record's life ends at a wall-clock time, so that it goes on while no gateway runs. The clock is
// the wall clock of the start plus monotonic time: setting the clock later ends no life.
#pragma once

#include "control/store_parts.h"

enum { STORE_BATCH_MAX = 1024 };

static const uint64_t STORE_NEVER_MS = UINT64_MAX; // when a record is over that lives for ever

struct store_row {
	uint64_t over_ms; // UTC
	struct store_value value;
};

struct store_local;

struct store_table_ops {
	// Each returns 0 or -errno; what is not named here ends the whole batch with UNAVAILABLE.
	int (*begin)(struct store_local *local);
	// -ENOSPC: the batch is to be done again, if make_room() says so.
	int (*commit)(struct store_local *local);
	// Undoes the batch. A table that cannot returns nothing but what is named here.
	void (*undo)(struct store_local *local);
	// -ENOENT: absent; -EBADMSG: what is there is no record. *row is good until the next call.
	int (*get)(struct store_local *local, const struct store_key *key, struct store_row *row);
	// -ENOSPC as commit(); -EDQUOT: this request alone finds no room.
	int (*put)(struct store_local *local, const struct store_key *key,
		   const struct store_row *row, bool create);
	int (*remove)(struct store_local *local, const struct store_key *key);
	// Whether another attempt has better prospects.
	bool (*make_room)(struct store_local *local);
	// One slice, outside of batches.
	int (*slice)(struct store_local *local, struct store_scan *scan);
	// Removes records whose life is over, a bounded number. Returns whether it is once around.
	bool (*sweep)(struct store_local *local);
	void (*gauges)(struct store_local *local);
	void (*destroy)(struct store_local *local); // frees the kind's part
};

struct store_batch;

struct store_local {
	struct store store;
	const struct store_table_ops *table;
	struct store_queue waiting, scans;
	struct event *turn, *slice, *sweep;
	struct store_batch *batch;
	uint64_t utc_less_mono_ms; // wall clock minus monotonic time
	uint64_t now_ms;           // UTC, of this turn
	uint64_t turned_ms;        // monotonic, of the last turn
	uint32_t commit_ms;
	bool failing; // the last batch could not be committed
};

// size: of the kind's struct, which begins with a struct store_local. Returns NULL where memory is
// out.
struct store_local *store_local_create(size_t size, const struct store_table_ops *table,
				       const struct store_settings *settings,
				       struct event_base *base);
// For a kind whose creation failed: what store_local_create() took, and the struct itself.
void store_local_free(struct store_local *local);

// Whether a record is over by now.
bool store_local_over(const struct store_local *local, uint64_t over_ms);

// The clock, anew. UTC.
uint64_t store_local_clock(struct store_local *local);
