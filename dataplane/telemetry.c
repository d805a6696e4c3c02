// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/telemetry.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>
#include <urcu/urcu-qsbr.h>

#include "dataplane/dataplane.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/session_table.h"

enum { KEY_BYTES = 64, TEXT_BYTES = 128 };

// What commands may read, or NULL. Writer: control, under the lock.
static struct {
	pthread_mutex_t lock;
	const struct dataplane *dataplane;
	bool registered;
} shown = {.lock = PTHREAD_MUTEX_INITIALIZER};

// Begins to read: T1, T2. Returns NULL where there is nothing to read; else read_end() follows.
static const struct dataplane *read_begin(void)
{
	pthread_mutex_lock(&shown.lock);
	if (shown.dataplane == NULL) {
		pthread_mutex_unlock(&shown.lock);
		return NULL;
	}
	urcu_qsbr_register_thread();
	return shown.dataplane;
}

static void read_end(void)
{
	urcu_qsbr_unregister_thread();
	pthread_mutex_unlock(&shown.lock);
}

static void add(struct rte_tel_data *answer, const char *prefix, const char *name, uint64_t value)
{
	char key[KEY_BYTES];

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	rte_tel_data_add_dict_u64(answer, key, value);
}

// Text from outside has no character that JSON would not take as it is.
static void add_text(struct rte_tel_data *answer, const char *name, const char *text)
{
	char plain[TEXT_BYTES];
	size_t len = 0;

	for (; text[len] != '\0' && len + 1 < sizeof(plain); len++) {
		const unsigned char c = (unsigned char)text[len];

		plain[len] = (char)(c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? '?' : c);
	}
	plain[len] = '\0';
	rte_tel_data_add_dict_string(answer, name, plain);
}

// Reads a whole decimal number. Returns false where text is none.
static bool number_parse(const char *text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

// ---- /holdfast/stats -----------------------------------------------------------------------

static void add_histogram(struct rte_tel_data *answer, const char *name,
			  const struct histogram *histogram)
{
	struct rte_tel_data *counts = rte_tel_data_alloc();
	char key[KEY_BYTES];

	if (counts == NULL)
		return;
	rte_tel_data_start_array(counts, RTE_TEL_U64_VAL);
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		rte_tel_data_add_array_u64(counts, histogram->counts[i]);
	snprintf(key, sizeof(key), "%s_counts", name);
	if (rte_tel_data_add_dict_container(answer, key, counts, 0) != 0)
		rte_tel_data_free(counts);
	snprintf(key, sizeof(key), "%s_sum_us", name);
	rte_tel_data_add_dict_u64(answer, key, histogram->sum_us);
}

static int stats(const char *command, const char *parameter, struct rte_tel_data *answer)
{
#define HISTOGRAM_NAME(name, text) #name,
	static const char *const names[] = {HISTOGRAMS(HISTOGRAM_NAME)};
#undef HISTOGRAM_NAME
	struct histogram histograms[HISTOGRAMS_COUNT] = {{.sum_us = 0}};
	struct counters sum = {.count = {0}}, one;
	const bool all = parameter == NULL || parameter[0] == '\0';
	uint64_t worker = 0;

	if (!all && !number_parse(parameter, &worker))
		return -EINVAL;

	const struct dataplane *dataplane = read_begin();

	if (dataplane == NULL)
		return -ENODEV;

	const uint32_t workers = dataplane->settings.workers;

	for (uint32_t i = 0; i < workers; i++) {
		if (!all && i != worker)
			continue;
		dataplane_counters(dataplane, i, &one);
		counters_sum(&sum, &one);
		dataplane_histograms(dataplane, i, histograms);
	}
	read_end();
	if (worker >= workers)
		return -ENOENT;
	rte_tel_data_start_dict(answer);
	for (int i = 0; i < COUNTERS_COUNT; i++)
		add(answer, "", counters_name((enum counter)i), sum.count[i]);
	for (int i = 0; i < DROPS_COUNT; i++)
		add(answer, "drop_", counters_drop_name((enum drop)i), sum.drops[i]);
	for (int i = 0; i < HISTOGRAMS_COUNT; i++)
		add_histogram(answer, names[i], &histograms[i]);
	return 0;
}

// ---- /holdfast/sessions --------------------------------------------------------------------

static int sessions(const char *command, const char *parameter, struct rte_tel_data *answer)
{
	uint32_t by_state[SESSION_STATES] = {0};
	struct dataplane_gauges gauges;
	const struct dataplane *dataplane = read_begin();

	if (dataplane == NULL)
		return -ENODEV;
	for (uint32_t i = 0; i < dataplane->settings.workers; i++) {
		dataplane_gauges(dataplane, i, &gauges);
		for (int state = 0; state < SESSION_STATES; state++)
			by_state[state] += gauges.sessions[state];
	}
	read_end();
	rte_tel_data_start_dict(answer);
	for (int state = SESSION_FREE + 1; state < SESSION_STATES; state++)
		add(answer, "", session_state_name((enum session_state)state), by_state[state]);
	return 0;
}

// ---- /holdfast/session ---------------------------------------------------------------------

struct names {
	char service[WIRE_NAME_MAX + 1];
	char backend[WIRE_NAME_MAX + 1];
};

static bool id_parse(const char *text, uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	if (strlen(text) != 2 * WIRE_SESSION_ID_BYTES ||
	    strspn(text, "0123456789abcdefABCDEF") != 2 * WIRE_SESSION_ID_BYTES)
		return false;
	for (size_t i = 0; i < WIRE_SESSION_ID_BYTES; i++)
		sscanf(text + 2 * i, "%2hhx", &id[i]);
	return true;
}

// Copies a session, and the names of what its channels are bound to, which may have changed hands
// since. Returns 0 or -ENOENT.
static int session_copy(const struct dataplane *dataplane, uint64_t handle,
			struct dataplane_session_view *view, struct names *names)
{
	// Pairs with dataplane_publish().
	const struct directory *directory =
	    __atomic_load_n(&dataplane->directory, __ATOMIC_ACQUIRE);
	const uint32_t slot = session_table_lookup(dataplane->sessions, handle);

	if (directory == NULL || slot == SESSION_NONE ||
	    !dataplane_session_view(dataplane, slot, view) || view->handle != handle)
		return -ENOENT;
	for (uint32_t k = 0; k < view->channels_count; k++) {
		const struct dataplane_channel_view *channel = &view->channels[k];

		memset(&names[k], 0, sizeof(names[k]));
		if (channel->service < DIRECTORY_SERVICES_MAX)
			memcpy(names[k].service, directory->services[channel->service].name,
			       sizeof(names[k].service));
		if (channel->backend < DIRECTORY_BACKENDS_MAX)
			memcpy(names[k].backend, directory->backends[channel->backend].name,
			       sizeof(names[k].backend));
	}
	return 0;
}

static void add_direction(struct rte_tel_data *answer, const char *prefix,
			  const struct dataplane_direction_view *direction)
{
	add(answer, prefix, "acked", direction->acked);
	add(answer, prefix, "next", direction->next);
	add(answer, prefix, "cached_frames", direction->cached_frames);
	add(answer, prefix, "cached_bytes", direction->cached_bytes);
}

static void add_channel(struct rte_tel_data *answer, uint32_t k,
			const struct dataplane_channel_view *channel, const struct names *names)
{
	char key[KEY_BYTES];

	snprintf(key, sizeof(key), "channel%u_service", k);
	add_text(answer, key, names->service);
	snprintf(key, sizeof(key), "channel%u_backend", k);
	add_text(answer, key, names->backend);
	snprintf(key, sizeof(key), "channel%u_up_", k);
	add_direction(answer, key, &channel->up);
	snprintf(key, sizeof(key), "channel%u_down_", k);
	add_direction(answer, key, &channel->down);
}

static void add_session(struct rte_tel_data *answer, const struct dataplane_session_view *view,
			const struct names *names)
{
	char id[2 * WIRE_SESSION_ID_BYTES + 1], path[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < WIRE_SESSION_ID_BYTES; i++)
		snprintf(id + 2 * i, 3, "%02x", view->id[i]);
	add_text(answer, "session", id);
	add(answer, "", "handle", view->handle);
	add_text(answer, "state", session_state_name(view->state));
	add_text(answer, "client", view->client);
	add_text(answer, "path", address_format(&view->path.peer, path));
	add(answer, "", "owner", view->owner);
	add(answer, "", "epoch", view->epoch);
	add(answer, "", "generation", view->generation);
	add(answer, "", "age_ms", view->age_ms);
	add(answer, "", "heard_ms", view->heard_ms);
	add(answer, "", "channels", view->channels_count);
	for (uint32_t k = 0; k < view->channels_count; k++)
		add_channel(answer, k, &view->channels[k], &names[k]);
}

static int session(const char *command, const char *parameter, struct rte_tel_data *answer)
{
	struct dataplane_session_view view;
	struct names names[WIRE_CHANNELS_MAX];
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint64_t handle = 0;
	int rc;

	if (parameter == NULL)
		return -EINVAL;

	const bool by_id = id_parse(parameter, id);

	if (!by_id && !number_parse(parameter, &handle))
		return -EINVAL;

	const struct dataplane *dataplane = read_begin();

	if (dataplane == NULL)
		return -ENODEV;
	if (by_id)
		handle = dataplane_find(dataplane, id);
	rc = session_copy(dataplane, handle, &view, names);
	read_end();
	if (rc != 0)
		return rc;
	rte_tel_data_start_dict(answer);
	add_session(answer, &view, names);
	return 0;
}

// ---- Start and stop ------------------------------------------------------------------------

// A command that DPDK does not take is not there; nothing else depends on it.
static void commands_register(void)
{
	rte_telemetry_register_cmd("/holdfast/stats", stats,
				   "Counters. Parameters: none, or a worker's index");
	rte_telemetry_register_cmd("/holdfast/sessions", sessions,
				   "Sessions by state. Takes no parameters");
	rte_telemetry_register_cmd("/holdfast/session", session,
				   "One session. Parameters: its handle, or its id");
}

void telemetry_start(const struct dataplane *dataplane)
{
	pthread_mutex_lock(&shown.lock);
	shown.dataplane = dataplane;
	const bool first = !shown.registered;

	shown.registered = true;
	pthread_mutex_unlock(&shown.lock);
	if (first)
		commands_register();
}

void telemetry_stop(void)
{
	pthread_mutex_lock(&shown.lock);
	shown.dataplane = NULL;
	pthread_mutex_unlock(&shown.lock);
}
