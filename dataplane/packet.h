// SPDX-License-Identifier: BSD-3-Clause
// A packet on its way through the gateway: what classification found out, kept in the mbuf's
// private area so that it travels with a hand-over, and the way out.
//
// A packet has one owner at a time: the worker that holds it, or control. From classification on
// the mbuf's data is the frame itself (the UDP payload); packet_send() puts new headers in front.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/address.h"
#include "dataplane/counters.h"
#include "protocol/frame.h"

enum {
	PACKET_HEADROOM_BYTES = 14 + 4 + 40 + 8, // Ethernet, VLAN, IPv6, UDP
	PACKET_PRIVATE_BYTES = 64,
};

// In the mbuf's private area. Writer: the packet's owner.
struct packet {
	struct path path; // where it came from, and on which own address
	uint8_t port;     // index of the port it came in on
	uint8_t tries;    // hand-overs so far; beyond 3 it is dropped
	uint8_t landed;   // worker on which it came in
	uint8_t pad;
	uint32_t pad1;
	uint64_t heard_us; // HELLO: when a worker first took it, of worker->now_us; else not set
};

static_assert(sizeof(struct packet) <= PACKET_PRIVATE_BYTES, "private area too small");

static inline struct packet *packet_of(struct rte_mbuf *mbuf)
{
	return (struct packet *)rte_mbuf_to_priv(mbuf);
}

static inline uint8_t *packet_frame(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_mtod(mbuf, uint8_t *);
}

struct worker;

// Receives at most BURST_MAX packets from one queue of a port, answers or drops what is no frame
// for us (ARP, ND, ICMP echo, other), and leaves frames, their data cut to the UDP payload and
// struct packet filled in. Counts everything. Returns how many frames stand in frames.
uint32_t packet_receive(struct worker *worker, uint8_t port, uint16_t queue,
			struct rte_mbuf **frames);

// Queues one frame for its way to path: headers and checksums are put in front and the packet
// goes out with the next flush of that port. Takes the packet, drops and counts it where it
// cannot go (link down, no headroom).
void packet_send(struct worker *worker, struct rte_mbuf *mbuf, const struct path *path);

// Queues a packet that has all its headers for its way out of a port. Takes it.
void packet_send_raw(struct worker *worker, struct rte_mbuf *mbuf, uint8_t port);

// Gives everything queued to the ports; what a full transmit queue refuses is dropped, counted.
void packet_flush(struct worker *worker);

// A fresh, empty packet with room for frame_max bytes, counted as made. NULL: counted as unmade.
struct rte_mbuf *packet_make(struct worker *worker);

// Ends a packet: dropped for a reason, or consumed as intended.
void packet_drop(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason);
void packet_consume(struct worker *worker, struct rte_mbuf *mbuf);
