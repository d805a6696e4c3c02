// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/unknown.h"

#include <string.h>

#include "dataplane/limiter.h"
#include "dataplane/reply.h"
#include "dataplane/worker.h"

static bool answered(uint8_t type)
{
	const uint32_t types = 1u << WIRE_DATA | 1u << WIRE_ACK | 1u << WIRE_NAK |
			       1u << WIRE_DATAGRAM | 1u << WIRE_HEARTBEAT_ACK |
			       1u << WIRE_EVENT_ACK | 1u << WIRE_CLOSE | 1u << WIRE_SLEEP |
			       1u << WIRE_CONFIRM;

	return (types & 1u << type) != 0;
}

// The address with its port: many clients of one NAT have a limit each; all of them together are
// bounded by the places of the limiter.
static uint64_t source_key(const struct address *peer)
{
	uint64_t halves[2];

	memcpy(halves, peer->ip, sizeof(halves));
	return (halves[0] * UINT64_C(0x9e3779b97f4a7c15) ^ halves[1]) + peer->port;
}

void unknown_answer(struct worker *worker, struct rte_mbuf *mbuf, const struct frame *frame,
		    enum drop reason)
{
	const struct path *path = &packet_of(mbuf)->path;

	if (answered(frame->type) && frame->handle != 0 &&
	    limiter_pass(worker->unknown_limit, source_key(&path->peer), worker->clock.passed_ms))
		reply_bare(worker, path, WIRE_UNKNOWN, frame->handle, 0);
	packet_drop(worker, mbuf, reason);
}
