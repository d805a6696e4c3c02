// SPDX-License-Identifier: BSD-3-Clause
// DPDK's telemetry socket, asked by a thread of its own while this one is the data plane.
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/rig_session.h"

enum { ANSWER_BYTES = 16384, ROUNDS = 60 };

static struct rig rig;
static struct rig_peer client;
static struct rig_session session;
static char folder[] = "/tmp/holdfast-telemetry-XXXXXX";
static char answer[ANSWER_BYTES + 1];

// One who asks all the time, also while the data plane is taken down.
struct asker {
	pthread_t thread;
	bool running;
	uint64_t handle;
	bool settled; // atomic: it keeps its connection from now on
	bool stop;    // atomic
	uint64_t answers;
};

static struct asker asker;

static void begin(void)
{
	cr_assert_not_null(mkdtemp(folder));
	setenv("RUNTIME_DIRECTORY", folder, 1);
	rig_start(&rig, &(struct rig_settings){.workers = 2, .telemetry = true});
	client = rig_peer(&rig, 1, 0);
	session = rig_session(&client, 1);
}

// Whatever the gateway made below the folder is gone with it.
static void finish(void)
{
	char path[64];

	rig_stop(&rig);
	if (asker.running) {
		__atomic_store_n(&asker.stop, true, __ATOMIC_RELAXED);
		pthread_join(asker.thread, NULL);
	}
	snprintf(path, sizeof(path), "%s/dpdk", folder);
	cr_expect_eq(rmdir(path), 0, "something is left in %s", path);
	rmdir(folder);
}

TestSuite(telemetry, .init = begin, .fini = finish, .timeout = 60);

// Connects and takes the greeting.
static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char greeting[1024];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/dpdk/holdfast%d/dpdk_telemetry.v2",
		 folder, getpid());
	cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_gt(recv(fd, greeting, sizeof(greeting), 0), 0);
	return fd;
}

// Returns whether there was an answer.
static bool ask_on(int fd, const char *command, char text[static ANSWER_BYTES + 1])
{
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0)
		return false;

	const ssize_t len = recv(fd, text, ANSWER_BYTES, 0);

	text[len > 0 ? len : 0] = '\0';
	return len > 0;
}

static const char *ask(const char *command)
{
	const int fd = dial();

	cr_assert(ask_on(fd, command, answer));
	close(fd);
	return answer;
}

static void expect_number(const char *name, uint64_t value)
{
	char key[96], *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(answer, key);
	cr_assert_not_null(at, "no %s in %s", name, answer);
	cr_expect_eq(strtoull(at + strlen(key), NULL, 10), value, "%s", at);
}

static void expect_text(const char *name, const char *value)
{
	char pair[192];

	snprintf(pair, sizeof(pair), "\"%s\":\"%s\"", name, value);
	cr_expect_not_null(strstr(answer, pair), "no %s in %s", pair, answer);
}

static void expect_nothing(const char *command)
{
	cr_expect_not_null(strstr(ask(command), ":null}"), "%s: %s", command, answer);
}

Test(telemetry, has_every_counter_under_the_name_it_has_elsewhere)
{
	char name[96];

	rig_open(&rig, &session);
	ask("/holdfast/stats");
	for (int i = 0; i < COUNTERS_COUNT; i++)
		expect_number(counters_name((enum counter)i), rig_count(&rig, (enum counter)i));
	for (int i = 0; i < DROPS_COUNT; i++) {
		snprintf(name, sizeof(name), "drop_%s", counters_drop_name((enum drop)i));
		expect_number(name, rig_drops(&rig, (enum drop)i));
	}
	cr_expect_not_null(strstr(answer, "\"handshake_duration_counts\":["));
}

Test(telemetry, tells_of_one_worker)
{
	struct counters counters;

	rig_open(&rig, &session);
	for (uint32_t i = 0; i < 2; i++) {
		dataplane_counters(rig.dataplane, i, &counters);
		ask(i == 0 ? "/holdfast/stats,0" : "/holdfast/stats,1");
		expect_number("received", counters.count[COUNTER_received]);
		expect_number("polls", counters.count[COUNTER_polls]);
	}
	expect_nothing("/holdfast/stats,2");
	expect_nothing("/holdfast/stats,-1");
	expect_nothing("/holdfast/stats,0x1");
	expect_nothing("/holdfast/stats,99999999999999999999999");
}

Test(telemetry, counts_sessions_by_state)
{
	rig_open(&rig, &session);
	ask("/holdfast/sessions");
	expect_number("CONNECTED", 1);
	expect_number("DETACHED", 0);
	rig_bare(&rig, &client, WIRE_SLEEP, session.handle, 0);
	ask("/holdfast/sessions");
	expect_number("CONNECTED", 0);
	expect_number("DETACHED", 1);
}

Test(telemetry, knows_a_session_by_handle_and_by_id)
{
	char command[96], id[2 * WIRE_SESSION_ID_BYTES + 1];

	rig_open(&rig, &session);
	rig_down(&rig, &session, 0, 0, "kept");
	for (size_t i = 0; i < WIRE_SESSION_ID_BYTES; i++)
		snprintf(id + 2 * i, 3, "%02x", session.id[i]);
	for (int by_id = 0; by_id < 2; by_id++) {
		if (by_id)
			snprintf(command, sizeof(command), "/holdfast/session,%s", id);
		else
			snprintf(command, sizeof(command), "/holdfast/session,%" PRIu64,
				 session.handle);
		ask(command);
		expect_text("session", id);
		expect_number("handle", session.handle);
		expect_text("state", "CONNECTED");
		expect_text("channel0_service", "echo");
		expect_text("channel0_backend", "b1");
		expect_number("channel0_down_next", 1);
		expect_number("channel0_down_cached_frames", 1);
		expect_number("epoch", session.epoch);
	}
}

Test(telemetry, has_nothing_to_say_of_what_is_not_there)
{
	expect_nothing("/holdfast/session");
	expect_nothing("/holdfast/session,");
	expect_nothing("/holdfast/session,0");
	expect_nothing("/holdfast/session,18446744073709551615");
	expect_nothing("/holdfast/session,18446744073709551616");
	expect_nothing("/holdfast/session,0123456789abcdef0123456789abcdef");
	expect_nothing("/holdfast/session,0123456789abcdef0123456789abcde");
	expect_nothing("/holdfast/session,x");
}

// Threads of DPDK's come and go with connections.
static bool connection_old(void)
{
	return __atomic_load_n(&asker.answers, __ATOMIC_RELAXED) % 50 == 0 &&
	       !__atomic_load_n(&asker.settled, __ATOMIC_RELAXED);
}

static void *ask_all_the_time(void *context)
{
	char command[96], text[ANSWER_BYTES + 1];
	int fd = dial();

	snprintf(command, sizeof(command), "/holdfast/session,%" PRIu64, asker.handle);
	while (!__atomic_load_n(&asker.stop, __ATOMIC_RELAXED)) {
		if (connection_old()) {
			close(fd);
			fd = dial();
		}
		__atomic_add_fetch(&asker.answers, ask_on(fd, command, text), __ATOMIC_RELAXED);
		__atomic_add_fetch(&asker.answers, ask_on(fd, "/holdfast/stats", text),
				   __ATOMIC_RELAXED);
	}
	close(fd);
	return NULL;
}

// Grace periods end, sessions come and go, and one who asks while everything is taken down is
// answered with nothing.
Test(telemetry, holds_nothing_up_while_it_is_asked)
{
	rig_open(&rig, &session);
	asker.handle = session.handle;
	cr_assert_eq(pthread_create(&asker.thread, NULL, ask_all_the_time, NULL), 0);
	asker.running = true;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct rig_session other = rig_session(&client, 2 + i);

		rig_open(&rig, &other);
		rig_publish(&rig, rig_directory(&rig)); // waits for readers
		rig_command(&rig, COMMAND_LET_GO, other.handle, SESSION_LET_GO, 0);
		rig_run(&rig, 2);
		rig_grace(&rig);
		rig_forget(&rig);
	}
	__atomic_store_n(&asker.settled, true, __ATOMIC_RELAXED);
	cr_expect_gt(__atomic_load_n(&asker.answers, __ATOMIC_RELAXED), ROUNDS);
}
