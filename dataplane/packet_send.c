// SPDX-License-Identifier: BSD-3-Clause
// The way out: headers in front of a frame, transmit buffers, and how packets end.
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/checksum.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/worker.h"

enum { HOP_LIMIT = 64 };

void packet_drop(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason)
{
	counters_drop(&worker->counters, reason, 1);
	rte_pktmbuf_free(mbuf);
}

void packet_consume(struct worker *worker, struct rte_mbuf *mbuf)
{
	counters_add(&worker->counters, COUNTER_consumed, 1);
	rte_pktmbuf_free(mbuf);
}

struct rte_mbuf *packet_make(struct worker *worker)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(worker->packets);

	if (mbuf == NULL) {
		// Nothing was there to lose: not a packet of the conservation law.
		counters_add(&worker->counters, COUNTER_unmade, 1);
		return NULL;
	}
	counters_add(&worker->counters, COUNTER_made, 1);
	return mbuf;
}

static void port_flush(struct worker *worker, struct worker_port *port)
{
	const uint16_t count = port->buffered;
	uint64_t bytes = 0;

	if (count == 0)
		return;
	for (uint16_t i = 0; i < count; i++)
		bytes += port->buffer[i]->pkt_len;

	const uint16_t sent = rte_eth_tx_burst(port->port_id, port->queue, port->buffer, count);

	for (uint16_t i = sent; i < count; i++) {
		bytes -= port->buffer[i]->pkt_len;
		packet_drop(worker, port->buffer[i], DROP_transmit_full);
	}
	port->buffered = 0;
	counters_add(&worker->counters, COUNTER_sent, sent);
	counters_add(&worker->counters, COUNTER_sent_bytes, bytes);
}

void packet_flush(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->ports_count; i++)
		port_flush(worker, &worker->ports[i]);
}

void packet_send_raw(struct worker *worker, struct rte_mbuf *mbuf, uint8_t index)
{
	struct worker_port *port = &worker->ports[index];

	if (!__atomic_load_n(&worker->dataplane->ports[index].link_up, __ATOMIC_RELAXED)) {
		packet_drop(worker, mbuf, DROP_link_down);
		return;
	}
	port->buffer[port->buffered++] = mbuf;
	if (port->buffered == BURST_MAX)
		port_flush(worker, port);
}

// Fills in an IPv4 and a UDP header; *sum is what the UDP checksum begins with.
static uint16_t ipv4_make(struct rte_ipv4_hdr *ip, const uint8_t *own, const uint8_t *peer,
			  uint32_t udp_bytes, const struct port *port, struct rte_mbuf *mbuf)
{
	*ip = (struct rte_ipv4_hdr){
	    .version_ihl = RTE_IPV4_VHL_DEF,
	    .total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + udp_bytes)),
	    .fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
	    .time_to_live = HOP_LIMIT,
	    .next_proto_id = IPPROTO_UDP,
	};
	memcpy(&ip->src_addr, own + 12, 4);
	memcpy(&ip->dst_addr, peer + 12, 4);
	if (port->checksum_transmit_ip)
		mbuf->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	else
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	mbuf->ol_flags |= RTE_MBUF_F_TX_IPV4;
	mbuf->l3_len = sizeof(*ip);
	return rte_ipv4_phdr_cksum(ip, port->checksum_transmit_udp ? RTE_MBUF_F_TX_UDP_CKSUM : 0);
}

static uint16_t ipv6_make(struct rte_ipv6_hdr *ip, const uint8_t *own, const uint8_t *peer,
			  uint32_t udp_bytes, struct rte_mbuf *mbuf)
{
	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)udp_bytes);
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = HOP_LIMIT;
	memcpy(ip->src_addr, own, 16);
	memcpy(ip->dst_addr, peer, 16);
	mbuf->ol_flags |= RTE_MBUF_F_TX_IPV6;
	mbuf->l3_len = sizeof(*ip);
	return rte_ipv6_phdr_cksum(ip, 0);
}

static void udp_make(struct rte_udp_hdr *udp, uint16_t own_port, uint16_t peer_port,
		     uint32_t udp_bytes, uint16_t pseudo, const struct port *port,
		     struct rte_mbuf *mbuf)
{
	udp->src_port = own_port;
	udp->dst_port = peer_port;
	udp->dgram_len = rte_cpu_to_be_16((uint16_t)udp_bytes);
	udp->dgram_cksum = 0;
	if (port->checksum_transmit_udp) {
		mbuf->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
		udp->dgram_cksum = pseudo;
	} else {
		udp->dgram_cksum = checksum_make(pseudo, udp, udp_bytes);
	}
}

static uint8_t *ether_make(uint8_t *at, const struct worker *worker, const struct path *path,
			   const struct port *port, uint16_t type)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)at;

	memcpy(ether->dst_addr.addr_bytes, path->mac, sizeof(path->mac));
	memcpy(ether->src_addr.addr_bytes, port->mac, 6);
	ether->ether_type = rte_cpu_to_be_16(port->vlan != 0 ? RTE_ETHER_TYPE_VLAN : type);
	at += sizeof(*ether);
	if (port->vlan != 0) {
		struct rte_vlan_hdr *vlan = (struct rte_vlan_hdr *)at;

		vlan->vlan_tci = rte_cpu_to_be_16(port->vlan);
		vlan->eth_proto = rte_cpu_to_be_16(type);
		at += sizeof(*vlan);
	}
	return at;
}

void packet_send(struct worker *worker, struct rte_mbuf *mbuf, const struct path *path)
{
	const struct dataplane *dataplane = worker->dataplane;
	const struct dataplane_address *own = &dataplane->settings.addresses[path->local];
	const struct port *port = &dataplane->ports[own->port];
	const bool ipv4 = address_is_ipv4(&path->peer);
	const uint32_t udp_bytes = (uint32_t)sizeof(struct rte_udp_hdr) + mbuf->pkt_len;
	const uint32_t l2 =
	    sizeof(struct rte_ether_hdr) + (port->vlan != 0 ? sizeof(struct rte_vlan_hdr) : 0);
	const uint32_t l3 = ipv4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	uint8_t *at =
	    (uint8_t *)rte_pktmbuf_prepend(mbuf, (uint16_t)(l2 + l3 + sizeof(struct rte_udp_hdr)));

	if (unlikely(at == NULL)) {
		packet_drop(worker, mbuf, DROP_no_buffer);
		return;
	}
	mbuf->ol_flags = 0;
	mbuf->l2_len = l2;
	at = ether_make(at, worker, path, port, ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);

	const uint16_t pseudo =
	    ipv4 ? ipv4_make((struct rte_ipv4_hdr *)at, own->ip, path->peer.ip, udp_bytes, port,
			     mbuf)
		 : ipv6_make((struct rte_ipv6_hdr *)at, own->ip, path->peer.ip, udp_bytes, mbuf);

	udp_make((struct rte_udp_hdr *)(at + l3), dataplane->udp_port, path->peer.port, udp_bytes,
		 pseudo, port, mbuf);
	packet_send_raw(worker, mbuf, own->port);
}
