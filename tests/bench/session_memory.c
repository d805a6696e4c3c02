// SPDX-License-Identifier: BSD-3-Clause
// What an idle session costs in memory, everything counted: the growth of the process's resident
// memory, and of the hugepages that it has taken, while COUNT sessions are opened by whole
// handshakes and fall idle.
//
// usage: session_memory [COUNT]      default 1000000
//
// Prints one line of JSON. Exit: 0, or 1 where a session could not be opened.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rig_session.h"

enum { DEFAULT_COUNT = 1000000, TARGET_BYTES = 256, PROGRESS = 100000, SETTLE_MS = 5000 };

// Kilobytes behind a key of /proc/self/status, or 0.
static uint64_t status_kib(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kib = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtoull(line + strlen(key), NULL, 10);
	}
	fclose(file);
	return kib;
}

static uint64_t resident_bytes(void)
{
	return (status_kib("VmRSS:") + status_kib("HugetlbPages:")) * 1024;
}

static void sessions_open(struct rig *rig, uint32_t first, uint32_t count)
{
	for (uint32_t n = first; n < first + count; n++) {
		struct rig_peer client = rig_peer(rig, 1, 0);
		struct rig_session session;

		// Clients of many addresses behind few link-layer ones.
		memcpy(client.at.ip + 13, &n, 3);
		client.at.ip[12] = 10;
		session = rig_session(&client, n);
		session.timeout_ms = 300000;
		rig_open(rig, &session);
		rig->notices_count = 0;
		if (n % PROGRESS == 0)
			fprintf(stderr, "%" PRIu32 " sessions\n", n);
	}
}

int main(int argc, char **argv)
{
	const uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : DEFAULT_COUNT;
	const uint32_t first = 1000; // whatever is allocated once is there by then
	static struct rig rig;
	uint64_t before, after;

	if (count == 0) {
		fprintf(stderr, "usage: session_memory [COUNT]\n");
		return 2;
	}
	rig_start(&rig, &(struct rig_settings){.sessions_max = first + count});
	sessions_open(&rig, 0, first);
	before = resident_bytes();
	sessions_open(&rig, first, count);
	rig_run(&rig, SETTLE_MS);
	after = resident_bytes();
	printf("{\"sessions\": %" PRIu32 ", \"bytes\": %" PRIu64
	       ", \"bytes_per_session\": %.1f, \"target\": %d, \"huge\": %s}\n",
	       count, after - before, (double)(after - before) / count, TARGET_BYTES,
	       rig.dataplane->huge ? "true" : "false");
	rig_stop(&rig);
	return 0;
}
