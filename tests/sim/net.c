// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "dataplane/dataplane_state.h"
#include "protocol/frame.h"
#include "tests/sim/gate.h"
#include "tests/sim/instant.h"
#include "tests/sim/trace.h"

enum {
	PORTS_FIRST = 20000,
	MOVES_MAX = 200,
	BITS_OF_ETHERNET = 14 * 8, // no checksum covers them
};

void net_begin(struct net *net, uint64_t seed, uint32_t clients, struct gate *gates, bool ipv6,
	       const struct net_world *world)
{
	*net = (struct net){
	    .dice = dice_of(seed, SIM_DICE_NET),
	    .world = *world,
	    .ipv6 = ipv6,
	    .clients = clients,
	    .gates = gates,
	    .sockets = calloc(NET_SOCKETS_MAX, sizeof(*net->sockets)),
	    .packets = malloc(NET_PACKETS_MAX * sizeof(*net->packets)),
	};
	for (uint32_t i = 0; i < SIM_ENDPOINTS_MAX; i++)
		net->hosts[i] = (struct net_host){
		    .net = net, .endpoint = i, .dice = dice_of(seed, SIM_DICE_ENDPOINTS + 16 + i)};
}

void net_end(struct net *net)
{
	for (uint32_t i = 0; i < net->packets_count; i++)
		free(net->packets[i].bytes);
	for (uint32_t i = 0; i < net->sockets_count; i++) {
		while (net->sockets[i].inbox_count > 0)
			free(net->sockets[i].inbox[--net->sockets[i].inbox_count].bytes);
	}
	free(net->sockets);
	free(net->packets);
}

const char *net_name(const struct net *net, uint32_t endpoint, char name[static SIM_NAME_BYTES])
{
	if (endpoint < net->clients)
		snprintf(name, SIM_NAME_BYTES, "c%u", endpoint);
	else
		snprintf(name, SIM_NAME_BYTES, "b%u", endpoint - net->clients);
	return name;
}

// ---- Addresses -------------------------------------------------------------------------------

void net_address(struct net *net, struct net_socket *socket)
{
	const struct net_host *host = &net->hosts[socket->endpoint];
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 198, [13] = 51, [14] = 100};
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [7] = 1};

	memcpy(socket->at.ip, net->ipv6 ? v6 : v4, sizeof(socket->at.ip));
	socket->at.ip[14] = (uint8_t)(socket->at.ip[14] + host->moves);
	socket->at.ip[15] = (uint8_t)(1 + socket->endpoint);
	socket->at.port = rte_cpu_to_be_16((uint16_t)(PORTS_FIRST + net->ports++));
}

void net_rebind(struct net *net, uint32_t endpoint)
{
	struct net_host *host = &net->hosts[endpoint];

	// Every other time the address stays and only the port changes.
	if (host->moves < MOVES_MAX && dice_chance(&net->dice, 500))
		host->moves++;
	for (uint32_t i = 0; i < net->sockets_count; i++) {
		if (net->sockets[i].open && net->sockets[i].endpoint == endpoint)
			net_address(net, &net->sockets[i]);
	}
}

// Which of a gate's workers a flow lands on.
static uint32_t queue_of(const struct gate *gate, const struct address *from)
{
	uint32_t hash = from->port;

	for (uint32_t i = 12; i < 16; i++)
		hash = hash * 31 + from->ip[i];
	return (hash * UINT32_C(2654435761) >> 16) % gate->settings.workers;
}

static struct net_socket *socket_at(struct net *net, const struct address *at)
{
	for (uint32_t i = 0; i < net->sockets_count; i++) {
		if (net->sockets[i].open && address_equal(&net->sockets[i].at, at))
			return &net->sockets[i];
	}
	return NULL;
}

// ---- On the way ------------------------------------------------------------------------------

static bool sooner(const struct net_packet *left, const struct net_packet *right)
{
	return left->at_us < right->at_us ||
	       (left->at_us == right->at_us && left->order < right->order);
}

static void heap_push(struct net *net, const struct net_packet *packet)
{
	uint32_t at = net->packets_count++;

	while (at > 0 && sooner(packet, &net->packets[(at - 1) / 2])) {
		net->packets[at] = net->packets[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	net->packets[at] = *packet;
}

static struct net_packet heap_pop(struct net *net)
{
	const struct net_packet first = net->packets[0];
	const struct net_packet last = net->packets[--net->packets_count];
	uint32_t at = 0;

	for (uint32_t child = 1; child < net->packets_count; child = 2 * at + 1) {
		if (child + 1 < net->packets_count &&
		    sooner(&net->packets[child + 1], &net->packets[child]))
			child++;
		if (!sooner(&net->packets[child], &last))
			break;
		net->packets[at] = net->packets[child];
		at = child;
	}
	net->packets[at] = last;
	return first;
}

static void packet_go(struct net *net, const struct net_packet *like, uint64_t extra_us)
{
	struct net_packet packet = *like;
	const struct net_weather *weather = &net->weather;

	if (net->packets_count == NET_PACKETS_MAX) {
		trace_fail("%u packets are on their way", net->packets_count);
		return;
	}
	packet.order = net->order++;
	packet.at_us = instant_us() + weather->delay_us +
		       (weather->jitter_us > 0 ? dice_below(&net->dice, weather->jitter_us) : 0) +
		       extra_us;
	packet.flipped = dice_chance(&net->dice, weather->flipped);
	packet.bytes = malloc(packet.len > 0 ? packet.len : 1);
	memcpy(packet.bytes, like->bytes, packet.len);
	heap_push(net, &packet);
}

// A frame that, cut short, is no other frame that is whole: a message would be shorter, and a HELLO
// malformed, which ends its sender for good.
static bool may_be_cut(const struct net_packet *packet)
{
	return packet->len > 1 && packet->bytes[1] != WIRE_DATA &&
	       packet->bytes[1] != WIRE_DATAGRAM && packet->bytes[1] != WIRE_HELLO;
}

static void digest_add(struct net *net, const struct net_packet *packet)
{
	const uint64_t prime = UINT64_C(0x100000001b3);

	net->digest = (net->digest ^ instant_us()) * prime;
	net->digest = (net->digest ^ packet->len) * prime;
	for (uint32_t i = 0; i < packet->len && i < WIRE_HEADER_BYTES; i++)
		net->digest = (net->digest ^ packet->bytes[i]) * prime;
}

// Sends a packet on its way, or not.
static void carry(struct net *net, uint32_t endpoint, struct net_packet *packet)
{
	const struct net_weather *weather = &net->weather;
	const uint8_t cut = net->cuts[endpoint][packet->gate];
	char name[SIM_NAME_BYTES];
	const char *gate = net->gates[packet->gate].name;
	const char *fate = "";

	digest_add(net, packet);
	net_name(net, endpoint, name);
	if ((cut & (packet->up ? NET_CUT_UP : NET_CUT_DOWN)) != 0)
		fate = "  (cut off)";
	else if (dice_chance(&net->dice, weather->lost))
		fate = "  (lost)";
	trace_frame(packet->up ? name : gate, packet->up ? gate : name, packet->bytes, packet->len,
		    fate);
	if (fate[0] != '\0')
		return;
	if (may_be_cut(packet) && dice_chance(&net->dice, weather->truncated))
		packet->len = dice_below(&net->dice, packet->len);
	packet_go(net, packet, 0);
	if (dice_chance(&net->dice, weather->doubled))
		packet_go(net, packet, 0);
	if (weather->late_ms > 0 && dice_chance(&net->dice, weather->late))
		packet_go(net, packet, (uint64_t)dice_below(&net->dice, weather->late_ms) * 1000);
}

void net_from_gate(struct net *net, uint32_t gate, const struct ether_datagram *datagram)
{
	struct net_socket *socket = socket_at(net, &datagram->to);
	struct net_packet packet = {
	    .gate = gate,
	    .from = datagram->from,
	    .to = datagram->to,
	    .len = datagram->len,
	    .bytes = (uint8_t *)(uintptr_t)datagram->payload,
	};

	if (socket != NULL)
		carry(net, socket->endpoint, &packet);
	else
		trace_frame(net->gates[gate].name, "-", datagram->payload, datagram->len,
			    "  (nobody is there)");
}

void net_from_socket(struct net *net, const struct net_socket *socket, const uint8_t *bytes,
		     uint32_t len)
{
	struct net_packet packet = {
	    .up = true,
	    .gate = socket->gate,
	    .from = socket->at,
	    .len = len,
	    .bytes = (uint8_t *)(uintptr_t)bytes,
	};

	carry(net, socket->endpoint, &packet);
}

static void arrive_up(struct net *net, const struct net_packet *packet)
{
	struct gate *gate = &net->gates[packet->gate];
	uint8_t bytes[SIM_PACKET_BYTES];
	uint32_t queue, len;

	if (gate->dataplane == NULL)
		return;
	queue = queue_of(gate, &packet->from);
	len = ether_wrap(&packet->from, &gate->at, gate->dataplane->ports[0].mac, packet->bytes,
			 packet->len, bytes);
	if (packet->flipped) {
		const uint32_t bit = dice_between(&net->dice, BITS_OF_ETHERNET, len * 8 - 1);

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	if (gate_receive(gate, queue, bytes, len) && !packet->flipped)
		net->world.gate_hears(net->world.context, packet->gate, queue, &packet->from,
				      packet->bytes, packet->len);
}

// The kernel of an endpoint drops what has a wrong checksum.
static void arrive_down(struct net *net, struct net_packet *packet)
{
	struct net_socket *socket = packet->flipped ? NULL : socket_at(net, &packet->to);

	if (socket == NULL || socket->gate != packet->gate || socket->inbox_count == NET_INBOX_MAX)
		return;
	socket->inbox[socket->inbox_count++] = *packet;
	packet->bytes = NULL;
	net->world.endpoint_hears(net->world.context, socket->endpoint);
}

uint64_t net_due_us(const struct net *net)
{
	return net->packets_count > 0 ? net->packets[0].at_us : UINT64_MAX;
}

void net_step(struct net *net)
{
	while (net_due_us(net) <= instant_us()) {
		struct net_packet packet = heap_pop(net);

		if (packet.up)
			arrive_up(net, &packet);
		else
			arrive_down(net, &packet);
		free(packet.bytes);
	}
}
