// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/grace.h"

#include <string.h>

#include <urcu/urcu-qsbr.h>

#include <urcu/call-rcu.h>

#include "dataplane/directory.h"
#include "tests/sim/bounds.h"
#include "tests/sim/instant.h"
#include "tests/sim/trace.h"

enum {
	WAITING_MAX = 4096,
	DELAY_MIN_US = 200,
	DELAY_MAX_US = 25000, // as call_rcu's helper was seen to take
};

struct waiting {
	struct rcu_head *head;
	void (*func)(struct rcu_head *head);
	uint32_t gate;
	uint64_t due_us;
	uint64_t passes[DIRECTORY_WORKERS_MAX]; // of each worker when it began to wait
};

void __wrap_urcu_qsbr_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void __wrap_urcu_qsbr_synchronize_rcu(void);
void __wrap_urcu_qsbr_barrier(void);
void __wrap_urcu_qsbr_register_thread(void);
void __wrap_urcu_qsbr_unregister_thread(void);
void __wrap_urcu_qsbr_set_thread_call_rcu_data(struct call_rcu_data *data);
struct call_rcu_data *__wrap_urcu_qsbr_create_call_rcu_data(unsigned long flags, int cpu);
void __wrap_urcu_qsbr_call_rcu_data_free(struct call_rcu_data *data);
void __real_urcu_qsbr_register_thread(void);

static struct waiting list[WAITING_MAX];
static uint32_t count;
static uint32_t current;
static uint64_t passes[SIM_GATES_MAX][DIRECTORY_WORKERS_MAX];
static uint32_t workers_seen[SIM_GATES_MAX];
static bool awaited[SIM_GATES_MAX];
static struct dice dice;

void grace_begin(uint64_t seed)
{
	count = 0;
	dice = dice_of(seed, SIM_DICE_GRACE);
	memset(passes, 0, sizeof(passes));
	memset(workers_seen, 0, sizeof(workers_seen));
	memset(awaited, 0, sizeof(awaited));
}

void grace_enter(uint32_t gate)
{
	current = gate;
}

void grace_passed(uint32_t gate, uint32_t worker)
{
	passes[gate][worker]++;
	if (workers_seen[gate] <= worker)
		workers_seen[gate] = worker + 1;
}

uint64_t grace_passes(uint32_t gate, uint32_t worker)
{
	return passes[gate][worker];
}

static bool over(const struct waiting *waiting)
{
	if (waiting->due_us > instant_us())
		return false;
	for (uint32_t i = 0; i < workers_seen[waiting->gate]; i++) {
		if (passes[waiting->gate][i] <= waiting->passes[i])
			return false;
	}
	return true;
}

// Takes one out, in whose place the last one steps, and calls it.
static void finish(uint32_t index)
{
	const struct waiting waiting = list[index];

	memmove(&list[index], &list[index + 1], (--count - index) * sizeof(list[0]));
	waiting.func(waiting.head);
}

void grace_run(void)
{
	for (uint32_t i = 0; i < count;) {
		if (over(&list[i]))
			finish(i);
		else
			i++;
	}
}

uint32_t grace_waiting(uint32_t gate)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += list[i].gate == gate;
	return sum;
}

bool grace_awaited(uint32_t gate)
{
	const bool was = awaited[gate];

	awaited[gate] = false;
	return was;
}

// ---- In liburcu's place ----------------------------------------------------------------------

void __wrap_urcu_qsbr_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	struct waiting *waiting = &list[count];

	if (count == WAITING_MAX) {
		trace_fail("%u slots wait for grace periods", count);
		return;
	}
	count++;
	*waiting = (struct waiting){
	    .head = head,
	    .func = func,
	    .gate = current,
	    .due_us = instant_us() + dice_between(&dice, DELAY_MIN_US, DELAY_MAX_US),
	};
	memcpy(waiting->passes, passes[current], sizeof(waiting->passes));
}

// Between passes no worker holds a pointer; who waits for one that is stopped is the gate's to
// know.
void __wrap_urcu_qsbr_synchronize_rcu(void)
{
	awaited[current] = true;
}

void __wrap_urcu_qsbr_barrier(void)
{
	for (uint32_t i = 0; i < count;) {
		if (list[i].gate == current)
			finish(i);
		else
			i++;
	}
}

void __wrap_urcu_qsbr_register_thread(void)
{
	static bool registered;

	if (!registered)
		__real_urcu_qsbr_register_thread();
	registered = true;
}

void __wrap_urcu_qsbr_unregister_thread(void)
{
}

void __wrap_urcu_qsbr_set_thread_call_rcu_data(struct call_rcu_data *data)
{
}

struct call_rcu_data *__wrap_urcu_qsbr_create_call_rcu_data(unsigned long flags, int cpu)
{
	static char place; // there is no helper

	return (struct call_rcu_data *)(void *)&place;
}

void __wrap_urcu_qsbr_call_rcu_data_free(struct call_rcu_data *data)
{
}
