// SPDX-License-Identifier: BSD-3-Clause
// The receiving half of a stream: puts frames in order, drops doubles, knows the holes, and makes
// messages of frames.
//
// Invariants
//   A1  expected is what this side acknowledges: it passes a MORE frame when that joins the message
//       being assembled, and the last frame of a message (the frame of a bundle) when the
//       application has taken that message (the last of the bundle);
//   A2  frames are kept only in [expected, expected + window), so that expected + window never
//       moves back and memory is bounded by the window and one message.
// Pure: times are parameters. Not thread-safe; belongs to its stream.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/ring.h"
#include "protocol/frame.h"

struct assembly {
	struct ring slots; // struct assembly_slot, number expected first: there, or known missing
	uint64_t expected;
	uint64_t due_us; // no hole wants to be asked for before
	uint32_t window; // frames
	uint32_t message_max;
	uint32_t missing; // slots whose frame is not there
	bool broken;      // the peer broke the protocol; nothing more is assembled

	bool ready;             // a message can be taken: the first slot completes or holds it
	uint32_t bundle_offset; // in the first slot's bundle, of that message's length
	const uint8_t *message;
	uint32_t message_bytes;

	bool begun;       // MORE frames of the message below have joined it
	uint8_t *partial; // owned
	uint32_t partial_bytes;
	size_t partial_room;
};

enum assembly_verdict {
	ASSEMBLY_IN_ORDER, // new, and nothing is missing before it
	ASSEMBLY_EARLY,    // new, ahead of a missing one
	ASSEMBLY_LATE,     // new, filled a hole
	ASSEMBLY_DOUBLED,  // was there already
	ASSEMBLY_REFUSED,  // beyond the window, or no memory
};

// Makes an empty one that wants number expected. pool is borrowed.
void assembly_init(struct assembly *assembly, struct pool *pool, uint64_t expected, uint32_t window,
		   uint32_t message_max);

// Frees everything.
void assembly_fini(struct assembly *assembly);

// Takes the frame of number seq. The numbers that it shows to be missing want to be asked for
// from hole_due_us on. *asked_us is when the frame was asked for, 0 if never or more than once.
enum assembly_verdict assembly_accept(struct assembly *assembly, uint64_t seq,
				      const struct frame *frame, uint64_t hole_due_us,
				      uint64_t *asked_us);

// Learns that the peer has given all numbers below next.
void assembly_learn(struct assembly *assembly, uint64_t next, uint64_t hole_due_us);

// Assembles as far as it goes. After assembly_accept() and assembly_take(), and again at any time
// where memory was short.
void assembly_advance(struct assembly *assembly);

// The message that is ready was taken by the application.
void assembly_take(struct assembly *assembly);

// Collects the holes due at now_us as pairs, and has each asked for again after repeat_us,
// doubled each time up to repeat_max_us. *asked is how many numbers they are.
// Returns how many pairs; 0 = none is due.
uint32_t assembly_holes(struct assembly *assembly, uint64_t now_us, uint64_t repeat_us,
			uint64_t repeat_max_us,
			struct frame_nak_pair pairs[static WIRE_NAK_PAIRS_MAX], uint32_t *asked);

// Nothing that is missing wants to be asked for before due_us.
void assembly_postpone(struct assembly *assembly, uint64_t due_us);
