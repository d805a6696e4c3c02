// SPDX-License-Identifier: BSD-3-Clause
// A lane: the socket that a link has to one worker of its gateway.
#include <string.h>

#include "endpoint/backend_state.h"

enum { OUTGOING_BYTES = 64 * 1024 };

static const struct sockets_io *io_of(const struct backend_link *link)
{
	return &link->backend->io;
}

void backend_say(struct backend_link *link, uint32_t lane, const struct frame *header,
		 const uint8_t *body, uint32_t body_bytes)
{
	struct backend_lane *over = &link->lanes[lane];
	uint8_t *bytes;

	if (over->state == LANE_FREE)
		return;
	bytes = outgoing_place(&over->outgoing, io_of(link), over->socket,
			       WIRE_HEADER_BYTES + body_bytes);
	if (bytes == NULL)
		return;
	frame_encode_header(header, bytes);
	if (body_bytes > 0)
		memcpy(bytes + WIRE_HEADER_BYTES, body, body_bytes);
	outgoing_add(&over->outgoing, WIRE_HEADER_BYTES + body_bytes);
}

void backend_lane_close(struct backend_link *link, struct backend_lane *lane)
{
	if (lane->state == LANE_FREE)
		return;
	greeting_end(&lane->greeting);
	outgoing_flush(&lane->outgoing, io_of(link), lane->socket);
	outgoing_fini(&lane->outgoing);
	io_of(link)->ops->close(link->backend->io.sockets, lane->socket);
	lane->state = LANE_FREE;
}

void backend_lanes_close(struct backend_link *link)
{
	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++)
		backend_lane_close(link, &link->lanes[i]);
}

int backend_greet(struct backend_link *link, struct backend_lane *lane)
{
	const struct holdfast_backend *backend = link->backend;
	struct handshake block = {
	    .epoch = link->epoch, .role = WIRE_ROLE_BACKEND, .lane = link->last_number};
	const bool token = backend->options.token_bytes > 0;
	const struct options options = {
	    .present = OPTIONS_SERVICE | OPTIONS_BACKEND | OPTIONS_INSTANCE | OPTIONS_CAPACITY |
		       OPTIONS_AGENT | (token ? OPTIONS_TOKEN : 0),
	    .token = {(const char *)backend->token, backend->options.token_bytes},
	    .service = options_text(backend->service),
	    .backend = options_text(backend->name),
	    .instance = backend->instance,
	    .capacity = backend->options.capacity,
	    .agent = options_text("libholdfast/0.1.0"),
	};

	memcpy(block.session, link->id, sizeof(block.session));
	return greeting_begin(&lane->greeting, &block, link->handle != 0, &options,
			      backend->options.frame_max, backend->now_us);
}

// Opens a socket and says HELLO with the next lane number. Returns 0 or -errno.
int backend_lane_open(struct backend_link *link, struct backend_lane *lane)
{
	struct holdfast_backend *backend = link->backend;
	int rc = backend->io.ops->open(backend->io.sockets, &link->gateway, &backend->local);

	if (rc < 0)
		return rc;
	*lane = (struct backend_lane){.socket = rc, .number = link->last_number};
	rc = outgoing_init(&lane->outgoing, OUTGOING_BYTES);
	if (rc == 0)
		rc = backend_greet(link, lane);
	if (rc != 0) {
		outgoing_fini(&lane->outgoing);
		backend->io.ops->close(backend->io.sockets, lane->socket);
		return rc;
	}
	link->last_number++;
	lane->state = LANE_OPENING;
	lane->heard_us = backend->now_us;
	lane->give_up_us = backend->now_us + reconnect_timeout_us(&link->reconnect);
	return 0;
}

bool backend_lane_serves(const struct backend_link *link, uint32_t worker)
{
	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++) {
		if (link->lanes[i].state == LANE_LIVE && link->lanes[i].worker == worker)
			return true;
	}
	return false;
}

void backend_lane_poll(struct backend_link *link, struct backend_lane *lane)
{
	const uint64_t now = link->backend->now_us;

	if (lane->outgoing.full)
		outgoing_retry(&lane->outgoing, io_of(link), lane->socket);
	if (lane->outgoing.trouble != 0 ||
	    (lane->state == LANE_OPENING && now >= lane->give_up_us) ||
	    (lane->state == LANE_LIVE && now - lane->heard_us >= link->silence_us)) {
		backend_lane_close(link, lane);
		link->lanes_told = false;
		return;
	}
	while (greeting_due_us(&lane->greeting) <= now) {
		const uint32_t room = link->backend->options.frame_max;
		uint8_t *bytes = outgoing_place(&lane->outgoing, io_of(link), lane->socket, room);
		const uint32_t len =
		    bytes != NULL ? greeting_transmit(&lane->greeting, bytes, room, now) : 0;

		if (len == 0)
			return;
		outgoing_add(&lane->outgoing, len);
	}
}
