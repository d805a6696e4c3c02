// SPDX-License-Identifier: BSD-3-Clause
// The way in: from a queue's burst to frames for this gateway, everything else answered or dropped.
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/checksum.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/neighbor.h"
#include "dataplane/worker.h"

enum { PREFETCH_AHEAD = 4, TAKEN = -1, IPV6_FRAGMENT = 44 };

// Packets whose UDP payload is a frame for us give DROPS_COUNT; TAKEN: answered, and gone.
typedef int verdict;

struct view {
	struct worker *worker;
	const struct port *port;
	uint8_t index; // of the port
	struct rte_mbuf *packet;
	uint32_t l3; // offset of the IP header
};

// Index of the own address, on this port, that a packet is for; DATAPLANE_ADDRESSES_MAX: none.
static uint32_t own_index(const struct view *view, const uint8_t ip[static 16])
{
	const struct dataplane_settings *settings = &view->worker->dataplane->settings;

	for (uint32_t i = 0; i < settings->addresses_count; i++) {
		if (memcmp(settings->addresses[i].ip, ip, 16) == 0)
			return i;
	}
	return DATAPLANE_ADDRESSES_MAX;
}

// Whether a device's word, or ours where it has none, is that the checksum is wrong.
static bool checksum_bad(const struct view *view, uint64_t mask, uint64_t bad, uint64_t unknown,
			 bool good_in_software)
{
	const uint64_t flags = view->packet->ol_flags & mask;

	if (flags == bad)
		return true;
	return flags == unknown && view->port->verify && !good_in_software;
}

static bool udp_checksum_bad(const struct view *view, uint16_t pseudo,
			     const struct rte_udp_hdr *udp, uint32_t bytes)
{
	const uint64_t flags = view->packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	if (flags == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return true;
	// NONE: a sender on the same machine left it to a device; the data never was on a wire.
	return flags == RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN && view->port->verify &&
	       checksum_fold(pseudo, udp, bytes) != 0xffff;
}

// Judges the UDP header at l4 and cuts the packet to its payload.
static verdict udp_take(const struct view *view, struct packet *packet, uint32_t l4,
			uint32_t ip_bytes_left, uint16_t pseudo, bool ipv6)
{
	struct rte_mbuf *mbuf = view->packet;
	const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(mbuf, struct rte_udp_hdr *, l4);
	const uint32_t bytes = ip_bytes_left >= sizeof(*udp) ? rte_be_to_cpu_16(udp->dgram_len) : 0;

	if (bytes < sizeof(*udp) || bytes > ip_bytes_left)
		return DROP_bad_ip;
	if (udp->dst_port != view->worker->dataplane->udp_port)
		return DROP_not_ours;
	if (udp->src_port == 0)
		return DROP_bad_source;
	if (udp->dgram_cksum == 0 ? ipv6 : udp_checksum_bad(view, pseudo, udp, bytes))
		return DROP_bad_checksum;
	packet->path.peer.port = udp->src_port;
	rte_pktmbuf_trim(mbuf, (uint16_t)(mbuf->data_len - l4 - bytes));
	rte_pktmbuf_adj(mbuf, (uint16_t)(l4 + sizeof(*udp)));
	return DROPS_COUNT;
}

static bool source_ipv4_bad(uint32_t source, uint32_t own)
{
	const uint32_t address = rte_be_to_cpu_32(source);

	return address == 0 || address >= UINT32_C(0xe0000000) || // multicast, reserved, broadcast
	       address >> 24 == 127 || source == own;
}

static verdict ipv4_take(const struct view *view, struct packet *packet)
{
	const struct rte_ipv4_hdr *ip =
	    rte_pktmbuf_mtod_offset(view->packet, struct rte_ipv4_hdr *, view->l3);
	const uint32_t left = view->packet->data_len - view->l3;
	const uint32_t header =
	    left >= sizeof(*ip) ? (ip->version_ihl & 0xfu) * RTE_IPV4_IHL_MULTIPLIER : 0;
	uint8_t own[16] = {[10] = 0xff, [11] = 0xff};

	if (header < sizeof(*ip) || ip->version_ihl >> 4 != 4 || header > left)
		return DROP_bad_ip;

	const uint32_t total = rte_be_to_cpu_16(ip->total_length);

	if (total < header || total > left)
		return DROP_bad_ip;
	if (checksum_bad(view, RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_BAD,
			 RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, checksum_ipv4_good(ip, header)))
		return DROP_bad_checksum;
	memcpy(own + 12, &ip->dst_addr, 4);

	const uint32_t local = own_index(view, own);

	if (local == DATAPLANE_ADDRESSES_MAX)
		return DROP_not_ours;
	if ((ip->fragment_offset &
	     rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0)
		return DROP_fragment;
	if (source_ipv4_bad(ip->src_addr, ip->dst_addr))
		return DROP_bad_source;
	if (ip->next_proto_id == IPPROTO_ICMP) {
		neighbor_icmp(view->worker, view->index, view->packet, view->l3, view->l3 + header,
			      total - header);
		return TAKEN;
	}
	if (ip->next_proto_id != IPPROTO_UDP)
		return DROP_not_ours;
	memcpy(packet->path.peer.ip, own, 12);
	memcpy(packet->path.peer.ip + 12, &ip->src_addr, 4);
	packet->path.local = (uint8_t)local;

	// rte_ipv4_phdr_cksum() takes the length from a header without options.
	const struct rte_ipv4_hdr plain = {
	    .version_ihl = 0x45,
	    .total_length = rte_cpu_to_be_16((uint16_t)(total - header + sizeof(*ip))),
	    .next_proto_id = IPPROTO_UDP,
	    .src_addr = ip->src_addr,
	    .dst_addr = ip->dst_addr};

	return udp_take(view, packet, view->l3 + header, total - header,
			rte_ipv4_phdr_cksum(&plain, 0), false);
}

static bool source_ipv6_bad(const uint8_t source[static 16])
{
	static const uint8_t zeros[15] = {0};

	// Multicast, unspecified, loopback.
	return source[0] == 0xff || (memcmp(source, zeros, 15) == 0 && source[15] <= 1);
}

static verdict ipv6_take(const struct view *view, struct packet *packet)
{
	const struct rte_ipv6_hdr *ip =
	    rte_pktmbuf_mtod_offset(view->packet, struct rte_ipv6_hdr *, view->l3);
	const uint32_t left = view->packet->data_len - view->l3;
	const uint32_t l4 = view->l3 + (uint32_t)sizeof(*ip);

	if (left < sizeof(*ip) || (rte_be_to_cpu_32(ip->vtc_flow) >> 28) != 6)
		return DROP_bad_ip;

	const uint32_t payload = rte_be_to_cpu_16(ip->payload_len);

	if (payload > left - sizeof(*ip))
		return DROP_bad_ip;
	if (ip->proto == IPPROTO_ICMPV6) { // solicitations come to multicast addresses
		rte_pktmbuf_trim(view->packet, (uint16_t)(left - sizeof(*ip) - payload));
		neighbor_icmpv6(view->worker, view->index, view->packet, view->l3, l4, payload);
		return TAKEN;
	}

	const uint32_t local = own_index(view, ip->dst_addr);

	if (local == DATAPLANE_ADDRESSES_MAX)
		return DROP_not_ours;
	if (ip->proto == IPV6_FRAGMENT)
		return DROP_fragment;
	if (ip->proto != IPPROTO_UDP)
		return DROP_not_ours;
	if (source_ipv6_bad(ip->src_addr) || memcmp(ip->src_addr, ip->dst_addr, 16) == 0)
		return DROP_bad_source;
	memcpy(packet->path.peer.ip, ip->src_addr, 16);
	packet->path.local = (uint8_t)local;
	return udp_take(view, packet, l4, payload, rte_ipv6_phdr_cksum(ip, 0), true);
}

// Finds the end of the Ethernet header and checks the VLAN tag. Returns the type in *type.
static verdict ether_take(struct view *view, uint16_t *type)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(view->packet, struct rte_ether_hdr *);
	uint16_t tag = 0;

	if (view->packet->nb_segs != 1)
		return DROP_segmented;
	if (view->packet->data_len < sizeof(*ether))
		return DROP_not_ip;
	view->l3 = sizeof(*ether);
	*type = rte_be_to_cpu_16(ether->ether_type);
	if (*type == RTE_ETHER_TYPE_VLAN) {
		const struct rte_vlan_hdr *vlan = (const struct rte_vlan_hdr *)(ether + 1);

		if (view->packet->data_len < sizeof(*ether) + sizeof(*vlan))
			return DROP_not_ip;
		view->l3 += sizeof(*vlan);
		tag = rte_be_to_cpu_16(vlan->vlan_tci) & 0xfff;
		*type = rte_be_to_cpu_16(vlan->eth_proto);
	}
	return tag == view->port->vlan ? DROPS_COUNT : DROP_vlan;
}

// Judges one packet; on DROPS_COUNT its data is the frame and struct packet stands.
static verdict packet_take(struct view *view)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(view->packet, struct rte_ether_hdr *);
	struct packet *packet = packet_of(view->packet);
	uint16_t type;
	verdict found = ether_take(view, &type);

	if (found != DROPS_COUNT)
		return found;
	if (type == RTE_ETHER_TYPE_ARP) {
		neighbor_arp(view->worker, view->index, view->packet, view->l3);
		return TAKEN;
	}
	if (type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_IPV6)
		return DROP_not_ip;

	packet->port = view->index;
	packet->tries = 0;
	packet->landed = (uint8_t)view->worker->index;
	packet->path.pad = 0;
	memcpy(packet->path.mac, ether->src_addr.addr_bytes, sizeof(packet->path.mac));
	return type == RTE_ETHER_TYPE_IPV4 ? ipv4_take(view, packet) : ipv6_take(view, packet);
}

uint32_t packet_receive(struct worker *worker, uint8_t port, uint16_t queue,
			struct rte_mbuf **frames)
{
	struct view view = {
	    .worker = worker, .port = &worker->dataplane->ports[port], .index = port};
	struct rte_mbuf *packets[BURST_MAX];
	const uint32_t count = rte_eth_rx_burst(view.port->id, queue, packets, BURST_MAX);
	uint64_t bytes = 0;
	uint32_t kept = 0;

	if (count == 0)
		return 0;
	for (uint32_t i = 0; i < count && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(packets[i], void *));
	for (uint32_t i = 0; i < count; i++) {
		if (i + PREFETCH_AHEAD < count)
			rte_prefetch0(rte_pktmbuf_mtod(packets[i + PREFETCH_AHEAD], void *));
		view.packet = packets[i];
		bytes += packets[i]->pkt_len;

		const verdict found = packet_take(&view);

		if (found == DROPS_COUNT)
			frames[kept++] = packets[i];
		else if (found != TAKEN)
			packet_drop(worker, packets[i], (enum drop)found);
	}
	counters_add(&worker->counters, COUNTER_received, count);
	counters_add(&worker->counters, COUNTER_received_bytes, bytes);
	return kept;
}
