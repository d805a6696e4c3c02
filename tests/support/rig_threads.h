// SPDX-License-Identifier: BSD-3-Clause
// What a threaded rig has instead of a net_ring device: its port is a net_null device whose
// callbacks, run by the workers, take packets from one ring of each queue and copy what leaves to
// another.
//
// The thread of the rig.
#pragma once

struct rig;

#define RIG_THREADS_DEVICE "net_null0,no-rx=1"

// Makes the rings and callbacks, before the workers run.
void rig_threads_wire(struct rig *rig);

// Waits until every worker has gone round several times: a packet that arrived has been handed
// over, answered, and the answer has left.
void rig_threads_pass(struct rig *rig);

// Stops the data plane and frees everything.
void rig_threads_stop(struct rig *rig);
