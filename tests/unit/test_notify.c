// SPDX-License-Identifier: BSD-3-Clause
// What a service manager hears, on a socket of the test's own.
#include "control/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

static int manager = -1;
static char name[64];

// Listens at a path, or at an abstract name where it begins with '@'.
static void listen_at(const char *format)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(name, sizeof(name), format, getpid());
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	cr_assert_geq(manager, 0);
	const socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

	cr_assert_eq(bind(manager, (const struct sockaddr *)&address, bytes), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void leave(void)
{
	notify_stop();
	if (manager >= 0)
		close(manager);
	if (name[0] == '/')
		unlink(name);
}

static void hears(const char *wanted)
{
	char text[512];
	const ssize_t bytes = recv(manager, text, sizeof(text) - 1, 0);

	if (wanted == NULL) {
		cr_assert_lt(bytes, 0, "something was said");
		return;
	}
	cr_assert_geq(bytes, 0, "nothing was said, not '%s'", wanted);
	text[bytes] = '\0';
	cr_assert_str_eq(text, wanted);
}

Test(notify, ready_status_and_stopping, .fini = leave)
{
	listen_at("/tmp/holdfast-notify-%d.sock");
	notify_start();
	hears(NULL);
	cr_assert(notify_due(1000, 1));
	notify_report(1000, 1, "running, %d sessions", 0);
	hears("READY=1\nSTATUS=running, 0 sessions");
	cr_assert_not(notify_due(1000 + NOTIFY_STATUS_MS - 1, 1));
	cr_assert(notify_due(1000 + NOTIFY_STATUS_MS, 1));
	notify_report(1000 + NOTIFY_STATUS_MS, 1, "running, %d sessions", 7);
	hears("STATUS=running, 7 sessions");
	notify_stop();
	hears("STOPPING=1\nSTATUS=stopping");
	cr_assert_not(notify_due(1000000, 1), "the manager is forgotten");
	notify_stop();
	hears(NULL);
}

Test(notify, beats_at_half_the_watchdogs_time, .fini = leave)
{
	char pid[16];

	listen_at("@holdfast-notify-%d");
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	notify_start();
	notify_report(50, 1, "x");
	hears("READY=1\nWATCHDOG=1\nSTATUS=x");
	cr_assert_not(notify_due(1549, 1));
	cr_assert(notify_due(1550, 1));
	notify_report(1550, 1, "y");
	hears("WATCHDOG=1\nSTATUS=y");
}

Test(notify, a_new_phase_is_told_at_once, .fini = leave)
{
	listen_at("@holdfast-notify-%d");
	notify_start();
	notify_report(50, 1, "running");
	hears("READY=1\nSTATUS=running");
	cr_assert_not(notify_due(51, 1));
	cr_assert(notify_due(51, 2));
	notify_report(51, 2, "draining");
	hears("STATUS=draining");
	cr_assert_not(notify_due(52, 2));
}

Test(notify, anothers_watchdog_is_not_ours, .fini = leave)
{
	listen_at("@holdfast-notify-%d");
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_start();
	notify_report(50, 1, "x");
	hears("READY=1\nSTATUS=x");
}

Test(notify, a_watchdog_that_is_no_time_is_none, .fini = leave)
{
	static const char *const times[] = {"", "0", "1x", "99999999999999999999999", "soon"};

	listen_at("@holdfast-notify-%d");
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		setenv("WATCHDOG_USEC", times[i], 1);
		notify_start();
		notify_report(50, 1, "x");
		hears("READY=1\nSTATUS=x");
		notify_stop();
		hears("STOPPING=1\nSTATUS=stopping");
	}
}

Test(notify, a_watchdog_in_a_hurry_has_each_tick, .fini = leave)
{
	listen_at("@holdfast-notify-%d");
	setenv("WATCHDOG_USEC", "1", 1);
	notify_start();
	notify_report(50, 1, "x");
	cr_assert_not(notify_due(50, 1));
	cr_assert(notify_due(51, 1));
}

Test(notify, a_manager_that_is_away_is_asked_again, .fini = leave)
{
	setenv("NOTIFY_SOCKET", "/tmp/holdfast-notify-nobody.sock", 1);
	notify_start();
	notify_report(50, 1, "x");
	cr_assert_not(notify_due(51, 1));
	cr_assert(notify_due(50 + NOTIFY_RETRY_MS, 1));
	notify_stop();
	listen_at("@holdfast-notify-%d");
	notify_start();
	notify_report(50, 1, "x");
	hears("READY=1\nSTATUS=x");
}

Test(notify, a_full_manager_is_not_waited_for, .fini = leave)
{
	char text[512];
	int told = 0;

	listen_at("@holdfast-notify-%d");
	notify_start();
	for (uint32_t i = 0; i < 100000; i++)
		notify_report(i, 1, "%u", i);
	while (recv(manager, text, sizeof(text), 0) >= 0)
		told++;
	cr_assert_gt(told, 0);
	cr_assert_lt(told, 100000);
	notify_report(200000, 1, "again");
	hears("STATUS=again");
}

Test(notify, long_lines_are_cut, .fini = leave)
{
	char text[512];

	listen_at("@holdfast-notify-%d");
	notify_start();
	notify_report(50, 1, "%0400d", 1);
	cr_assert_lt(recv(manager, text, sizeof(text), 0), 300);
}

Test(notify, nobody_asked, .fini = leave)
{
	static const char *const paths[] = {"", "relative.sock", "vsock:2:1234"};
	char longest[200];

	unsetenv("NOTIFY_SOCKET");
	notify_start();
	cr_assert_not(notify_due(50, 1));
	notify_report(50, 1, "x");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		setenv("NOTIFY_SOCKET", paths[i], 1);
		notify_start();
		cr_assert_not(notify_due(50, 1));
	}
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	notify_start();
	cr_assert_not(notify_due(50, 1));
}
