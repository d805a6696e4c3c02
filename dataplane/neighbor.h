// SPDX-License-Identifier: BSD-3-Clause
// Answers for the gateway's own addresses: ARP, IPv6 neighbour discovery, ICMP echo.
//
// Worker. Each function takes the packet: answers in place and sends it back out of its port, or
// drops it under a counted reason.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct worker;

// packet's data begins at the Ethernet header; l3 bytes of headers stand before what is named.
void neighbor_arp(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3);
void neighbor_icmp(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3,
		   uint32_t l4, uint32_t bytes);
void neighbor_icmpv6(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3,
		     uint32_t l4, uint32_t bytes);

// Tells the neighbours of a port about each own address on it: gratuitous ARP and unsolicited
// neighbour advertisements (RFC 5227, RFC 4861). Once, at the worker's first pass.
void neighbor_announce(struct worker *worker, uint8_t port);
