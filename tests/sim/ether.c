// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/ether.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

enum {
	HEADER_BYTES = sizeof(struct rte_ether_hdr),
	V4_BYTES = sizeof(struct rte_ipv4_hdr),
	V6_BYTES = sizeof(struct rte_ipv6_hdr),
	UDP_BYTES = sizeof(struct rte_udp_hdr),
	TTL = 64,
	CHECKSUM_GOOD = 0xffff,
	MAPPED_BYTES = 12, // in front of an IPv4 address
};

static const uint8_t mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

static uint32_t v4_write(const struct address *from, const struct address *to, uint32_t len,
			 uint8_t *at)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;

	*ip = (struct rte_ipv4_hdr){
	    .version_ihl = 0x45,
	    .total_length = rte_cpu_to_be_16((uint16_t)(V4_BYTES + UDP_BYTES + len)),
	    .time_to_live = TTL,
	    .next_proto_id = IPPROTO_UDP,
	};
	memcpy(&ip->src_addr, from->ip + MAPPED_BYTES, sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, to->ip + MAPPED_BYTES, sizeof(ip->dst_addr));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return V4_BYTES;
}

static uint32_t v6_write(const struct address *from, const struct address *to, uint32_t len,
			 uint8_t *at)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;

	*ip = (struct rte_ipv6_hdr){
	    .vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28),
	    .payload_len = rte_cpu_to_be_16((uint16_t)(UDP_BYTES + len)),
	    .proto = IPPROTO_UDP,
	    .hop_limits = TTL,
	};
	memcpy(ip->src_addr, from->ip, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, to->ip, sizeof(ip->dst_addr));
	return V6_BYTES;
}

static uint16_t udp_checksum(const uint8_t *l3, const struct rte_udp_hdr *udp, bool ipv4)
{
	return ipv4 ? rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)l3, udp)
		    : rte_ipv6_udptcp_cksum((const struct rte_ipv6_hdr *)l3, udp);
}

uint32_t ether_wrap(const struct address *from, const struct address *to,
		    const uint8_t mac[static ETHER_MAC_BYTES], const uint8_t *payload, uint32_t len,
		    uint8_t packet[static SIM_PACKET_BYTES])
{
	const bool ipv4 = address_is_ipv4(from);
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)packet;
	uint8_t *l3 = packet + HEADER_BYTES;
	const uint32_t l3_bytes = ipv4 ? v4_write(from, to, len, l3) : v6_write(from, to, len, l3);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(l3 + l3_bytes);

	*ether = (struct rte_ether_hdr){
	    .ether_type = rte_cpu_to_be_16(ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6)};
	// Who answers for an address can be told from its last bytes.
	ether->src_addr.addr_bytes[0] = 2;
	memcpy(ether->src_addr.addr_bytes + 2, from->ip + MAPPED_BYTES, 4);
	memcpy(ether->dst_addr.addr_bytes, mac, ETHER_MAC_BYTES);
	*udp = (struct rte_udp_hdr){
	    .src_port = from->port,
	    .dst_port = to->port,
	    .dgram_len = rte_cpu_to_be_16((uint16_t)(UDP_BYTES + len)),
	};
	memcpy(udp + 1, payload, len);
	udp->dgram_cksum = udp_checksum(l3, udp, ipv4);
	return HEADER_BYTES + l3_bytes + UDP_BYTES + len;
}

// Whether the UDP checksum of a packet is right: summed up with itself it gives 0.
static bool udp_sound(const uint8_t *l3, const struct rte_udp_hdr *udp, bool ipv4)
{
	uint8_t copy[SIM_PACKET_BYTES];
	struct rte_udp_hdr *fresh = (struct rte_udp_hdr *)copy;

	memcpy(copy, udp, rte_be_to_cpu_16(udp->dgram_len));
	fresh->dgram_cksum = 0;
	return udp_checksum(l3, fresh, ipv4) == udp->dgram_cksum;
}

bool ether_unwrap(const uint8_t *packet, uint32_t bytes, struct ether_datagram *datagram)
{
	const struct rte_ether_hdr *ether = (const struct rte_ether_hdr *)packet;
	const uint8_t *l3 = packet + HEADER_BYTES;
	const bool ipv4 = ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	const uint32_t l3_bytes = ipv4 ? V4_BYTES : V6_BYTES;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(l3 + l3_bytes);

	if (bytes < HEADER_BYTES + l3_bytes + UDP_BYTES ||
	    (!ipv4 && ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)) ||
	    (ipv4 ? l3[9] : l3[6]) != IPPROTO_UDP)
		return false;
	memcpy(datagram->from.ip, mapped, sizeof(mapped));
	memcpy(datagram->to.ip, mapped, sizeof(mapped));
	memcpy(datagram->from.ip + (ipv4 ? 12 : 0), l3 + (ipv4 ? 12 : 8), ipv4 ? 4 : 16);
	memcpy(datagram->to.ip + (ipv4 ? 12 : 0), l3 + (ipv4 ? 16 : 24), ipv4 ? 4 : 16);
	datagram->from.port = udp->src_port;
	datagram->to.port = udp->dst_port;
	datagram->payload = (const uint8_t *)(udp + 1);
	datagram->len = rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)UDP_BYTES;
	datagram->sound = HEADER_BYTES + l3_bytes + UDP_BYTES + datagram->len == bytes &&
			  udp_sound(l3, udp, ipv4) &&
			  (!ipv4 || rte_raw_cksum(l3, V4_BYTES) == CHECKSUM_GOOD);
	return true;
}
