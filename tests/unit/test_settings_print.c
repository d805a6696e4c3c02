// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/settings.h"

static const char sound[] =
    "[gateway]\nname = gw1\nworkers = 3\nport = 7401\ncontrol = /tmp/x.sock\n"
    "[port p0]\ndevice = net_null0\naddresses = 192.0.2.10/24, 2001:db8::10/64\n"
    "mtu = 1400\nvlan = 7\nchecksum = trust\n"
    "[port p1]\ndevice = net_null1,a=b\naddresses = 198.51.100.1/30\n"
    "[backend]\nlisten = 198.51.100.1, 2001:db8::10\nfrom = 10.77.0.0/16, 2001:db8:1::/48, "
    "0.0.0.0/0, ::ffff:0:0/95\n"
    "[session]\nmax = 77\ntimeout_ms = 1000\nheartbeat_ms = 100\ngrace_ms = 0\nwindow = 64\n"
    "[replay]\nmemory = 3M\nper_session = 8K\n"
    "[store]\nrequired = no\n"
    "[limits]\nresumes_per_second = 1\nnew_per_second = 2\nnew_per_source = 3\nopenings = 4\n"
    "[service echo]\nbackends = *\n"
    "[service chat]\nbackends = c1, c2\n"
    "[control]\ngroup = root\n";

// Loads what write() puts into a file.
static void load(struct settings *settings, void (*write_to)(FILE *out, const void *context),
		 const void *context)
{
	char path[] = "/tmp/holdfast-settings-XXXXXX";
	char error[SETTINGS_ERROR_BYTES] = "";
	FILE *out = fdopen(mkstemp(path), "w");

	write_to(out, context);
	fclose(out);
	cr_assert_eq(settings_load(path, settings, NULL, error), 0, "%s", error);
	unlink(path);
}

static void write_text(FILE *out, const void *context)
{
	fputs(context, out);
}

static void write_settings(FILE *out, const void *context)
{
	settings_print(context, NULL, out);
}

Test(settings_print, gives_a_file_that_gives_the_same_settings)
{
	static struct settings first, second;

	load(&first, write_text, sound);
	cr_assert_eq(first.backend.from_count, 4);
	load(&second, write_settings, &first);
	cr_expect_eq(memcmp(&first, &second, sizeof(first)), 0);
}

Test(settings_print, does_so_for_lists_as_long_as_they_may_be)
{
	static struct settings first, second;

	load(&first, write_text, sound);
	struct settings_service *chat = &first.services[1];

	chat->names_count = SETTINGS_NAMES_MAX;
	for (uint32_t i = 0; i < SETTINGS_NAMES_MAX; i++) {
		memset(chat->names[i], 'a' + (char)(i % 26), WIRE_NAME_MAX);
		chat->names[i][WIRE_NAME_MAX] = '\0';
	}
	for (uint32_t i = 0; i < SETTINGS_PREFIXES_MAX; i++)
		first.backend.from[i] = (struct settings_prefix){{0x20, 1, [15] = (uint8_t)i}, 128};
	first.backend.from_count = SETTINGS_PREFIXES_MAX;
	load(&second, write_settings, &first);
	cr_expect_eq(memcmp(&first, &second, sizeof(first)), 0);
}

Test(settings_print, shows_the_built_in_configuration)
{
	static struct settings first, second;
	char error[SETTINGS_ERROR_BYTES];

	cr_assert_eq(settings_load(NULL, &first, NULL, error), 0);
	load(&second, write_settings, &first);
	cr_expect_eq(memcmp(&first, &second, sizeof(first)), 0);
}
