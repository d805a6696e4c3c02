// SPDX-License-Identifier: BSD-3-Clause
// What is no frame for the gateway: each kind of packet is answered or dropped under its own
// reason. Packets are made byte by byte.
#include <string.h>

#include <criterion/criterion.h>
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "tests/support/rig_session.h"

enum { L3 = 14, IPV4 = 20, IPV6 = 40, L4_OF_4 = L3 + IPV4, L4_OF_6 = L3 + IPV6, VLAN = 7 };

static struct rig rig;
static struct rig_peer peer;
static uint8_t packet[RIG_PACKET_BYTES];

// A HELLO without a cookie, which is answered by RETRY: the packet as it ought to be.
static uint32_t good(void)
{
	uint8_t payload[364] = {WIRE_VERSION, WIRE_HELLO};
	struct handshake block = {.epoch = 1, .count = 1};

	handshake_encode(&block, payload + WIRE_HEADER_BYTES);
	return rig_wrap(&rig, &peer, payload, sizeof(payload), packet);
}

// DPDK's RTE_IPV4() shifts what may not fit an int.
static uint32_t ip4(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return a << 24 | b << 16 | c << 8 | d;
}

static void begin(void)
{
	rig_start(&rig, &(struct rig_settings){.workers = 1});
	peer = rig_peer(&rig, 1, 0);
}

static void begin_ipv6(void)
{
	rig_start(&rig, &(struct rig_settings){.ipv6 = true});
	peer = rig_peer(&rig, 1, 0);
}

static void begin_vlan(void)
{
	rig_start(&rig, &(struct rig_settings){.vlan = VLAN});
	peer = rig_peer(&rig, 1, 0);
}

static void finish(void)
{
	rig_stop(&rig);
}

TestSuite(receive, .init = begin, .fini = finish, .timeout = 60);
TestSuite(receive_ipv6, .init = begin_ipv6, .fini = finish, .timeout = 60);
TestSuite(receive_vlan, .init = begin_vlan, .fini = finish, .timeout = 60);

static void dropped(uint32_t len, enum drop reason)
{
	const uint64_t before = rig_drops(&rig, reason);

	rig_send_raw(&rig, 0, packet, len);
	cr_assert_eq(rig_drops(&rig, reason), before + 1, "not dropped as %s",
		     counters_drop_name(reason));
	cr_assert_eq(rig.inbox_count, 0, "answered, though dropped as %s",
		     counters_drop_name(reason));
}

static struct rte_ipv4_hdr *ipv4(void)
{
	return (struct rte_ipv4_hdr *)(packet + L3);
}

static struct rte_ipv6_hdr *ipv6(void)
{
	return (struct rte_ipv6_hdr *)(packet + L3);
}

static struct rte_udp_hdr *udp4(void)
{
	return (struct rte_udp_hdr *)(packet + L4_OF_4);
}

static void ipv4_checksum(void)
{
	ipv4()->hdr_checksum = 0;
	ipv4()->hdr_checksum = rte_ipv4_cksum(ipv4());
}

static void udp_checksum(void)
{
	udp4()->dgram_cksum = 0;
	udp4()->dgram_cksum = rte_ipv4_udptcp_cksum(ipv4(), udp4());
}

// ---- Ethernet, IPv4, UDP ----------------------------------------------------------------------

Test(receive, a_sound_packet_is_taken_with_or_without_padding)
{
	uint32_t len = good();

	rig_send_raw(&rig, 0, packet, len);
	rig_want(&rig, &peer, WIRE_RETRY);
	rig_send_raw(&rig, 0, packet, len + 30);
	rig_want(&rig, &peer, WIRE_RETRY);
	udp4()->dgram_cksum = 0; // a sender may leave it out
	rig_send_raw(&rig, 0, packet, len);
	rig_want(&rig, &peer, WIRE_RETRY);
}

Test(receive, a_packet_cut_short_anywhere_is_dropped_and_never_read_beyond)
{
	const uint32_t len = good();
	uint64_t before = rig_count(&rig, COUNTER_received);

	for (uint32_t cut = 1; cut < len; cut++) {
		rig_send_raw(&rig, 0, packet, cut);
		cr_assert_eq(rig.inbox_count, 0, "answered at %u bytes", cut);
	}
	cr_assert_eq(rig_count(&rig, COUNTER_received), before + len - 1);
	cr_assert_eq(rig_drops(&rig, DROP_not_ip), L3 - 1);
	cr_assert_eq(rig_drops(&rig, DROP_bad_ip), len - L3);
}

Test(receive, other_protocols_are_not_ours)
{
	uint32_t len = good();

	packet[12] = 0x88;
	packet[13] = 0xcc;
	dropped(len, DROP_not_ip);
	good();
	ipv4()->next_proto_id = IPPROTO_TCP;
	ipv4_checksum();
	dropped(len, DROP_not_ours);
	good();
	udp4()->dst_port = rte_cpu_to_be_16(53);
	dropped(len, DROP_not_ours);
	good();
	ipv4()->dst_addr = rte_cpu_to_be_32(ip4(192, 0, 2, 11));
	ipv4_checksum();
	dropped(len, DROP_not_ours);
	cr_assert_eq(rig_drops(&rig, DROP_not_ours), 3);
}

Test(receive, wrong_checksums_are_dropped)
{
	uint32_t len = good();

	ipv4()->hdr_checksum ^= 1;
	dropped(len, DROP_bad_checksum);
	good();
	udp4()->dgram_cksum ^= 0x100;
	dropped(len, DROP_bad_checksum);
	good();
	packet[len - 1] ^= 0x80;
	dropped(len, DROP_bad_checksum);
}

Test(receive, fragments_are_dropped_first_middle_and_last)
{
	static const uint16_t fields[] = {RTE_IPV4_HDR_MF_FLAG, RTE_IPV4_HDR_MF_FLAG | 10, 10};

	for (uint32_t i = 0; i < RTE_DIM(fields); i++) {
		uint32_t len = good();

		ipv4()->fragment_offset = rte_cpu_to_be_16(fields[i]);
		ipv4_checksum();
		dropped(len, DROP_fragment);
	}
}

Test(receive, sources_that_no_peer_can_have_are_dropped)
{
	const uint32_t sources[] = {
	    ip4(0, 0, 0, 0),   ip4(127, 0, 0, 1),       ip4(224, 0, 0, 1),
	    ip4(240, 0, 0, 1), ip4(255, 255, 255, 255), ip4(192, 0, 2, 10),
	};
	uint32_t len;

	for (uint32_t i = 0; i < RTE_DIM(sources); i++) {
		len = good();
		ipv4()->src_addr = rte_cpu_to_be_32(sources[i]);
		ipv4_checksum();
		udp_checksum();
		dropped(len, DROP_bad_source);
	}
	len = good();
	udp4()->src_port = 0;
	udp_checksum();
	dropped(len, DROP_bad_source);
}

Test(receive, lengths_that_contradict_each_other_are_dropped)
{
	uint32_t len = good();

	ipv4()->version_ihl = 0x44; // shorter than a header
	dropped(len, DROP_bad_ip);
	good();
	ipv4()->version_ihl = 0x55;
	dropped(len, DROP_bad_ip);
	good();
	ipv4()->total_length = rte_cpu_to_be_16((uint16_t)(len - L3 + 1));
	ipv4_checksum();
	dropped(len, DROP_bad_ip);
	good();
	udp4()->dgram_len = rte_cpu_to_be_16(7);
	dropped(len, DROP_bad_ip);
	good();
	udp4()->dgram_len = rte_cpu_to_be_16((uint16_t)(len - L4_OF_4 + 1));
	dropped(len, DROP_bad_ip);
}

Test(receive, a_header_with_options_is_taken)
{
	uint32_t len = good();

	memmove(packet + L4_OF_4 + 4, packet + L4_OF_4, len - L4_OF_4);
	memset(packet + L4_OF_4, 1, 4); // no-operation, RFC 791, 3.1
	ipv4()->version_ihl = 0x46;
	ipv4()->total_length = rte_cpu_to_be_16((uint16_t)(len - L3 + 4));
	ipv4_checksum();
	ipv4()->hdr_checksum = 0;
	ipv4()->hdr_checksum = (uint16_t)~rte_raw_cksum(ipv4(), IPV4 + 4);
	rig_send_raw(&rig, 0, packet, len + 4);
	rig_want(&rig, &peer, WIRE_RETRY);
}

Test(receive, a_tag_that_is_not_wanted_is_dropped)
{
	uint32_t len = good();

	memmove(packet + 16, packet + 12, len - 12);
	memcpy(packet + 12, (uint8_t[]){0x81, 0, 0, VLAN}, 4);
	dropped(len + 4, DROP_vlan);
}

Test(receive_vlan, only_packets_with_the_ports_tag_are_taken_and_answers_have_it)
{
	uint32_t len = good();

	dropped(len, DROP_vlan);
	memmove(packet + 16, packet + 12, len - 12);
	memcpy(packet + 12, (uint8_t[]){0x81, 0, 0x20, VLAN}, 4); // a priority is no other tag
	rig_send_raw(&rig, 0, packet, len + 4);
	cr_assert_eq(rig_count(&rig, COUNTER_retry_sent), 1);
	cr_assert_eq(rig.inbox_count, 1);
	cr_assert_arr_eq(rig.inbox[0].bytes + 12, ((uint8_t[]){0x81, 0, 0, VLAN, 8, 0}), 6);
	rig_forget(&rig);
	packet[15] = VLAN + 1;
	dropped(len + 4, DROP_vlan);
}

// ---- ARP and echo -----------------------------------------------------------------------------

static uint32_t arp_request(uint32_t target)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)packet;
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(packet + L3);

	memset(ether->dst_addr.addr_bytes, 0xff, 6);
	memcpy(ether->src_addr.addr_bytes, peer.mac, 6);
	ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	*arp = (struct rte_arp_hdr){
	    .arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
	    .arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
	    .arp_hlen = 6,
	    .arp_plen = 4,
	    .arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST),
	    .arp_data = {.arp_sip = rte_cpu_to_be_32(ip4(192, 0, 2, 1)),
			 .arp_tip = rte_cpu_to_be_32(target)},
	};
	memcpy(arp->arp_data.arp_sha.addr_bytes, peer.mac, 6);
	return L3 + sizeof(*arp);
}

Test(receive, arp_is_answered_for_own_addresses_only)
{
	const struct rte_arp_hdr *answer;
	uint32_t len = arp_request(ip4(192, 0, 2, 10));

	rig_send_raw(&rig, 0, packet, len);
	cr_assert_eq(rig.inbox_count, 1);
	answer = (const struct rte_arp_hdr *)(rig.inbox[0].bytes + L3);
	cr_assert_arr_eq(rig.inbox[0].to.mac, peer.mac, 6);
	cr_assert_eq(answer->arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REPLY));
	cr_assert_eq(answer->arp_data.arp_sip, rte_cpu_to_be_32(ip4(192, 0, 2, 10)));
	cr_assert_eq(answer->arp_data.arp_tip, rte_cpu_to_be_32(ip4(192, 0, 2, 1)));
	cr_assert_arr_eq(answer->arp_data.arp_sha.addr_bytes, rig.dataplane->ports[0].mac, 6);
	rig_forget(&rig);
	dropped(arp_request(ip4(192, 0, 2, 11)), DROP_not_ours);
	len = arp_request(ip4(192, 0, 2, 10));
	dropped(len - 1, DROP_bad_ip);
	packet[L3 + 4] = 8; // length of a link-layer address
	dropped(len, DROP_bad_ip);
}

static uint32_t echo_request(uint32_t bytes)
{
	struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(packet + L4_OF_4);
	const uint32_t len = L4_OF_4 + sizeof(*icmp) + bytes;

	good();
	ipv4()->next_proto_id = IPPROTO_ICMP;
	ipv4()->total_length = rte_cpu_to_be_16((uint16_t)(len - L3));
	ipv4_checksum();
	*icmp = (struct rte_icmp_hdr){.icmp_type = RTE_IP_ICMP_ECHO_REQUEST, .icmp_ident = 42};
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, sizeof(*icmp) + bytes);
	return len;
}

Test(receive, an_echo_request_is_answered_with_its_own_bytes)
{
	uint32_t len = echo_request(33);
	const uint8_t *answer;

	rig_send_raw(&rig, 0, packet, len);
	cr_assert_eq(rig.inbox_count, 1);
	answer = rig.inbox[0].bytes;
	cr_assert_eq(answer[L4_OF_4], RTE_IP_ICMP_ECHO_REPLY);
	cr_assert_eq(rte_raw_cksum(answer + L4_OF_4, len - L4_OF_4), 0xffff);
	cr_assert_eq(rte_raw_cksum(answer + L3, IPV4), 0xffff);
	cr_assert_arr_eq(answer + L4_OF_4 + 4, packet + L4_OF_4 + 4, len - L4_OF_4 - 4);
	cr_assert_arr_eq(answer + L3 + 16, peer.at.ip + 12, 4);
	rig_forget(&rig);
	packet[L4_OF_4 + 2] ^= 1;
	dropped(len, DROP_bad_checksum);
	packet[L4_OF_4 + 2] ^= 1;
	packet[L4_OF_4] = 5; // a redirect, sound otherwise
	packet[L4_OF_4 + 2] = packet[L4_OF_4 + 3] = 0;
	((struct rte_icmp_hdr *)(packet + L4_OF_4))->icmp_cksum =
	    (uint16_t)~rte_raw_cksum(packet + L4_OF_4, len - L4_OF_4);
	dropped(len, DROP_not_ours);
}

// ---- IPv6 -------------------------------------------------------------------------------------

Test(receive_ipv6, a_session_lives_on_it_too)
{
	struct rig_session session = rig_session(&peer, 1);

	rig_open(&rig, &session);
	rig_up(&rig, &session, 0, 0, "up");
	rig_want_data(&rig, &rig.backend, 0, "up");
	rig_down(&rig, &session, 0, 1, "down");
	rig_want_data(&rig, &peer, 0, "down");
}

Test(receive_ipv6, cut_short_anywhere_it_is_dropped)
{
	const uint32_t len = good();

	for (uint32_t cut = 1; cut < len; cut++) {
		rig_send_raw(&rig, 0, packet, cut);
		cr_assert_eq(rig.inbox_count, 0, "answered at %u bytes", cut);
	}
	cr_assert_eq(rig_drops(&rig, DROP_bad_ip), len - L3);
}

Test(receive_ipv6, what_is_not_sound_is_dropped_under_its_reason)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(packet + L4_OF_6);
	uint32_t len = good();

	udp->dgram_cksum = 0; // must not be left out here: RFC 8200, 8.1
	dropped(len, DROP_bad_checksum);
	good();
	ipv6()->proto = 44; // fragment
	dropped(len, DROP_fragment);
	good();
	ipv6()->proto = 0; // hop-by-hop options
	dropped(len, DROP_not_ours);
	good();
	ipv6()->src_addr[0] = 0xff;
	dropped(len, DROP_bad_source);
	good();
	memset(ipv6()->src_addr, 0, 16);
	dropped(len, DROP_bad_source);
	good();
	ipv6()->dst_addr[15]++;
	dropped(len, DROP_not_ours);
	good();
	ipv6()->vtc_flow = rte_cpu_to_be_32(UINT32_C(5) << 28);
	dropped(len, DROP_bad_ip);
}

// Neighbour solicitation for the gateway's address with a source link-layer address (RFC 4861).
static uint32_t solicitation(void)
{
	static const uint8_t group[16] = {0xff, 2, [11] = 1, 0xff, 0, 0, 10};
	uint8_t *nd = packet + L4_OF_6;

	good();
	ipv6()->proto = IPPROTO_ICMPV6;
	ipv6()->hop_limits = 255;
	ipv6()->payload_len = rte_cpu_to_be_16(32);
	memset(nd, 0, 32);
	nd[0] = 135;
	memcpy(nd + 8, ipv6()->dst_addr, 16);
	nd[24] = 1;
	nd[25] = 1;
	memcpy(nd + 26, peer.mac, 6);
	memcpy(ipv6()->dst_addr, group, 16);
	return L4_OF_6 + 32;
}

static void icmpv6_checksum(uint32_t len)
{
	uint32_t sum;

	memset(packet + L4_OF_6 + 2, 0, 2);
	sum = rte_raw_cksum(packet + L4_OF_6, len - L4_OF_6) + rte_ipv6_phdr_cksum(ipv6(), 0);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	memcpy(packet + L4_OF_6 + 2, &(uint16_t){(uint16_t)sum}, 2);
}

Test(receive_ipv6, neighbours_are_told_where_the_gateway_is)
{
	uint32_t len = solicitation();
	const uint8_t *answer;

	icmpv6_checksum(len);
	rig_send_raw(&rig, 0, packet, len);
	cr_assert_eq(rig.inbox_count, 1);
	answer = rig.inbox[0].bytes + L4_OF_6;
	cr_assert_eq(answer[0], 136);
	cr_assert_eq(answer[4], 0x60); // solicited, override
	cr_assert_arr_eq(answer + 8, packet + L4_OF_6 + 8, 16);
	cr_assert_arr_eq(answer + 26, rig.dataplane->ports[0].mac, 6);
	rig_forget(&rig);
	ipv6()->hop_limits = 64; // came from beyond the link: RFC 4861, 7.1.1
	dropped(len, DROP_not_ours);
	len = solicitation();
	packet[L4_OF_6 + 23]++;
	icmpv6_checksum(len);
	dropped(len, DROP_not_ours);
	packet[L4_OF_6 + 23]--;
	dropped(len, DROP_bad_checksum);
}
