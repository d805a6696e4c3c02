// SPDX-License-Identifier: BSD-3-Clause
// An event as it is told: the pairs of its map.
//
// Pure; control thread.
#pragma once

#include <stdint.h>

#include <msgpack.h>

#include "control/events.h"

// How many pairs event_pack() packs.
uint32_t event_pack_keys(const struct event *event);

// Packs offset, time, kind and what belongs to the kind.
void event_pack(msgpack_packer *packer, uint64_t offset, const struct event *event);
