// SPDX-License-Identifier: BSD-3-Clause
// Internet checksums (RFC 1071) over one contiguous buffer, on DPDK's primitives.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ip.h>

// Whether an IPv4 header of so many bytes sums to what it should.
static inline bool checksum_ipv4_good(const struct rte_ipv4_hdr *ip, uint32_t bytes)
{
	return rte_raw_cksum(ip, bytes) == 0xffff;
}

// Sum over a pseudo-header sum and the transport packet, folded.
static inline uint16_t checksum_fold(uint16_t pseudo, const void *packet, uint32_t bytes)
{
	uint32_t sum = (uint32_t)pseudo + rte_raw_cksum(packet, bytes);

	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// Checksum field for a UDP or ICMPv6 packet whose own field is 0; never 0 itself (RFC 768).
static inline uint16_t checksum_make(uint16_t pseudo, const void *packet, uint32_t bytes)
{
	const uint16_t sum = (uint16_t)~checksum_fold(pseudo, packet, bytes);

	return sum != 0 ? sum : 0xffff;
}
