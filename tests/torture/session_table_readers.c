// SPDX-License-Identifier: BSD-3-Clause
// Who reads the session table under torture: readers look up by handle and by id and hold on to
// what they find; control reads every slot, and those above all that are just being made.
#include <sched.h>

#include "tests/torture/session_table.h"

enum {
	HOLD_MAX = 6, // times that a slot is looked at in one read section
	CHANGING_READS = 10,
	NEXT_LOOKS = 300, // for a session to appear in a slot
};

static void path_check(const struct path *path, uint32_t epoch)
{
	const struct path want = nonce_path(epoch);

	TORTURE_CHECK(memcmp(path, &want, sizeof(want)) == 0, "a path that is not of epoch %u",
		      epoch);
}

// ---- Readers ---------------------------------------------------------------------------------

// What never changes while a session lives, and stands until no reader can hold it.
static void slot_check(uint32_t slot, uint32_t nonce)
{
	const struct session *session = &table_torture.table->hot[slot];
	const struct session_cold *cold = &table_torture.table->cold[slot];
	uint8_t id[WIRE_SESSION_ID_BYTES];

	number_id(nonce_number(nonce), id);
	TORTURE_CHECK(session->timeout_ms == nonce && cold->grace_ms == nonce_mix(nonce, 1),
		      "slot %u is of %08x, not %08x", slot, session->timeout_ms, nonce);
	TORTURE_CHECK(memcmp(cold->id, id, sizeof(id)) == 0, "slot %u has another id", slot);
	TORTURE_CHECK(session->channels == nonce_channels(nonce), "%u channels", session->channels);
	TORTURE_CHECK(session_table_owner(table_torture.table, slot) < TABLE_WORKERS,
		      "an owner that is none");
	for (uint32_t k = 0; k < session->channels; k++)
		TORTURE_CHECK(session_table_service(table_torture.table, slot, k) ==
				      nonce_service(nonce, k) &&
				  session_table_backend(table_torture.table, slot, k) ==
				      nonce_service(nonce, k),
			      "channel %u of slot %u is another session's", k, slot);
}

// Looks at a slot again and again within one read section, while others get on.
static void hold(uint32_t slot, uint32_t nonce, uint64_t *random)
{
	for (uint32_t left = torture_below(random, HOLD_MAX); left > 0; left--) {
		slot_check(slot, nonce);
		if (torture_below(random, 8) == 0)
			sched_yield();
	}
	slot_check(slot, nonce);
}

static bool read_posted(uint32_t number, uint64_t *random)
{
	const uint64_t handle =
	    __atomic_load_n(&table_torture.posted[number].handle, __ATOMIC_ACQUIRE);
	const uint32_t nonce =
	    __atomic_load_n(&table_torture.posted[number].nonce, __ATOMIC_RELAXED);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (handle == 0 ||
	    handle != __atomic_load_n(&table_torture.posted[number].handle, __ATOMIC_RELAXED))
		return false;

	const uint32_t slot = session_table_lookup(table_torture.table, handle);

	if (slot == SESSION_NONE)
		return false;
	hold(slot, nonce, random);
	return true;
}

static bool read_found(uint32_t number, uint64_t *random)
{
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint64_t handle;
	uint32_t slot;

	number_id(number, id);
	handle = session_table_find(table_torture.table, id);
	slot = session_table_lookup(table_torture.table, handle);
	if (handle == 0 || slot == SESSION_NONE)
		return false;

	const uint32_t nonce = table_torture.table->hot[slot].timeout_ms;

	TORTURE_CHECK(nonce_number(nonce) == number, "id %u leads to %08x", number, nonce);
	hold(slot, nonce, random);
	return true;
}

void *table_reader_run(void *argument)
{
	uint64_t random = (uintptr_t)argument * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t looks = 0, alive = 0;

	urcu_qsbr_register_thread();
	while (!table_stopped()) {
		const uint32_t number = torture_below(&random, TABLE_IDS);

		alive +=
		    looks % 2 == 0 ? read_posted(number, &random) : read_found(number, &random);
		looks++;
		if (torture_below(&random, 4) == 0)
			urcu_qsbr_quiescent_state();
	}
	urcu_qsbr_unregister_thread();
	__atomic_fetch_add(&table_torture.looked, looks, __ATOMIC_RELAXED);
	__atomic_fetch_add(&table_torture.found, alive, __ATOMIC_RELAXED);
	return NULL;
}

// ---- Control ---------------------------------------------------------------------------------

static void view_check(const struct dataplane_session_view *view)
{
	const uint32_t nonce = view->timeout_ms;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	char label[WIRE_CLIENT_LABEL_MAX + 1];

	number_id(nonce_number(nonce), id);
	snprintf(label, sizeof(label), "%08x%08x%08x%08x", nonce, nonce, nonce, nonce);
	TORTURE_CHECK(view->grace_ms == nonce_mix(nonce, 1), "a view of two sessions");
	TORTURE_CHECK(memcmp(view->id, id, sizeof(id)) == 0, "a view with another id");
	TORTURE_CHECK(memcmp(view->client, label, sizeof(label)) == 0, "label %.32s of %08x",
		      view->client, nonce);
	TORTURE_CHECK(view->channels_count == nonce_channels(nonce), "%u channels of %u",
		      view->channels_count, nonce_channels(nonce));
	for (uint32_t k = 0; k < view->channels_count; k++)
		TORTURE_CHECK(view->channels[k].service == nonce_service(nonce, k) &&
				  view->channels[k].backend == nonce_service(nonce, k),
			      "channel %u is another session's", k);
	path_check(&view->path, view->epoch);
}

static void judged_check(const struct dataplane_judged *seen)
{
	TORTURE_CHECK(seen->owner < TABLE_WORKERS, "an owner that is none");
	TORTURE_CHECK(seen->channels == nonce_channels(seen->timeout_ms), "%u channels of %u",
		      seen->channels, nonce_channels(seen->timeout_ms));
	for (uint32_t k = 0; k < seen->channels; k++)
		TORTURE_CHECK(seen->services[k] == nonce_service(seen->timeout_ms, k),
			      "channel %u is another session's", k);
}

static void slot_read(uint32_t slot)
{
	struct dataplane_session_view view;
	struct dataplane_judged seen;

	if (dataplane_judge(&table_torture.dataplane, slot, &seen)) {
		judged_check(&seen);
		table_torture.judged++;
	}
	if (dataplane_session_view(&table_torture.dataplane, slot, &view)) {
		view_check(&view);
		table_torture.viewed++;
	}
}

// Waits a moment where the next session of some worker is to stand, to read it while it is made.
static void next_read(uint32_t worker)
{
	const uint32_t slot =
	    __atomic_load_n(&table_torture.table->ranges[worker].free, __ATOMIC_RELAXED);

	if (slot == SESSION_NONE)
		return;
	for (uint32_t i = 0; i < NEXT_LOOKS; i++) {
		if (__atomic_load_n(&table_torture.table->hot[slot].tag, __ATOMIC_RELAXED) != 0) {
			slot_read(slot);
			return;
		}
	}
}

// Reads what some worker changes meanwhile.
static void changing_read(void)
{
	const uint32_t slot = __atomic_load_n(&table_torture.changing, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < CHANGING_READS; i++)
		slot_read(slot);
}

void *table_control_run(void *argument)
{
	urcu_qsbr_register_thread();
	while (!table_stopped()) {
		for (uint32_t slot = dataplane_slot_next(&table_torture.dataplane, 0);
		     slot < TABLE_CAPACITY;
		     slot = dataplane_slot_next(&table_torture.dataplane, slot + 1)) {
			slot_read(slot);
			next_read(slot % TABLE_WORKERS);
			changing_read();
			if (slot % 16 == 0)
				urcu_qsbr_quiescent_state();
		}
		urcu_qsbr_thread_offline(); // as around a wait
		sched_yield();
		urcu_qsbr_thread_online();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}
