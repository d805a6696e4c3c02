// SPDX-License-Identifier: BSD-3-Clause
// The network between endpoints and gates: packets take time, get lost, come twice, late, out of
// order, cut short or with a bit turned; pairs are cut off; addresses change.
//
// One thread. All chance comes from the network's own dice.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"
#include "endpoint/sockets.h"
#include "tests/sim/bounds.h"
#include "tests/sim/dice.h"
#include "tests/sim/ether.h"

struct gate;

enum {
	NET_SOCKETS_MAX = 1024, // that are open at a time
	NET_INBOX_MAX = 128,    // packets that a socket keeps
	NET_PACKETS_MAX = 65536,
};

// Chances are permille of packets.
struct net_weather {
	uint32_t delay_us, jitter_us;
	uint32_t lost, doubled;
	uint32_t late; // doubled, and the other one comes up to `late_ms` later
	uint32_t late_ms;
	uint32_t flipped;   // one bit turned on the wire: a checksum is wrong
	uint32_t truncated; // cut short, with right lengths and checksums; DATA excepted
};

enum net_cut { NET_CUT_UP = 1, NET_CUT_DOWN = 2 };

struct net_packet {
	uint64_t at_us;
	uint64_t order; // of sending
	bool up;
	bool flipped;
	uint32_t gate;
	struct address from, to;
	uint32_t len;
	uint8_t *bytes;
};

struct net_socket {
	bool open;
	uint32_t endpoint;
	uint32_t gate;
	struct address at; // as gates see it
	uint32_t inbox_count;
	struct net_packet inbox[NET_INBOX_MAX]; // oldest first
};

struct net;

// What sockets_io points to.
struct net_host {
	struct net *net;
	uint32_t endpoint;
	struct dice dice; // of the process
	uint32_t moves;   // addresses it had
};

// Told of what arrives; context is the net's.
struct net_world {
	void *context;
	// A frame reaches the queue of a gate's worker.
	void (*gate_hears)(void *context, uint32_t gate, uint32_t worker,
			   const struct address *from, const uint8_t *frame, uint32_t len);
	// Something waits for an endpoint.
	void (*endpoint_hears)(void *context, uint32_t endpoint);
};

struct net {
	struct dice dice;
	struct net_world world;
	struct net_weather weather;
	bool ipv6;
	uint8_t cuts[SIM_ENDPOINTS_MAX][SIM_GATES_MAX]; // enum net_cut
	uint32_t clients;                               // endpoints below are clients
	struct gate *gates;
	uint64_t order;
	uint64_t digest; // of what was carried, and when
	uint16_t ports;  // given so far
	struct net_host hosts[SIM_ENDPOINTS_MAX];
	uint32_t sockets_count;
	struct net_socket *sockets; // [NET_SOCKETS_MAX]
	uint32_t packets_count;
	struct net_packet *packets; // heap by at_us, order; [NET_PACKETS_MAX]
};

void net_begin(struct net *net, uint64_t seed, uint32_t clients, struct gate *gates, bool ipv6,
	       const struct net_world *world);
void net_end(struct net *net);

// The objects that are created from here on are the process of this endpoint.
void net_enter(struct net *net, uint32_t endpoint);

// Gives a socket an address that nobody had.
void net_address(struct net *net, struct net_socket *socket);

// A socket, or a gate, sends.
void net_from_socket(struct net *net, const struct net_socket *socket, const uint8_t *bytes,
		     uint32_t len);
void net_from_gate(struct net *net, uint32_t gate, const struct ether_datagram *datagram);

// When the next packet arrives; UINT64_MAX: none is on its way.
uint64_t net_due_us(const struct net *net);

// Delivers what is due now.
void net_step(struct net *net);

// The endpoint gets another address, without knowing: what goes to the one before is lost.
void net_rebind(struct net *net, uint32_t endpoint);

// "c0", "b1".
const char *net_name(const struct net *net, uint32_t endpoint, char name[static SIM_NAME_BYTES]);
