// SPDX-License-Identifier: BSD-3-Clause
// What control tells a worker, and walks over the worker's shard in slices.
#pragma once

#include <stdint.h>

#include "dataplane/dataplane.h"

struct worker;

// Takes commands from the mailbox, as long as there is room for their answers. Returns how many.
uint32_t command_take(struct worker *worker);

// Goes on with the walks over the shard, some slots of each. Each pass.
void command_walk(struct worker *worker);
