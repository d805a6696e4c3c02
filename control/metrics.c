// SPDX-License-Identifier: BSD-3-Clause
#include "control/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#include "holdfast/errors.h"

enum { NAME_BYTES = 96, LABEL_BYTES = 192 };

// Milli- and microseconds are told in seconds.
enum scale { SCALE_ONE = 1, SCALE_MS = 1000, SCALE_US = 1000000 };

struct text {
	struct evbuffer *buffer;
	bool failed;
};

// ---- Lines ---------------------------------------------------------------------------------

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	text->failed |= evbuffer_add_vprintf(text->buffer, format, values) < 0;
	va_end(values);
}

static void add_number(struct text *text, uint64_t value, enum scale scale)
{
	if (scale == SCALE_MS)
		add(text, " %" PRIu64 ".%03" PRIu64 "\n", value / SCALE_MS, value % SCALE_MS);
	else if (scale == SCALE_US)
		add(text, " %" PRIu64 ".%06" PRIu64 "\n", value / SCALE_US, value % SCALE_US);
	else
		add(text, " %" PRIu64 "\n", value);
}

// Escapes a label's value. What does not fit is left out. Returns out.
static const char *escape(const char *value, char out[static LABEL_BYTES])
{
	size_t used = 0;

	for (; *value != '\0' && used + 2 < LABEL_BYTES; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			out[used++] = '\\';
		out[used++] = *value == '\n' ? 'n' : *value;
	}
	out[used] = '\0';
	return out;
}

// The two lines before a family's series. No help text has a line break or backslash.
static void family(struct text *text, const char *name, const char *type, const char *help)
{
	add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

// ---- Counters ------------------------------------------------------------------------------

// What is counted, where the name does not say it.
static const struct {
	const char *name;
	const char *unit;
} units[] = {
    {"received", "packets"},
    {"unmade", "packets"},
    {"made", "packets"},
    {"sent", "packets"},
    {"consumed", "packets"},
    {"forwarded", "frames"},
    {"replayed", "frames"},
    {"handed_over", "packets"},
    {"to_control", "packets"},
    {"hello_received", "frames"},
    {"retry_sent", "frames"},
    {"welcome_sent", "frames"},
    {"reject_sent", "frames"},
    {"open_sent", "frames"},
    {"unknown_sent", "frames"},
    {"heartbeat_sent", "frames"},
    {"event_sent", "frames"},
    {"close_sent", "frames"},
    {"nak_served", "frames"},
    {"nak_passed", "frames"},
    {"cached", "frames"},
    {"cache_refused_memory", "frames"},
    {"cache_refused_session", "frames"},
    {"cache_refused_order", "frames"},
    {"control_malformed", "frames"},
    {"control_ignored", "frames"},
    {"control_no_buffer", "frames"},
};

// "polls" -> holdfast_polls_total, "sent" -> holdfast_sent_packets_total, "stalled_ms" ->
// holdfast_stalled_seconds_total, and so with "_us". Returns by what values are to be divided.
static enum scale counter_family(const char *name, char family_name[static NAME_BYTES])
{
	const size_t len = strlen(name);

	const bool ms = len > 3 && strcmp(name + len - 3, "_ms") == 0;

	if (ms || (len > 3 && strcmp(name + len - 3, "_us") == 0)) {
		snprintf(family_name, NAME_BYTES, "holdfast_%.*s_seconds_total", (int)len - 3,
			 name);
		return ms ? SCALE_MS : SCALE_US;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(units[i].name, name) == 0) {
			snprintf(family_name, NAME_BYTES, "holdfast_%s_%s_total", name,
				 units[i].unit);
			return SCALE_ONE;
		}
	}
	snprintf(family_name, NAME_BYTES, "holdfast_%s_total", name);
	return SCALE_ONE;
}

static void render_counters(struct text *text, const struct stats *stats)
{
	char name[NAME_BYTES];

	for (int i = 0; i < COUNTERS_COUNT; i++) {
		const enum scale scale = counter_family(counters_name((enum counter)i), name);

		family(text, name, "counter", counters_text((enum counter)i));
		for (uint32_t worker = 0; worker < stats->workers; worker++) {
			add(text, "%s{worker=\"%u\"}", name, worker);
			add_number(text, stats->counters[worker].count[i], scale);
		}
	}
}

static void render_drops(struct text *text, const struct stats *stats)
{
	const char *const name = "holdfast_dropped_packets_total";

	family(text, name, "counter", "packets dropped, by reason");
	for (int i = 0; i < DROPS_COUNT; i++) {
		for (uint32_t worker = 0; worker < stats->workers; worker++)
			add(text, "%s{reason=\"%s\",worker=\"%u\"} %" PRIu64 "\n", name,
			    counters_drop_name((enum drop)i), worker,
			    stats->counters[worker].drops[i]);
	}
}

static void render_tally(struct text *text, const struct tally *tally)
{
#define TALLY_ENTRY(name, text) {"control_" #name, text, offsetof(struct tally, name)},
	static const struct {
		const char *name;
		const char *text;
		size_t offset;
	} entries[] = {TALLY(TALLY_ENTRY)};
#undef TALLY_ENTRY
	char name[NAME_BYTES];

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const enum scale scale = counter_family(entries[i].name, name);
		uint64_t value;

		memcpy(&value, (const char *)tally + entries[i].offset, sizeof(value));
		family(text, name, "counter", entries[i].text);
		add(text, "%s", name);
		add_number(text, value, scale);
	}
}

static void render_refused(struct text *text, const struct tally *tally)
{
	const char *const name = "holdfast_control_refused_handshakes_total";

	family(text, name, "counter", "HELLOs that the control thread refused, by code");
	for (uint16_t code = 1; code < HOLDFAST_CODE_END; code++)
		add(text, "%s{code=\"%s\"} %" PRIu64 "\n", name, holdfast_code_name(code),
		    tally->refused[code]);
}

// ---- Gauges --------------------------------------------------------------------------------

static uint64_t chunks_bytes(const struct stats *stats, uint64_t chunks)
{
	return chunks * stats->gauges_sum.chunk_bytes;
}

// X(name, of each worker, text, value)
#define GAUGES(X)                                                                                  \
	X(sessions_max, 0, "sessions that there is room for", stats->sessions_max)                 \
	X(attempts, 1, "handshakes under way", stats->gauges[worker].attempts)                     \
	X(packet_buffers_free, 1, "packet buffers in the pool of a worker",                        \
	  stats->gauges[worker].packets_free)                                                      \
	X(packet_buffers_max, 1, "packet buffers that the pool of a worker began with",            \
	  stats->gauges[worker].packets_max)                                                       \
	X(replay_used_bytes, 0, "replay memory in use",                                            \
	  chunks_bytes(stats, stats->gauges_sum.chunks_used))                                      \
	X(replay_max_bytes, 0, "replay memory in all",                                             \
	  chunks_bytes(stats, stats->gauges_sum.chunks_max))                                       \
	X(ends_kept, 0, "ended sessions whose code is kept", stats->own.ends_kept)                 \
	X(ends_max, 0, "ended sessions whose code there is room for", stats->own.ends_max)         \
	X(commands_waiting, 0, "commands that wait for room in the mailbox of a worker",           \
	  stats->own.commands_waiting)                                                             \
	X(evictions_waiting, 0, "evictions that wait for their answer",                            \
	  stats->own.evictions_waiting)                                                            \
	X(backends_connected, 0, "backends connected", stats->own.backends_connected)              \
	X(lanes_live, 0, "lanes of backends that are confirmed", stats->own.lanes_live)

#define GAUGE_VALUE(name, each, text, value)                                                       \
	static uint64_t gauge_##name(const struct stats *stats, uint32_t worker)                   \
	{                                                                                          \
		(void)worker;                                                                      \
		return value;                                                                      \
	}
GAUGES(GAUGE_VALUE)
#undef GAUGE_VALUE

static void render_gauges(struct text *text, const struct stats *stats)
{
#define GAUGE_ENTRY(name, each, text, value) {"holdfast_" #name, each, text, gauge_##name},
	static const struct {
		const char *name;
		bool each_worker;
		const char *text;
		uint64_t (*value)(const struct stats *stats, uint32_t worker);
	} entries[] = {GAUGES(GAUGE_ENTRY)};
#undef GAUGE_ENTRY

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		family(text, entries[i].name, "gauge", entries[i].text);
		if (!entries[i].each_worker)
			add(text, "%s %" PRIu64 "\n", entries[i].name, entries[i].value(stats, 0));
		for (uint32_t k = 0; entries[i].each_worker && k < stats->workers; k++)
			add(text, "%s{worker=\"%u\"} %" PRIu64 "\n", entries[i].name, k,
			    entries[i].value(stats, k));
	}
}

// Gauges with labels of their own.
static void render_states(struct text *text, const struct stats *stats)
{
	char label[LABEL_BYTES], driver[LABEL_BYTES];

	family(text, "holdfast_build_info", "gauge", "1, with the version and the name");
	add(text, "holdfast_build_info{gateway=\"%s\",version=\"%s\"} 1\n",
	    escape(stats->gateway, label), HOLDFAST_VERSION);
	family(text, "holdfast_start_time_seconds", "gauge", "when the gateway started, UTC");
	add(text, "holdfast_start_time_seconds");
	add_number(text, stats->started_ms, SCALE_MS);
	family(text, "holdfast_state", "gauge", "1 for the state that the gateway is in");
	for (int i = 0; i < GATEWAY_STATES; i++)
		add(text, "holdfast_state{state=\"%s\"} %d\n",
		    gateway_state_name((enum gateway_state)i), (int)stats->state == i);
	family(text, "holdfast_port_up", "gauge", "1 where the link of the port is up");
	for (uint32_t i = 0; i < stats->ports_count; i++)
		add(text, "holdfast_port_up{driver=\"%s\",port=\"%s\"} %d\n",
		    escape(stats->ports[i].driver, driver), escape(stats->ports[i].name, label),
		    stats->ports[i].link_up);
	// What a worker tells are the changes that it made: only their sum counts sessions.
	family(text, "holdfast_sessions", "gauge", "sessions, by state");
	for (int i = SESSION_FREE + 1; i < SESSION_STATES; i++)
		add(text, "holdfast_sessions{state=\"%s\"} %u\n",
		    session_state_name((enum session_state)i), stats->gauges_sum.sessions[i]);
}

// ---- Histograms ----------------------------------------------------------------------------

static void render_histogram(struct text *text, const char *name, const struct histogram *histogram)
{
	uint64_t below = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		below += histogram->counts[i];
		add(text, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
		    histogram_bounds_us[i] / (double)SCALE_US, below);
	}
	below += histogram->counts[HISTOGRAM_BOUNDS];
	add(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum", name, below, name);
	add_number(text, histogram->sum_us, SCALE_US);
	add(text, "%s_count %" PRIu64 "\n", name, below);
}

int metrics_render(const struct stats *stats, struct evbuffer *buffer)
{
	struct text text = {.buffer = buffer};
	char name[NAME_BYTES];

	render_states(&text, stats);
	render_gauges(&text, stats);
	render_counters(&text, stats);
	render_drops(&text, stats);
	render_tally(&text, &stats->tally);
	render_refused(&text, &stats->tally);
	for (uint32_t i = 0; i < STATS_HISTOGRAMS; i++) {
		snprintf(name, sizeof(name), "holdfast_%s_seconds", stats_histogram_name(i));
		family(&text, name, "histogram", stats_histogram_text(i));
		render_histogram(&text, name, &stats->histograms[i]);
	}
	return text.failed ? -ENOMEM : 0;
}
