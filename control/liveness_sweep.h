// SPDX-License-Identifier: BSD-3-Clause
// The sweep: goes over the sessions again and again, in slices, and orders what time demands:
// HEARTBEATs, DETACHED for the silent, the end of those whose grace is over.
//
// It keeps four bytes for each slot: when the verdict on its session can next be another one. A
// turn reads these, in order, and looks at the sessions that are due; every eighth turn looks at
// all of them, and so sees within half the shortest interval what has changed without its doing.
// Nothing is done for a packet, and nothing has to be told when a session comes, goes or moves.
// Measured for a million idle sessions (tests/bench/liveness): looking at all in every turn took
// twice as much of a core; a heap or a wheel would have to hear of every session that comes and
// goes, and re-queue each of them every other second.
//
// Control thread, online for RCU. It only proposes: the owner judges each session again just
// before it acts, so a frame that comes in between rescues. It counts the channels of each
// backend on its way.
//
// Elapsed time is the owner's, which stands still while the owner does not run or the port is
// down, so a stalled worker kills nobody. Nobody is silent unless a HEARTBEAT really left for it,
// so a stalled control thread kills nobody either; what it did not run is added to grace.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/backends.h"
#include "control/courier.h"
#include "control/settings.h"
#include "control/tally.h"
#include "dataplane/dataplane.h"

enum {
	LIVENESS_SWEEP_VERDICTS_MAX = 128, // of one tick: DETACHED and ends
	LIVENESS_SWEEP_SLOTS_MAX = 32768,  // looked at in one tick
	LIVENESS_SWEEP_STALL_MS = 50,      // a longer gap between two ticks is a stall
	LIVENESS_SWEEP_FULL_TURN = 8,      // every so manyth turn looks at everybody
	LIVENESS_SWEEP_ASKS_MIN = 64,      // HEARTBEATs of one tick, however few sessions there are
	LIVENESS_SWEEP_ASKS_FACTOR = 4, // more than this times an even spread wait: see sweep_paced
};

struct liveness_sweep;

// Everything is borrowed. Returns NULL with errno ENOMEM.
struct liveness_sweep *liveness_sweep_create(const struct settings *settings,
					     struct dataplane *dataplane, struct courier *courier,
					     struct backends *backends, struct tally *tally);
void liveness_sweep_destroy(struct liveness_sweep *sweep);

// One slice, at now_ms (monotonic).
void liveness_sweep_tick(struct liveness_sweep *sweep, uint64_t now_ms);

// The settings' times have changed.
void liveness_sweep_retime(struct liveness_sweep *sweep);

// Within this time every session that is due is looked at, while control keeps up: a sixteenth of
// the shortest heartbeat interval that a session can have here.
uint32_t liveness_sweep_period_ms(const struct settings *settings);

// Judges one that has timeout_ms and liveness, and asks early enough: the HEARTBEAT leaves within
// the interval although looks are a period apart, and no two sessions keep in step.
enum liveness_verdict liveness_sweep_judge(const struct dataplane_judged *judged,
					   const struct settings *settings);
