// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/neighbor.h"

#include <assert.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "dataplane/checksum.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/worker.h"

enum {
	ND_SOLICIT = 135,
	ND_ADVERTISE = 136,
	ICMPV6_ECHO = 128,
	ICMPV6_ECHO_REPLY = 129,
	ND_OPTION_TARGET = 2,
	ND_FLAG_SOLICITED = 0x40,
	ND_FLAG_OVERRIDE = 0x20,
	ND_HOP_LIMIT = 255,
	HOP_LIMIT = 64,
};

// Neighbour solicitation and advertisement, with one link-layer address option (RFC 4861, 4.3).
struct nd_message {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint8_t flags;
	uint8_t reserved[3];
	uint8_t target[16];
	uint8_t option_type;
	uint8_t option_units; // of 8 bytes
	uint8_t mac[6];
};

enum { ND_FIXED_BYTES = 24 };

static const struct dataplane_address *own_address(const struct worker *worker, uint8_t port,
						   const uint8_t ip[static 16])
{
	const struct dataplane_settings *settings = &worker->dataplane->settings;

	for (uint32_t i = 0; i < settings->addresses_count; i++) {
		if (settings->addresses[i].port == port &&
		    memcmp(settings->addresses[i].ip, ip, 16) == 0)
			return &settings->addresses[i];
	}
	return NULL;
}

static void mapped(uint32_t ipv4, uint8_t ip[static 16])
{
	memset(ip, 0, 10);
	ip[10] = ip[11] = 0xff;
	memcpy(ip + 12, &ipv4, 4);
}

// Turns an Ethernet header round: back to where it came from.
static void ether_turn(const struct worker *worker, uint8_t port, struct rte_ether_hdr *ether)
{
	ether->dst_addr = ether->src_addr;
	memcpy(ether->src_addr.addr_bytes, worker->dataplane->ports[port].mac, 6);
}

void neighbor_arp(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3)
{
	struct rte_arp_hdr *arp = rte_pktmbuf_mtod_offset(packet, struct rte_arp_hdr *, l3);
	uint8_t ip[16];

	if (packet->data_len < l3 + sizeof(*arp) ||
	    arp->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
	    arp->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != 6 ||
	    arp->arp_plen != 4) {
		packet_drop(worker, packet, DROP_bad_ip);
		return;
	}
	mapped(arp->arp_data.arp_tip, ip);
	if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) ||
	    own_address(worker, port, ip) == NULL) {
		packet_drop(worker, packet, DROP_not_ours);
		return;
	}
	ether_turn(worker, port, rte_pktmbuf_mtod(packet, struct rte_ether_hdr *));
	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_tha = arp->arp_data.arp_sha;
	memcpy(arp->arp_data.arp_sha.addr_bytes, worker->dataplane->ports[port].mac, 6);

	const uint32_t asked = arp->arp_data.arp_tip;

	arp->arp_data.arp_tip = arp->arp_data.arp_sip;
	arp->arp_data.arp_sip = asked;
	counters_add(&worker->counters, COUNTER_arp_answered, 1);
	packet_send_raw(worker, packet, port);
}

void neighbor_icmp(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3,
		   uint32_t l4, uint32_t bytes)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(packet, struct rte_ipv4_hdr *, l3);
	struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod_offset(packet, struct rte_icmp_hdr *, l4);

	if (bytes < sizeof(*icmp) || rte_raw_cksum(icmp, bytes) != 0xffff) {
		packet_drop(worker, packet,
			    bytes < sizeof(*icmp) ? DROP_bad_ip : DROP_bad_checksum);
		return;
	}
	if (icmp->icmp_type != RTE_IP_ICMP_ECHO_REQUEST || icmp->icmp_code != 0) {
		packet_drop(worker, packet, DROP_not_ours);
		return;
	}
	ether_turn(worker, port, rte_pktmbuf_mtod(packet, struct rte_ether_hdr *));

	const uint32_t asked = ip->dst_addr;

	ip->dst_addr = ip->src_addr;
	ip->src_addr = asked;
	ip->time_to_live = HOP_LIMIT;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, l4 - l3);
	icmp->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, bytes);
	counters_add(&worker->counters, COUNTER_echo_answered, 1);
	packet_send_raw(worker, packet, port);
}

static void icmpv6_checksum(struct rte_ipv6_hdr *ip, uint16_t *checksum, const void *message,
			    uint32_t bytes)
{
	*checksum = 0;
	*checksum = checksum_make(rte_ipv6_phdr_cksum(ip, 0), message, bytes);
}

// Answers a neighbour solicitation for an own address.
static void solicitation(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3,
			 uint32_t bytes)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(packet, struct rte_ipv6_hdr *, l3);
	struct nd_message *nd = (struct nd_message *)(ip + 1);
	const uint8_t unspecified[16] = {0};

	// A probe for a duplicate address (from ::) is answered to everyone; that is left to the
	// announcement at start, so the probe is not ours.
	if (bytes < ND_FIXED_BYTES || ip->hop_limits != ND_HOP_LIMIT ||
	    own_address(worker, port, nd->target) == NULL ||
	    memcmp(ip->src_addr, unspecified, 16) == 0) {
		packet_drop(worker, packet, DROP_not_ours);
		return;
	}
	if (bytes < sizeof(*nd) &&
	    rte_pktmbuf_append(packet, (uint16_t)(sizeof(*nd) - bytes)) == NULL) {
		packet_drop(worker, packet, DROP_no_buffer);
		return;
	}
	if (bytes > sizeof(*nd))
		rte_pktmbuf_trim(packet, (uint16_t)(bytes - sizeof(*nd)));
	ether_turn(worker, port, rte_pktmbuf_mtod(packet, struct rte_ether_hdr *));
	memcpy(ip->dst_addr, ip->src_addr, 16);
	memcpy(ip->src_addr, nd->target, 16);
	ip->payload_len = rte_cpu_to_be_16(sizeof(*nd));
	nd->type = ND_ADVERTISE;
	nd->code = 0;
	nd->flags = ND_FLAG_SOLICITED | ND_FLAG_OVERRIDE;
	nd->option_type = ND_OPTION_TARGET;
	nd->option_units = 1;
	memcpy(nd->mac, worker->dataplane->ports[port].mac, 6);
	icmpv6_checksum(ip, &nd->checksum, nd, sizeof(*nd));
	counters_add(&worker->counters, COUNTER_nd_answered, 1);
	packet_send_raw(worker, packet, port);
}

static void echo(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3,
		 uint32_t bytes)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(packet, struct rte_ipv6_hdr *, l3);
	struct nd_message *icmp = (struct nd_message *)(ip + 1);
	uint8_t asked[16];

	if (own_address(worker, port, ip->dst_addr) == NULL || bytes < 8) {
		packet_drop(worker, packet, DROP_not_ours);
		return;
	}
	ether_turn(worker, port, rte_pktmbuf_mtod(packet, struct rte_ether_hdr *));
	memcpy(asked, ip->dst_addr, 16);
	memcpy(ip->dst_addr, ip->src_addr, 16);
	memcpy(ip->src_addr, asked, 16);
	ip->hop_limits = HOP_LIMIT;
	icmp->type = ICMPV6_ECHO_REPLY;
	icmpv6_checksum(ip, &icmp->checksum, icmp, bytes);
	counters_add(&worker->counters, COUNTER_echo_answered, 1);
	packet_send_raw(worker, packet, port);
}

void neighbor_icmpv6(struct worker *worker, uint8_t port, struct rte_mbuf *packet, uint32_t l3,
		     uint32_t l4, uint32_t bytes)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(packet, struct rte_ipv6_hdr *, l3);
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(packet, uint8_t *, l4);

	if (bytes < 8) {
		packet_drop(worker, packet, DROP_bad_ip);
	} else if (checksum_fold(rte_ipv6_phdr_cksum(ip, 0), icmp, bytes) != 0xffff) {
		packet_drop(worker, packet, DROP_bad_checksum);
	} else if (icmp[0] == ND_SOLICIT && icmp[1] == 0) {
		solicitation(worker, port, packet, l3, bytes);
	} else if (icmp[0] == ICMPV6_ECHO && icmp[1] == 0) {
		echo(worker, port, packet, l3, bytes);
	} else {
		packet_drop(worker, packet, DROP_not_ours);
	}
}

// Ethernet header to a multicast or broadcast address, with the port's VLAN tag. Returns what
// follows it.
static void *ether_make(struct worker *worker, uint8_t port, struct rte_mbuf *packet,
			const uint8_t to[static 6], uint16_t type, uint16_t payload)
{
	const struct port *out = &worker->dataplane->ports[port];
	const uint16_t tag_bytes = out->vlan != 0 ? sizeof(struct rte_vlan_hdr) : 0;
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)rte_pktmbuf_append(
	    packet, (uint16_t)(sizeof(*ether) + tag_bytes + payload));

	assert(ether != NULL); // an empty packet has room
	memcpy(ether->dst_addr.addr_bytes, to, 6);
	memcpy(ether->src_addr.addr_bytes, out->mac, 6);
	ether->ether_type = rte_cpu_to_be_16(type);
	if (tag_bytes != 0) {
		struct rte_vlan_hdr *vlan = (struct rte_vlan_hdr *)(ether + 1);

		ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		vlan->vlan_tci = rte_cpu_to_be_16(out->vlan);
		vlan->eth_proto = rte_cpu_to_be_16(type);
	}
	return (uint8_t *)(ether + 1) + tag_bytes;
}

static void announce_ipv4(struct worker *worker, uint8_t port, const uint8_t ip[static 16])
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct rte_mbuf *packet = packet_make(worker);

	if (packet == NULL)
		return;

	struct rte_arp_hdr *arp =
	    ether_make(worker, port, packet, broadcast, RTE_ETHER_TYPE_ARP, sizeof(*arp));

	arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = 6;
	arp->arp_plen = 4;
	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);
	memcpy(arp->arp_data.arp_sha.addr_bytes, worker->dataplane->ports[port].mac, 6);
	memset(arp->arp_data.arp_tha.addr_bytes, 0, 6);
	memcpy(&arp->arp_data.arp_sip, ip + 12, 4);
	memcpy(&arp->arp_data.arp_tip, ip + 12, 4);
	packet_send_raw(worker, packet, port);
}

static void announce_ipv6(struct worker *worker, uint8_t port, const uint8_t address[static 16])
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t to[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct rte_mbuf *packet = packet_make(worker);

	if (packet == NULL)
		return;

	struct rte_ipv6_hdr *ip = ether_make(worker, port, packet, to, RTE_ETHER_TYPE_IPV6,
					     sizeof(*ip) + sizeof(struct nd_message));
	struct nd_message *nd = (struct nd_message *)(ip + 1);

	memset(ip, 0, sizeof(*ip) + sizeof(*nd));
	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
	ip->payload_len = rte_cpu_to_be_16(sizeof(*nd));
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = ND_HOP_LIMIT;
	memcpy(ip->src_addr, address, 16);
	memcpy(ip->dst_addr, all_nodes, 16);
	nd->type = ND_ADVERTISE;
	nd->flags = ND_FLAG_OVERRIDE;
	memcpy(nd->target, address, 16);
	nd->option_type = ND_OPTION_TARGET;
	nd->option_units = 1;
	memcpy(nd->mac, worker->dataplane->ports[port].mac, 6);
	icmpv6_checksum(ip, &nd->checksum, nd, sizeof(*nd));
	packet_send_raw(worker, packet, port);
}

void neighbor_announce(struct worker *worker, uint8_t port)
{
	const struct dataplane_settings *settings = &worker->dataplane->settings;

	for (uint32_t i = 0; i < settings->addresses_count; i++) {
		struct address own = {.port = 0};

		if (settings->addresses[i].port != port)
			continue;
		memcpy(own.ip, settings->addresses[i].ip, sizeof(own.ip));
		if (address_is_ipv4(&own))
			announce_ipv4(worker, port, own.ip);
		else
			announce_ipv6(worker, port, own.ip);
	}
}
