// SPDX-License-Identifier: BSD-3-Clause
// A pool of packet buffers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

// Makes a pool of `packets` buffers with `bytes` of data room each, headroom included, of which
// each thread may keep `cache` to itself. even: they stand at even distances, which net_af_xdp
// takes for granted, but no device can reach them by an address of its own. Any thread may take and
// free packets; none ever waits for another, not even for one that was stopped in the middle of it.
// Returns NULL where there is no memory; rte_mempool_free() ends it.
struct rte_mempool *packet_pool_create(const char *name, uint32_t packets, uint32_t cache,
				       uint16_t bytes, bool even);
