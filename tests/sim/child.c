// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/machine.h"
#include "tests/sim/real_time.h"
#include "tests/sim/stage.h"

enum { SEED_SECONDS_MAX = 60, LINE_BYTES = 1024 };

static struct child_result *shared; // with the child

static void shared_begin(void)
{
	if (shared == NULL)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("sim: mmap");
		exit(2);
	}
	memset(shared, 0, sizeof(*shared));
}

static uint64_t digest; // of the last run

static bool one(const struct plan *plan, const bool *gone, bool trace)
{
	struct stage_report report;
	const char *failure;

	alarm(SEED_SECONDS_MAX);
	shared->seed = plan->seed;
	failure = stage_run(plan, gone, trace, &report);
	digest = report.digest;
	shared->messages += report.messages;
	shared->virtual_us += report.virtual_us;
	if (failure == NULL) {
		shared->seeds++;
		return true;
	}
	shared->failed = true;
	snprintf(shared->text, sizeof(shared->text), "%s", failure);
	return false;
}

// Waits for the child and makes a result of how it ended.
static void await(pid_t child, struct child_result *result)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	*result = *shared;
	if (WIFSIGNALED(status))
		snprintf(result->text, sizeof(result->text), "%s",
			 WTERMSIG(status) == SIGALRM ? "the run does not come to an end"
						     : strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0 && result->text[0] == '\0')
		snprintf(result->text, sizeof(result->text), "the process ended with status %d",
			 WEXITSTATUS(status));
	result->failed = result->text[0] != '\0';
}

// Whether a run is the same when it is made again, after others.
static bool same(const struct plan *plan)
{
	const uint64_t before = digest;

	if (!one(plan, NULL, false))
		return false;
	if (digest == before)
		return true;
	shared->failed = true;
	snprintf(shared->text, sizeof(shared->text), "the run is not the same a second time");
	return false;
}

static void seeds_run(const struct child_task *task)
{
	static struct plan plan;

	for (uint64_t seed = task->first; seed <= task->last; seed++) {
		if (task->until_ms != 0 && real_time_ms() >= task->until_ms)
			break;
		plan_draw(&plan, seed);
		if (!one(&plan, NULL, false) || (task->twice && !same(&plan)))
			break;
	}
}

void child_run(const struct child_task *task, struct child_result *result)
{
	pid_t child;

	shared_begin();
	fflush(NULL);
	child = fork();
	if (child == 0) {
		seeds_run(task);
		machine_stop();
		_exit(0);
	}
	await(child, result);
}

// Prints the last lines of a file.
static void tail(FILE *file, uint32_t lines)
{
	char line[LINE_BYTES];
	uint32_t count = 0;

	rewind(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count++;
	rewind(file);
	for (uint32_t i = 0; fgets(line, sizeof(line), file) != NULL; i++) {
		if (i + lines >= count)
			fputs(line, stdout);
	}
}

void child_run_plan(const struct plan *plan, const bool *gone, uint32_t lines,
		    struct child_result *result)
{
	FILE *file = lines > 0 ? tmpfile() : NULL;
	pid_t child;

	shared_begin();
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (file != NULL)
			dup2(fileno(file), STDOUT_FILENO);
		setvbuf(stdout, NULL, _IOLBF, 0);
		one(plan, gone, file != NULL);
		fflush(stdout);
		machine_stop();
		_exit(0);
	}
	await(child, result);
	if (file != NULL) {
		tail(file, lines);
		fclose(file);
	}
}
