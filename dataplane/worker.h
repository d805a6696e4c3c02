// SPDX-License-Identifier: BSD-3-Clause
// A worker: one poll-mode thread with its queues, its shard of the sessions and its mailboxes.
//
// Everything in struct worker is written by that worker alone, but for what a comment names. A
// pass is worker_poll(worker, now): the same code runs on an lcore or stepped by a test.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/counters.h"
#include "dataplane/dataplane.h"
#include "dataplane/directory.h"
#include "dataplane/histogram.h"
#include "dataplane/packet.h"
#include "dataplane/session.h"

enum {
	BURST_MAX = 32,             // packets of one pass over one queue
	WORKER_COMMANDS_MAX = 16,   // commands of one pass
	WORKER_HANDED_MAX = 64,     // handed-over packets of one pass
	WORKER_STALL_MS = 50,       // a longer gap between two passes is a stall
	WORKER_RING_PACKETS = 1024, // hand-over ring between two workers
	WORKER_WALKS_MAX = 4,       // under way at a time; more wait in the mailbox
	WORKER_TIMERS_MAX = 64,     // of one pass
};

struct session_table;
struct replay_cache;
struct attempts;
struct errands;
struct limiter;
struct wheel;

// Time as sessions of this worker see it, in ms: stands still while the worker does not run (any
// gap beyond WORKER_STALL_MS counts as that much) and, by port, while the link is down.
// Writer: the worker, relaxed. Control reads, relaxed.
struct worker_clock {
	uint32_t now_ms[DATAPLANE_PORTS_MAX];
	uint32_t passed_ms; // not by port: for timers of the worker's own
};

// What the worker knows of one lane of a backend. Writer: the worker; control reads it, and starts
// it anew before it publishes the lane. All relaxed, but for a flag after its stamps: release. asks
// and mac are the worker's alone.
struct worker_lane {
	uint32_t heard_ms;
	uint32_t sent_ms;
	uint32_t asked_ms;
	uint32_t asked_first_ms;
	uint8_t mac[6]; // it was last heard from, once heard
	uint16_t asks;  // HEARTBEATs before the last, since heard_ms, if asked
	bool heard;     // at all, by this worker
	bool asked;
};

// A walk over the worker's shard that a command began, some slots a pass.
struct worker_walk {
	bool active;
	uint8_t kind; // enum command_kind
	uint16_t backend;
	uint32_t slot; // next
};

// Transmit buffer of one port.
struct worker_port {
	uint16_t port_id; // of ethdev
	uint16_t queue;   // both directions, this worker's
	bool receives;    // false: the device has fewer queues than there are workers
	uint16_t buffered;
	struct rte_mbuf *buffer[2 * BURST_MAX];
};

struct worker {
	// Read by every pass.
	alignas(64) uint16_t index;
	uint16_t workers; // in all
	uint16_t ports_count;
	bool yield_when_idle;
	uint32_t random;                // state of the worker's own generator, see worker_random()
	struct dataplane *dataplane;    // shared, read-only here
	struct session_table *sessions; // shared, see session_table.h
	struct replay_cache *replay;    // this worker's end of it
	struct attempts *attempts;      // pending handshakes of sessions it owns
	struct errands *errands;        // events and closes to be repeated
	struct wheel *wheel;            // timers
	struct limiter *unknown_limit;  // UNKNOWN answers, by source address
	struct limiter *ack_limit;      // ACKs for duplicates, by session
	struct limiter *nak_limit;      // NAKs served, by session, channel and side
	const struct directory *directory; // of this pass
	struct rte_mempool *packets;       // of this worker
	uint64_t now_tsc;                  // of this pass
	uint64_t now_us;                   // of this pass, monotonic, does not stand still
	struct worker_clock clock;

	struct worker_port ports[DATAPLANE_PORTS_MAX];
	struct rte_ring *handed_in[DIRECTORY_WORKERS_MAX];  // from each other worker: mbufs
	struct rte_ring *handed_out[DIRECTORY_WORKERS_MAX]; // to each other worker
	struct rte_ring *commands;                          // struct command, from control
	struct rte_ring *notices;                           // struct notice, to control
	struct rte_ring *retired; // slots whose grace period is over, from the call_rcu helper
	uint32_t notices_head, notices_tail; // sessions with something to tell, by cold.notice_next
	struct worker_walk walks[WORKER_WALKS_MAX];
	struct worker_lane *lanes; // [DIRECTORY_BACKENDS_MAX][DIRECTORY_LANES_MAX]

	alignas(64) struct counters counters;          // read by anyone
	struct histogram histograms[HISTOGRAMS_COUNT]; // likewise
	// Likewise. Changes that this worker made: only the sum over workers counts sessions.
	uint32_t sessions_by_state[SESSION_STATES];
	bool stop;             // written by control, read by the worker, relaxed
	uint32_t resumes_left; // of this second's share
	uint64_t resumes_second;
	bool announced;   // own addresses to the neighbours
	bool busy;        // the last pass found something to do
	uint64_t last_ms; // of now_us, at the last pass
};

// One pass: queues, hand-overs, commands, timers, notices, transmit, quiescent state.
// now_tsc only grows. Returns how many packets and commands it found.
uint32_t worker_poll(struct worker *worker, uint64_t now_tsc);

// Gives a packet to the worker that owns its session; drops it, counted, where that one's ring is
// full or the packet has been given round too often.
void worker_hand_over(struct worker *worker, struct rte_mbuf *mbuf, uint8_t owner);

// Clock of the worker for sessions whose path is on this port.
static inline uint32_t worker_clock_ms(const struct worker *worker, uint8_t port)
{
	return worker->clock.now_ms[port];
}

// The same for the port that a path is on.
uint32_t worker_path_ms(const struct worker *worker, const struct path *path);

static inline struct worker_lane *worker_lane_of(const struct worker *worker, uint16_t backend,
						 uint32_t lane)
{
	return &worker->lanes[(uint32_t)backend * DIRECTORY_LANES_MAX + lane];
}

// Counts how long the WIRE_HEARTBEAT_BODY_BYTES of a HEARTBEAT, the now_us of whichever worker sent
// it, were on their way. Endpoints can make them up: what is counted informs, it decides nothing.
static inline void worker_round_trip(struct worker *worker, enum histogram_name name,
				     const uint8_t *body)
{
	uint64_t sent_us;

	static_assert(sizeof(sent_us) == WIRE_HEARTBEAT_BODY_BYTES, "a HEARTBEAT is one stamp");
	memcpy(&sent_us, body, sizeof(sent_us));
	histogram_add_stamp(&worker->histograms[name], sent_us, worker->now_us);
}

// Changes the number of its sessions in a state. Readers load it relaxed.
static inline void worker_sessions_count(struct worker *worker, enum session_state state,
					 int change)
{
	__atomic_store_n(&worker->sessions_by_state[state],
			 worker->sessions_by_state[state] + (uint32_t)change, __ATOMIC_RELAXED);
}
