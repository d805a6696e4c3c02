// SPDX-License-Identifier: BSD-3-Clause
// What holdfastctl top shows, as numbers: two samples of what a gateway counts become rates and
// sorted rows.
//
// Pure but for memory: no socket, no terminal, no clock. One thread. Times are in microseconds of
// one monotonic clock, the reader's own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	TOP_WORKERS_MAX = 64,
	TOP_NAME_BYTES = 64, // of a service, a drop reason; longer ones are cut
	TOP_STATES = 4,      // of sessions: OPENING, CONNECTED, DETACHED, CLOSING
};

// X(name): counters of stats.get, summed over workers, that only grow.
#define TOP_TOTALS(X)                                                                              \
	X(received)                                                                                \
	X(sent)                                                                                    \
	X(received_bytes)                                                                          \
	X(sent_bytes)                                                                              \
	X(forwarded)                                                                               \
	X(replayed)                                                                                \
	X(handed_over)                                                                             \
	X(heartbeat_sent)                                                                          \
	X(sessions_connected)                                                                      \
	X(sessions_resumed)                                                                        \
	X(sessions_ended)

#define TOP_TOTALS_ENUM(name) TOP_##name,
enum top_total { TOP_TOTALS(TOP_TOTALS_ENUM) TOP_TOTALS_COUNT };
#undef TOP_TOTALS_ENUM

// A name and two numbers: of a drop reason its total; of a service its sessions and the backends
// that serve it. The rate is a change a second, 0 where it is not known.
struct top_row {
	char name[TOP_NAME_BYTES];
	uint64_t total;
	uint64_t backends;
	double rate;
};

struct top_rows {
	uint32_t count;
	struct top_row *rows; // owned; NULL where count is 0
};

struct top_worker_sample {
	uint64_t received, handed_over, polls, busy_us, stalled_ms, sessions;
};

// One stats notification. drops are sorted by name.
struct top_sample {
	uint64_t taken_us;
	uint64_t totals[TOP_TOTALS_COUNT];
	uint64_t states[TOP_STATES];
	uint32_t workers_count;
	struct top_worker_sample workers[TOP_WORKERS_MAX];
	struct top_rows drops;
};

struct top_worker {
	bool running;        // it polled between the samples
	double busy;         // time in passes that found something to do, of all time, 0 to 1
	double received;     // packets a second
	double handed_over;  // of the packets that it received, 0 to 1
	uint64_t stalled_ms; // since the sample before
	uint64_t sessions;
};

struct top_figures {
	bool rates; // whether there were two samples of one run; else every rate is 0
	bool began_anew;
	double per_second[TOP_TOTALS_COUNT];
	double handed_over; // of the packets received, 0 to 1
	uint64_t states[TOP_STATES];
	uint64_t sessions;
	uint32_t workers_count;
	struct top_worker workers[TOP_WORKERS_MAX];
	struct top_rows drops; // all, sorted by name, each with its rate
	uint64_t drops_total;
	double drops_rate;
};

void top_sample_fini(struct top_sample *sample);

// Compares two samples; before may be NULL. A counter that went back, another number of workers or
// no time between the two mean another run of the gateway: began_anew, and no rates.
// Returns 0 or -ENOMEM. The caller calls top_figures_fini() in both cases.
int top_figures_init(struct top_figures *figures, const struct top_sample *before,
		     const struct top_sample *now);
void top_figures_fini(struct top_figures *figures);

enum top_order { TOP_BY_RATE, TOP_BY_TOTAL, TOP_BY_NAME, TOP_ORDERS };

// A total order, so that equal rows do not change places: names decide. By rate: the largest change
// first, whichever its sign.
void top_rows_sort(struct top_rows *rows, enum top_order order);

// Gives the rows of now, sorted by name, their rates since before (sorted by name, or NULL).
// A row that was not there before has rate 0.
void top_rows_rate(struct top_rows *now, const struct top_rows *before, double seconds);

void top_rows_fini(struct top_rows *rows);
