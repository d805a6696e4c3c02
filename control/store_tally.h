// SPDX-License-Identifier: BSD-3-Clause
// What the store counts: one list from which come the fields and their names.
//
// Control thread.
#pragma once

#include <stdint.h>

#include "control/store_request.h"

// X(name, text): counters
#define STORE_TALLY(X)                                                                             \
	X(requests, "requests begun")                                                              \
	X(scans, "slices of scans begun")                                                          \
	X(refused, "requests beyond the bound of those under way")                                 \
	X(malformed, "values under our keys that are no records of ours")                          \
	X(expired, "records removed because their life was over")                                  \
	X(full, "records not created: no room")                                                    \
	X(commits, "LMDB: transactions committed")                                                 \
	X(commits_failed, "LMDB: transactions that could not be committed")                        \
	X(grown, "LMDB: times that the map was made larger")                                       \
	X(flushes, "LMDB: times that the disk was made to have everything")                        \
	X(flushes_failed, "LMDB: times that the disk refused that")                                \
	X(connects, "Redis: connections that could be used")                                       \
	X(connects_failed, "Redis: connections that could not be used")                            \
	X(lost, "Redis: connections lost, given up ones included")                                 \
	X(timeouts, "an answer did not come in time: Redis was given up, the disk not waited for") \
	X(scripts_missing, "Redis: requests sent again because Redis had forgotten the script")    \
	X(errors, "Redis: answers that were errors")

// X(name, text): gauges
#define STORE_GAUGES(X)                                                                            \
	X(pending, "requests and slices under way")                                                \
	X(records, "memory: records, dead ones not yet removed included")                          \
	X(map_bytes, "LMDB: size of the map")                                                      \
	X(used_bytes, "LMDB: of the map, in use at its highest")                                   \
	X(unflushed_ms, "LMDB: age of the oldest commit that the disk may not have")

struct store_tally {
#define STORE_TALLY_FIELD(name, text) uint64_t name;
	STORE_TALLY(STORE_TALLY_FIELD)
	STORE_GAUGES(STORE_TALLY_FIELD)
#undef STORE_TALLY_FIELD
	uint64_t results[STORE_RESULTS]; // requests ended, by result
};
