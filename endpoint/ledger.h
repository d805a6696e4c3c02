// SPDX-License-Identifier: BSD-3-Clause
// A ledger of one session's messages: what was sent, what must come back, exactly once and in
// order. For holdfast-load.
//
// A message begins with a 24-byte head: session number, generation of the session (a lost session
// is replaced by the next), number of the message, checksum over all of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LEDGER_HEAD_BYTES = 24 };

struct ledger {
	uint32_t session;
	uint32_t generation;
	uint64_t sent;      // of this generation
	uint64_t delivered; // echoes seen of this generation: the next that must come
	uint64_t sent_before, delivered_before; // of the generations that are over
	uint64_t returned;                      // handed back, of this generation
	uint64_t returned_before;
	uint64_t doubled;
	uint64_t lost;    // gaps that were jumped over
	uint64_t damaged; // checksum or head wrong
};

// Fills bytes (at least LEDGER_HEAD_BYTES of them) with the next message.
void ledger_write(const struct ledger *ledger, uint8_t *bytes, uint32_t len);

// The message was taken over by the library.
void ledger_sent(struct ledger *ledger);

// An echo has come.
void ledger_check(struct ledger *ledger, const uint8_t *bytes, uint32_t len);

// The message of this number was handed back. It counts as neither delivered nor lost, unless its
// echo had come: then only its acknowledgement was missing.
void ledger_returned(struct ledger *ledger, uint64_t number);

// The session is lost and the next begins: what was sent and not handed back was acknowledged, its
// echo may have been on its way.
void ledger_renew(struct ledger *ledger);

// Messages whose echo is still to come; never fewer than were handed back.
uint64_t ledger_outstanding(const struct ledger *ledger);
