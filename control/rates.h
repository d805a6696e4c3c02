// SPDX-License-Identifier: BSD-3-Clause
// How many new sessions may come: so many a second in all, so many from one source address.
//
// Control thread. A source is an IPv4 address or the first 64 bits of an IPv6 address. Sources
// stand in a table of fixed size; where there is no room the one that was quiet longest is
// forgotten, and counted if its rate still mattered. Time is a parameter: monotonic milliseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"

struct rates;

enum rates_verdict { RATES_GOOD, RATES_SOURCE, RATES_ALL };

// At most in_all and per_source a second, each with a burst of as many; 0: no limit. sources is
// the number of source addresses remembered, a power of two of at least RATES_WAYS.
// Returns NULL with errno EINVAL or ENOMEM.
struct rates *rates_create(uint32_t in_all, uint32_t per_source, uint32_t sources);
void rates_destroy(struct rates *rates);

enum { RATES_WAYS = 4, RATES_SOURCES = 65536 };

// Other rates from now on; what came in the last second still counts.
void rates_limit(struct rates *rates, uint32_t in_all, uint32_t per_source);

// Counts one new session of this source, if it may come; a refused one counts nothing.
enum rates_verdict rates_take(struct rates *rates, const struct address *source, uint64_t now_ms);

// Sources forgotten while their rate still mattered.
uint64_t rates_replaced(const struct rates *rates);
