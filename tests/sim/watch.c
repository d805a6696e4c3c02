// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/watch.h"

#include <string.h>

#include "control/liveness_sweep.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/session_table.h"
#include "dataplane/worker.h"
#include "protocol/frame.h"
#include "protocol/liveness.h"
#include "protocol/session_state.h"
#include "tests/sim/gate.h"
#include "tests/sim/grace.h"
#include "tests/sim/instant.h"
#include "tests/sim/trace.h"

enum {
	SLOTS_MAX = 64,
	STALLS_MAX = 64,
	ROUNDING_US = 1000, // stamps are whole milliseconds
	// A session that moves takes its stamps to another worker's clock, which may be behind by
	// as much as no stall is.
	MOVED_US = WORKER_STALL_MS * 1000,
	SLACK_US = 600000, // for turns of the sweep and for ticks of a control thread at rest
};

struct seen {
	uint32_t tag;
	uint64_t heard_us; // from its path
	uint64_t told_us;  // something under its handle, from wherever: perhaps a CONFIRM
	uint64_t detached_us;
	bool late; // that it was found too late was told
};

// A slot that was given back.
struct freed {
	bool waits; // for its grace period
	uint64_t passes[SIM_WORKERS_MAX];
};

struct stall {
	uint64_t began_us, end_us;
};

struct watched {
	struct gate *gate;
	struct seen seen[SLOTS_MAX];
	struct freed freed[SLOTS_MAX];
	uint32_t stalls_count;
	struct stall stalls[STALLS_MAX];
};

bool __wrap_session_table_transition(struct worker *worker, uint32_t slot, enum session_state to,
				     enum session_reason reason);
bool __real_session_table_transition(struct worker *worker, uint32_t slot, enum session_state to,
				     enum session_reason reason);

int __wrap_session_table_add(struct worker *worker, const struct session_birth *birth,
			     uint32_t *slot);
int __real_session_table_add(struct worker *worker, const struct session_birth *birth,
			     uint32_t *slot);

static struct watched gates[SIM_GATES_MAX];

void watch_begin(void)
{
	memset(gates, 0, sizeof(gates));
}

void watch_gate(struct gate *gate)
{
	struct watched *watched = &gates[gate->index];

	memset(watched, 0, sizeof(*watched));
	watched->gate = gate;
}

static struct seen *seen_of(struct watched *watched, uint32_t slot)
{
	struct seen *seen = &watched->seen[slot % SLOTS_MAX];
	const uint32_t tag = watched->gate->dataplane->sessions->hot[slot].tag;

	if (seen->tag != tag)
		*seen =
		    (struct seen){.tag = tag, .heard_us = instant_us(), .told_us = instant_us()};
	return seen;
}

// Whether the owner of a session cannot know of what came in: it landed on another worker, which
// does not run. The clock of that one is not what its owner judges by.
static bool out_of_reach(const struct gate *gate, uint32_t slot, uint32_t worker)
{
	return gate->dataplane->sessions->hot[slot].owner != worker &&
	       gate->workers[worker].stopped_us > instant_us();
}

void watch_heard(struct gate *gate, uint32_t worker, const struct address *from,
		 const uint8_t *bytes, uint32_t len)
{
	const struct session_table *table = gate->dataplane->sessions;
	struct frame frame;
	uint32_t slot;

	if (frame_decode(bytes, len, &frame) != FRAME_OK ||
	    !frame_legal_from(frame.type, FRAME_FROM_CLIENT))
		return;
	slot = session_table_lookup(table, frame.handle);
	if (slot == SESSION_NONE)
		return;
	seen_of(&gates[gate->index], slot)->told_us = instant_us();
	if (address_equal(&table->hot[slot].path.peer, from) && !out_of_reach(gate, slot, worker))
		seen_of(&gates[gate->index], slot)->heard_us = instant_us();
}

// ---- Stalls ----------------------------------------------------------------------------------

void watch_stalled(struct gate *gate, uint64_t until_us)
{
	struct watched *watched = &gates[gate->index];

	if (watched->stalls_count == STALLS_MAX) {
		memmove(&watched->stalls[0], &watched->stalls[1],
			(STALLS_MAX - 1) * sizeof(watched->stalls[0]));
		watched->stalls_count--;
	}
	watched->stalls[watched->stalls_count++] =
	    (struct stall){.began_us = instant_us(), .end_us = until_us};
}

// How long something did not run since then, at most.
static uint64_t stalled_us(const struct watched *watched, uint64_t since_us)
{
	uint64_t sum_us = 0;

	for (uint32_t i = 0; i < watched->stalls_count; i++) {
		const struct stall *stall = &watched->stalls[i];
		const uint64_t began_us = stall->began_us > since_us ? stall->began_us : since_us;
		const uint64_t end_us = stall->end_us < instant_us() ? stall->end_us : instant_us();

		sum_us += end_us > began_us ? end_us - began_us : 0;
	}
	return sum_us;
}

// ---- Verdicts --------------------------------------------------------------------------------

static uint64_t limit_us(const struct watched *watched, const struct session *session,
			 uint64_t since_us)
{
	const uint64_t interval_ms = liveness_interval_kept_ms(
	    session->timeout_ms, watched->gate->config->session.heartbeat_ms);

	return (session->timeout_ms + interval_ms) * 1000 + stalled_us(watched, since_us) +
	       SLACK_US;
}

static uint64_t early_us(const struct watched *watched)
{
	return watched->gate->settings.workers > 1 ? ROUNDING_US + MOVED_US : ROUNDING_US;
}

static void silent_check(const struct watched *watched, const struct session *session,
			 const struct seen *seen)
{
	const uint64_t silent_us = instant_us() - seen->heard_us;

	if (silent_us + early_us(watched) < (uint64_t)session->timeout_ms * 1000)
		trace_fail("%s finds a session silent that was heard %llu ms ago; T is %u ms",
			   watched->gate->name, (unsigned long long)silent_us / 1000,
			   session->timeout_ms);
	if (instant_us() - seen->told_us > limit_us(watched, session, seen->told_us))
		trace_fail("%s finds a session silent that was heard %llu ms ago: too late",
			   watched->gate->name, (unsigned long long)silent_us / 1000);
}

static void expired_check(const struct watched *watched, uint32_t slot, const struct seen *seen)
{
	const struct session_table *table = watched->gate->dataplane->sessions;
	const uint64_t away_us = instant_us() - seen->detached_us;

	if (away_us + early_us(watched) < (uint64_t)table->cold[slot].grace_ms * 1000)
		trace_fail("%s ends a session %llu ms after it was detached; grace is %u ms",
			   watched->gate->name, (unsigned long long)away_us / 1000,
			   table->cold[slot].grace_ms);
}

static struct watched *watched_of(const struct worker *worker)
{
	for (uint32_t i = 0; i < SIM_GATES_MAX; i++) {
		if (gates[i].gate != NULL && gates[i].gate->dataplane == worker->dataplane)
			return &gates[i];
	}
	return NULL;
}

static void freed_note(struct watched *watched, uint32_t slot)
{
	struct freed *freed = &watched->freed[slot % SLOTS_MAX];

	freed->waits = true;
	for (uint32_t i = 0; i < watched->gate->settings.workers; i++)
		freed->passes[i] = grace_passes(watched->gate->index, i);
}

int __wrap_session_table_add(struct worker *worker, const struct session_birth *birth,
			     uint32_t *slot)
{
	struct watched *watched = watched_of(worker);
	const int rc = __real_session_table_add(worker, birth, slot);
	struct freed *freed;

	if (rc != 0 || watched == NULL)
		return rc;
	freed = &watched->freed[*slot % SLOTS_MAX];
	for (uint32_t i = 0; i < watched->gate->settings.workers && freed->waits; i++) {
		if (i != worker->index && grace_passes(watched->gate->index, i) == freed->passes[i])
			trace_fail("%s uses slot %u again before a grace period is over",
				   watched->gate->name, *slot);
	}
	freed->waits = false;
	return 0;
}

bool __wrap_session_table_transition(struct worker *worker, uint32_t slot, enum session_state to,
				     enum session_reason reason)
{
	struct watched *watched = watched_of(worker);
	const struct session *session = &worker->sessions->hot[slot];
	const enum session_state from = session->state;
	struct seen *seen;

	if (watched == NULL)
		return __real_session_table_transition(worker, slot, to, reason);
	seen = seen_of(watched, slot);
	trace_line("%s: session %08x%08x: %s -> %s, %s", watched->gate->name, slot, session->tag,
		   session_state_name(from), session_state_name(to), session_reason_name(reason));
	if (session->owner != worker->index)
		trace_fail("a worker changes a session that it does not own");
	if (to == SESSION_DETACHED && reason == SESSION_SILENT)
		silent_check(watched, session, seen);
	if (reason == SESSION_EXPIRED)
		expired_check(watched, slot, seen);
	if (to == SESSION_FREE)
		freed_note(watched, slot);
	if (to == SESSION_DETACHED)
		seen->detached_us = instant_us();
	if (to == SESSION_CONNECTED)
		seen->heard_us = seen->told_us = instant_us();
	return __real_session_table_transition(worker, slot, to, reason);
}

static void late_tell(const struct watched *watched, struct seen *seen, const char *what,
		      uint64_t since_us)
{
	if (seen->late)
		return;
	seen->late = true;
	trace_fail("%s holds a session %llu ms after it was %s", watched->gate->name,
		   (unsigned long long)(instant_us() - since_us) / 1000, what);
}

static void late_check(const struct watched *watched, uint32_t slot, struct seen *seen)
{
	const struct session_table *table = watched->gate->dataplane->sessions;
	const struct session *session = &table->hot[slot];
	const uint64_t grace_us = (uint64_t)table->cold[slot].grace_ms * 1000;

	if (session->state == SESSION_CONNECTED &&
	    instant_us() - seen->told_us > limit_us(watched, session, seen->told_us))
		late_tell(watched, seen, "heard", seen->told_us);
	if (session->state == SESSION_DETACHED && seen->detached_us != 0 &&
	    instant_us() - seen->detached_us >
		grace_us + stalled_us(watched, seen->detached_us) + SLACK_US)
		late_tell(watched, seen, "detached, although its grace is over", seen->detached_us);
}

void watch_look(struct gate *gate)
{
	struct watched *watched = &gates[gate->index];
	const struct session_table *table = gate->dataplane->sessions;

	for (uint32_t slot = 0; slot < table->capacity; slot++) {
		if (table->hot[slot].tag != 0)
			late_check(watched, slot, seen_of(watched, slot));
	}
}
