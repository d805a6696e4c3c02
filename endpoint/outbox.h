// SPDX-License-Identifier: BSD-3-Clause
// The outbox: an endpoint's messages from the moment they are queued until the other endpoint has
// taken them, and the frames that they were cut into.
//
// Invariants
//   O1  a frame gets its number when it is cut, which is when it is first sent;
//   O2  frames [oldest, next) are kept; those below acked only as parts of a message whose last
//       frame is not acknowledged, so that whole messages can be handed back;
//   O3  each frame in [acked, next) is either in flight or lost (waiting to be sent again).
// Pure: times are only stored. Not thread-safe; belongs to its stream.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/ring.h"
#include "endpoint/stream.h"

struct outbox {
	struct ring messages;   // struct outbox_message, those not forgotten
	struct ring frames;     // struct outbox_frame, number oldest first
	uint32_t body_max;      // bytes of a frame's body
	bool bundle;            // pack small waiting messages together
	uint64_t first_message; // ordinal of the first in messages
	uint64_t cut_message;   // ordinal of the first that is not wholly cut
	uint32_t cut_offset;    // bytes of it that are
	uint64_t oldest;        // number of the first in frames
	uint64_t acked;         // numbers below it were taken by the other endpoint
	uint64_t next;          // number that the next frame gets
	uint32_t in_flight;     // frames
	uint32_t lost;          // frames waiting to be sent again
	uint64_t lost_from;     // no number below it is lost
	uint64_t queued_frames; // not forgotten; of messages not cut yet as estimated when queued
	uint64_t queued_bytes;  // of messages not forgotten
};

// A frame to be written, as the outbox describes it.
struct outbox_view {
	uint64_t seq;
	uint8_t flags; // MORE, BUNDLE, REPLAYED as they go out
	uint32_t body_bytes;
};

// Makes an empty outbox whose first frame gets number first. pool is borrowed.
void outbox_init(struct outbox *outbox, struct pool *pool, uint64_t first, uint32_t body_max,
		 bool bundle);

// Frees everything.
void outbox_fini(struct outbox *outbox);

// Frames that a message of len bytes will need, not counting that it may be bundled.
uint32_t outbox_frames_of(const struct outbox *outbox, uint32_t len);

// Queues a copy of a message. Returns 0 or -ENOMEM.
int outbox_add(struct outbox *outbox, const void *bytes, uint32_t len, uint64_t tag);

// Whether something is queued that is not cut yet.
bool outbox_waiting(const struct outbox *outbox);

// Cuts the next frame, sent at now_us: the rest of a message as far as it fits, or several small
// messages. Something must be waiting.
//
// Returns 0 with *view filled in, or -ENOMEM.
int outbox_cut(struct outbox *outbox, uint64_t now_us, struct outbox_view *view);

// Takes the lost frame with the lowest number to be sent again at now_us; there must be one.
void outbox_resend(struct outbox *outbox, uint64_t now_us, struct outbox_view *view);

// Writes the body of a frame just cut or taken for sending again.
void outbox_write(const struct outbox *outbox, const struct outbox_view *view, uint8_t *body);

// What an acknowledgement did.
struct outbox_acked {
	uint32_t frames;   // newly acknowledged
	uint32_t messages; // forgotten
	uint64_t sent_us;  // when the last of the frames was sent, if all were sent once
	bool sent_once;
};

// Takes an ack in (acked, next]: everything below it was taken by the other endpoint.
void outbox_ack(struct outbox *outbox, uint64_t ack, struct outbox_acked *acked);

// Marks the frames of [first, first + count) that are in flight as lost; numbers outside
// [acked, next) are passed over, and so are frames sent again after before_us: what reports them
// missing cannot know of that yet. Returns how many were marked.
uint32_t outbox_lose(struct outbox *outbox, uint64_t first, uint64_t count, uint64_t before_us);

// Gives every message to give(arg, message) in order, and forgets them all. Returns how many.
uint64_t outbox_hand_back(struct outbox *outbox,
			  void (*give)(void *arg, const struct stream_handed *message), void *arg);
