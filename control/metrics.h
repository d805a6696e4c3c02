// SPDX-License-Identifier: BSD-3-Clause
// Everything that is counted, as text for Prometheus (exposition format 0.0.4).
//
// Pure: the same stats give the same bytes, whoever reads them. Families come from the same lists
// as stats.get, in their order, then by worker, reason, code or state; every series is there from
// the start, also at 0. Names: holdfast_<name of stats.get>_<unit>_total for counters, base units
// (seconds, bytes), nothing by session.
#pragma once

#include "control/stats.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct evbuffer;

// Appends the whole text to buffer. Returns 0 or -ENOMEM.
int metrics_render(const struct stats *stats, struct evbuffer *buffer);
