// SPDX-License-Identifier: BSD-3-Clause
// A made-up network and clock for clients and backends: packets take time, get lost, come twice or
// out of order, all from a seed; nothing waits for real.
//
// All sockets lead to one gateway, which the test plays.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/sockets.h"
#include "holdfast/backend.h"
#include "holdfast/client.h"

enum {
	TOY_SOCKETS_MAX = 4096, // in a test; numbers are not used again
	TOY_PACKETS_MAX = 16384,
	TOY_ACTORS_MAX = 64,
	TOY_START_US = 1000000000,
};

struct toy_packet {
	uint64_t at_us;
	int socket;
	bool to_gateway;
	uint32_t len;
	uint8_t *bytes;
};

struct toy_socket {
	bool open;
	bool muted; // nothing of it arrives, nothing reaches it
	struct peer_address peer;
	struct peer_address local;
};

struct toy_net;

// Whoever acts: told to process, asked when it wants to be told again (ms, -1 never).
struct toy_actor {
	void (*process)(void *arg);
	int (*timeout_ms)(const void *arg);
	void *arg;
};

struct toy_net {
	uint64_t now_us;
	uint64_t random;
	uint64_t delay_us;
	uint64_t jitter_us;
	uint32_t loss_permille;
	uint32_t double_permille;
	bool cut;       // nothing arrives anywhere
	int open_error; // -errno that opening a socket gives, 0: none
	int send_error; // the same for sending
	uint32_t sockets_count;
	uint32_t sockets_open;
	struct toy_socket sockets[TOY_SOCKETS_MAX];
	uint32_t packets_count;
	struct toy_packet packets[TOY_PACKETS_MAX];
	uint32_t actors_count;
	struct toy_actor actors[TOY_ACTORS_MAX];
	// The gateway: takes a packet from a socket; runs its timers.
	void (*gateway)(void *arg, int socket, const uint8_t *bytes, uint32_t len);
	void (*gateway_timers)(void *arg);
	// If set and true, the packet is lost.
	bool (*lose)(void *arg, int socket, bool to_gateway, const uint8_t *bytes, uint32_t len);
	void *arg;
};

void toy_net_init(struct toy_net *net, uint64_t seed);

// Every socket must have been closed.
void toy_net_fini(struct toy_net *net);

uint64_t toy_net_random(struct toy_net *net);

// Sends from the gateway to a socket.
void toy_net_reply(struct toy_net *net, int socket, const uint8_t *bytes, uint32_t len);

// A client or backend in this network; acts whenever the network runs.
struct holdfast_client *toy_net_client(struct toy_net *net,
				       const struct holdfast_client_options *options);
struct holdfast_backend *toy_net_backend(struct toy_net *net,
					 const struct holdfast_backend_options *options);

// Destroys it.
void toy_net_client_end(struct toy_net *net, struct holdfast_client *client);
void toy_net_backend_end(struct toy_net *net, struct holdfast_backend *backend);

// Runs everything for so long. Fails if something wants to act and never comes to rest.
void toy_net_run(struct toy_net *net, uint64_t us);

// Runs until done(arg) or so long. Returns whether it was done.
bool toy_net_until(struct toy_net *net, uint64_t us, bool (*done)(void *arg), void *arg);
