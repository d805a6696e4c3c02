// SPDX-License-Identifier: BSD-3-Clause
// What the kinds that live in this process share: requests gathered into batches, the verbs, life.
//
// A kind brings a table with transactions; here is decided what a request does to it. Requests wait
// for the next batch: in the next turn of the loop, or commit_ms after the last one; a batch is one
// transaction, after which its requests end. Where more waits than one batch takes, the next batch
// follows in the next turn.
//
// Control thread, but for jobs: a batch, a slice of a scan, a sweep. One job is done at a time, by
// a thread where the table may wait for a disk, else in the loop. While it is under way the table
// and what is named below are the job's, and control leaves them alone. A job that takes longer
// than request_max_ms is not waited for: until it ends requests are refused.
//
// A record's life ends at a wall-clock time, so that it goes on while no gateway runs. The clock is
// the wall clock of the start plus monotonic time: setting the clock later ends no life.
#pragma once

#include "control/log.h"
#include "control/store_parts.h"

enum { STORE_BATCH_MAX = 1024 };

static const uint64_t STORE_NEVER_MS = UINT64_MAX; // when a record is over that lives for ever

struct store_row {
	uint64_t over_ms; // UTC
	struct store_value value;
};

struct store_local;

// Done by a job, but for the last two.
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
	// One slice, outside of batches; tells of each record by store_local_found(), which a table
	// with a thread calls STORE_SLICE_MAX times at most.
	int (*slice)(struct store_local *local, struct store_scan *scan);
	// Removes records whose life is over, a bounded number. Returns whether it is once around.
	bool (*sweep)(struct store_local *local);
	// Fills in gauges of local->counted.
	void (*measure)(struct store_local *local);
	// Fills in those of the store's tally that no job knows. May be called while one runs.
	void (*gauges)(struct store_local *local);
	void (*destroy)(struct store_local *local); // frees the kind's part
};

struct store_batch;
struct store_thread;

enum store_job { STORE_JOB_NONE, STORE_JOB_BATCH, STORE_JOB_SLICE, STORE_JOB_SWEEP };

struct store_local {
	struct store store;
	const struct store_table_ops *table;
	struct store_thread *thread; // NULL: jobs are done in the loop
	struct store_queue waiting, scans;
	struct event *turn, *sweep, *watch;
	enum store_job job, last;  // under way; the last one that was
	uint64_t utc_less_mono_ms; // wall clock minus monotonic time
	uint64_t turned_ms;        // monotonic, of the last batch
	uint64_t begun_ms;         // of the job
	uint32_t commit_ms, request_max_ms;
	bool failing; // the last batch could not be committed
	bool late;    // the job takes too long
	bool sweep_due;
	struct log_limit limit;

	// The job's.
	struct store_batch *batch;
	struct store_scan *scan; // of SLICE
	struct store_tally counted;
	uint64_t now_ms; // UTC, of its begin
	int rc;
	bool swept; // once around
};

// size: of the kind's struct, which begins with a struct store_local. Returns NULL where memory is
// out.
struct store_local *store_local_create(size_t size, const struct store_table_ops *table,
				       const struct store_settings *settings,
				       struct event_base *base);
// For a kind whose creation failed: what store_local_create() took, and the struct itself.
void store_local_free(struct store_local *local);

// The table is there. Returns 0 or -errno: there is no thread.
int store_local_begin(struct store_local *local, bool threaded);

// Whether a record is over by now.
bool store_local_over(const struct store_local *local, uint64_t over_ms);

// A record of a slice.
void store_local_found(struct store_local *local, struct store_scan *scan,
		       const struct store_key *key, const struct store_value *value);
