// SPDX-License-Identifier: BSD-3-Clause
// The configuration file: every error names file, line and key, and nothing is taken silently.
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/settings.h"

#define SOUND                                                                                      \
	"[gateway]\nname = gw1\nworkers = 2\n"                                                     \
	"[port p0]\ndevice = net_null0\naddresses = 192.0.2.10/24, 2001:db8::10/64\n"              \
	"[backend]\nlisten = 192.0.2.10\nfrom = 10.77.0.0/16\n"                                    \
	"[service echo]\nbackends = *\n"

// Loads a file of this text; the path is replaced by "FILE" in error.
static int load(const char *text, struct settings *settings, char *error)
{
	char path[] = "/tmp/holdfast-settings-XXXXXX";
	const int fd = mkstemp(path);
	char found[SETTINGS_ERROR_BYTES] = "";

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);

	const int rc = settings_load(path, settings, found);

	unlink(path);
	if (rc != 0) {
		cr_assert_eq(strncmp(found, path, strlen(path)), 0, "names no file: %s", found);
		snprintf(error, SETTINGS_ERROR_BYTES, "FILE%s", found + strlen(path));
	}
	return rc;
}

Test(settings, a_sound_file_is_taken_whole)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES];

	cr_assert_eq(load(SOUND "[session]\nmax = 500\ntimeout_ms = 400\nheartbeat_ms = 100\n"
				"[replay]\nmemory = 2M\nper_session = 8K\n",
			  &settings, error),
		     0);
	cr_expect_str_eq(settings.gateway.name, "gw1");
	cr_expect_eq(settings.gateway.workers, 2);
	cr_expect_eq(settings.gateway.port, 7400);
	cr_expect_eq(settings.ports_count, 1);
	cr_expect_eq(settings.addresses_count, 2);
	cr_expect_eq(settings.addresses[0].prefix_bits, 24);
	cr_expect_eq(settings.addresses[1].prefix_bits, 64);
	cr_expect_eq(settings.session.max, 500);
	cr_expect_eq(settings.replay.memory_bytes, 2 << 20);
	cr_expect_eq(settings.replay.per_session_bytes, 8 << 10);
	cr_expect(settings.services[0].any);
	cr_expect_eq(settings.backend.from[0].bits, 96 + 16);
}

Test(settings, each_error_says_where_and_what)
{
	static const struct {
		const char *text;
		const char *error; // begins so
	} cases[] = {
	    {"[gateway]\nworker = 2\n", "FILE:2: [gateway] has no key \"worker\"; it has name, "},
	    {"[gate]\nname = x\n", "FILE:1: [gate]: no such section"},
	    {"[gateway]\n[nonsense]\n[session]\n", "FILE:2: [nonsense]: no such section"},
	    {"\n[gateway]\nworkers = 17\n",
	     "FILE:3: workers = 17: a whole number from 1 to 16 is wanted"},
	    {"[gateway]\nworkers = two\n", "FILE:2: workers = two: a whole number"},
	    {"[gateway]\nworkers = -1\n", "FILE:2: workers = -1: a whole number"},
	    {"[session]\nwindow = 63\n", "FILE:2: window = 63: a whole number from 64 to 4096"},
	    {"[session]\nwindow = 4097\n", "FILE:2: window = 4097:"},
	    {"[replay]\nmemory = 1T\n", "FILE:2: memory = 1T:"},
	    {"[replay]\nmemory = 99999999999999999999\n", "FILE:2: memory = 9999"},
	    {"[port p]\naddresses = 192.0.2.1\n", "FILE:2: addresses: 192.0.2.1: an address and"},
	    {"[port p]\naddresses = 192.0.2.1/33\n", "FILE:2: addresses: 192.0.2.1/33:"},
	    {"[port p]\nchecksum = maybe\n",
	     "FILE:2: checksum = maybe: one of verify, trust is wanted"},
	    {"[port p]\nexception = tap\n", "FILE:2: exception = tap is not in this build"},
	    {"[port]\ndevice = x\n", "FILE:1: [port ]: a name of 1 to"},
	    {"[store]\nkind = redis\n", "FILE:2: kind = redis is not in this build"},
	    {"[store]\nurl = redis://127.0.0.1\n", "FILE:2: url: sessions are kept in memory"},
	    {"[service s]\nlost = rebind\n", "FILE:2: lost = rebind is not in this build"},
	    {"[backend]\nfrom = 10.0.0.0\n", "FILE:2: from: 10.0.0.0: a prefix is wanted"},
	    {"workers = 2\n", "FILE:1: workers: before any [section]"},
	    {"[gateway]\nnonsense\n", "FILE:2: neither [section], key = value nor a comment"},
	    {"[gateway]\nname = x\n", "FILE: no [port NAME]"},
	    {"[port p]\ndevice = x\n", "FILE: [port p]: addresses is missing"},
	    {"[port p]\naddresses = 192.0.2.1/24\n", "FILE: [port p]: device is missing"},
	    {SOUND "[session]\ntimeout_ms = 1999\n", "FILE: [session] heartbeat_ms must be"},
	    {SOUND "[session]\nheartbeat_ms = 10000\n", "FILE: [session] heartbeat_ms must be"},
	    {"[port p]\ndevice = x\naddresses = 192.0.2.1/24\n[backend]\nlisten = 192.0.2.2\n",
	     "FILE: [backend] listen: not an address of any port"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct settings settings;
		char error[SETTINGS_ERROR_BYTES] = "";

		cr_expect_eq(load(cases[i].text, &settings, error), -EINVAL, "case %zu", i);
		cr_expect_eq(strncmp(error, cases[i].error, strlen(cases[i].error)), 0,
			     "case %zu: %s", i, error);
	}
}

Test(settings, a_line_that_would_be_cut_is_refused)
{
	static struct settings settings;
	char text[400], error[SETTINGS_ERROR_BYTES];

	snprintf(text, sizeof(text), "[backend]\nfrom = %0300d\n", 1);
	cr_expect_eq(load(text, &settings, error), -EINVAL);
	cr_expect(strstr(error, "FILE:2: line of more than") == error, "%s", error);
}

Test(settings, a_list_goes_on_in_indented_lines)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES] = "";

	cr_assert_eq(
	    load(SOUND "[backend]\nfrom = 10.1.0.0/16,\n  10.2.0.0/16\n", &settings, error), 0,
	    "%s", error);
	cr_expect_eq(settings.backend.from_count, 3);
}

Test(settings, a_missing_file_is_named)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES];

	cr_expect_eq(settings_load("/nonexistent/holdfast.conf", &settings, error), -ENOENT);
	cr_expect_str_eq(error, "/nonexistent/holdfast.conf: No such file or directory");
}

Test(settings, the_built_in_configuration_is_sound)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES] = "";

	cr_expect_eq(settings_load(NULL, &settings, error), 0, "%s", error);
	cr_expect_eq(settings.ports_count, 1);
}

Test(settings, prefixes_hold_what_they_name)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES];
	uint8_t inside[16] = {[10] = 0xff, [11] = 0xff, 10, 77, 255, 255};
	uint8_t outside[16] = {[10] = 0xff, [11] = 0xff, 10, 78, 0, 0};

	cr_assert_eq(load(SOUND, &settings, error), 0);
	cr_expect(settings_prefixes_have(settings.backend.from, 1, inside));
	cr_expect_not(settings_prefixes_have(settings.backend.from, 1, outside));
	cr_expect_not(settings_prefixes_have(settings.backend.from, 0, inside));
}
