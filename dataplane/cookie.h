// SPDX-License-Identifier: BSD-3-Clause
// Handshake cookies: SipHash-2-4 with 128 bits (libsodium's) over address, port, session id and
// epoch, under the directory's keys. Proof that a HELLO's source receives what is sent to it.
//
// Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"
#include "dataplane/directory.h"
#include "protocol/handshake.h"

void cookie_make(const struct directory *directory, const struct address *peer,
		 const struct handshake *hello, uint8_t cookie[static WIRE_COOKIE_BYTES]);

// Whether the HELLO's cookie was made with this key or the one before.
bool cookie_good(const struct directory *directory, const struct address *peer,
		 const struct handshake *hello);
