// SPDX-License-Identifier: BSD-3-Clause
// A fuzz target as a plain program: runs it once over each file, and over each file of each folder.
//
// usage: fuzz_NAME FILE|FOLDER...
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum { FILE_BYTES_MAX = 1 << 20, EXIT_UNREADABLE = 2 };

static int file_run(const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *bytes = malloc(FILE_BYTES_MAX);

	if (file == NULL || bytes == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_UNREADABLE);
	}

	const size_t len = fread(bytes, 1, FILE_BYTES_MAX, file);
	uint8_t *exact = fuzz_copy(bytes, len);

	fclose(file);
	free(bytes);
	// Whoever reads why the process ended wants to know over which file.
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 1;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

// Returns how many files were run.
static int path_run(const char *path)
{
	struct dirent **entries;
	struct stat status;
	int run = 0;

	if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
		return file_run(path);

	const int count = scandir(path, &entries, visible, alphasort);

	if (count < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_UNREADABLE);
	}
	for (int i = 0; i < count; i++) {
		char name[PATH_MAX];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		run += file_run(name);
		free(entries[i]);
	}
	free(entries);
	return run;
}

int main(int argc, char **argv)
{
	int run = 0;

	for (int i = 1; i < argc; i++)
		run += path_run(argv[i]);
	if (run == 0) {
		fprintf(stderr, "usage: %s FILE|FOLDER...; there was no file\n", argv[0]);
		return EXIT_UNREADABLE;
	}
	printf("%d files\n", run);
	return 0;
}
