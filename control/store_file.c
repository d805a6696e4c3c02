// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/store_salvage.h"
#include "protocol/bytes.h"

enum {
	MODE = 0600,
	BOOT_BYTES = 36,
	NAME_BYTES = STORE_FILE_PATH_MAX + 16,
};

static const char *const space_names[STORE_SPACES] = {"session", "backend", "ended"};
static const char about_name[] = "holdfast";

__attribute__((format(printf, 2, 3))) static int fail(char error[static STORE_ERROR_BYTES],
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, STORE_ERROR_BYTES, format, args);
	va_end(args);
	return -1;
}

// ---- The environment -----------------------------------------------------------------------

static const MDB_val version_key = {.mv_size = 7, .mv_data = (void *)"version"};

// Returns 0 with *fresh, or an error of LMDB; MDB_INCOMPATIBLE: another program's file.
static int about_open(MDB_txn *txn, unsigned int flags, MDB_dbi *about, bool *fresh)
{
	MDB_stat stat;
	MDB_dbi all;
	int rc = mdb_dbi_open(txn, about_name, 0, about);

	*fresh = false;
	if (rc != MDB_NOTFOUND)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &all);
	if (rc != 0)
		return rc;
	rc = mdb_stat(txn, all, &stat);
	if (rc != 0)
		return rc;
	if (stat.ms_entries > 0 || (flags & MDB_RDONLY) != 0)
		return MDB_INCOMPATIBLE;
	*fresh = true;
	return mdb_dbi_open(txn, about_name, MDB_CREATE, about);
}

// Returns 0 with *version (0: not a number), or an error of LMDB.
static int version_look(MDB_txn *txn, MDB_dbi about, bool fresh, uint32_t *version)
{
	uint8_t bytes[4];
	MDB_val key = version_key, value = {.mv_size = sizeof(bytes), .mv_data = bytes};
	int rc;

	*version = STORE_FILE_VERSION;
	bytes_write32(bytes, *version);
	if (fresh)
		return mdb_put(txn, about, &key, &value, 0);
	rc = mdb_get(txn, about, &key, &value);
	if (rc == 0)
		*version = value.mv_size == sizeof(bytes) ? bytes_read32(value.mv_data) : 0;
	return rc;
}

static int spaces_open(struct store_file *file, MDB_txn *txn, unsigned int flags)
{
	int rc = 0;

	for (uint32_t i = 0; i < STORE_SPACES && rc == 0; i++)
		rc = mdb_dbi_open(txn, space_names[i], (flags & MDB_RDONLY) != 0 ? 0 : MDB_CREATE,
				  &file->spaces[i]);
	return rc;
}

// Returns 0 or an error of LMDB; *version tells another version than ours.
static int inside_open(struct store_file *file, unsigned int flags, uint32_t *version)
{
	MDB_txn *txn;
	MDB_dbi about;
	bool fresh;
	int rc = mdb_txn_begin(file->env, NULL, flags & MDB_RDONLY, &txn);

	if (rc != 0)
		return rc;
	rc = about_open(txn, flags, &about, &fresh);
	if (rc == 0)
		rc = version_look(txn, about, fresh, version);
	if (rc == 0 && *version == STORE_FILE_VERSION)
		rc = spaces_open(file, txn, flags);
	if (rc == 0 && *version == STORE_FILE_VERSION)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int env_fail(const char *path, int rc, uint32_t version,
		    char error[static STORE_ERROR_BYTES])
{
	switch (rc) {
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_NOTFOUND:
		fail(error, "%s is no store of Holdfast: name another path, or move it away", path);
		return -EBADMSG;
	case 0:
		fail(error,
		     "%s is a store of version %u, and this gateway has version %d: name another "
		     "path, or start the gateway that made it",
		     path, version, STORE_FILE_VERSION);
		return -EBADMSG;
	default:
		fail(error, "%s: %s", path, mdb_strerror(rc));
		return -EIO;
	}
}

int store_file_env(struct store_file *file, const char *path, uint64_t map_bytes,
		   unsigned int flags, char error[static STORE_ERROR_BYTES])
{
	uint32_t version = STORE_FILE_VERSION;
	int rc = mdb_env_create(&file->env);

	if (rc != 0)
		return env_fail(path, rc, version, error);
	mdb_env_set_maxdbs(file->env, STORE_SPACES + 1);
	mdb_env_set_mapsize(file->env, map_bytes);
	rc = mdb_env_open(file->env, path, MDB_NOSUBDIR | MDB_NOSYNC | flags, MODE);
	if (rc == 0)
		rc = inside_open(file, flags, &version);
	if (rc == 0 && version == STORE_FILE_VERSION)
		return 0;
	rc = env_fail(path, rc, version, error);
	mdb_env_close(file->env);
	file->env = NULL;
	return rc;
}

// ---- The mark that it is in use ------------------------------------------------------------

static const char *in_use_name(const char *path, char name[static NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%s-in-use", path);
	return name;
}

// Reads at most BOOT_BYTES; an unreadable file has none.
static size_t boot_read(const char *name, char boot[static BOOT_BYTES])
{
	const int fd = open(name, O_RDONLY | O_CLOEXEC);
	const ssize_t got = fd < 0 ? 0 : read(fd, boot, BOOT_BYTES);

	if (fd >= 0)
		close(fd);
	return got > 0 ? (size_t)got : 0;
}

static bool in_use(const char *path)
{
	char name[NAME_BYTES];

	return access(in_use_name(path, name), F_OK) == 0;
}

// Whether the machine stopped while it was in use.
static bool in_use_of_other_boot(const char *path)
{
	char name[NAME_BYTES], then[BOOT_BYTES], now[BOOT_BYTES];
	const size_t len = boot_read("/proc/sys/kernel/random/boot_id", now);

	if (!in_use(path))
		return false;
	return boot_read(in_use_name(path, name), then) != len || len != BOOT_BYTES ||
	       memcmp(then, now, len) != 0;
}

// That a name is there, or is not, is known to the disk from here on.
static int folder_flush(const char *path)
{
	char copy[NAME_BYTES];
	int fd, rc;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int in_use_set(const char *path)
{
	char name[NAME_BYTES], boot[BOOT_BYTES];
	const size_t len = boot_read("/proc/sys/kernel/random/boot_id", boot);
	const int fd =
	    open(in_use_name(path, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE);
	bool good;

	if (fd < 0)
		return -1;
	good = write(fd, boot, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	return good ? folder_flush(path) : -1;
}

static void in_use_clear(const char *path)
{
	char name[NAME_BYTES];

	unlink(in_use_name(path, name));
}

// ---- The file ------------------------------------------------------------------------------

// Opens and locks the data file. Returns its descriptor, or -1.
static int claim(const char *path, char error[static STORE_ERROR_BYTES])
{
	struct stat stat;
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, MODE);

	if (fd < 0) {
		const char *what = errno == ENOENT ? "make the folder that it is to stand in"
						   : "let the gateway read and write it";

		return fail(error, "%s: %s: %s", path, strerror(errno), what);
	}
	if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
		fail(error, "%s is no regular file: name another path", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		fail(error, "%s is in use by another gateway: stop that one, or name another path",
		     path);
	else
		return fd;
	close(fd);
	return -1;
}

static bool empty(int fd)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 && stat.st_size == 0;
}

// Claims it, copied to a new one where it may be torn.
static int claim_whole(struct store_file *file, const char *path, uint64_t map_bytes,
		       char error[static STORE_ERROR_BYTES])
{
	file->fd = claim(path, error);
	if (file->fd < 0)
		return -1;
	if (empty(file->fd) || !in_use_of_other_boot(path))
		return 0;
	if (store_salvage(path, map_bytes, error) == 0) {
		close(file->fd);
		file->fd = claim(path, error);
		return file->fd < 0 ? -1 : folder_flush(path);
	}
	close(file->fd);
	return -1;
}

int store_file_open(struct store_file *file, const char *path, uint64_t map_bytes,
		    char error[static STORE_ERROR_BYTES])
{
	bool marked;

	if (strlen(path) > STORE_FILE_PATH_MAX)
		return fail(error, "store: the path is longer than %d bytes", STORE_FILE_PATH_MAX);
	if (claim_whole(file, path, map_bytes, error) != 0)
		return -1;
	marked = in_use(path);
	file->path = strdup(path);
	if (file->path == NULL || in_use_set(path) != 0)
		fail(error, "%s-in-use: %s: let the gateway write files beside its store", path,
		     strerror(errno));
	else if (store_file_env(file, path, map_bytes, 0, error) == 0)
		return 0;
	if (!marked)
		in_use_clear(path);
	free(file->path);
	close(file->fd);
	return -1;
}

void store_file_close(struct store_file *file)
{
	mdb_env_close(file->env);
	// Whoever opens it next relies on it.
	if (fdatasync(file->fd) == 0)
		in_use_clear(file->path);
	close(file->fd);
	free(file->path);
}
