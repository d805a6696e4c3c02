// SPDX-License-Identifier: BSD-3-Clause
// The backend's clockwork: what happens in a turn of the event loop, and when the next one is due.
#include <errno.h>

#include "endpoint/backend_state.h"

enum {
	RECEIVE_PACKETS = 32,
	RECEIVE_ROUNDS = 4, // of so many packets, of each lane in one call
	RUNS_MAX = 1024,    // sessions run by their deadline in one call
};

int holdfast_backend_fd(const struct holdfast_backend *backend)
{
	return backend->sockets.epoll;
}

// Nobody here under this handle; not too often.
static void unknown_say(struct backend_link *link, uint32_t lane, const struct frame *frame)
{
	const struct frame header = {.type = WIRE_UNKNOWN, .handle = frame->handle};
	struct holdfast_backend *backend = link->backend;

	if (frame->type != WIRE_DATA && frame->type != WIRE_ACK && frame->type != WIRE_NAK &&
	    frame->type != WIRE_DATAGRAM && frame->type != WIRE_CLOSE)
		return;
	if (backend->now_us - backend->unknown_us < BACKEND_UNKNOWN_US / 100)
		return;
	backend->unknown_us = backend->now_us;
	backend->stats.unknown_sent++;
	backend_say(link, lane, &header, NULL, 0);
}

// The gateway does not know a session. If it has started anew it does not know the link either: an
// ACK under the link's handle makes it say so at once.
static void link_ask(struct backend_link *link, uint32_t lane)
{
	const struct frame header = {.type = WIRE_ACK, .handle = link->handle};

	if (link->backend->now_us - link->asked_us < BACKEND_ASK_US)
		return;
	link->asked_us = link->backend->now_us;
	backend_say(link, lane, &header, NULL, 0);
}

static void frame_take(struct backend_link *link, uint32_t lane, const uint8_t *bytes, uint32_t len)
{
	struct holdfast_backend *backend = link->backend;
	struct frame frame;

	if (frame_decode(bytes, len, &frame) != FRAME_OK ||
	    !frame_legal_from(frame.type, FRAME_FROM_GATEWAY)) {
		backend->stats.counters.frames_ignored++;
		return;
	}
	if (link->lanes[lane].state != LANE_LIVE || frame.handle == link->handle ||
	    frame.type == WIRE_WELCOME || frame.type == WIRE_RETRY || frame.type == WIRE_REJECT) {
		backend_link_frame(link, lane, &frame);
		if (link->lanes[lane].state != LANE_LIVE || frame.handle == link->handle)
			return;
	}
	if (frame.type == WIRE_UNKNOWN)
		link_ask(link, lane);
	else
		link->lanes[lane].heard_us = backend->now_us;
	if (frame.type == WIRE_OPEN) {
		backend_session_open(link, lane, &frame);
		return;
	}
	if (!backend_sessions_frame(link, lane, &frame))
		unknown_say(link, lane, &frame);
}

static void lane_receive(struct backend_link *link, uint32_t index, uint8_t *bytes, uint32_t room)
{
	struct holdfast_backend *backend = link->backend;
	const struct backend_lane *lane = &link->lanes[index];

	for (int round = 0; round < RECEIVE_ROUNDS && lane->state != LANE_FREE; round++) {
		struct sockets_packet packets[RECEIVE_PACKETS];
		int count;

		for (uint32_t i = 0; i < RECEIVE_PACKETS; i++)
			packets[i] = (struct sockets_packet){bytes + i * (size_t)room, room};
		count = backend->io.ops->receive(backend->io.sockets, lane->socket, packets,
						 RECEIVE_PACKETS);
		for (int i = 0; i < count && lane->state != LANE_FREE; i++)
			frame_take(link, index, packets[i].bytes, packets[i].len);
		if (count < RECEIVE_PACKETS)
			return;
	}
}

static void receive(struct holdfast_backend *backend)
{
	const uint32_t room = WIRE_FRAME_MAX_LIMIT;
	uint8_t *bytes = pool_take(&backend->pool, RECEIVE_PACKETS * (size_t)room, NULL);

	if (bytes == NULL)
		return;
	for (uint32_t i = 0; i < backend->links_count; i++) {
		for (uint32_t lane = 0; lane < BACKEND_LANES_MAX; lane++)
			lane_receive(&backend->links[i], lane, bytes, room);
	}
	pool_give(&backend->pool, bytes, RECEIVE_PACKETS * (size_t)room);
}

static void sessions_run(struct holdfast_backend *backend)
{
	for (uint32_t i = 0; i < RUNS_MAX; i++) {
		struct heap_node *node = heap_first(&backend->timers);

		if (node == NULL || node->due_us > backend->now_us)
			return;
		// The timer is the first member.
		backend_session_run((struct holdfast_session *)(void *)node);
	}
}

static bool all_flushed(const struct holdfast_backend *backend)
{
	for (uint32_t i = 0; i < backend->by_id.room; i++) {
		const struct holdfast_session *session = backend->by_id.entries[i].value;

		if (session != NULL && !session->detached && !stream_flushed(session->stream))
			return false;
	}
	return true;
}

static void closing_poll(struct holdfast_backend *backend)
{
	if (backend->closed || (backend->now_us < backend->close_until_us && !all_flushed(backend)))
		return;
	for (uint32_t i = 0; i < backend->links_count; i++)
		backend_link_close(&backend->links[i]);
	backend->closed = true;
	if (backend->options.on_closed != NULL)
		backend->options.on_closed(backend->options.context, backend);
}

void holdfast_backend_process(struct holdfast_backend *backend)
{
	if (backend->closed)
		return;
	backend->now_us = sockets_now_us(&backend->io);
	receive(backend);
	sessions_run(backend);
	for (uint32_t i = 0; i < backend->links_count; i++)
		backend_link_poll(&backend->links[i]);
	if (backend->closing)
		closing_poll(backend);
}

int holdfast_backend_timeout_ms(const struct holdfast_backend *backend)
{
	const struct heap_node *first = heap_first(&backend->timers);
	const uint64_t now = sockets_now_us(&backend->io);
	uint64_t due = first != NULL ? first->due_us : HEAP_NEVER;

	if (backend->closed)
		return HOLDFAST_FOREVER;
	if (backend->closing)
		return 1;
	for (uint32_t i = 0; i < backend->links_count; i++) {
		const uint64_t link_us = backend_link_due_us(&backend->links[i]);

		due = link_us < due ? link_us : due;
	}
	if (due == HEAP_NEVER)
		return HOLDFAST_FOREVER;
	if (due <= now)
		return 0;
	return due - now > UINT64_C(3600000000) ? 3600000 : (int)((due - now + 999) / 1000);
}

int holdfast_backend_wait(struct holdfast_backend *backend, int timeout_ms)
{
	const int own_ms = holdfast_backend_timeout_ms(backend);
	const bool sooner = own_ms >= 0 && (timeout_ms < 0 || own_ms <= timeout_ms);

	if (backend->closed)
		return -EPIPE;
	if (!sockets_wait(&backend->sockets, sooner ? own_ms : timeout_ms) && !sooner)
		return -ETIMEDOUT;
	holdfast_backend_process(backend);
	return 0;
}

void holdfast_backend_close(struct holdfast_backend *backend, uint32_t flush_ms)
{
	const uint64_t until_us = sockets_now_us(&backend->io) + (uint64_t)flush_ms * 1000;

	if (!backend->closing || until_us < backend->close_until_us)
		backend->close_until_us = until_us;
	backend->closing = true;
}

bool holdfast_backend_closed(const struct holdfast_backend *backend)
{
	return backend->closed;
}

void holdfast_backend_retry(struct holdfast_backend *backend)
{
	for (uint32_t i = 0; i < backend->links_count; i++) {
		reconnect_reset(&backend->links[i].reconnect);
		backend->links[i].attempt_us = 0;
	}
}
