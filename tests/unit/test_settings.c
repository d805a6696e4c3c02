// SPDX-License-Identifier: BSD-3-Clause
// The configuration file: every error names file, line and key, and nothing is taken silently.
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/settings_value.h"

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

	const int rc = settings_load(path, settings, NULL, found);

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
	    {"[gateway]\ncolour = 2\n", "FILE:2: [gateway] has no key \"colour\"; it has name, "},
	    {"[gateway]\nworker = 2\n",
	     "FILE:2: [gateway] has no key \"worker\"; did you mean workers?"},
	    {"[session]\ntimout_ms = 2\n",
	     "FILE:2: [session] has no key \"timout_ms\"; did you mean timeout_ms?"},
	    {"[session]\nmemory = 2\n",
	     "FILE:2: [session] has no key \"memory\"; it belongs to [replay]"},
	    {"[gate]\nname = x\n", "FILE:1: [gate]: no such section; did you mean [gateway]?"},
	    {"[servcie echo]\n", "FILE:1: [servcie echo]: no such section; did you mean [service"},
	    {"[colours]\n", "FILE:1: [colours]: no such section; there are gateway, port NAME, "},
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

	cr_expect_eq(settings_load("/nonexistent/holdfast.conf", &settings, NULL, error), -ENOENT);
	cr_expect_str_eq(error, "/nonexistent/holdfast.conf: No such file or directory");
}

Test(settings, the_built_in_configuration_is_sound)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES] = "";

	cr_expect_eq(settings_load(NULL, &settings, NULL, error), 0, "%s", error);
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

Test(settings, each_source_is_the_line_that_counts)
{
	static struct settings settings;
	static struct settings_sources sources;
	char path[] = "/tmp/holdfast-settings-XXXXXX";
	char error[SETTINGS_ERROR_BYTES], source[SETTINGS_SOURCE_BYTES], wanted[64];
	static const char text[] =
	    SOUND "[session]\nmax = 5\nmax = 6\n[backend]\nfrom = 10.1.0.0/16,\n 10.2.0.0/16\n";
	static const struct {
		const char *name;
		int line; // 0: default
	} cases[] = {{"session.max", 14},   {"backend.from", 9}, {"session.grace_ms", 0},
		     {"port.p0.device", 5}, {"port.p0.vlan", 0}, {"service.echo.backends", 11}};
	FILE *out = fdopen(mkstemp(path), "w");

	fputs(text, out);
	fclose(out);
	cr_assert_eq(settings_load(path, &settings, &sources, error), 0, "%s", error);
	unlink(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct settings_place place = settings_place_find(&settings, cases[i].name);

		cr_assert_not_null(place.key, "case %zu", i);
		snprintf(wanted, sizeof(wanted), "%s:%d", path, cases[i].line);
		cr_expect_str_eq(settings_source_text(&sources, place, source),
				 cases[i].line > 0 ? wanted : "default", "case %zu", i);
	}
}

Test(settings, places_are_found_by_the_names_that_they_have)
{
	static struct settings settings;
	struct settings_place place = {.key = NULL};
	char error[SETTINGS_ERROR_BYTES], name[SETTINGS_PLACE_BYTES];
	uint32_t count = 0;

	cr_assert_eq(load(SOUND "[service a.b]\nbackends = *\n", &settings, error), 0);
	while (settings_place_next(&settings, &place)) {
		const struct settings_place found =
		    settings_place_find(&settings, settings_place_name(&settings, place, name));

		cr_expect_eq(found.key, place.key, "%s", name);
		cr_expect_eq(found.index, place.index, "%s", name);
		count++;
	}
	cr_expect_gt(count, 25);
	static const char *const none[] = {"",
					   ".",
					   "session",
					   "session.",
					   ".max",
					   "session.x.max",
					   "service.backends",
					   "port..device",
					   "service.no.backends"};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_expect_null(settings_place_find(&settings, none[i]).key, "%s", none[i]);
}

Test(settings, every_key_has_a_help_line_and_a_default_that_its_bounds_allow)
{
	const struct settings_key *key;

	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		static struct settings settings;
		struct settings_reader reader = {.settings = &settings};
		char text[SETTINGS_BOUNDS_BYTES];

		if (key->missing != NULL)
			continue;
		cr_expect_not_null(key->help, "%s", key->name);
		settings_key_default(key, text);
		if (text[0] != '\0')
			cr_expect_eq(
			    settings_value_set(&reader, (struct settings_place){key, 0}, text), 1,
			    "%s.%s: %s", key->section, key->name, reader.message);
	}
}

// Warns of a file of this text. Returns the lines joined.
static const char *warned(const char *text)
{
	static struct settings settings;
	static struct settings_warnings warnings;
	static char joined[SETTINGS_WARNINGS_MAX * SETTINGS_WARNING_BYTES];
	char error[SETTINGS_ERROR_BYTES] = "";

	cr_assert_eq(load(text, &settings, error), 0, "%s", error);
	settings_warn(&settings, &warnings);
	joined[0] = '\0';
	for (uint32_t i = 0; i < warnings.count; i++)
		strcat(strcat(joined, warnings.lines[i]), "\n");
	return joined;
}

Test(settings, what_is_hardly_meant_is_warned_of)
{
	static const struct {
		const char *text;
		const char *warning;
	} cases[] = {
	    {SOUND "[service s]\n", "[service s] backends is not set: nobody may serve it\n"},
	    {SOUND "[session]\ntimeout_ms = 400\nheartbeat_ms = 100\n",
	     "[session] timeout_ms = 400 is none that a client may wish"},
	    {SOUND "[session]\nheartbeat_ms = 3000\n", "[session] heartbeat_ms = 3000: clients"},
	    {SOUND "[replay]\nmemory = 1024G\n", "[replay] memory: 1048576M, this machine has "},
	    {SOUND "[replay]\nmemory = 1M\nper_session = 2M\n", "[replay] per_session is more"},
	    {SOUND "[gateway]\nworkers = 16\n", "[gateway] workers = 16: this machine has "},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strstr(cases[i].warning, "workers") != NULL &&
		    sysconf(_SC_NPROCESSORS_ONLN) >= 16)
			continue;
		const char *lines = warned(cases[i].text);

		cr_expect_not_null(strstr(lines, cases[i].warning), "case %zu: %s", i, lines);
	}
	cr_expect_null(strstr(warned(SOUND), "[service"));
	cr_expect_null(strstr(warned(SOUND), "[session"));
}

Test(settings, an_ipv4_address_may_be_written_as_one_of_ipv6)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES];

	cr_assert_eq(load("[port p0]\ndevice = net_null0\naddresses = ::ffff:192.0.2.10/120\n"
			  "[service echo]\n",
			  &settings, error),
		     0, "%s", error);
	cr_expect_eq(settings.addresses[0].prefix_bits, 24);
	cr_expect_neq(load("[port p0]\ndevice = net_null0\naddresses = ::ffff:192.0.2.10/95\n"
			   "[service echo]\n",
			   &settings, error),
		      0, "a network that is not IPv4's");
}

Test(settings, an_error_is_one_line_of_plain_characters)
{
	static const char *const files[] = {
	    "a\x1b[2Jb = 1\n",
	    "[port \x1b[2J]\ndevice = x\n",
	    "[service a\x7f]\n",
	    "[session]\nmax = \r\x01\n",
	};
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		cr_expect_eq(load(files[i], &settings, error), -EINVAL, "file %zu", i);
		for (const char *c = error; *c != '\0'; c++)
			cr_expect(*c >= ' ' && *c < 0x7f, "file %zu: %s", i, error);
	}
}

Test(settings, a_service_may_have_as_long_a_name_as_the_wire_lets_it)
{
	static struct settings settings;
	char error[SETTINGS_ERROR_BYTES], name[WIRE_NAME_MAX + 2], text[512];

	for (size_t len = 40; len <= WIRE_NAME_MAX + 1; len++) {
		memset(name, 'n', len);
		name[len] = '\0';
		snprintf(text, sizeof(text),
			 "[port p0]\ndevice = net_null0\naddresses = 192.0.2.10/24\n"
			 "[service %s]\nbackends = b1\n",
			 name);
		if (len > WIRE_NAME_MAX) {
			cr_expect_eq(load(text, &settings, error), -EINVAL);
			break;
		}
		cr_assert_eq(load(text, &settings, error), 0, "%zu: %s", len, error);
		cr_expect_eq(settings.services_count, 1, "%zu characters", len);
		cr_expect_str_eq(settings.services[0].name, name);
		cr_expect_eq(settings.services[0].names_count, 1, "%zu characters", len);
	}
	cr_expect_eq(load(" [service nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn]\n"
			  "backends = b1\n",
			  &settings, error),
		     -EINVAL);
	cr_expect_not_null(strstr(error, "first column"), "%s", error);
}
