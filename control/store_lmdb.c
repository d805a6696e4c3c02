// SPDX-License-Identifier: BSD-3-Clause
// The store in an LMDB file: one transaction a batch, without asking for the disk (MDB_NOSYNC); a
// thread flushes. What was committed survives the death of the process: the kernel has it.
//
// A commit can wait for the disk all the same, where the kernel flushes the same page or its
// journal: 10 s were seen on a busy one. So batches are done by a thread of their own.
//
// Without MDB_WRITEMAP a commit writes to the file, not to the map: so a stray pointer of ours
// cannot harm the file.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/store_lmdb.h"

enum {
	FULL_MS = 1000,     // after which a file that was full is tried again
	RESERVE_SHARE = 16, // of the limit, so that a full file still takes changes
};

static const uint64_t MAP_MIN_BYTES = UINT64_C(16) << 20;

int store_lmdb_error(struct store_lmdb *lmdb, int rc)
{
	if (rc == 0)
		return 0;
	if (rc == MDB_NOTFOUND)
		return -ENOENT;
	if (rc == MDB_MAP_FULL)
		return -ENOSPC;
	log_limited(&lmdb->limit, LOG_LEVEL_ERROR, "store: %s: %s", lmdb->file.path,
		    mdb_strerror(rc));
	return -EIO;
}

static MDB_val val(const void *bytes, size_t len)
{
	return (MDB_val){.mv_size = len, .mv_data = (void *)bytes};
}

bool store_lmdb_row(const MDB_val *value, struct store_row *row)
{
	if (value->mv_size < STORE_LMDB_OVER_BYTES)
		return false;
	row->over_ms = bytes_read64(value->mv_data);
	return store_row_read((const uint8_t *)value->mv_data + STORE_LMDB_OVER_BYTES,
			      value->mv_size - STORE_LMDB_OVER_BYTES, &row->value);
}

// ---- Transactions --------------------------------------------------------------------------

static void map_set(struct store_lmdb *lmdb, uint64_t bytes)
{
	const int rc = mdb_env_set_mapsize(lmdb->file.env, bytes);

	if (rc == 0)
		lmdb->map_bytes = bytes;
	else
		store_lmdb_error(lmdb, rc);
}

static int lmdb_begin(struct store_local *local)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);

	if (lmdb->full_until_ms != 0 && lmdb->full_until_ms <= local->now_ms) {
		lmdb->full_until_ms = 0;
		map_set(lmdb, lmdb->map_max);
	}
	return store_lmdb_error(lmdb, mdb_txn_begin(lmdb->file.env, NULL, 0, &lmdb->txn));
}

static int lmdb_commit(struct store_local *local)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);
	const int rc = store_lmdb_error(lmdb, mdb_txn_commit(lmdb->txn));

	if (rc != 0)
		return rc;
	local->counted.commits++;
	store_flush_mark(lmdb->flush, store_now_ms());
	return 0;
}

static void lmdb_undo(struct store_local *local)
{
	mdb_txn_abort(store_lmdb_of(local)->txn);
}

static bool lmdb_make_room(struct store_local *local)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);

	if (lmdb->full_until_ms != 0)
		return false;
	if (lmdb->map_bytes < lmdb->map_max) {
		const uint64_t doubled = 2 * lmdb->map_bytes;

		map_set(lmdb, doubled < lmdb->map_max ? doubled : lmdb->map_max);
		local->counted.grown++;
		return true;
	}
	log_limited(&lmdb->limit, LOG_LEVEL_WARNING,
		    "store: %s is full at %" PRIu64 " bytes: no records are created",
		    lmdb->file.path, lmdb->map_max);
	lmdb->full_until_ms = local->now_ms + FULL_MS;
	map_set(lmdb, lmdb->map_max + lmdb->map_max / RESERVE_SHARE);
	return true;
}

// ---- Rows ----------------------------------------------------------------------------------

static int lmdb_get(struct store_local *local, const struct store_key *key, struct store_row *row)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);
	MDB_val name = val(key->bytes, key->len), value;
	const int rc = store_lmdb_error(
	    lmdb, mdb_get(lmdb->txn, lmdb->file.spaces[key->space], &name, &value));

	if (rc != 0)
		return rc;
	return store_lmdb_row(&value, row) ? 0 : -EBADMSG;
}

static int lmdb_put(struct store_local *local, const struct store_key *key,
		    const struct store_row *row, bool create)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);
	const size_t len = STORE_LMDB_OVER_BYTES + STORE_ROW_HEAD_BYTES + row->value.body_bytes;
	MDB_val name = val(key->bytes, key->len), value = val(lmdb->row, len);

	if (create && lmdb->full_until_ms != 0)
		return -EDQUOT;
	bytes_write64(lmdb->row, row->over_ms);
	store_row_head(lmdb->row + STORE_LMDB_OVER_BYTES, &row->value);
	if (row->value.body_bytes > 0)
		memcpy(lmdb->row + STORE_LMDB_OVER_BYTES + STORE_ROW_HEAD_BYTES, row->value.body,
		       row->value.body_bytes);
	return store_lmdb_error(
	    lmdb, mdb_put(lmdb->txn, lmdb->file.spaces[key->space], &name, &value, 0));
}

static int lmdb_remove(struct store_local *local, const struct store_key *key)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);
	MDB_val name = val(key->bytes, key->len);

	return store_lmdb_error(lmdb,
				mdb_del(lmdb->txn, lmdb->file.spaces[key->space], &name, NULL));
}

// ---- Life ----------------------------------------------------------------------------------

static void lmdb_measure(struct store_local *local)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);
	MDB_envinfo info;
	MDB_stat stat;

	mdb_env_info(lmdb->file.env, &info);
	mdb_env_stat(lmdb->file.env, &stat);
	local->counted.map_bytes = info.me_mapsize;
	local->counted.used_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
}

static void lmdb_gauges(struct store_local *local)
{
	struct store_tally *tally = &local->store.tally;
	const struct store_flush_view view = store_flush_look(store_lmdb_of(local)->flush);

	tally->flushes = view.done;
	tally->flushes_failed = view.failed;
	tally->unflushed_ms = view.oldest_ms != 0 ? store_now_ms() - view.oldest_ms : 0;
}

static void lmdb_destroy(struct store_local *local)
{
	struct store_lmdb *lmdb = store_lmdb_of(local);

	store_flush_stop(lmdb->flush);
	store_file_close(&lmdb->file);
}

static const struct store_table_ops lmdb_table = {
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .undo = lmdb_undo,
    .get = lmdb_get,
    .put = lmdb_put,
    .remove = lmdb_remove,
    .make_room = lmdb_make_room,
    .slice = store_lmdb_slice,
    .sweep = store_lmdb_sweep,
    .measure = lmdb_measure,
    .gauges = lmdb_gauges,
    .destroy = lmdb_destroy,
};

struct store *store_lmdb_create(const struct store_settings *settings, struct event_base *base,
				char error[static STORE_ERROR_BYTES])
{
	struct store_local *local;
	struct store_lmdb *lmdb;
	MDB_envinfo info;

	if (settings->path == NULL || settings->path[0] == '\0') {
		snprintf(error, STORE_ERROR_BYTES, "store: an LMDB store needs a path");
		return NULL;
	}
	if (settings->bytes_max < MAP_MIN_BYTES) {
		snprintf(error, STORE_ERROR_BYTES,
			 "store: %" PRIu64 " bytes for the file; let it be %" PRIu64 " at least",
			 settings->bytes_max, MAP_MIN_BYTES);
		return NULL;
	}
	local = store_local_create(sizeof(*lmdb), &lmdb_table, settings, base);
	if (local == NULL) {
		snprintf(error, STORE_ERROR_BYTES, "store: no memory");
		return NULL;
	}
	lmdb = store_lmdb_of(local);
	lmdb->map_max = settings->bytes_max;
	if (store_file_open(&lmdb->file, settings->path, MAP_MIN_BYTES, error) != 0)
		goto no_file;
	mdb_env_info(lmdb->file.env, &info);
	lmdb->map_bytes = info.me_mapsize;
	lmdb->flush = store_flush_start(lmdb->file.fd, settings->flush_ms);
	if (lmdb->flush == NULL) {
		snprintf(error, STORE_ERROR_BYTES, "store: no thread to flush: %s",
			 strerror(errno));
		goto no_flush;
	}
	if (store_local_begin(local, true) != 0) {
		snprintf(error, STORE_ERROR_BYTES, "store: no thread: %s", strerror(errno));
		goto no_thread;
	}
	return &local->store;

no_thread:
	store_flush_stop(lmdb->flush);
no_flush:
	store_file_close(&lmdb->file);
no_file:
	store_local_free(local);
	return NULL;
}
