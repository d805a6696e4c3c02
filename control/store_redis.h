// SPDX-License-Identifier: BSD-3-Clause
// The store in Redis (6.0 or later) or Valkey: what its two files share.
//
// A record's key is the prefix, a letter for the space, a colon, and the key's bytes; its value is
// a row (store_row.h); its life is Redis's own. Each verb is one run of one script, so that
// gateways that share a Redis see each verb whole. Control thread.
#pragma once

#include "control/log.h"
#include "control/store_link.h"
#include "control/store_parts.h"
#include "control/store_row.h"

enum {
	STORE_REDIS_SPACE_BYTES = 2, // letter and colon
	STORE_REDIS_KEY_BYTES_MAX =
	    STORE_PREFIX_MAX + STORE_REDIS_SPACE_BYTES + STORE_KEY_BYTES_MAX,
};

struct store_redis {
	struct store store;
	struct store_link *link;
	struct log_limit limit;
	bool malformed_told;
	uint32_t prefix_len;
	char prefix[STORE_PREFIX_MAX + 1];
};

// Writes what every key of a space begins with. Returns its length.
uint32_t store_redis_space(const struct store_redis *redis, enum store_space space,
			   uint8_t key[static STORE_REDIS_KEY_BYTES_MAX]);

// An answer that is an error: counts and tells it, and gives the connection up where another one
// may lead to a Redis that does better.
void store_redis_error(struct store_redis *redis, const struct redisReply *reply);

// Says once on stderr that there are keys under the prefix that are none of ours.
void store_redis_malformed(struct store_redis *redis);

// Begins a slice.
void store_redis_scan(struct store *store, struct store_scan *scan);
