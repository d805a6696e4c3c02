// SPDX-License-Identifier: BSD-3-Clause
// Frames that a worker makes itself: each function builds one in a fresh packet and sends it.
//
// Worker; not on the path of every frame. Where no packet is left nothing is sent, counted as
// unmade: everything that matters is repeated by somebody.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/attempt.h"
#include "dataplane/session.h"
#include "protocol/frame.h"
#include "protocol/options.h"

struct worker;

// Path over which this worker reaches a backend. Returns false where it has no lane.
bool reply_backend_path(const struct worker *worker, uint16_t backend, struct path *path);

void reply_retry(struct worker *worker, const struct path *path, const struct handshake *hello,
		 const uint8_t cookie[static WIRE_COOKIE_BYTES]);

// REJECT of the attempt in hello. standing: the epoch that stands, or 0; retry_after_ms: 0 where
// the endpoint's own pace will do.
void reply_reject(struct worker *worker, const struct path *path, const struct handshake *hello,
		  uint64_t handle, uint16_t code, uint32_t standing, uint32_t retry_after_ms,
		  const char *reason);

void reply_welcome(struct worker *worker, struct attempt *attempt);

// OPEN to the backend of channel k of the attempt's session; nothing where there is no lane.
void reply_open(struct worker *worker, const struct attempt *attempt, uint32_t k);

// The same without an attempt, from what the session keeps (after a backend has returned).
void reply_open_kept(struct worker *worker, uint32_t slot, uint32_t k);

// ACK with the gateway's numbers of channel k: to the client what the backend has taken, or to
// the backend what the client has.
void reply_ack(struct worker *worker, uint32_t slot, uint32_t k, enum frame_side to);

// NAK of count pairs (1 to 32) on channel k.
void reply_nak(struct worker *worker, uint32_t slot, uint32_t k, enum frame_side to,
	       const struct frame_nak_pair *pairs, uint32_t count);

// Sends the cached frame that begins at chunk, with flag REPLAYED.
void reply_replayed(struct worker *worker, uint32_t slot, uint32_t k, enum frame_side to,
		    uint32_t chunk);

// asks: how many HEARTBEATs went before this one since the endpoint was last heard.
void reply_heartbeat(struct worker *worker, const struct path *path, uint64_t handle,
		     uint16_t asks);

void reply_close(struct worker *worker, const struct path *path, uint64_t handle, uint8_t channel,
		 uint16_t code);

// A frame of type with nothing but a header: CLOSE_ACK, UNKNOWN.
void reply_bare(struct worker *worker, const struct path *path, uint8_t type, uint64_t handle,
		uint8_t channel);

void reply_event(struct worker *worker, const struct path *path, uint64_t handle, uint16_t number,
		 const struct options *options);
