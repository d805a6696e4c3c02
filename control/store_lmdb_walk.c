// SPDX-License-Identifier: BSD-3-Clause
// Walks over an LMDB file: slices of scans, and the sweep of records whose life is over.
#include <errno.h>
#include <string.h>

#include "control/store_lmdb.h"

enum {
	LOOKED_MAX = 1024, // records that one slice or sweep looks at
	SWEPT_MAX = 128,   // records that one sweep removes
};

struct walk {
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value;
};

// Stands at the first key after `after`. Returns 0, MDB_NOTFOUND (there is none; the walk is open
// all the same) or an error of LMDB.
static int walk_open(struct walk *walk, struct store_lmdb *lmdb, uint32_t space,
		     const uint8_t *after, uint32_t after_len)
{
	int rc = mdb_txn_begin(lmdb->file.env, NULL, MDB_RDONLY, &walk->txn);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(walk->txn, lmdb->file.spaces[space], &walk->cursor);
	if (rc != 0) {
		mdb_txn_abort(walk->txn);
		return rc;
	}
	walk->key = (MDB_val){.mv_size = after_len, .mv_data = (void *)after};
	rc = mdb_cursor_get(walk->cursor, &walk->key, &walk->value,
			    after_len > 0 ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && walk->key.mv_size == after_len &&
	    memcmp(walk->key.mv_data, after, after_len) == 0)
		rc = mdb_cursor_get(walk->cursor, &walk->key, &walk->value, MDB_NEXT);
	if (rc != 0 && rc != MDB_NOTFOUND) {
		mdb_cursor_close(walk->cursor);
		mdb_txn_abort(walk->txn);
	}
	return rc;
}

static int walk_next(struct walk *walk)
{
	return mdb_cursor_get(walk->cursor, &walk->key, &walk->value, MDB_NEXT);
}

static void walk_close(struct walk *walk)
{
	mdb_cursor_close(walk->cursor);
	mdb_txn_abort(walk->txn);
}

// Keys of other lengths than ours are none of ours: no walk stops at them.
static bool key_good(const MDB_val *key)
{
	return key->mv_size > 0 && key->mv_size <= STORE_KEY_BYTES_MAX;
}

// Tells of the record at which a walk stands. Returns whether there is one that lives.
static bool walk_tell(struct store_local *local, const struct walk *walk, struct store_scan *scan)
{
	const struct store_key key = {
	    .space = scan->space, .len = (uint32_t)walk->key.mv_size, .bytes = walk->key.mv_data};
	struct store_row row;

	if (!key_good(&walk->key) || !store_lmdb_row(&walk->value, &row)) {
		local->counted.malformed++;
		return false;
	}
	if (store_local_over(local, row.over_ms))
		return false;
	store_local_found(local, scan, &key, &row.value);
	return true;
}

int store_lmdb_slice(struct store_local *local, struct store_scan *scan)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);
	struct walk walk;
	uint32_t found = 0;
	int rc = walk_open(&walk, lmdb, scan->space, scan->last, scan->last_len);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_lmdb_error(lmdb, rc);
	for (uint32_t i = 0; rc == 0 && i < LOOKED_MAX && found < scan->max; i++) {
		found += walk_tell(local, &walk, scan);
		if (key_good(&walk.key)) {
			scan->last_len = (uint32_t)walk.key.mv_size;
			memcpy(scan->last, walk.key.mv_data, walk.key.mv_size);
		}
		rc = walk_next(&walk);
	}
	walk_close(&walk);
	scan->over = rc == MDB_NOTFOUND;
	if (scan->over)
		scan->last_len = 0;
	return rc == MDB_NOTFOUND ? 0 : store_lmdb_error(lmdb, rc);
}

// Copies keys of records whose life is over, at most SWEPT_MAX. Returns how many.
static uint32_t sweep_look(struct store_lmdb *lmdb, struct store_lmdb_key keys[static SWEPT_MAX])
{
	struct walk walk;
	struct store_row row;
	uint32_t count = 0;
	int rc = walk_open(&walk, lmdb, lmdb->swept_space, lmdb->swept.bytes, lmdb->swept.len);

	if (rc != 0 && rc != MDB_NOTFOUND) {
		store_lmdb_error(lmdb, rc);
		return 0;
	}
	for (uint32_t i = 0; rc == 0 && i < LOOKED_MAX && count < SWEPT_MAX; i++) {
		if (key_good(&walk.key)) {
			lmdb->swept.len = (uint32_t)walk.key.mv_size;
			memcpy(lmdb->swept.bytes, walk.key.mv_data, walk.key.mv_size);
			if (store_lmdb_row(&walk.value, &row) &&
			    store_local_over(&lmdb->local, row.over_ms))
				keys[count++] = lmdb->swept;
		}
		rc = walk_next(&walk);
	}
	walk_close(&walk);
	if (rc != 0)
		lmdb->swept.len = 0;
	return count;
}

static int sweep_remove(struct store_local *local, enum store_space space,
			const struct store_lmdb_key *keys, uint32_t count)
{
	int rc = local->table->begin(local);

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		const struct store_key key = {
		    .space = space, .len = keys[i].len, .bytes = keys[i].bytes};

		rc = local->table->remove(local, &key);
	}
	if (rc == 0)
		return local->table->commit(local);
	local->table->undo(local);
	return rc;
}

bool store_lmdb_sweep(struct store_local *local)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);
	struct store_lmdb_key keys[SWEPT_MAX];
	const enum store_space space = lmdb->swept_space;
	const uint32_t count = sweep_look(lmdb, keys);
	int rc = count > 0 ? sweep_remove(local, space, keys, count) : 0;

	if (rc == -ENOSPC && local->table->make_room(local))
		rc = sweep_remove(local, space, keys, count);
	local->counted.expired += rc == 0 ? count : 0;
	if (lmdb->swept.len > 0)
		return false;
	lmdb->swept_space = (lmdb->swept_space + 1) % STORE_SPACES;
	return lmdb->swept_space == 0;
}
