// SPDX-License-Identifier: BSD-3-Clause
// Sessions for load tests: born CONNECTED, as a handshake would have left them.
//
// Worker only.
#pragma once

#include "dataplane/dataplane.h"

struct worker;

// COMMAND_PRELOAD. The session gets slot, tag, place in the index, counters and notices like any
// other; neither its client nor its backend hears of it.
void preload_run(struct worker *worker, const struct command *command);
