// SPDX-License-Identifier: BSD-3-Clause
// The session table under everybody at once: workers that add, change, move and remove sessions
// as fast as they can in a table whose slots nearly all wait for a grace period, readers that look
// up by handle and by id and hold on to what they find, and control that reads every slot.
//
// Everything in a session follows from one number that no other session ever had, so that a slot
// that is half written, freed, used again too early, or torn does not fit together. In builds with
// the address sanitizer free slots are poisoned.
//
// usage: torture_session_table [SECONDS]
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <rte_eal.h>

#include "tests/torture/session_table.h"

enum {
	READERS = 3,
	SIDES = 2000,
	OWNED_MAX = 40,    // of a worker that goes on to add
	CHANGES_MAX = 400, // of one path in a row
	PASS_STEPS = 8,    // between two quiescent states of a worker
};

struct owner {
	struct worker worker;
	uint32_t owned[TABLE_CAPACITY];
	uint32_t owned_count;
	uint32_t nonce; // unique: the low bits are the worker
	uint64_t random;
	uint64_t added, removed, full, known, moved;
};

struct table_torture table_torture;
static struct owner owners[TABLE_WORKERS];
static struct rte_ring *moves[TABLE_WORKERS][TABLE_WORKERS];

// ---- Workers ---------------------------------------------------------------------------------

static void post(uint32_t number, uint64_t handle, uint32_t nonce)
{
	struct posted *entry = &table_torture.posted[number];

	if (__atomic_exchange_n(&entry->busy, 1, __ATOMIC_ACQUIRE) != 0)
		return;
	__atomic_store_n(&entry->handle, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&entry->nonce, nonce, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->handle, handle, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->busy, 0, __ATOMIC_RELEASE);
}

static void add(struct owner *owner)
{
	const uint32_t nonce = owner->nonce += TABLE_WORKERS;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	char label[WIRE_CLIENT_LABEL_MAX + 1];
	struct session_birth birth = {
	    .id = id,
	    .path = nonce_path(nonce),
	    .channels = nonce_channels(nonce),
	    .client = label,
	    .epoch = nonce,
	    .timeout_ms = nonce,
	    .grace_ms = nonce_mix(nonce, 1),
	};
	uint32_t slot;

	number_id(nonce_number(nonce), id);
	birth.client_len = (uint32_t)snprintf(label, sizeof(label), "%08x%08x%08x%08x", nonce,
					      nonce, nonce, nonce);
	for (uint32_t k = 0; k < birth.channels; k++)
		birth.services[k] = birth.backends[k] = nonce_service(nonce, k);

	const int rc = session_table_add(&owner->worker, &birth, &slot);

	owner->full += rc == -ENOSPC;
	owner->known += rc == -EEXIST;
	if (rc != 0)
		return;
	owner->added++;
	owner->owned[owner->owned_count++] = slot;
	post(nonce_number(nonce), session_table_handle(table_torture.table, slot), nonce);
}

static uint32_t owned_take(struct owner *owner)
{
	const uint32_t at = torture_below(&owner->random, owner->owned_count);
	const uint32_t slot = owner->owned[at];

	owner->owned[at] = owner->owned[--owner->owned_count];
	return slot;
}

static void take_away(struct owner *owner)
{
	const uint32_t slot = owned_take(owner);

	TORTURE_CHECK(
	    session_table_transition(&owner->worker, slot, SESSION_FREE, SESSION_TIMED_OUT),
	    "slot %u is in state %u", slot, table_torture.table->hot[slot].state);
	session_table_remove(&owner->worker, slot);
	owner->removed++;
}

static void change(struct owner *owner)
{
	const uint32_t slot = owner->owned[torture_below(&owner->random, owner->owned_count)];
	struct session *session = &table_torture.table->hot[slot];

	__atomic_store_n(&table_torture.changing, slot, __ATOMIC_RELAXED);
	for (uint32_t left = torture_below(&owner->random, CHANGES_MAX); left > 0; left--) {
		session_change_begin(session);
		session->epoch++;
		session->path = nonce_path(session->epoch);
		session_change_end(session);
	}
}

static void give(struct owner *owner)
{
	const uint32_t to = torture_below(&owner->random, TABLE_WORKERS);
	const uint32_t slot = owned_take(owner);

	if (to == owner->worker.index) {
		owner->owned[owner->owned_count++] = slot;
		return;
	}
	session_table_move(&owner->worker, slot, (uint8_t)to);
	TORTURE_CHECK(
	    rte_ring_enqueue(moves[owner->worker.index][to], (void *)(uintptr_t)(slot + 1)) == 0,
	    "more moves than slots");
	owner->moved++;
}

static void accept_given(struct owner *owner)
{
	void *given;

	for (uint32_t from = 0; from < TABLE_WORKERS; from++) {
		if (from == owner->worker.index)
			continue;
		while (rte_ring_dequeue(moves[from][owner->worker.index], &given) == 0) {
			const uint32_t slot = (uint32_t)(uintptr_t)given - 1;

			TORTURE_CHECK(session_table_owner(table_torture.table, slot) ==
					  owner->worker.index,
				      "slot %u is not its new owner's", slot);
			owner->owned[owner->owned_count++] = slot;
		}
	}
}

static void *worker_run(void *argument)
{
	struct owner *owner = argument;

	urcu_qsbr_register_thread();
	for (uint32_t step = 0; !table_stopped(); step++) {
		const uint32_t dice = torture_below(&owner->random, 100);

		if (dice < 45 && owner->owned_count < OWNED_MAX)
			add(owner);
		else if (owner->owned_count > 0 && dice < 80)
			take_away(owner);
		else if (owner->owned_count > 0 && dice < 95)
			change(owner);
		else if (owner->owned_count > 0)
			give(owner);
		accept_given(owner);
		if (step % PASS_STEPS != 0)
			continue;
		session_table_reclaim(&owner->worker);
		urcu_qsbr_quiescent_state();
		if (torture_below(&owner->random, 64) == 0)
			sched_yield();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

// ---- Begin and end ---------------------------------------------------------------------------

static void begin(void)
{
	char *arguments[] = {
	    "torture", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
	    "-m",      "64",        "-l",       "0",           "--log-level=error"};
	char name[RTE_RING_NAMESIZE];

	TORTURE_CHECK(rte_eal_init(sizeof(arguments) / sizeof(arguments[0]), arguments) >= 0,
		      "EAL");
	urcu_qsbr_register_thread();
	table_torture.table = session_table_create(TABLE_CAPACITY, TABLE_WORKERS, SIDES);
	TORTURE_CHECK(table_torture.table != NULL, "out of memory");
	table_torture.dataplane.sessions = table_torture.table;
	table_torture.dataplane.settings.workers = TABLE_WORKERS;
	table_torture.dataplane.settings.addresses_count = 1;
	for (uint16_t i = 0; i < TABLE_WORKERS; i++) {
		owners[i].worker.index = i;
		owners[i].worker.workers = TABLE_WORKERS;
		owners[i].worker.dataplane = &table_torture.dataplane;
		owners[i].worker.sessions = table_torture.table;
		owners[i].nonce = i;
		owners[i].random = 77 + i;
		table_torture.dataplane.workers[i] = &owners[i].worker;
		for (uint16_t k = 0; k < TABLE_WORKERS; k++) {
			snprintf(name, sizeof(name), "moves%u_%u", i, k);
			moves[i][k] =
			    rte_ring_create(name, TABLE_CAPACITY, SOCKET_ID_ANY,
					    RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
			TORTURE_CHECK(moves[i][k] != NULL, "out of memory");
		}
	}
}

static void run(uint32_t ms)
{
	pthread_t threads[TABLE_WORKERS + READERS + 1];
	uint32_t count = 0;

	for (uint32_t i = 0; i < TABLE_WORKERS; i++)
		pthread_create(&threads[count++], NULL, worker_run, &owners[i]);
	for (uintptr_t i = 1; i <= READERS; i++)
		pthread_create(&threads[count++], NULL, table_reader_run, (void *)i);
	pthread_create(&threads[count++], NULL, table_control_run, NULL);
	urcu_qsbr_thread_offline();
	usleep(ms * 1000);
	__atomic_store_n(&table_torture.stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	urcu_qsbr_thread_online();
}

// Everything is removed: every slot and side table is there again, every id unknown.
static void end(void)
{
	uint32_t sessions = 0;

	for (uint32_t i = 0; i < TABLE_WORKERS; i++) {
		accept_given(&owners[i]);
		while (owners[i].owned_count > 0)
			take_away(&owners[i]);
	}
	urcu_qsbr_barrier();
	for (uint32_t i = 0; i < TABLE_WORKERS; i++) {
		const struct session_range *range = &table_torture.table->ranges[i];
		uint32_t slots = range->end - range->fresh, sides = 0;

		for (uint32_t k = 0; k < TABLE_CAPACITY; k++) // 64 at a time
			session_table_reclaim(&owners[i].worker);
		for (uint32_t slot = range->free; slot != SESSION_NONE;
		     slot = table_torture.table->cold[slot].next)
			slots++;
		for (uint32_t side = range->sides_free; side != SESSION_NONE;
		     side = table_torture.table->sides[side].next)
			sides++;
		TORTURE_CHECK(slots == range->end - range->first, "%u slots came back", slots);
		TORTURE_CHECK(sides == range->sides_end - range->sides_first,
			      "%u side tables came back", sides);
		sessions += owners[i].worker.sessions_by_state[SESSION_OPENING];
		TORTURE_CHECK(owners[i].worker.counters.count[COUNTER_illegal_edges] == 0,
			      "an illegal edge");
	}
	TORTURE_CHECK(sessions == 0, "%u sessions are counted", sessions);
	for (uint32_t number = 0; number < TABLE_IDS; number++) {
		uint8_t id[WIRE_SESSION_ID_BYTES];

		number_id(number, id);
		TORTURE_CHECK(session_table_find(table_torture.table, id) == 0, "id %u is found",
			      number);
	}
	session_table_destroy(table_torture.table);
	urcu_qsbr_unregister_thread();
}

int main(int argc, char **argv)
{
	uint64_t added = 0, full = 0, known = 0, moved = 0;

	begin();
	run(torture_ms(argc, argv));
	end();
	for (uint32_t i = 0; i < TABLE_WORKERS; i++) {
		added += owners[i].added;
		full += owners[i].full;
		known += owners[i].known;
		moved += owners[i].moved;
	}
	printf("%" PRIu64 " sessions added and removed, %" PRIu64 " moved, %" PRIu64
	       " ids known already, %" PRIu64 " times full, %" PRIu64 " lookups (%" PRIu64
	       " found), %" PRIu64 " views, %" PRIu64 " judged\n",
	       added, moved, known, full, table_torture.looked, table_torture.found,
	       table_torture.viewed, table_torture.judged);
	TORTURE_CHECK(added > 0 && known > 0 && moved > 0 && table_torture.found > 0 &&
			  table_torture.viewed > 0 && table_torture.judged > 0,
		      "something was never tried");
	return 0;
}
