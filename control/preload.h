// SPDX-License-Identifier: BSD-3-Clause
// Sessions for load tests: one order at a time becomes COMMAND_PRELOADs in slices, and the handles
// that workers tell become its answer.
//
// Control thread. A tick orders PRELOAD_TICK_MAX at most, and no more than PRELOAD_TICK_US allow,
// each by admission_preload(), so that limits and counters hold as for any other session.
//
// Session n of an order (n from 0) has the id seed, n (8 bytes each, big-endian), a client at the
// first one's address plus n, with the same port, and belongs to worker n modulo workers, or to the
// one that was named.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/admission.h"

enum {
	PRELOAD_MAX = 65536, // of one order: their handles fill half a frame of the control socket
	PRELOAD_TICK_MAX = 1024,
	PRELOAD_TICK_US = 2000,
};

#define PRELOAD_ALL_WORKERS UINT32_MAX

struct preload;

struct preload_order {
	uint32_t count;   // 1 to PRELOAD_MAX
	uint32_t worker;  // or PRELOAD_ALL_WORKERS
	uint16_t service; // index in settings
	uint64_t seed;    // of their ids
	uint64_t first;   // number of the first frame, both ways; below 2^63
	struct path
	    client; // the first one's; its address plus count does not wrap in its last 32 bits
};

// What became of an order: handles[n] is 0 where session n was refused. Good until it returns.
typedef void (*preload_done)(void *context, const uint64_t *handles, uint32_t count,
			     uint32_t refused);

// Everything is borrowed. Returns NULL with errno ENOMEM.
struct preload *preload_create(struct admission *admission);
void preload_destroy(struct preload *preload);

// Takes an order. done is called from a later tick; never where the gateway stops before.
// Returns 0, -EBUSY (another one is under way), -ENOSPC (more than [session] max allows now),
// -ESHUTDOWN (draining), -EAGAIN (no backend of the service takes sessions) or -ENOMEM.
int preload_begin(struct preload *preload, const struct preload_order *order, preload_done done,
		  void *context);

// Orders the next slice. Each tick, once a directory stands.
void preload_tick(struct preload *preload);

// NOTICE_PRELOADED.
void preload_notice(struct preload *preload, const struct notice *notice);
