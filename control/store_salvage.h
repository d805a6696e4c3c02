// SPDX-License-Identifier: BSD-3-Clause
// Takes the records that can be read out of an LMDB file that may be torn.
//
// Control thread, before the file is opened. The file is read by a child process, which may die of
// what it reads.
#pragma once

#include <stdint.h>

#include "control/store.h"

enum { STORE_SALVAGE_SECONDS_MAX = 300 };

// Copies the file at path into a new one that takes its place, and keeps the old one as PATH-torn.
// Says on stderr how many records there were. A file that is not ours is left as it is.
// Returns 0, or -1 with one line in error.
int store_salvage(const char *path, uint64_t map_bytes, char error[static STORE_ERROR_BYTES]);
