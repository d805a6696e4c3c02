// SPDX-License-Identifier: BSD-3-Clause
// The congestion window of a stream in frames: NewReno as in RFC 9002, section 7, with one loss
// event a round trip at most.
//
// Pure; belongs to its stream.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	CONGESTION_INITIAL_FRAMES = 16,
	CONGESTION_MIN_FRAMES = 2,
	CONGESTION_MAX_FRAMES = 4096, // no window of the protocol is larger
};

struct congestion {
	uint32_t window_frames;
	uint32_t threshold_frames; // slow start below it
	uint32_t acked_frames;     // towards the next frame of growth, above it
	uint64_t recovering_us;    // until then losses belong to the last event, and nothing grows
};

// Starts anew, in slow start.
void congestion_init(struct congestion *congestion);

// frames were acknowledged. used says whether the window was what bounded the sender; a window
// that is not used does not grow.
void congestion_acked(struct congestion *congestion, uint32_t frames, bool used, uint64_t now_us);

// Frames were lost; rtt_us is the round trip.
// Returns whether that was a new loss event, which halves the window.
bool congestion_lost(struct congestion *congestion, uint64_t rtt_us, uint64_t now_us);

// Nothing was in flight for a probe time-out: the path may have changed, and all that the window
// allows would go at once. Starts slowly again, up to about where it was.
void congestion_rest(struct congestion *congestion);

// Nothing at all came back for several probe time-outs: down to the smallest window.
void congestion_collapse(struct congestion *congestion);
