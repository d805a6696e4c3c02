// SPDX-License-Identifier: BSD-3-Clause
// The backend's public calls and its clockwork.
#include "holdfast/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/backend_state.h"
#include "endpoint/tally.h"

enum {
	POOL_KEPT_BYTES = 32 << 20,
	RECEIVE_PACKETS = 32,
	RECEIVE_ROUNDS = 4, // of so many packets, of each lane in one call
	RUNS_MAX = 1024,    // sessions run by their deadline in one call
	SOCKET_BYTES_DEFAULT = 4 << 20,
};

void holdfast_backend_options_init(struct holdfast_backend_options *options, size_t size)
{
	memset(options, 0, size);
	options->size = size;
	options->frame_max = WIRE_FRAME_MAX_DEFAULT;
	options->window = WIRE_WINDOW_DEFAULT;
	options->message_max = WIRE_MESSAGE_MAX_DEFAULT;
	options->soft_frames = STREAM_SOFT_FRAMES_DEFAULT;
	options->soft_bytes = STREAM_SOFT_BYTES_DEFAULT;
	options->hard_factor = STREAM_HARD_FACTOR_DEFAULT;
	options->socket_bytes = SOCKET_BYTES_DEFAULT;
}

static bool name_keep(char *kept, const char *text)
{
	const size_t len = text != NULL ? strlen(text) : 0;

	if (len == 0 || len > WIRE_NAME_MAX)
		return false;
	memcpy(kept, text, len + 1);
	return true;
}

// Whether a HELLO has room for everything. Returns 0, -EINVAL or -ENOMEM.
static int hello_try(struct backend_link *link)
{
	struct backend_lane lane = {.state = LANE_FREE};
	const int rc = backend_greet(link, &lane);

	greeting_end(&lane.greeting);
	return rc == -ENOSPC ? -EINVAL : rc;
}

static int options_keep(struct holdfast_backend *backend)
{
	const struct holdfast_backend_options *options = &backend->options;
	struct stream_settings settings;

	backend_stream_settings(backend, 0, &settings);
	if (options->gateways_count == 0 || options->gateways_count > HOLDFAST_GATEWAYS_MAX ||
	    !name_keep(backend->service, options->service) ||
	    !name_keep(backend->name, options->name) || options->on_message == NULL ||
	    options->frame_max < 256 || options->frame_max > WIRE_FRAME_MAX_LIMIT ||
	    options->token_bytes > WIRE_OPTIONS_BYTES_MAX || !stream_settings_valid(&settings) ||
	    (options->bind != NULL && peer_address_parse(options->bind, 0, &backend->local) != 0))
		return -EINVAL;
	if (options->token_bytes > 0)
		memcpy(backend->token, options->token, options->token_bytes);
	for (uint32_t i = 0; i < options->gateways_count; i++) {
		struct backend_link *link = &backend->links[i];

		link->backend = backend;
		link->index = i;
		link->frame_max = options->frame_max;
		if (peer_address_parse(options->gateways[i], WIRE_PORT_DEFAULT, &link->gateway) !=
		    0)
			return -EINVAL;
		backend_link_start(link);
		backend->links_count++;
	}
	return hello_try(&backend->links[0]);
}

struct holdfast_backend *holdfast_backend_create(const struct holdfast_backend_options *options)
{
	struct holdfast_backend *backend = calloc(1, sizeof(*backend));
	int rc;

	if (backend == NULL)
		return NULL;
	holdfast_backend_options_init(&backend->options, sizeof(backend->options));
	memcpy(&backend->options, options,
	       options->size < sizeof(*options) ? options->size : sizeof(*options));
	pool_init(&backend->pool, POOL_KEPT_BYTES);
	journal_init(&backend->journal, backend->options.on_log, backend->options.context);
	journal_init(&backend->sessions, backend->options.on_log, backend->options.context);
	rc = sockets_init(&backend->sockets, backend->options.socket_bytes);
	if (rc == 0) {
		sockets_bind(&backend->sockets, &backend->io);
		backend->secret[0] = sockets_random64(&backend->io);
		backend->secret[1] = sockets_random64(&backend->io);
		backend->instance = backend->options.instance != 0 ? backend->options.instance
								   : sockets_random64(&backend->io);
		rc = options_keep(backend);
		if (rc == 0)
			return backend;
		sockets_fini(&backend->sockets);
	}
	pool_fini(&backend->pool);
	free(backend);
	errno = -rc;
	return NULL;
}

static void sessions_free(struct holdfast_backend *backend)
{
	for (uint32_t i = 0; i < backend->by_id.room;) {
		// Removal moves what stands behind to the front: the same place again.
		if (backend->by_id.entries[i].value != NULL)
			backend_session_free(backend->by_id.entries[i].value);
		else
			i++;
	}
}

void holdfast_backend_destroy(struct holdfast_backend *backend)
{
	if (backend == NULL)
		return;
	sessions_free(backend);
	for (uint32_t i = 0; i < backend->links_count; i++) {
		backend->links[i].state = LINK_STOPPED;
		backend_link_close(&backend->links[i]);
	}
	heap_fini(&backend->timers);
	id_table_fini(&backend->by_handle);
	id_table_fini(&backend->by_id);
	sockets_fini(&backend->sockets);
	pool_fini(&backend->pool);
	free(backend);
}

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

// Has the session run with the next process call.
static void soon(struct holdfast_session *session)
{
	heap_set(&session->backend->timers, &session->timer, 0);
}

int holdfast_backend_send(struct holdfast_session *session, const void *bytes, uint32_t len,
			  uint64_t tag)
{
	int rc;

	if (session->ending)
		return -EPIPE;
	rc = stream_send(session->stream, bytes, len, tag);
	if (stream_above_soft_mark(session->stream))
		session->above = true;
	if (rc == 0)
		soon(session);
	return rc;
}

bool holdfast_backend_writable(const struct holdfast_session *session)
{
	return !stream_above_soft_mark(session->stream);
}

int holdfast_backend_datagram(struct holdfast_session *session, const void *bytes, uint32_t len)
{
	const struct frame header = {
	    .type = WIRE_DATAGRAM, .channel = session->channel, .handle = session->handle};

	if (len > session->link->frame_max - WIRE_HEADER_BYTES)
		return -EMSGSIZE;
	if (session->detached)
		return -ENOTCONN;
	backend_say(session->link, session->lane, &header, bytes, len);
	session->backend->stats.counters.datagrams_sent++;
	return 0;
}

void holdfast_backend_continue(struct holdfast_session *session)
{
	session->held = false;
	soon(session);
}

void holdfast_backend_end(struct holdfast_session *session, uint16_t code, uint32_t flush_ms)
{
	const uint64_t until_us = session->backend->now_us + (uint64_t)flush_ms * 1000;

	if (!session->ending || until_us < session->flush_until_us)
		session->flush_until_us = until_us;
	if (!session->ending)
		session->end_code = code != 0 ? code : HOLDFAST_NORMAL;
	session->ending = true;
	soon(session);
}

void holdfast_backend_set_context(struct holdfast_session *session, void *context)
{
	session->context = context;
}

void *holdfast_backend_context(const struct holdfast_session *session)
{
	return session->context;
}

void holdfast_backend_info(const struct holdfast_session *session,
			   struct holdfast_session_info *info, size_t size)
{
	struct holdfast_session_info all = {
	    .handle = session->handle,
	    .epoch = session->epoch,
	    .channel = session->channel,
	    .detached = session->detached,
	    .client = session->client,
	    .meta = session->meta,
	    .meta_bytes = session->meta_bytes,
	    .backend = session->backend,
	};
	struct stream_view view;

	stream_view(session->stream, &view);
	memcpy(all.session, session->id, sizeof(all.session));
	all.rtt_us = view.rtt_us;
	all.queued_frames = view.frames_queued;
	all.queued_bytes = view.bytes_queued;
	memcpy(info, &all, size < sizeof(all) ? size : sizeof(all));
}

void holdfast_backend_stats(const struct holdfast_backend *backend,
			    struct holdfast_backend_stats *stats, size_t size)
{
	struct holdfast_backend_stats all = backend->stats;

	all.sessions = backend->sessions_count;
	for (uint32_t i = 0; i < backend->links_count; i++) {
		all.links += backend->links[i].state == LINK_REGISTERED;
		for (uint32_t lane = 0; lane < BACKEND_LANES_MAX; lane++)
			all.lanes += backend->links[i].lanes[lane].state == LANE_LIVE;
	}
	for (uint32_t i = 0; i < backend->by_id.room; i++) {
		const struct holdfast_session *session = backend->by_id.entries[i].value;

		if (session != NULL)
			tally_add(&all.counters, session->stream);
	}
	memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
}
