// SPDX-License-Identifier: BSD-3-Clause
// The sum of what the streams of one object have counted, as the application is shown it.
#pragma once

#include "endpoint/stream.h"
#include "holdfast/endpoint.h"

// Adds the counters of one stream to those of its object.
void tally_add(struct holdfast_counters *sum, const struct stream *stream);
