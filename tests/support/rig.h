// SPDX-License-Identifier: BSD-3-Clause
// A rig for the data plane: a real one, whose port is a net_ring device, whose workers are stepped
// in virtual time and whose wire, endpoints and control thread are the test.
//
//     client --frame--> [ wire ] --> worker_poll() --> [ wire ] --> inbox --> rig_take(peer)
//
// A threaded rig is the same with workers on lcores of their own, in real time: a step waits until
// each has gone round several times. It checks nothing at the end.
//
// One thread. One rig at a time in a process; it needs neither root nor hugepages. rig_stop()
// checks that nothing is missing: packets, chunks, sessions, attempts, errands. A check that fails
// says what and where, and ends the process, which any test program takes for a failure.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/dataplane.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/worker.h"
#include "protocol/frame.h"
#include "protocol/handshake.h"
#include "protocol/options.h"

enum {
	RIG_PORT = 7400,
	RIG_PEERS_MAX = 16,
	RIG_PACKET_BYTES = 1600,
	RIG_INBOX = 4096, // packets that left and nobody took yet; more is a failed test
	RIG_NOTICES = 1024,
	RIG_ECHO = 0, // index of the service "echo", and of the backend "b1"
};

#define RIG_CHECK(condition, ...)                                                                  \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

// Whose address a packet came from or goes to.
struct rig_peer {
	uint8_t mac[6];
	struct address at;
	uint16_t queue; // on which its packets land
};

// A packet that left the gateway. Where it is a frame to a peer, `frame` stands.
struct rig_packet {
	bool taken;
	bool is_frame;
	struct rig_peer to; // queue: on which it left
	struct address from;
	struct frame frame; // body points into bytes
	uint32_t len;
	uint8_t bytes[RIG_PACKET_BYTES];
};

struct rig_settings {
	uint32_t workers;      // 0: 1
	uint32_t sessions_max; // 0: 1024
	uint32_t attempts_max; // 0: 256
	uint64_t replay_bytes; // 0: 1 MiB
	uint32_t replay_session_bytes;
	uint32_t window; // 0: 256
	uint16_t vlan;
	uint32_t resumes_per_second;
	bool ipv6;      // peers made by rig_peer() are
	bool telemetry; // the test says where, by RUNTIME_DIRECTORY
	bool threaded;  // see below
};

struct rig {
	struct dataplane *dataplane;
	struct rig_settings settings;
	struct rte_ring *wires[DIRECTORY_WORKERS_MAX];    // what leaves, by queue
	struct rte_ring *arrivals[DIRECTORY_WORKERS_MAX]; // what comes: the same, unless threaded
	struct rte_mempool *packets;                      // of what the rig sends
	struct rig_packet *inbox;
	uint32_t inbox_count;
	struct notice notices[RIG_NOTICES]; // that the test has not taken yet, FRAME excepted
	uint32_t notices_count;
	uint32_t ms; // virtual time since the start
	uint64_t tsc;
	bool paused; // control does nothing by itself
	struct rig_peer backend;
	uint64_t link; // handle of the backend's link
};

void rig_start(struct rig *rig, const struct rig_settings *settings);

// Lets the gateway go of everything, runs until it is quiet, checks that nothing is missing, and
// stops it.
void rig_stop(struct rig *rig);

// Checks that nothing is missing of a gateway that has let go of everything; it goes on.
void rig_check_empty(const struct rig *rig);

// Peer number n (1 to 250), landing on a queue.
struct rig_peer rig_peer(const struct rig *rig, uint8_t n, uint16_t queue);

// A directory as the one that stands; for rig_publish() after a change.
struct directory *rig_directory(const struct rig *rig);
void rig_publish(struct rig *rig, struct directory *directory);

// Puts bytes on the wire, Ethernet header first, towards a queue, and steps that worker once.
void rig_send_raw(struct rig *rig, uint16_t queue, const uint8_t *bytes, uint32_t len);

// Builds an Ethernet packet with UDP payload from a peer to the gateway. Returns its bytes.
uint32_t rig_wrap(const struct rig *rig, const struct rig_peer *from, const uint8_t *payload,
		  uint32_t len, uint8_t packet[static RIG_PACKET_BYTES]);

// Sends a frame from a peer, with frame->body, and steps.
void rig_send(struct rig *rig, const struct rig_peer *from, const struct frame *frame);

// Time goes on; every worker is stepped and control does its part: admits every client, sends its
// session to RIG_ECHO, ends what is to be ended.
void rig_run(struct rig *rig, uint32_t ms);

// Waits until grace periods are over and steps, so that slots come back.
void rig_grace(struct rig *rig);

// The oldest frame of a type on its way to a peer, or NULL; it stays good until the next call that
// steps. rig_want() checks that there is one.
const struct rig_packet *rig_take(struct rig *rig, const struct rig_peer *to, uint8_t type);
const struct rig_packet *rig_want(struct rig *rig, const struct rig_peer *to, uint8_t type);
// Forgets what is on its way to anybody.
void rig_forget(struct rig *rig);

// Takes the oldest notice of a kind. Returns false where there is none.
bool rig_notice(struct rig *rig, enum notice_kind kind, struct notice *notice);

struct counters rig_counters(const struct rig *rig);
uint64_t rig_count(const struct rig *rig, enum counter counter);
uint64_t rig_drops(const struct rig *rig, enum drop reason);

// Control's commands for one session.
void rig_command(struct rig *rig, enum command_kind kind, uint64_t handle,
		 enum session_reason reason, uint16_t code);

// State of the session under a handle; SESSION_FREE where there is none.
enum session_state rig_state(const struct rig *rig, uint64_t handle);
