// SPDX-License-Identifier: BSD-3-Clause
// What must hold of a gate that has come to rest: packets are conserved, nothing is missing and
// nothing is left.
//
// One thread. What does not hold is told by trace_fail().
#pragma once

#include <stdbool.h>

struct gate;

// Whether no session, attempt, errand, chunk or command is left, nor a packet on its way.
bool quiet_reached(const struct gate *gate);

// received + made = sent + consumed + drops, and no illegal edge: true at the end of any pass.
void quiet_check_counters(const struct gate *gate);

// That all of it is reached, each thing that is not by its name.
void quiet_check(const struct gate *gate);
