// SPDX-License-Identifier: BSD-3-Clause
// Growth and shrinking of the congestion window.

#include "endpoint/congestion.h"

void congestion_init(struct congestion *congestion)
{
	*congestion = (struct congestion){
	    .window_frames = CONGESTION_INITIAL_FRAMES,
	    .threshold_frames = CONGESTION_MAX_FRAMES,
	};
}

void congestion_acked(struct congestion *congestion, uint32_t frames, bool used, uint64_t now_us)
{
	if (!used || now_us < congestion->recovering_us)
		return;
	if (congestion->window_frames < congestion->threshold_frames) {
		congestion->window_frames += frames;
	} else {
		congestion->acked_frames += frames;
		if (congestion->acked_frames >= congestion->window_frames) {
			congestion->acked_frames -= congestion->window_frames;
			congestion->window_frames++;
		}
	}
	if (congestion->window_frames > CONGESTION_MAX_FRAMES)
		congestion->window_frames = CONGESTION_MAX_FRAMES;
}

bool congestion_lost(struct congestion *congestion, uint64_t rtt_us, uint64_t now_us)
{
	if (now_us < congestion->recovering_us)
		return false;
	congestion->recovering_us = now_us + rtt_us;
	congestion->window_frames /= 2;
	if (congestion->window_frames < CONGESTION_MIN_FRAMES)
		congestion->window_frames = CONGESTION_MIN_FRAMES;
	congestion->threshold_frames = congestion->window_frames;
	congestion->acked_frames = 0;
	return true;
}

void congestion_rest(struct congestion *congestion)
{
	const uint32_t reached = congestion->window_frames - congestion->window_frames / 4;

	if (congestion->window_frames <= CONGESTION_INITIAL_FRAMES)
		return;
	if (congestion->threshold_frames < reached)
		congestion->threshold_frames = reached;
	congestion->window_frames = CONGESTION_INITIAL_FRAMES;
	congestion->acked_frames = 0;
}

void congestion_collapse(struct congestion *congestion)
{
	if (congestion->window_frames > 2 * CONGESTION_MIN_FRAMES)
		congestion->threshold_frames = congestion->window_frames / 2;
	congestion->window_frames = CONGESTION_MIN_FRAMES;
	congestion->acked_frames = 0;
}
