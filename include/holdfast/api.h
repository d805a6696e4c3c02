// SPDX-License-Identifier: BSD-3-Clause
// What libholdfast.so lets be seen from outside: only what is marked so.
#pragma once

#define HOLDFAST_API __attribute__((visibility("default")))
