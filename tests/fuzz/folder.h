// SPDX-License-Identifier: BSD-3-Clause
// A folder for the sockets of a fuzz target, removed with what is in it when the process exits.
#pragma once

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { FOLDER_PATH_BYTES = 64, FOLDER_FILE_BYTES = 80 };

static char folder_path[FOLDER_PATH_BYTES];

static void folder_remove(void)
{
	DIR *folder = opendir(folder_path);
	const struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
	rmdir(folder_path);
}

// Writes the path of a file in the folder, which is made with the first call. Returns path.
static const char *folder_file(const char *name, char path[static FOLDER_FILE_BYTES])
{
	if (folder_path[0] == '\0') {
		snprintf(folder_path, sizeof(folder_path), "/tmp/holdfast-fuzz-XXXXXX");
		FUZZ_CHECK(mkdtemp(folder_path) != NULL, "%s: %s", folder_path, strerror(errno));
		atexit(folder_remove);
	}
	snprintf(path, FOLDER_FILE_BYTES, "%s/%s", folder_path, name);
	return path;
}
