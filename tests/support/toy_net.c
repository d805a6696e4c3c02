// SPDX-License-Identifier: BSD-3-Clause
#include "toy_net.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/backend_state.h"
#include "endpoint/client_state.h"

enum {
	SPINS_MAX = 200,        // turns in one instant before it counts as unrest
	GATEWAY_TICK_US = 5000, // its timers are looked at so often
};

uint64_t toy_net_random(struct toy_net *net)
{
	net->random ^= net->random >> 12;
	net->random ^= net->random << 25;
	net->random ^= net->random >> 27;
	return net->random * UINT64_C(2685821657736338717);
}

static bool chance(struct toy_net *net, uint32_t permille)
{
	return toy_net_random(net) >> 32 < (((uint64_t)permille << 32) / 1000);
}

static void packet_add(struct toy_net *net, int socket, bool to_gateway, const uint8_t *bytes,
		       uint32_t len)
{
	const uint64_t jitter_us = net->jitter_us > 0 ? toy_net_random(net) % net->jitter_us : 0;
	struct toy_packet *packet = &net->packets[net->packets_count++];

	cr_assert(net->packets_count < TOY_PACKETS_MAX, "the network is full");
	packet->at_us = net->now_us + net->delay_us + jitter_us;
	packet->socket = socket;
	packet->to_gateway = to_gateway;
	packet->len = len;
	packet->bytes = malloc(len); // exactly so large: reading beyond it is seen
	memcpy(packet->bytes, bytes, len);
}

static void packet_take_out(struct toy_net *net, uint32_t index)
{
	memmove(&net->packets[index], &net->packets[index + 1],
		(--net->packets_count - index) * sizeof(net->packets[0]));
}

static void carry(struct toy_net *net, int socket, bool to_gateway, const uint8_t *bytes,
		  uint32_t len)
{
	if (net->cut || net->sockets[socket].muted || chance(net, net->loss_permille) ||
	    (net->lose && net->lose(net->arg, socket, to_gateway, bytes, len)))
		return;
	packet_add(net, socket, to_gateway, bytes, len);
	if (chance(net, net->double_permille))
		packet_add(net, socket, to_gateway, bytes, len);
}

void toy_net_reply(struct toy_net *net, int socket, const uint8_t *bytes, uint32_t len)
{
	carry(net, socket, false, bytes, len);
}

// ---- What clients and backends see ---------------------------------------------------------

static int net_open(void *context, const struct peer_address *peer,
		    const struct peer_address *local)
{
	struct toy_net *net = context;

	if (net->open_error)
		return net->open_error;
	cr_assert(net->sockets_count < TOY_SOCKETS_MAX);
	net->sockets[net->sockets_count] =
	    (struct toy_socket){.open = true, .peer = *peer, .local = *local};
	net->sockets_open++;
	return (int)net->sockets_count++;
}

static void net_close(void *context, int socket)
{
	struct toy_net *net = context;

	cr_assert(net->sockets[socket].open);
	net->sockets[socket].open = false;
	net->sockets_open--;
}

static int net_send(void *context, int socket, const struct sockets_packet *packets, uint32_t count)
{
	struct toy_net *net = context;

	cr_assert(net->sockets[socket].open);
	if (net->send_error)
		return net->send_error;
	for (uint32_t i = 0; i < count; i++)
		carry(net, socket, true, packets[i].bytes, packets[i].len);
	return (int)count;
}

static int net_receive(void *context, int socket, struct sockets_packet *packets, uint32_t count)
{
	struct toy_net *net = context;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < net->packets_count && taken < count;) {
		struct toy_packet packet = net->packets[i];

		if (packet.to_gateway || packet.socket != socket || packet.at_us > net->now_us) {
			i++;
			continue;
		}
		packet_take_out(net, i);
		cr_assert(packet.len <= packets[taken].len);
		memcpy(packets[taken].bytes, packet.bytes, packet.len);
		packets[taken++].len = packet.len;
		free(packet.bytes);
	}
	return (int)taken;
}

static void net_await_room(void *context, int socket, bool wanted)
{
}

static uint64_t net_now_us(void *context)
{
	const struct toy_net *net = context;

	return net->now_us;
}

static void net_random(void *context, void *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = (uint8_t)(toy_net_random(context) >> 24);
}

static void net_io(struct toy_net *net, struct sockets_io *io)
{
	static const struct sockets_ops ops = {
	    .open = net_open,
	    .close = net_close,
	    .send = net_send,
	    .receive = net_receive,
	    .await_room = net_await_room,
	    .now_us = net_now_us,
	    .random = net_random,
	};

	io->ops = &ops;
	io->sockets = net;
}

static void client_process(void *arg)
{
	holdfast_client_process(arg);
}

static int client_timeout_ms(const void *arg)
{
	return holdfast_client_timeout_ms(arg);
}

static void backend_process(void *arg)
{
	holdfast_backend_process(arg);
}

static int backend_timeout_ms(const void *arg)
{
	return holdfast_backend_timeout_ms(arg);
}

// ---- Running -------------------------------------------------------------------------------

void toy_net_init(struct toy_net *net, uint64_t seed)
{
	memset(net, 0, sizeof(*net));
	net->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	net->now_us = TOY_START_US;
	net->delay_us = 5000;
}

void toy_net_fini(struct toy_net *net)
{
	cr_expect_eq(net->sockets_open, 0, "a socket was not closed");
	while (net->packets_count > 0)
		free(net->packets[--net->packets_count].bytes);
}

static void packets_to_gateway(struct toy_net *net)
{
	for (uint32_t i = 0; i < net->packets_count;) {
		struct toy_packet packet = net->packets[i];

		if (packet.at_us > net->now_us ||
		    (!packet.to_gateway && net->sockets[packet.socket].open)) {
			i++;
			continue;
		}
		packet_take_out(net, i);
		if (packet.to_gateway && net->gateway)
			net->gateway(net->arg, packet.socket, packet.bytes, packet.len);
		free(packet.bytes);
	}
}

static uint64_t next_us(const struct toy_net *net)
{
	uint64_t next = net->gateway_timers ? net->now_us + GATEWAY_TICK_US : UINT64_MAX;

	for (uint32_t i = 0; i < net->packets_count; i++)
		next = net->packets[i].at_us < next ? net->packets[i].at_us : next;
	for (uint32_t i = 0; i < net->actors_count; i++) {
		const int ms = net->actors[i].timeout_ms(net->actors[i].arg);

		if (ms >= 0 && net->now_us + (uint64_t)ms * 1000 < next)
			next = net->now_us + (uint64_t)ms * 1000;
	}
	return next;
}

// One instant. Returns whether time may go on.
static bool turn(struct toy_net *net, uint64_t until_us)
{
	uint64_t next;

	packets_to_gateway(net);
	if (net->gateway_timers)
		net->gateway_timers(net->arg);
	for (uint32_t i = 0; i < net->actors_count; i++)
		net->actors[i].process(net->actors[i].arg);
	next = next_us(net);
	if (next <= net->now_us)
		return false;
	net->now_us = next < until_us ? next : until_us;
	return true;
}

// Who wants to act at once, again and again.
static const char *restless(const struct toy_net *net)
{
	for (uint32_t i = 0; i < net->actors_count; i++) {
		if (net->actors[i].timeout_ms(net->actors[i].arg) == 0)
			return net->actors[i].process == client_process ? "a client" : "a backend";
	}
	return "the network";
}

bool toy_net_until(struct toy_net *net, uint64_t us, bool (*done)(void *arg), void *arg)
{
	const uint64_t until_us = net->now_us + us;
	uint32_t spins = 0;

	while (net->now_us < until_us) {
		if (done && done(arg))
			return true;
		spins = turn(net, until_us) ? 0 : spins + 1;
		cr_assert(spins < SPINS_MAX, "does not come to rest: %s", restless(net));
	}
	return done && done(arg);
}

void toy_net_run(struct toy_net *net, uint64_t us)
{
	toy_net_until(net, us, NULL, NULL);
}

// ---- Who acts ------------------------------------------------------------------------------

static void actor_add(struct toy_net *net, void (*process)(void *), int (*timeout_ms)(const void *),
		      void *arg)
{
	cr_assert(net->actors_count < TOY_ACTORS_MAX);
	net->actors[net->actors_count++] = (struct toy_actor){process, timeout_ms, arg};
}

static void actor_remove(struct toy_net *net, const void *arg)
{
	for (uint32_t i = 0; i < net->actors_count; i++) {
		if (net->actors[i].arg != arg)
			continue;
		memmove(&net->actors[i], &net->actors[i + 1],
			(--net->actors_count - i) * sizeof(net->actors[0]));
		return;
	}
}

struct holdfast_client *toy_net_client(struct toy_net *net,
				       const struct holdfast_client_options *options)
{
	struct holdfast_client *client = holdfast_client_create(options);

	cr_assert(client);
	net_io(net, &client->io); // before anything was opened
	actor_add(net, client_process, client_timeout_ms, client);
	return client;
}

struct holdfast_backend *toy_net_backend(struct toy_net *net,
					 const struct holdfast_backend_options *options)
{
	struct holdfast_backend *backend = holdfast_backend_create(options);

	cr_assert(backend);
	net_io(net, &backend->io); // before anything was opened
	actor_add(net, backend_process, backend_timeout_ms, backend);
	return backend;
}

void toy_net_client_end(struct toy_net *net, struct holdfast_client *client)
{
	actor_remove(net, client);
	holdfast_client_destroy(client);
}

void toy_net_backend_end(struct toy_net *net, struct holdfast_backend *backend)
{
	actor_remove(net, backend);
	holdfast_backend_destroy(backend);
}
