// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/steer.h"

#include <string.h>

#include "dataplane/attempt.h"
#include "dataplane/closing.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/detaching.h"
#include "dataplane/errand.h"
#include "dataplane/forward.h"
#include "dataplane/hello.h"
#include "dataplane/link.h"
#include "dataplane/opening.h"
#include "dataplane/shared.h"
#include "dataplane/unknown.h"
#include "dataplane/worker.h"

static enum drop drop_of(enum frame_fault fault)
{
	static const enum drop reasons[] = {
	    [FRAME_SHORT] = DROP_frame_short,     [FRAME_VERSION] = DROP_frame_version,
	    [FRAME_TYPE] = DROP_frame_type,       [FRAME_FLAGS] = DROP_frame_flags,
	    [FRAME_CHANNEL] = DROP_frame_channel, [FRAME_HANDLE] = DROP_frame_handle,
	    [FRAME_BODY] = DROP_frame_body,
	};

	return reasons[fault];
}

static bool carries_data(uint8_t type)
{
	return type == WIRE_DATA || type == WIRE_ACK || type == WIRE_NAK || type == WIRE_DATAGRAM;
}

// Frames that need no session. Returns whether the packet was taken.
static bool sessionless_take(struct worker *worker, struct rte_mbuf *mbuf, struct frame *frame,
			     enum frame_fault fault)
{
	const bool hello = frame->type == WIRE_HELLO && mbuf->data_len >= WIRE_HELLO_FIXED_BYTES &&
			   (fault == FRAME_OK || fault == FRAME_VERSION);

	if (fault == FRAME_SHORT || (fault != FRAME_OK && !hello))
		packet_drop(worker, mbuf, drop_of(fault));
	else if (hello)
		hello_take(worker, mbuf, frame, fault);
	else if (!frame_legal_from(frame->type, FRAME_FROM_CLIENT) &&
		 !frame_legal_from(frame->type, FRAME_FROM_BACKEND))
		packet_drop(worker, mbuf, DROP_wrong_side);
	else if (session_handle_slot(frame->handle) >= worker->sessions->capacity)
		link_frame(worker, mbuf, frame);
	else
		return false;
	return true;
}

// Finds out which endpoint of the session sent a packet. Returns false: neither.
static bool side_find(struct worker *worker, uint32_t slot, const struct frame *frame,
		      const struct path *path, enum frame_side *side)
{
	const struct session *session = &worker->sessions->hot[slot];
	uint32_t lane;

	if (address_equal(&path->peer, &session->path.peer) && path->local == session->path.local) {
		*side = FRAME_FROM_CLIENT;
		return true;
	}
	*side = FRAME_FROM_BACKEND;
	return frame->channel < session->channels &&
	       link_lane_heard(worker,
			       session_table_backend(worker->sessions, slot, frame->channel), path,
			       &lane);
}

// Another router or card answers for the client.
static __rte_noinline void client_mac_change(struct session *session, const struct path *path)
{
	session_change_begin(session);
	shared_store(session->path.mac, path->mac, sizeof(path->mac));
	session_change_end(session);
}

// A valid frame came from the client's path.
static void client_heard(struct worker *worker, uint32_t slot, const struct path *path)
{
	struct session *session = &worker->sessions->hot[slot];

	__atomic_store_n(&session->heard_ms, worker_path_ms(worker, path), __ATOMIC_RELAXED);
	if ((session->flags & SESSION_FLAG_ASKED) != 0)
		session_flags_change(session, SESSION_FLAG_ASKED, 0);
	if (unlikely(memcmp(session->path.mac, path->mac, sizeof(path->mac)) != 0))
		client_mac_change(session, path);
}

// What an OPENING or CLOSING session, or a detached client, may still say.
static bool state_takes(const struct session *session, uint8_t type, enum frame_side side)
{
	const uint32_t ends = 1u << WIRE_CLOSE | 1u << WIRE_CLOSE_ACK | 1u << WIRE_UNKNOWN;

	switch (session->state) {
	case SESSION_CONNECTED:
		return true;
	case SESSION_DETACHED:
		return side == FRAME_FROM_BACKEND;
	case SESSION_OPENING:
		return side == FRAME_FROM_BACKEND &&
		       (1u << type & (ends | 1u << WIRE_OPEN_ACK)) != 0;
	default:
		return (1u << type & ends) != 0;
	}
}

static void event_ack(struct worker *worker, const struct steered *in)
{
	errand_event_ack(worker, in->slot, in->from, in->frame.aux);
	packet_consume(worker, in->mbuf);
}

// A frame from an endpoint that is neither data nor out of place.
static void session_take(struct worker *worker, const struct steered *in)
{
	switch (in->frame.type) {
	case WIRE_OPEN_ACK:
		opening_ack(worker, in->mbuf, in->slot, &in->frame);
		break;
	case WIRE_EVENT_ACK:
		event_ack(worker, in);
		break;
	case WIRE_CLOSE:
		closing_close(worker, in->mbuf, in->slot, in->from, &in->frame);
		break;
	case WIRE_CLOSE_ACK:
		closing_close_ack(worker, in->mbuf, in->slot, in->from);
		break;
	case WIRE_UNKNOWN:
		closing_unknown(worker, in->mbuf, in->slot, in->from);
		break;
	case WIRE_SLEEP:
		detaching_sleep(worker, in->mbuf, in->slot);
		break;
	case WIRE_HEARTBEAT_ACK: // heard already
		if (in->from == FRAME_FROM_CLIENT)
			worker_round_trip(worker, HISTOGRAM_heartbeat_round_trip, in->frame.body);
		packet_consume(worker, in->mbuf);
		break;
	default:
		packet_consume(worker, in->mbuf);
	}
}

// A frame of a session that is this worker's, from neither of its endpoints' addresses.
static void stranger_take(struct worker *worker, const struct steered *in)
{
	if (in->frame.type == WIRE_CONFIRM &&
	    opening_confirm(worker, in->mbuf, in->slot, &in->frame))
		return;
	if (opening_pending_path(worker, in->slot, in->mbuf) ||
	    (in->frame.channel < worker->sessions->hot[in->slot].channels &&
	     link_lane_pending(worker,
			       session_table_backend(worker->sessions, in->slot, in->frame.channel),
			       &packet_of(in->mbuf)->path)))
		packet_drop(worker, in->mbuf, DROP_unconfirmed);
	else
		unknown_answer(worker, in->mbuf, &in->frame, DROP_not_on_path);
}

// Gives a session to the worker where its client's frames land since it resumed. Returns whether
// the packet went along.
static bool follow_flow(struct worker *worker, const struct steered *in)
{
	const uint8_t landed = packet_of(in->mbuf)->landed;

	if ((worker->sessions->hot[in->slot].flags & SESSION_FLAG_MOVE) == 0)
		return false;
	if (landed == worker->index || !detaching_move(worker, in->slot, landed))
		return false;
	worker_hand_over(worker, in->mbuf, landed);
	return true;
}

// Judges a frame of a session that is this worker's. Returns whether it is one to forward.
static bool owned_take(struct worker *worker, struct steered *in)
{
	const struct session *session = &worker->sessions->hot[in->slot];
	const struct path *path = &packet_of(in->mbuf)->path;

	if (!side_find(worker, in->slot, &in->frame, path, &in->from)) {
		stranger_take(worker, in);
		return false;
	}
	if (!frame_legal_from(in->frame.type, in->from)) {
		packet_drop(worker, in->mbuf, DROP_wrong_side);
		return false;
	}
	if (in->frame.type == WIRE_CONFIRM) {
		// One that is repeated shows that its client is there.
		if (in->from == FRAME_FROM_CLIENT && session->state == SESSION_CONNECTED &&
		    frame_decode_confirm(&in->frame) == session->epoch)
			client_heard(worker, in->slot, path);
		if (!opening_confirm(worker, in->mbuf, in->slot, &in->frame))
			unknown_answer(worker, in->mbuf, &in->frame, DROP_hello_malformed);
		return false;
	}
	if (!state_takes(session, in->frame.type, in->from)) {
		if (session->state == SESSION_DETACHED)
			unknown_answer(worker, in->mbuf, &in->frame, DROP_not_connected);
		else
			packet_drop(worker, in->mbuf,
				    session->state == SESSION_OPENING &&
					    in->from == FRAME_FROM_CLIENT
					? DROP_unconfirmed
					: DROP_not_connected);
		return false;
	}
	if (in->frame.channel >= session->channels) {
		packet_drop(worker, in->mbuf, DROP_frame_channel);
		return false;
	}
	if (in->from == FRAME_FROM_CLIENT) {
		client_heard(worker, in->slot, path);
		if (follow_flow(worker, in))
			return false;
	}
	if (carries_data(in->frame.type))
		return true;
	session_take(worker, in);
	return false;
}

void steer_burst(struct worker *worker, struct rte_mbuf **frames, uint32_t count)
{
	struct session_table *sessions = worker->sessions;
	struct steered in[BURST_MAX];
	enum frame_fault faults[BURST_MAX];

	// Headers first, so that the sessions' lines are on their way while the burst is decoded.
	for (uint32_t i = 0; i < count; i++) {
		in[i].mbuf = frames[i];
		in[i].frame.type = 0;
		faults[i] =
		    frame_decode(packet_frame(frames[i]), frames[i]->data_len, &in[i].frame);

		const uint32_t slot = session_handle_slot(in[i].frame.handle);

		if (faults[i] == FRAME_OK && slot < sessions->capacity) {
			rte_prefetch0(&sessions->hot[slot]);
			rte_prefetch0(&sessions->hot[slot].channel);
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		if (sessionless_take(worker, in[i].mbuf, &in[i].frame, faults[i]))
			continue;
		in[i].slot = session_table_lookup(sessions, in[i].frame.handle);
		if (in[i].slot == SESSION_NONE) {
			unknown_answer(worker, in[i].mbuf, &in[i].frame, DROP_unknown_handle);
			continue;
		}

		const uint8_t owner = session_table_owner(sessions, in[i].slot);

		if (owner != worker->index)
			worker_hand_over(worker, in[i].mbuf, owner);
		else if (owned_take(worker, &in[i]))
			forward_burst(worker, &in[i], 1);
	}
}
