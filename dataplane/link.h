// SPDX-License-Identifier: BSD-3-Clause
// Frames under the handle of a backend's link, and which lane a backend's frame came over.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/address.h"
#include "protocol/frame.h"

struct worker;

// Whether path is one of the backend's live lanes; then that lane counts as heard. Worker.
bool link_lane_heard(struct worker *worker, uint16_t backend, const struct path *path,
		     uint32_t *lane);

// Whether path is one of the backend's lanes that are not confirmed yet. Worker.
bool link_lane_pending(const struct worker *worker, uint16_t backend, const struct path *path);

// Takes a frame whose handle lies beyond the sessions': answers to HEARTBEAT end here, CONFIRM,
// CLOSE, EVENT_ACK and UNKNOWN go to control. Worker.
void link_frame(struct worker *worker, struct rte_mbuf *mbuf, const struct frame *frame);
