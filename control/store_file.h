// SPDX-License-Identifier: BSD-3-Clause
// The LMDB file of the store: opened for one gateway alone, and looked at before anything is
// believed that it says.
//
// Beside PATH stand PATH-lock, which is LMDB's, and PATH-in-use while a gateway has it open, which
// tells the boot of the machine. A file that was in use when the machine stopped may be torn: its
// pages reach the disk in another order than that in which they were written. Then the records
// that can be read are copied into a new file, and the old one is kept as PATH-torn.
//
// Control thread.
#pragma once

#include <stdint.h>

#include <lmdb.h>

#include "control/store.h"

enum {
	STORE_FILE_VERSION = 1,
	STORE_FILE_PATH_MAX = 4000, // bytes
};

struct store_file {
	int fd; // of the data file: its lock says that it is ours; for flushes
	MDB_env *env;
	MDB_dbi spaces[STORE_SPACES];
	char *path;
};

// Opens or creates it, at first with a map of map_bytes or what the file needs.
// Returns 0, or -1 with one line in error that says what to do.
int store_file_open(struct store_file *file, const char *path, uint64_t map_bytes,
		    char error[static STORE_ERROR_BYTES]);

// Closes it; the disk has all of it by then, so that it is whole whatever the machine does.
void store_file_close(struct store_file *file);

// Of a file: the environment and its spaces alone, with flags of mdb_env_open(). With MDB_RDONLY
// nothing is created.
// Returns 0, -EBADMSG (no file of ours) or -EIO, with one line in error.
int store_file_env(struct store_file *file, const char *path, uint64_t map_bytes,
		   unsigned int flags, char error[static STORE_ERROR_BYTES]);
