// SPDX-License-Identifier: BSD-3-Clause
// A data plane without DPDK, for tests of the control thread: it keeps what control does to it in
// plain arrays, and does what workers would do only when a test says so.
//
// One thread, registered with RCU from fake_create() to fake_destroy().
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dataplane.h"
#include "protocol/handshake.h"
#include "protocol/options.h"

enum {
	FAKE_COMMANDS_MAX = 8192, // for each worker
	FAKE_NOTICES_MAX = 8192,
	FAKE_FRAME_BYTES = 2048,
};

struct rte_mbuf {
	uint32_t bytes;
	uint8_t data[FAKE_FRAME_BYTES];
};

struct fake_session {
	bool used;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	struct dataplane_judged judged; // handle, state, owner, stamps
};

struct fake_mailbox {
	uint32_t room; // commands that it takes until a test takes some out
	uint32_t count;
	struct command commands[FAKE_COMMANDS_MAX];
};

struct fake_lane {
	uint32_t now_ms;
	uint32_t heard_times; // calls of dataplane_lane_heard()
	struct liveness liveness;
};

struct dataplane {
	uint32_t workers;
	uint32_t slots;
	uint32_t packets; // out with control or in mailboxes
	uint32_t packets_max;
	uint32_t published; // directories
	uint32_t ticks;
	struct directory *directory;
	struct fake_session *sessions;
	struct fake_lane (*lanes)[DIRECTORY_LANES_MAX];
	struct fake_mailbox *mailboxes;
	uint32_t notices_count;
	struct notice *notices;
	struct counters counters[DIRECTORY_WORKERS_MAX]; // a test's
	struct histogram histograms[DIRECTORY_WORKERS_MAX][HISTOGRAMS_COUNT];
	uint32_t ports_count;
	struct dataplane_port_view ports[DATAPLANE_PORTS_MAX];
};

struct dataplane *fake_create(uint32_t workers, uint32_t slots);

// Asserts that no packet is missing.
void fake_destroy(struct dataplane *dataplane);

// Takes the oldest command of a worker. Returns false where there is none.
bool fake_command(struct dataplane *dataplane, uint32_t worker, struct command *command);

// Takes all commands of a worker, frees their packets. Returns how many were of this kind.
uint32_t fake_discard(struct dataplane *dataplane, uint32_t worker, enum command_kind kind);

// Takes commands of a worker until one sends a frame; that is decoded into *frame, whose body is
// copied to body. Returns false where none does.
bool fake_sent(struct dataplane *dataplane, uint32_t worker, struct frame *frame,
	       uint8_t body[static FAKE_FRAME_BYTES]);

void fake_notice(struct dataplane *dataplane, const struct notice *notice);

// A frame that a worker gives to control.
void fake_frame(struct dataplane *dataplane, uint8_t worker, const struct path *path,
		uint16_t backend, uint16_t lane, const uint8_t *bytes, uint32_t bytes_count);

// A HELLO with its options, as a client or backend writes it. Returns its bytes.
uint32_t fake_hello(uint8_t *bytes, uint8_t flags, const struct handshake *handshake,
		    const struct options *options);

// A session in a slot, connected to nothing, heard just now. Returns it to be changed.
struct fake_session *fake_session(struct dataplane *dataplane, uint32_t slot, uint8_t owner);

// Does what the commands of all workers ask, as workers would, at their clocks' now_ms.
void fake_work(struct dataplane *dataplane, uint32_t now_ms);

// Sets every session's clock.
void fake_clock(struct dataplane *dataplane, uint32_t now_ms);

// An IPv4 address as a path on own address `local`.
struct path fake_path(const uint8_t ip[static 4], uint16_t port, uint8_t local);
