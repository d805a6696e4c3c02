// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control/store_url.h"

Test(store_url, each_part_is_read)
{
	static const struct {
		const char *text;
		struct store_url url;
		const char *plain;
	} cases[] = {
	    {"redis://h", {.host = "h", .port = 6379}, "redis://h:6379/0"},
	    {"redis://h/", {.host = "h", .port = 6379}, "redis://h:6379/0"},
	    {"redis://10.0.0.1:1/15",
	     {.host = "10.0.0.1", .port = 1, .database = 15},
	     "redis://10.0.0.1:1/15"},
	    {"rediss://u:p@h:65535",
	     {.tls = true, .host = "h", .port = 65535, .user = "u", .password = "p"},
	     "rediss://h:65535/0"},
	    {"redis://:p%40%2f@h",
	     {.host = "h", .port = 6379, .password = "p@/"},
	     "redis://h:6379/0"},
	    {"redis://[::1]", {.host = "::1", .port = 6379}, "redis://[::1]:6379/0"},
	    {"redis://[::1]:7/2", {.host = "::1", .port = 7, .database = 2}, "redis://[::1]:7/2"},
	    {"unix:/r.sock", {.path = "/r.sock", .port = 6379}, "unix:/r.sock?db=0"},
	    {"unix:///r.sock?db=4",
	     {.path = "/r.sock", .port = 6379, .database = 4},
	     "unix:/r.sock?db=4"},
	    {"unix:u:p@/r%20s",
	     {.path = "/r s", .port = 6379, .user = "u", .password = "p"},
	     "unix:/r s?db=0"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct store_url *want = &cases[i].url;
		char text[STORE_URL_TEXT_BYTES];
		struct store_url url;
		const char *wrong = store_url_read(cases[i].text, &url);

		cr_expect_null(wrong, "%s: %s", cases[i].text, wrong);
		cr_expect_eq(url.tls, want->tls, "%s", cases[i].text);
		cr_expect_eq(url.port, want->port, "%s: %u", cases[i].text, url.port);
		cr_expect_eq(url.database, want->database, "%s", cases[i].text);
		cr_expect_str_eq(url.host, want->host);
		cr_expect_str_eq(url.path, want->path);
		cr_expect_str_eq(url.user, want->user);
		cr_expect_str_eq(url.password, want->password);
		cr_expect_str_eq(store_url_text(&url, text), cases[i].plain);
	}
}

Test(store_url, what_is_wrong_is_said_without_the_secret)
{
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
	    {"", "begins with"},
	    {"http://h", "begins with"},
	    {"redis:h", "begins with"},
	    {"redis://", "no host"},
	    {"redis://:6379", "no host"},
	    {"redis://h:", "port"},
	    {"redis://h:0", "port"},
	    {"redis://h:65536", "port"},
	    {"redis://h:6x", "port"},
	    {"redis://h:18446744073709551617", "port"},
	    {"redis://[::1", "ends with ]"},
	    {"redis://[::1]6379", "after ]"},
	    {"redis://[::1]:", "port"},
	    {"redis://h/x", "DATABASE"},
	    {"redis://h/9999999999", "DATABASE"},
	    {"redis://secret@h", "USER:PASSWORD"},
	    {"redis://:@h", "password"},
	    {"redis://:secret%4@h", "password"},
	    {"redis://:secret%00@h", "password"},
	    {"redis://secret%zz:p@h", "user"},
	    {"unix:relative", "path"},
	    {"unix:", "path"},
	    {"unix:/r?x=1", "db="},
	    {"unix:/r?db=", "db="},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_url url;
		const char *wrong = store_url_read(cases[i].text, &url);

		cr_assert_not_null(wrong, "%s", cases[i].text);
		cr_expect_not_null(strstr(wrong, cases[i].words), "%s: %s", cases[i].text, wrong);
		cr_expect_null(strstr(wrong, "secret"));
	}
}

Test(store_url, each_part_has_a_bound)
{
	char text[2048];
	struct store_url url;

	for (int len = 250; len < 260; len++) {
		snprintf(text, sizeof(text), "redis://%0*d", len, 1);
		cr_expect_eq(store_url_read(text, &url) == NULL, len < STORE_URL_HOST_BYTES);
	}
	for (int len = 100; len < 112; len++) {
		snprintf(text, sizeof(text), "unix:/%0*d", len - 1, 1);
		cr_expect_eq(store_url_read(text, &url) == NULL, len < STORE_URL_PATH_BYTES);
	}
	for (int len = 508; len < 516; len++) {
		snprintf(text, sizeof(text), "redis://:%0*d@h", len, 1);
		cr_expect_eq(store_url_read(text, &url) == NULL, len < STORE_URL_PASSWORD_BYTES);
	}
}
