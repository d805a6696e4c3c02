// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/eal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

// Of our files in EAL's folders, so that gateways on one machine do not meet.
#define PREFIX_FORMAT "holdfast%d"

#define HUGEPAGE_FOLDER "/dev/hugepages"

enum {
	SOCKET_PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path),
	SOCKET_NAME_BYTES = 48, // of "/PREFIX/dpdk_telemetry.v2", with room to spare
};

enum { ARGUMENTS_MAX = 64, ARGUMENT_BYTES = 320, HUGEPAGE_MIB = 2, MAIN_LCORE = 100 };

struct arguments {
	int count;
	char *values[ARGUMENTS_MAX + 1];
	char texts[ARGUMENTS_MAX][ARGUMENT_BYTES];
};

static void add(struct arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct arguments *arguments, const char *format, ...)
{
	va_list values;

	if (arguments->count == ARGUMENTS_MAX)
		return;
	va_start(values, format);
	vsnprintf(arguments->texts[arguments->count], ARGUMENT_BYTES, format, values);
	va_end(values);
	arguments->values[arguments->count] = arguments->texts[arguments->count];
	arguments->count++;
}

// Free 2 MiB hugepages, in MiB.
static uint32_t huge_free_mib(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned long pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (uint32_t)(pages * HUGEPAGE_MIB);
}

// CPUs that this process may use, in ascending order. Returns how many.
static uint32_t cpus_allowed(int *cpus, uint32_t max)
{
	cpu_set_t set;
	uint32_t count = 0;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE && count < max; cpu++) {
		if (CPU_ISSET(cpu, &set))
			cpus[count++] = cpu;
	}
	return count;
}

// One lcore for each worker, pinned round the CPUs from the last to the first; the main lcore
// floats over all of them.
static void lcores_add(struct arguments *arguments, uint32_t workers)
{
	int cpus[CPU_SETSIZE];
	const uint32_t count = cpus_allowed(cpus, CPU_SETSIZE);
	char text[ARGUMENT_BYTES];
	int used = snprintf(text, sizeof(text), "%d@(%d-%d)", MAIN_LCORE, cpus[0], cpus[count - 1]);

	for (uint32_t i = 0; i < workers; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, ",%u@%d", i,
				 cpus[count - 1 - i % count]);
	add(arguments, "--lcores");
	add(arguments, "%s", text);
	add(arguments, "--main-lcore");
	add(arguments, "%d", MAIN_LCORE);
}

static void devices_add(struct arguments *arguments, const struct dataplane_settings *settings)
{
	bool pci = false;

	for (uint32_t i = 0; i < settings->ports_count; i++) {
		const char *device = settings->ports[i].device;

		if (strncmp(device, "net_", 4) == 0 || strncmp(device, "eth_", 4) == 0) {
			add(arguments, "--vdev");
		} else {
			add(arguments, "-a");
			pci = true;
		}
		add(arguments, "%s", device);
	}
	if (!pci)
		add(arguments, "--no-pci");
}

// Makes a folder for us alone where it is not there yet.
static bool folder_usable(const char *path)
{
	return (mkdir(path, S_IRWXU) == 0 || errno == EEXIST) && access(path, W_OK | X_OK) == 0;
}

// Whether EAL will find a place for telemetry's socket: without one it would not start at all. The
// place is EAL's to choose; this follows how it does.
static bool telemetry_possible(void)
{
	const char *base = getenv("RUNTIME_DIRECTORY"), *xdg = getenv("XDG_RUNTIME_DIR");
	char path[SOCKET_PATH_BYTES];

	if (base == NULL)
		base = getuid() == 0 ? "/var/run" : xdg != NULL ? xdg : "/tmp";

	const int len = snprintf(path, sizeof(path), "%s/dpdk", base);

	if (len < 0 || len >= (int)sizeof(path) - SOCKET_NAME_BYTES || !folder_usable(path))
		return false;
	snprintf(path + len, sizeof(path) - (size_t)len, "/" PREFIX_FORMAT, getpid());
	return folder_usable(path);
}

// With hugepages the gateway's memory has files, where it may make them: dpdk-dumpcap shares them.
int eal_start(const struct dataplane_settings *settings, uint32_t memory_mib, unsigned int *lcores,
	      bool *huge, char error[static DATAPLANE_ERROR_BYTES])
{
	// EAL keeps pointers into the arguments, and moves these, for as long as it lives.
	static struct arguments *arguments;

	if (arguments == NULL)
		arguments = calloc(1, sizeof(*arguments));
	if (arguments == NULL) {
		snprintf(error, DATAPLANE_ERROR_BYTES, "out of memory");
		return -ENOMEM;
	}
	arguments->count = 0;
	*huge = huge_free_mib() >= memory_mib;
	add(arguments, "holdfastd");
	lcores_add(arguments, settings->workers);
	devices_add(arguments, settings);
	add(arguments, "--file-prefix");
	add(arguments, PREFIX_FORMAT, getpid());
	add(arguments, "--log-level=warning");
	add(arguments, "--log-level=lib.telemetry:error"); // it misses what nobody has any more
	if (!settings->telemetry || !telemetry_possible())
		add(arguments, "--no-telemetry");
	if (*huge && access(HUGEPAGE_FOLDER, W_OK) != 0) {
		add(arguments, "--in-memory");
		add(arguments, "--single-file-segments");
	} else if (!*huge) {
		add(arguments, "--no-huge");
		add(arguments, "--no-shconf");
		add(arguments, "-m");
		add(arguments, "%u", memory_mib);
	}
	for (int i = 0; i < settings->eal_argc; i++)
		add(arguments, "%s", settings->eal_argv[i]);
	rte_log_set_global_level(RTE_LOG_WARNING);
	optind = 1;

	const int rc = rte_eal_init(arguments->count, arguments->values);
	const int reason = rte_errno;

	if (rc < 0) {
		snprintf(error, DATAPLANE_ERROR_BYTES,
			 "DPDK could not be started: %s; its own lines stand above",
			 rte_strerror(reason));
		return -reason;
	}
	for (uint32_t i = 0; i < settings->workers; i++)
		lcores[i] = i;
	return 0;
}

// Removes what stands in a folder under names that begin so.
static void files_remove(const char *path, const char *begin)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		if (strncmp(entry->d_name, begin, strlen(begin)) == 0)
			unlinkat(dirfd(folder), entry->d_name, 0); // folders stay
	}
	closedir(folder);
}

// EAL leaves its runtime folder behind, and the files of its hugepages, which keep the memory.
// After a gateway that was killed the next one's EAL removes the latter.
void eal_stop(void)
{
	char folder[PATH_MAX], pages[PATH_MAX];
	const char *name;

	snprintf(folder, sizeof(folder), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	name = strrchr(folder, '/');
	if (name == NULL || name[1] == '\0')
		return;
	snprintf(pages, sizeof(pages), "%smap_", name + 1);
	files_remove(HUGEPAGE_FOLDER, pages);
	files_remove(folder, "");
	rmdir(folder);
}
