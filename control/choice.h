// SPDX-License-Identifier: BSD-3-Clause
// Which backend a new channel gets: rendezvous hashing of the session id over the backends of its
// service that can take it.
//
// Pure; any thread. The same id and the same names give the same choice in every gateway; a
// backend that comes or goes moves only the sessions that it gets or had.
#pragma once

#include <stdint.h>

#include "holdfast/wire.h"

// Number that stands for a backend in choices: from its names alone, so that it is the same
// everywhere and after every restart.
uint64_t choice_seed(const char *service, const char *backend);

// How strongly a session is drawn to a backend. The highest among the candidates has it.
uint64_t choice_weight(uint64_t seed, const uint8_t id[static WIRE_SESSION_ID_BYTES]);
