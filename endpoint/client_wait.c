// SPDX-License-Identifier: BSD-3-Clause
// The client's blocking calls.
#include <errno.h>
#include <string.h>

#include "endpoint/client_state.h"

// Milliseconds left until a deadline (0: none); HOLDFAST_FOREVER without one.
static int left_ms(const struct holdfast_client *client, uint64_t until_us)
{
	const uint64_t now = sockets_now_us(&client->io);

	if (until_us == 0)
		return HOLDFAST_FOREVER;
	return now >= until_us ? 0 : (int)((until_us - now + 999) / 1000);
}

static uint64_t deadline_us(const struct holdfast_client *client, int timeout_ms)
{
	return timeout_ms < 0 ? 0 : sockets_now_us(&client->io) + (uint64_t)timeout_ms * 1000;
}

int holdfast_client_wait(struct holdfast_client *client, int timeout_ms)
{
	const int own_ms = holdfast_client_timeout_ms(client);
	const bool sooner = own_ms >= 0 && (timeout_ms < 0 || own_ms <= timeout_ms);

	if (client->state == HOLDFAST_CLIENT_CLOSED)
		return -EPIPE;
	if (!sockets_wait(&client->sockets, sooner ? own_ms : timeout_ms) && !sooner)
		return -ETIMEDOUT;
	holdfast_client_process(client);
	return 0;
}

// Runs the client until done(client) or the deadline.
static int wait_until(struct holdfast_client *client, uint64_t until_us,
		      bool (*done)(const struct holdfast_client *client))
{
	while (!done(client)) {
		const int wait_ms = left_ms(client, until_us);

		if (client->state == HOLDFAST_CLIENT_CLOSED)
			return -EPIPE;
		if (wait_ms == 0)
			return -ETIMEDOUT;
		holdfast_client_wait(client, wait_ms);
	}
	return 0;
}

static bool connected(const struct holdfast_client *client)
{
	return client->state == HOLDFAST_CLIENT_CONNECTED;
}

static bool closed(const struct holdfast_client *client)
{
	return client->state == HOLDFAST_CLIENT_CLOSED;
}

int holdfast_client_connect_wait(struct holdfast_client *client, int timeout_ms)
{
	const int rc = holdfast_client_connect(client);

	return rc != 0 ? rc : wait_until(client, deadline_us(client, timeout_ms), connected);
}

int holdfast_client_send_wait(struct holdfast_client *client, uint8_t channel, const void *bytes,
			      uint32_t len, uint64_t tag, int timeout_ms)
{
	const uint64_t until_us = deadline_us(client, timeout_ms);
	int rc;

	while ((rc = holdfast_client_send(client, channel, bytes, len, tag)) == -EAGAIN) {
		const int wait_ms = left_ms(client, until_us);

		if (wait_ms == 0)
			return -ETIMEDOUT;
		holdfast_client_wait(client, wait_ms);
	}
	return rc;
}

int holdfast_client_receive(struct holdfast_client *client, uint8_t *channel, void *bytes,
			    uint32_t room, int timeout_ms)
{
	const uint64_t until_us = deadline_us(client, timeout_ms);
	struct holdfast_message message;

	while (!holdfast_client_peek(client, &message)) {
		const int wait_ms = left_ms(client, until_us);

		if (client->state == HOLDFAST_CLIENT_CLOSED)
			return -EPIPE;
		if (wait_ms == 0)
			return -ETIMEDOUT;
		holdfast_client_wait(client, wait_ms);
	}
	if (message.len > room)
		return -EMSGSIZE;
	if (message.len > 0)
		memcpy(bytes, message.bytes, message.len);
	if (channel != NULL)
		*channel = message.channel;
	holdfast_client_consume(client);
	return (int)message.len;
}

int holdfast_client_flush(struct holdfast_client *client, int timeout_ms)
{
	return wait_until(client, deadline_us(client, timeout_ms), client_flushed);
}

int holdfast_client_close_wait(struct holdfast_client *client, int timeout_ms)
{
	const uint32_t flush_ms = timeout_ms < 0 ? UINT32_MAX : (uint32_t)timeout_ms;

	if (client->state == HOLDFAST_CLIENT_CLOSED)
		return -EPIPE;
	holdfast_client_close(client, flush_ms);
	while (!closed(client))
		holdfast_client_wait(client, HOLDFAST_FOREVER);
	if (client->code != HOLDFAST_NORMAL)
		return -EPIPE;
	return client->stats.counters.messages_returned == 0 ? 0 : -ETIMEDOUT;
}
