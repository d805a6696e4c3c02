// SPDX-License-Identifier: BSD-3-Clause
// The sockets of the endpoint library, in the network of a run.
#include "endpoint/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "tests/sim/gate.h"
#include "tests/sim/instant.h"
#include "tests/sim/net.h"
#include "tests/sim/trace.h"

int __wrap_sockets_init(struct sockets *sockets, uint32_t buffer_bytes);
void __wrap_sockets_fini(struct sockets *sockets);
void __wrap_sockets_bind(struct sockets *sockets, struct sockets_io *io);

static struct net_host *current; // whose process is made

void net_enter(struct net *net, uint32_t endpoint)
{
	current = &net->hosts[endpoint];
}

static uint32_t gate_of(const struct net *net, const struct peer_address *peer)
{
	for (uint32_t i = 0; i < SIM_GATES_MAX; i++) {
		struct address at;

		gate_address(i, net->ipv6, &at);
		if (net->ipv6 ? memcmp(&peer->v6.sin6_addr, at.ip, sizeof(at.ip)) == 0
			      : memcmp(&peer->v4.sin_addr, at.ip + 12, 4) == 0)
			return i;
	}
	return SIM_GATES_MAX;
}

static int host_open(void *context, const struct peer_address *peer,
		     const struct peer_address *local)
{
	struct net_host *host = context;
	struct net *net = host->net;
	const uint32_t gate = gate_of(net, peer);
	uint32_t place = 0;

	while (place < net->sockets_count && net->sockets[place].open)
		place++;
	if (place == NET_SOCKETS_MAX || gate == SIM_GATES_MAX) {
		trace_fail("%u sockets are open, or one leads nowhere", place);
		return -EMFILE;
	}
	if (place == net->sockets_count)
		net->sockets_count++;
	net->sockets[place] =
	    (struct net_socket){.open = true, .endpoint = host->endpoint, .gate = gate};
	net_address(net, &net->sockets[place]);
	return (int)place;
}

static void host_close(void *context, int number)
{
	struct net_host *host = context;
	struct net_socket *socket = &host->net->sockets[number];

	if (!socket->open || socket->endpoint != host->endpoint)
		trace_fail("a socket is closed that is not the endpoint's");
	socket->open = false;
	while (socket->inbox_count > 0)
		free(socket->inbox[--socket->inbox_count].bytes);
}

static int host_send(void *context, int number, const struct sockets_packet *packets,
		     uint32_t count)
{
	struct net_host *host = context;

	for (uint32_t i = 0; i < count; i++)
		net_from_socket(host->net, &host->net->sockets[number], packets[i].bytes,
				packets[i].len);
	return (int)count;
}

static int host_receive(void *context, int number, struct sockets_packet *packets, uint32_t count)
{
	struct net_host *host = context;
	struct net_socket *socket = &host->net->sockets[number];
	const uint32_t taken = socket->inbox_count < count ? socket->inbox_count : count;

	for (uint32_t i = 0; i < taken; i++) {
		const struct net_packet *packet = &socket->inbox[i];

		memcpy(packets[i].bytes, packet->bytes, packet->len);
		packets[i].len = packet->len;
		free(packet->bytes);
	}
	socket->inbox_count -= taken;
	memmove(socket->inbox, socket->inbox + taken,
		socket->inbox_count * sizeof(socket->inbox[0]));
	return (int)taken;
}

static void host_await_room(void *context, int number, bool wanted)
{
}

static uint64_t host_now_us(void *context)
{
	return instant_us();
}

static void host_random(void *context, void *bytes, uint32_t len)
{
	struct net_host *host = context;

	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = (uint8_t)dice_next(&host->dice);
}

// ---- In the library's place ------------------------------------------------------------------

int __wrap_sockets_init(struct sockets *sockets, uint32_t buffer_bytes)
{
	sockets->epoll = -1;
	return 0;
}

void __wrap_sockets_fini(struct sockets *sockets)
{
}

void __wrap_sockets_bind(struct sockets *sockets, struct sockets_io *io)
{
	static const struct sockets_ops ops = {
	    .open = host_open,
	    .close = host_close,
	    .send = host_send,
	    .receive = host_receive,
	    .await_room = host_await_room,
	    .now_us = host_now_us,
	    .random = host_random,
	};

	io->ops = &ops;
	io->sockets = current;
}
