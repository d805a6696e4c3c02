// SPDX-License-Identifier: BSD-3-Clause
// What DPDK's telemetry tells of this gateway, besides DPDK's own: dpdk-telemetry.py -f PREFIX,
// where PREFIX is "holdfast" and the gateway's process id.
//
//   /holdfast/stats            counters, "drop_" and the reason, histograms; over all workers
//   /holdfast/stats,WORKER     of one worker
//   /holdfast/sessions         sessions by state
//   /holdfast/session,HANDLE   a session by handle (a decimal number) or id (32 hex digits)
//
// DPDK runs a command on a thread of its own, one for each connection, begun and ended at any time,
// which knows nothing of RCU and has no end that we could wait for. Therefore:
//  T1  A command holds a lock while it reads, and finds there whether there is a data plane at all.
//      telemetry_stop() takes the lock and says that there is none any more; after it nothing is
//      read, although DPDK's threads live on to the end of the process.
//  T2  Between taking and giving back the lock the thread is registered with RCU, thus a reader; it
//      copies what it needs and does nothing that waits. What allocates, formats or writes to the
//      socket comes after, when the thread is unknown to RCU again: it can never hold up a grace
//      period for longer than one copy takes.
//  T3  Registering waits for no grace period, and who waits for one (control) never holds the lock:
//      there is no cycle.
//  T4  Only what any thread may read is read: counters (relaxed), sessions by versioned copy (I2,
//      I3), the directory by an acquire load. Nothing of the control thread's.
#pragma once

struct dataplane;

// Registers the commands (once in a process) and shows this data plane to them. Control thread,
// after EAL is up.
void telemetry_start(const struct dataplane *dataplane);

// Shows nothing any more, and waits for commands that are under way: some microseconds. Control
// thread, offline for RCU, before anything of the data plane is freed.
void telemetry_stop(void);
