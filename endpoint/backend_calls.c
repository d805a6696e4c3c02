// SPDX-License-Identifier: BSD-3-Clause
// What an application asks of a session, and what it wants to know.
#include <errno.h>
#include <string.h>

#include "endpoint/backend_state.h"
#include "endpoint/tally.h"

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
