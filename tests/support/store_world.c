// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/store_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <event2/event.h>

enum { OPTIONS_MAX = 32, BLOCKED_MS = 10 };

static const char server[] = "/usr/bin/redis-server";

static double clock_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

uint64_t store_world_now_ms(void)
{
	return (uint64_t)clock_ms(CLOCK_MONOTONIC);
}

bool store_world_can(enum store_kind kind)
{
	return kind != STORE_REDIS || access(server, X_OK) == 0;
}

// ---- The loop ------------------------------------------------------------------------------

// Times that this thread gave up the processor to wait for something.
static long sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

void store_world_turn(struct store_world *world)
{
	const long slept = sleeps();
	const double began_ms = clock_ms(CLOCK_MONOTONIC);
	const double worked_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID);

	event_base_loop(world->base, EVLOOP_NONBLOCK);
	const double took_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID) - worked_ms;

	// Others may have had the processor meanwhile, which is no fault of the loop.
	if (clock_ms(CLOCK_MONOTONIC) - began_ms > BLOCKED_MS && sleeps() != slept)
		world->blocked++;
	if (took_ms > world->longest_ms)
		world->longest_ms = took_ms;
	poll(NULL, 0, 1);
}

// ---- Redis ---------------------------------------------------------------------------------

static bool socket_there(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	there = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
	close(fd);
	return there;
}

static void server_run(const struct store_world *world, const char *const *options)
{
	const char *arguments[OPTIONS_MAX] = {server,        "--port", "0", "--unixsocket",
					      world->socket, "--save", "",  "--logfile",
					      "redis.log"};
	uint32_t count = 9;

	for (; options != NULL && *options != NULL && count < OPTIONS_MAX - 1; options++)
		arguments[count++] = *options;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chdir(world->folder) == 0)
		execv(server, (char *const *)arguments);
	_exit(1);
}

void store_world_redis_start(struct store_world *world, const char *const *options)
{
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;

	world->redis = fork();
	cr_assert_geq(world->redis, 0);
	if (world->redis == 0)
		server_run(world, options);
	while (!socket_there(world->socket)) {
		cr_assert_lt(store_world_now_ms(), until_ms, "redis-server does not start");
		poll(NULL, 0, 5);
	}
}

void store_world_redis_stop(struct store_world *world)
{
	if (world->redis == 0)
		return;
	kill(world->redis, SIGKILL);
	waitpid(world->redis, NULL, 0);
	unlink(world->socket);
	world->redis = 0;
}

// ---- Life ----------------------------------------------------------------------------------

void store_world_init(struct store_world *world, enum store_kind kind)
{
	*world = (struct store_world){.redis = 0};
	signal(SIGPIPE, SIG_IGN);
	snprintf(world->folder, sizeof(world->folder), "%s", "/tmp/holdfast-store-XXXXXX");
	cr_assert_not_null(mkdtemp(world->folder));
	snprintf(world->path, sizeof(world->path), "%.60s/store.mdb", world->folder);
	snprintf(world->socket, sizeof(world->socket), "%.60s/redis", world->folder);
	snprintf(world->url, sizeof(world->url), "unix:%s", world->socket);
	store_settings_defaults(&world->settings);
	world->settings.kind = kind;
	world->settings.request_max_ms = STORE_WORLD_PATIENCE_MS; // the disk may be busy
	world->settings.path = world->path;
	world->settings.url = world->url;
	world->base = event_base_new();
	cr_assert_not_null(world->base);
	if (kind == STORE_REDIS)
		store_world_redis_start(world, NULL);
}

static void folder_remove(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(folder);
}

void store_world_fini(struct store_world *world)
{
	store_world_close(world);
	store_world_redis_stop(world);
	event_base_free(world->base);
	folder_remove(world->folder);
}

bool store_world_open(struct store_world *world)
{
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;

	world->store = store_create(&world->settings, world->base, world->error);
	while (world->store != NULL && !store_available(world->store)) {
		cr_assert_lt(store_world_now_ms(), until_ms, "the store does not come");
		store_world_turn(world);
	}
	return world->store != NULL;
}

void store_world_close(struct store_world *world)
{
	store_destroy(world->store);
	world->store = NULL;
}

// ---- Requests ------------------------------------------------------------------------------

static void on_done(struct store_request *plain, const struct store_answer *answer)
{
	struct store_world_request *request = plain->context;

	request->times++;
	request->done = true;
	request->done_ms = store_world_now_ms();
	request->answer = *answer;
	if (answer->value.body_bytes > 0)
		memcpy(request->body, answer->value.body, answer->value.body_bytes);
	request->answer.value.body = request->body;
}

void store_world_begin(struct store_world *world, struct store_world_request *request,
		       enum store_verb verb, const char *key)
{
	request->world = world;
	request->done = false;
	request->times = 0;
	request->request.verb = verb;
	request->request.key.bytes = (const uint8_t *)key;
	request->request.key.len = (uint32_t)strlen(key);
	request->request.done = on_done;
	request->request.context = request;
	store_begin(world->store, &request->request);
	cr_assert(!request->done, "done() was called from within store_begin()");
}

void store_world_wait(struct store_world *world, const struct store_world_request *request)
{
	const uint64_t until_ms = store_world_now_ms() + STORE_WORLD_PATIENCE_MS;

	while (!request->done) {
		cr_assert_lt(store_world_now_ms(), until_ms, "a request does not end");
		store_world_turn(world);
	}
}

enum store_result store_world_ask(struct store_world *world, struct store_world_request *request,
				  enum store_verb verb, const char *key, uint64_t generation,
				  const char *body)
{
	request->request.value = (struct store_value){
	    .generation = generation,
	    .owner = 7,
	    .body = (const uint8_t *)body,
	    .body_bytes = (uint32_t)strlen(body),
	};
	request->request.expected_generation = generation;
	request->request.expected_owner = 7;
	store_world_begin(world, request, verb, key);
	store_world_wait(world, request);
	return request->answer.result;
}
