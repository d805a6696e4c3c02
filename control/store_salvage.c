// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/log.h"
#include "control/store_file.h"
#include "control/store_row.h"

enum { NAME_BYTES = STORE_FILE_PATH_MAX + 16, COPIED_AT_ONCE = 1000, OVER_BYTES = 8 };

// How far the child came; it writes, the parent reads once it is gone.
struct progress {
	uint64_t kept; // records that stand in the new file
	uint64_t skipped;
	bool foreign; // the old file is none of ours
	bool whole;   // all of the old file could be read
	bool failed;  // the new one could not be written
};

static bool record_good(const MDB_val *key, const MDB_val *value)
{
	struct store_value record;

	return key->mv_size > 0 && key->mv_size <= STORE_KEY_BYTES_MAX &&
	       value->mv_size >= OVER_BYTES &&
	       store_row_read((const uint8_t *)value->mv_data + OVER_BYTES,
			      value->mv_size - OVER_BYTES, &record);
}

// Copies at most COPIED_AT_ONCE records in one transaction. *rc: what reading ended with.
// Returns 0 or an error of writing.
static int copy_some(MDB_env *env, MDB_dbi space, MDB_cursor *cursor, int *rc,
		     struct progress *progress)
{
	uint64_t kept = 0;
	MDB_val key, value;
	MDB_txn *txn;
	int put = mdb_txn_begin(env, NULL, 0, &txn);

	if (put != 0)
		return put;
	for (uint32_t i = 0; i < COPIED_AT_ONCE && put == 0; i++) {
		*rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		if (*rc != 0)
			break;
		if (record_good(&key, &value)) {
			// What is torn may lead to the same page twice.
			put = mdb_put(txn, space, &key, &value, MDB_NOOVERWRITE);
			kept += put == 0;
			put = put == MDB_KEYEXIST ? 0 : put;
		} else {
			progress->skipped++;
		}
	}
	if (put != 0) {
		mdb_txn_abort(txn);
		return put;
	}
	put = mdb_txn_commit(txn);
	progress->kept += put == 0 ? kept : 0;
	return put;
}

// Copies one space. Returns 0, an error of reading that is not the end in *rc, or of writing.
static int copy_space(struct store_file *from, struct store_file *to, uint32_t space,
		      struct progress *progress, int *rc)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int put = 0;

	*rc = mdb_txn_begin(from->env, NULL, MDB_RDONLY, &txn);
	if (*rc != 0)
		return 0;
	*rc = mdb_cursor_open(txn, from->spaces[space], &cursor);
	while (*rc == 0 && put == 0)
		put = copy_some(to->env, to->spaces[space], cursor, rc, progress);
	// The process ends soon: nothing is released.
	return put;
}

static void child_copy(const char *path, const char *fresh, uint64_t map_bytes,
		       struct progress *progress)
{
	struct store_file from = {.fd = -1}, to = {.fd = -1};
	char error[STORE_ERROR_BYTES];
	uint32_t unread = 0;
	int rc, put;

	rc = store_file_env(&from, path, map_bytes, MDB_RDONLY | MDB_NOLOCK, error);
	progress->foreign = rc == -EBADMSG;
	if (rc != 0)
		return;
	put = store_file_env(&to, fresh, map_bytes, MDB_NOLOCK, error);
	for (uint32_t i = 0; i < STORE_SPACES && put == 0; i++) {
		put = copy_space(&from, &to, i, progress, &rc);
		unread += rc != MDB_NOTFOUND;
	}
	progress->failed = put != 0;
	progress->whole = unread == 0;
}

// Returns 0 or -1 with errno.
static int child_run(const char *path, const char *fresh, uint64_t map_bytes,
		     struct progress *progress)
{
	const pid_t child = fork();
	int status;

	if (child < 0)
		return -1;
	if (child == 0) {
		// It may go round in what it reads, or die of it; neither is told as a crash.
		for (int i = 1; i < NSIG; i++)
			signal(i, SIG_DFL);
		alarm(STORE_SALVAGE_SECONDS_MAX);
		child_copy(path, fresh, map_bytes, progress);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return 0;
}

// The new file may lack the end of what was written when the child died.
static int flush(const char *name)
{
	const int fd = open(name, O_RDWR | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int replace(const char *path, const char *fresh, const struct progress *progress)
{
	char torn[NAME_BYTES];

	snprintf(torn, sizeof(torn), "%s-torn", path);
	if (flush(fresh) != 0 || rename(path, torn) != 0 || rename(fresh, path) != 0)
		return -1;
	log_line(LOG_LEVEL_WARNING,
		 "store: the machine stopped while %s was in use: %" PRIu64
		 " records kept, %" PRIu64 " were none, %s; the old file is %s",
		 path, progress->kept, progress->skipped,
		 progress->whole && progress->skipped == 0 ? "all could be read"
							   : "the rest could not be read",
		 torn);
	return 0;
}

int store_salvage(const char *path, uint64_t map_bytes, char error[static STORE_ERROR_BYTES])
{
	char fresh[NAME_BYTES];
	struct progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct stat stat_of;
	int rc = -1;

	snprintf(fresh, sizeof(fresh), "%s-new", path);
	unlink(fresh);
	// Records may take more room than they did.
	if (stat(path, &stat_of) == 0 && 2 * (uint64_t)stat_of.st_size > map_bytes)
		map_bytes = 2 * (uint64_t)stat_of.st_size;
	if (progress != MAP_FAILED && child_run(path, fresh, map_bytes, progress) == 0) {
		if (progress->foreign)
			rc = 0;
		else if (!progress->failed && access(fresh, F_OK) == 0)
			rc = replace(path, fresh, progress);
		else
			errno = EIO;
	}
	if (rc != 0)
		snprintf(error, STORE_ERROR_BYTES,
			 "%s may be torn, for the machine stopped while it was in use, and cannot "
			 "be copied: %s: make room, or move it away",
			 path, strerror(errno));
	if (progress != MAP_FAILED)
		munmap(progress, sizeof(*progress));
	return rc;
}
