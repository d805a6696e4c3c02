// SPDX-License-Identifier: BSD-3-Clause
// The store in an LMDB file: what its two files share.
//
// Control thread.
#pragma once

#include "control/log.h"
#include "control/store_file.h"
#include "control/store_flush.h"
#include "control/store_local.h"
#include "control/store_row.h"

enum { STORE_LMDB_OVER_BYTES = 8 }; // in front of a row: when it is over

struct store_lmdb_key {
	uint32_t len;
	uint8_t bytes[STORE_KEY_BYTES_MAX];
};

struct store_lmdb {
	struct store_local local;
	struct store_file file;
	struct store_flush *flush;
	MDB_txn *txn; // of the batch
	uint64_t map_bytes, map_max;
	uint64_t full_until_ms; // UTC: no records are created; 0: they are
	uint32_t swept_space;   // where the sweep goes on: after this key
	struct store_lmdb_key swept;
	struct log_limit limit;
	uint8_t row[STORE_LMDB_OVER_BYTES + STORE_ROW_BYTES_MAX];
};

static inline struct store_lmdb *store_lmdb_of(struct store_local *local)
{
	return STORE_CONTAINER(local, struct store_lmdb, local);
}

// What store_local.h calls an error of LMDB or of the system; what is unforeseen is logged.
int store_lmdb_error(struct store_lmdb *lmdb, int rc);

// Reads what stands under a key; *row is borrowed from it. Returns whether it is a record.
bool store_lmdb_row(const MDB_val *value, struct store_row *row);

// As struct store_table_ops has them.
int store_lmdb_slice(struct store_local *local, struct store_scan *scan);
bool store_lmdb_sweep(struct store_local *local);
