// SPDX-License-Identifier: BSD-3-Clause
// Makes a failing plan small: takes events away for as long as it still fails.
#pragma once

#include <stdbool.h>

#include "tests/sim/plan.h"

// Sets gone[i] for each event that is not needed. Prints its progress to stderr. Returns false
// where the whole plan does not fail.
bool shrink_plan(const struct plan *plan, bool gone[static PLAN_EVENTS_MAX]);
