// SPDX-License-Identifier: BSD-3-Clause
// Sequence numbers: 64 bits inside, their low 32 on the wire; RFC 1982 serial arithmetic.
//
// Pure; any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/wire.h"

// The number nearest to known whose low 32 bits are wire, the lower of two that are 2^31 away.
// Where that would fall below 0, the one above known is taken. known is below 2^63.
static inline uint64_t sequence_extend(uint64_t known, uint32_t wire)
{
	const uint32_t ahead = wire - (uint32_t)known;
	const uint32_t behind = (uint32_t)known - wire;

	return ahead < behind || known < behind ? known + ahead : known - behind;
}

// Where a DATA frame falls against [acked, acked + window).
enum sequence_place { SEQUENCE_BELOW, SEQUENCE_WITHIN, SEQUENCE_ABOVE };

static inline enum sequence_place sequence_place(uint64_t acked, uint32_t window, uint64_t seq)
{
	if (seq < acked)
		return SEQUENCE_BELOW;
	return seq - acked < window ? SEQUENCE_WITHIN : SEQUENCE_ABOVE;
}

// What an ack says about [acked, next], next being the next number never sent.
enum sequence_ack { SEQUENCE_ACK_OLD, SEQUENCE_ACK_SAME, SEQUENCE_ACK_NEW, SEQUENCE_ACK_BEYOND };

static inline enum sequence_ack sequence_ack(uint64_t acked, uint64_t next, uint64_t ack)
{
	if (ack > next)
		return SEQUENCE_ACK_BEYOND;
	if (ack == acked)
		return SEQUENCE_ACK_SAME;
	return ack < acked ? SEQUENCE_ACK_OLD : SEQUENCE_ACK_NEW;
}

// Whether event number `later` comes after `number`, in 16-bit serial arithmetic.
static inline bool sequence_event_later(uint16_t number, uint16_t later)
{
	return (int16_t)(uint16_t)(later - number) > 0;
}
