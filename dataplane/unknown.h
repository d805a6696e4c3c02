// SPDX-License-Identifier: BSD-3-Clause
// UNKNOWN: "nobody is here under this handle", told to whom it may help, never too often.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/counters.h"
#include "protocol/frame.h"

struct worker;

// Answers a frame with UNKNOWN where its type is one that is answered and its source has had none
// for 100 ms; drops the packet under reason in any case. Worker.
void unknown_answer(struct worker *worker, struct rte_mbuf *mbuf, const struct frame *frame,
		    enum drop reason);
