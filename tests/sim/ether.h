// SPDX-License-Identifier: BSD-3-Clause
// Ethernet packets as gateways receive and send them, for IPv4 and IPv6, with every checksum.
//
// Pure; any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"
#include "tests/sim/bounds.h"

enum { ETHER_MAC_BYTES = 6 };

// Writes a packet with len bytes of UDP payload (at most SIM_PACKET_BYTES - 62). Returns its
// bytes.
uint32_t ether_wrap(const struct address *from, const struct address *to,
		    const uint8_t mac[static ETHER_MAC_BYTES], const uint8_t *payload, uint32_t len,
		    uint8_t packet[static SIM_PACKET_BYTES]);

struct ether_datagram {
	struct address from, to;
	const uint8_t *payload; // in the packet
	uint32_t len;
	bool sound; // lengths and checksums are right
};

// Reads a packet. Returns false where it is no UDP.
bool ether_unwrap(const uint8_t *packet, uint32_t bytes, struct ether_datagram *datagram);
