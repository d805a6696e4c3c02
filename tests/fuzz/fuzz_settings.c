// SPDX-License-Identifier: BSD-3-Clause
// The configuration file: any bytes as one.
//
// What is accepted, printed and read again is the same; what is refused is refused in one line.
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/config.h"
#include "control/settings.h"
#include "tests/fuzz/fuzz.h"

enum { NAME_BYTES = 32, KEY_BYTES_MAX = 200 };

// A file in memory and the name that it can be opened by.
struct file {
	int fd;
	char name[NAME_BYTES];
};

static void file_fill(struct file *file, const void *bytes, size_t len)
{
	if (file->name[0] == '\0') {
		file->fd = memfd_create("fuzz", MFD_CLOEXEC);
		FUZZ_CHECK(file->fd >= 0, "no memory file: %s", strerror(errno));
		snprintf(file->name, sizeof(file->name), "/proc/self/fd/%d", file->fd);
	}
	FUZZ_CHECK(ftruncate(file->fd, 0) == 0, "%s", strerror(errno));
	FUZZ_CHECK(pwrite(file->fd, bytes, len, 0) == (ssize_t)len, "%s", strerror(errno));
}

static char *printed(const struct settings *settings, const struct settings_sources *sources,
		     size_t *bytes)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, bytes);

	FUZZ_CHECK(out != NULL, "out of memory");
	settings_print(settings, sources, out);
	FUZZ_CHECK(fclose(out) == 0, "out of memory");
	return text;
}

// text is what was printed of *settings: reading it must give the same.
static void again(const struct settings *settings, const char *text, size_t bytes)
{
	static struct settings twice;
	static struct file file;
	char error[SETTINGS_ERROR_BYTES] = "";
	size_t plain_bytes, twice_bytes;

	file_fill(&file, text, bytes);
	FUZZ_CHECK(settings_load(file.name, &twice, NULL, error) == 0, "%s\n%s", error, text);

	char *plain = printed(settings, NULL, &plain_bytes);
	char *plain_twice = printed(&twice, NULL, &twice_bytes);

	FUZZ_CHECK(strcmp(plain, plain_twice) == 0, "printed:\n%sread again:\n%s", plain,
		   plain_twice);
	FUZZ_CHECK(settings->ports_count == twice.ports_count &&
		       settings->addresses_count == twice.addresses_count &&
		       settings->services_count == twice.services_count,
		   "other counts");
	free(plain_twice);
	free(plain);
}

static void one_line(const char *error)
{
	const size_t len = strlen(error);

	FUZZ_CHECK(len > 0 && len < SETTINGS_ERROR_BYTES, "no message");
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK((unsigned char)error[i] >= ' ' && error[i] != 0x7f,
			   "control character %d in: %s", error[i], error);
}

// "KEY VALUE" as holdfastctl config set gives it, on top of the file. All or nothing.
static void set_look(struct config *config, const uint8_t *bytes, size_t len)
{
	const uint8_t *blank = memchr(bytes, ' ', len);
	char error[SETTINGS_ERROR_BYTES] = "", key[KEY_BYTES_MAX];
	struct config_report report;
	size_t before_bytes, after_bytes;

	if (blank == NULL || blank - bytes >= KEY_BYTES_MAX)
		return;
	snprintf(key, sizeof(key), "%.*s", (int)(blank - bytes), (const char *)bytes);

	char *value = strndup((const char *)blank + 1, len - (size_t)(blank - bytes) - 1);
	char *before = printed(&config->settings, NULL, &before_bytes);

	if (config_set(config, key, value, &report, error) == 0) {
		config_report_fini(&report);
	} else {
		char *after = printed(&config->settings, NULL, &after_bytes);

		one_line(error);
		FUZZ_CHECK(strcmp(before, after) == 0, "refused, yet changed: %s", error);
		free(after);
	}
	free(before);
	free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	static struct settings_warnings warnings;
	static struct file file;
	// What stands behind a zero byte is for config set.
	const uint8_t *end = memchr(data, 0, size);
	const size_t file_bytes = end != NULL ? (size_t)(end - data) : size;
	char error[SETTINGS_ERROR_BYTES] = "";
	size_t bytes;

	if (size == 0)
		return 0;
	file_fill(&file, data, file_bytes);
	if (config_load(&config, file.name, error) != 0) {
		one_line(error);
		return 0;
	}
	settings_warn(&config.settings, &warnings);
	FUZZ_CHECK(warnings.count <= SETTINGS_WARNINGS_MAX, "%u warnings", warnings.count);

	char *text = printed(&config.settings, &config.sources, &bytes);

	again(&config.settings, text, bytes);
	free(text);
	if (end != NULL)
		set_look(&config, end + 1, size - file_bytes - 1);
	return 0;
}
