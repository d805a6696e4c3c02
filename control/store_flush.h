// SPDX-License-Identifier: BSD-3-Clause
// Makes the disk have what was written to a file, in a thread of its own, so that nobody who writes
// waits for the disk.
//
// The functions are the control thread's, but for store_flush_mark(), which is of whoever writes.
// The thread knows the file's descriptor and nothing else.
#pragma once

#include <stdint.h>

struct store_flush;

// Flushes fd, which is borrowed, whenever it was marked, every_ms after the flush before.
// Returns NULL with errno.
struct store_flush *store_flush_start(int fd, uint32_t every_ms);

// Flushes once more and ends the thread; waits for the disk. NULL is taken.
void store_flush_stop(struct store_flush *flush);

// Something was written at now_ms (monotonic, not 0).
void store_flush_mark(struct store_flush *flush, uint64_t now_ms);

struct store_flush_view {
	uint64_t done, failed;
	uint64_t oldest_ms; // when the oldest was marked that the disk may not have; 0: it has all
};

struct store_flush_view store_flush_look(const struct store_flush *flush);
