// SPDX-License-Identifier: BSD-3-Clause
// A record as the kinds keep it: 8 bytes generation, 8 bytes owner, body; integers in network byte
// order. Redis keeps this; the LMDB file has 8 bytes in front that tell when the record is over.
//
// Pure. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/store_request.h"
#include "protocol/bytes.h"

enum {
	STORE_ROW_HEAD_BYTES = 16,
	STORE_ROW_BYTES_MAX = STORE_ROW_HEAD_BYTES + STORE_BODY_BYTES_MAX,
};

static inline void store_row_head(uint8_t bytes[static STORE_ROW_HEAD_BYTES],
				  const struct store_value *value)
{
	bytes_write64(bytes, value->generation);
	bytes_write64(bytes + 8, value->owner);
}

// *value's body is borrowed from bytes. Returns whether len bytes can be a record.
static inline bool store_row_read(const uint8_t *bytes, size_t len, struct store_value *value)
{
	if (len < STORE_ROW_HEAD_BYTES || len > STORE_ROW_BYTES_MAX)
		return false;
	value->generation = bytes_read64(bytes);
	value->owner = bytes_read64(bytes + 8);
	value->body = bytes + STORE_ROW_HEAD_BYTES;
	value->body_bytes = (uint32_t)(len - STORE_ROW_HEAD_BYTES);
	return true;
}
