// SPDX-License-Identifier: BSD-3-Clause
// The list. A key that is added here is read, printed, told by config.get and wanted in
// docs/operations.md.
#include "control/settings_key.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/events.h"
#include "control/settings.h"
#include "holdfast/control.h"
#include "protocol/liveness.h"

static const struct settings_word checksum_words[] = {{"verify", DATAPLANE_CHECKSUM_VERIFY, false},
						      {"trust", DATAPLANE_CHECKSUM_TRUST, false},
						      {NULL, 0, false}};
static const struct settings_word exception_words[] = {{"none", SETTINGS_EXCEPTION_NONE, false},
						       {"tap", SETTINGS_EXCEPTION_TAP, true},
						       {NULL, 0, false}};
static const struct settings_word lost_words[] = {{"wait", SETTINGS_LOST_WAIT, false},
						  {"rebind", SETTINGS_LOST_REBIND, true},
						  {"close", SETTINGS_LOST_CLOSE, true},
						  {NULL, 0, false}};
static const struct settings_word store_words[] = {{"memory", SETTINGS_STORE_MEMORY, false},
						   {"lmdb", SETTINGS_STORE_LMDB, true},
						   {"redis", SETTINGS_STORE_REDIS, true},
						   {NULL, 0, false}};

static const char no_store[] = "sessions are kept in memory only in this build";
static const char no_operations[] = "operations are not in this build";
static const char no_tokens[] = "tokens are not in this build";

enum {
	SESSIONS_MAX = 100000000,
	RATE_MAX = 100000000,
	MIB = 1 << 20,
	GIB = 1 << 30,
};

#define TEXT(member) SETTINGS_KIND_TEXT, .offset = offsetof(struct settings, member)
#define U16(member) SETTINGS_KIND_U16, .offset = offsetof(struct settings, member)
#define U32(member) SETTINGS_KIND_U32, .offset = offsetof(struct settings, member)
#define ROOM(member) (sizeof(((struct settings *)0)->member) - 1)
#define PORT(member) .offset = offsetof(struct settings_port, member)
#define SERVICE(member) .offset = offsetof(struct settings_service, member)

// clang-format off
static const struct settings_key keys[] = {
    {"gateway", "name", TEXT(gateway.name), .min = 1, .max = ROOM(gateway.name), .text = "gateway",
     .unit = "characters",
     .help = "what endpoints are told"},
    {"gateway", "workers", U32(gateway.workers), .min = 1, .max = DIRECTORY_WORKERS_MAX, .number = 1,
     .help = "poll-mode threads, one core each"},
    {"gateway", "port", U16(gateway.port), .min = 1, .max = UINT16_MAX, .number = WIRE_PORT_DEFAULT,
     .help = "the one UDP port, for clients and backends"},
    {"gateway", "control", TEXT(gateway.control), .min = 1, .max = ROOM(gateway.control),
     .text = CONTROL_SOCKET_DEFAULT, .unit = "characters",
     .help = "control socket; the directory that it stands in is made"},

    {"port", "device", SETTINGS_KIND_TEXT, PORT(device), .min = 1,
     .max = sizeof(((struct settings_port *)0)->device) - 1, .unit = "characters",
     .help = "PCI address, or a DPDK device with its arguments: `net_af_packet0,iface=eth1`, "
	     "`net_af_xdp0,iface=eth1`"},
    {"port", "addresses", SETTINGS_KIND_ADDRESSES, .max = DATAPLANE_ADDRESSES_MAX,
     .unit = "addresses",
     .help = "own addresses with prefix length: `192.0.2.10/24, 2001:db8::10/64`"},
    {"port", "mtu", SETTINGS_KIND_U16, PORT(mtu), .min = 1280, .max = 9216,
     .zero = "the device's own", .unit = "bytes",
     .help = "largest IP packet"},
    {"port", "vlan", SETTINGS_KIND_U16, PORT(vlan), .min = 1, .max = 4094, .zero = "none",
     .help = "tag on every packet"},
    {"port", "exception", SETTINGS_KIND_CHOICE, PORT(exception), .words = exception_words,
     .help = "what is not for Holdfast is dropped, by name"},
    {"port", "checksum", SETTINGS_KIND_CHOICE, PORT(checksum), .words = checksum_words,
     .help = "what to do where the device does not say whether a checksum is good. Virtual links "
	     "between containers often carry checksums that were never filled in: switch that off "
	     "at the peer (`ethtool -K IFACE tx off`), or trust"},

    {"backend", "listen", SETTINGS_KIND_LISTEN, .live = true, .max = SETTINGS_LISTEN_MAX,
     .unit = "addresses",
     .help = "own addresses at which backends may register; without one nobody may. A change is "
	     "for registrations from then on"},
    {"backend", "from", SETTINGS_KIND_PREFIXES, .live = true, .max = SETTINGS_PREFIXES_MAX,
     .unit = "prefixes",
     .help = "source prefixes from which they may; without one nobody may. A change is for "
	     "registrations from then on"},

    {"session", "max", U32(session.max), .min = 1, .max = SESSIONS_MAX, .number = 1000000,
     .unit = "sessions",
     .help = "sessions in all; memory for them is taken at start"},
    {"session", "timeout_ms", U32(session.timeout_ms), .live = true, .min = 100,
     .max = LIVENESS_TIMEOUT_MAX_MS, .number = LIVENESS_TIMEOUT_DEFAULT_MS, .unit = "ms",
     .help = "T: silence after which an endpoint is detached; a client may wish another (2 s to "
	     "5 min). A change is for new sessions, and for the links of all backends"},
    {"session", "heartbeat_ms", U32(session.heartbeat_ms), .live = true, .min = 1,
     .max = LIVENESS_TIMEOUT_MAX_MS - 1, .zero = "by rule", .unit = "ms",
     .help = "interval, below timeout_ms. The rule: T/10, at least 2 s, at most 15 s. Must be set "
	     "where timeout_ms is below 2000"},
    {"session", "grace_ms", U32(session.grace_ms), .live = true, .max = LIVENESS_GRACE_MAX_MS,
     .number = LIVENESS_GRACE_DEFAULT_MS, .unit = "ms",
     .help = "how long a detached session waits; a client may wish another, up to 24 h. A change is for new "
	     "sessions"},
    {"session", "window", U32(session.window), .min = WIRE_WINDOW_MIN, .max = WIRE_WINDOW_MAX,
     .number = WIRE_WINDOW_DEFAULT, .unit = "frames",
     .help = "unacknowledged frames of a channel and direction. Both ends and the replay cache "
	     "rely on it for as long as a session lives"},
    {"session", "client_max", U32(session.client_max), .missing = no_tokens},

    {"replay", "memory", SETTINGS_KIND_BYTES64, .offset = offsetof(struct settings, replay.memory_bytes),
     .min = MIB, .max = (uint64_t)GIB << 10, .number = GIB, .unit = "bytes",
     .help = "copies of unacknowledged frames, in all; when it is full frames go on without a copy"},
    {"replay", "per_session", SETTINGS_KIND_BYTES32, .live = true,
     .offset = offsetof(struct settings, replay.per_session_bytes), .min = 4096, .max = GIB,
     .number = MIB / 4, .unit = "bytes",
     .help = "the same for one session"},

    {"service", "backends", SETTINGS_KIND_NAMES, .live = true, .max = SETTINGS_NAMES_MAX,
     .unit = "names, or `*`",
     .help = "which backends may serve it. A change is for registrations from then on"},
    {"service", "lost", SETTINGS_KIND_CHOICE, .live = true, SERVICE(lost), .words = lost_words,
     .help = "what happens to a channel whose backend is lost: it waits for the same process to "
	     "return"},

    {"store", "kind", SETTINGS_KIND_CHOICE, .offset = offsetof(struct settings, store.kind),
     .words = store_words,
     .help = "where session records live"},
    {"store", "path", TEXT(store.path), .missing = no_store},
    {"store", "url", TEXT(store.url), .missing = no_store},
    {"store", "prefix", TEXT(store.prefix), .text = "holdfast:", .missing = no_store},
    {"store", "required", SETTINGS_KIND_BOOL, .offset = offsetof(struct settings, store.required),
     .number = true,
     .help = "whether new sessions need a record; of no effect while records live in memory"},

    {"operation", "max", U32(operation.max), .number = 100000, .missing = no_operations},

    {"limits", "resumes_per_second", U32(limits.resumes_per_second), .live = true, .min = 1,
     .max = RATE_MAX, .number = 500000, .unit = "a second",
     .help = "resumes, in all"},
    {"limits", "new_per_second", U32(limits.new_per_second), .live = true, .min = 1, .max = RATE_MAX,
     .number = 100000, .unit = "a second",
     .help = "new sessions, in all"},
    {"limits", "new_per_source", U32(limits.new_per_source), .live = true, .min = 1, .max = RATE_MAX,
     .number = 100, .unit = "a second",
     .help = "new sessions from one source address"},
    {"limits", "openings", U32(limits.openings), .min = 1, .max = 1 << 24, .number = 65536,
     .help = "handshakes pending at a time; memory for them is taken at start"},
    {"limits", "events", U32(limits.events), .min = EVENTS_MIN, .max = EVENTS_MAX, .number = 65536,
     .unit = "events",
     .help = "the last events, kept for those who subscribe"},

    {"control", "group", TEXT(control.group), .max = ROOM(control.group), .unit = "characters",
     .help = "a group that may use the control socket, besides its owner"},
    {"control", "readers", TEXT(control.readers), .max = ROOM(control.readers),
     .unit = "characters",
     .help = "users and groups, with commas between, who may look at everything and change "
	     "nothing"},

    {"metrics", "listen", TEXT(metrics.listen), .max = ROOM(metrics.listen), .unit = "characters",
     .help = "where Prometheus may ask for `/metrics`, as in `127.0.0.1:9464`; empty: nowhere"},
    {"metrics", "public", SETTINGS_KIND_BOOL, .offset = offsetof(struct settings, metrics.public),
     .help = "whether listen may be an address that other machines reach; nothing is encrypted and "
	     "nobody is asked who he is"},
};
// clang-format on

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static_assert((int)KEYS <= (int)SETTINGS_KEYS_MAX, "the list has grown: raise SETTINGS_KEYS_MAX");

const struct settings_key *settings_key_at(uint32_t index)
{
	return index < KEYS ? &keys[index] : NULL;
}

uint32_t settings_key_index(const struct settings_key *key)
{
	return (uint32_t)(key - keys);
}

bool settings_key_section(const char *section)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section) == 0)
			return true;
	}
	return false;
}

bool settings_key_named(const char *section)
{
	return strcmp(section, "port") == 0 || strcmp(section, "service") == 0;
}

const struct settings_key *settings_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

const char *settings_key_number(const struct settings_key *key, uint64_t number,
				char text[static SETTINGS_BOUNDS_BYTES])
{
	static const char suffixes[] = "KMG";
	uint32_t power = 0;

	if (key->kind == SETTINGS_KIND_BYTES32 || key->kind == SETTINGS_KIND_BYTES64) {
		while (power < 3 && number > 0 && number % 1024 == 0) {
			number /= 1024;
			power++;
		}
	}
	snprintf(text, SETTINGS_BOUNDS_BYTES, "%" PRIu64 "%.*s", number, power > 0,
		 &suffixes[power > 0 ? power - 1 : 0]);
	return text;
}

static void bounds_of_words(const struct settings_key *key, char text[static SETTINGS_BOUNDS_BYTES])
{
	size_t used = 0;

	text[0] = '\0';
	for (const struct settings_word *word = key->words; word->text != NULL; word++) {
		if (!word->missing)
			used += (size_t)snprintf(text + used, SETTINGS_BOUNDS_BYTES - used, "%s%s",
						 used > 0 ? ", " : "", word->text);
	}
}

static void bounds_of_numbers(const struct settings_key *key,
			      char text[static SETTINGS_BOUNDS_BYTES])
{
	char least[SETTINGS_BOUNDS_BYTES], most[SETTINGS_BOUNDS_BYTES];
	size_t used = 0;

	settings_key_number(key, key->min, least);
	settings_key_number(key, key->max, most);
	if (key->zero != NULL)
		used = (size_t)snprintf(text, SETTINGS_BOUNDS_BYTES, "0 (%s), or ", key->zero);
	snprintf(text + used, SETTINGS_BOUNDS_BYTES - used, "%.24s to %.24s%s%s", least, most,
		 key->unit != NULL ? " " : "", key->unit != NULL ? key->unit : "");
}

const char *settings_key_bounds(const struct settings_key *key,
				char text[static SETTINGS_BOUNDS_BYTES])
{
	switch (key->kind) {
	case SETTINGS_KIND_CHOICE:
		bounds_of_words(key, text);
		break;
	case SETTINGS_KIND_BOOL:
		snprintf(text, SETTINGS_BOUNDS_BYTES, "yes, no");
		break;
	case SETTINGS_KIND_ADDRESSES:
	case SETTINGS_KIND_LISTEN:
	case SETTINGS_KIND_PREFIXES:
	case SETTINGS_KIND_NAMES:
		snprintf(text, SETTINGS_BOUNDS_BYTES, "at most %" PRIu64 " %s", key->max,
			 key->unit);
		break;
	default:
		bounds_of_numbers(key, text);
	}
	return text;
}

const char *settings_key_default(const struct settings_key *key,
				 char text[static SETTINGS_BOUNDS_BYTES])
{
	switch (key->kind) {
	case SETTINGS_KIND_CHOICE:
		for (const struct settings_word *word = key->words; word->text != NULL; word++) {
			if ((uint64_t)word->value == key->number)
				snprintf(text, SETTINGS_BOUNDS_BYTES, "%s", word->text);
		}
		break;
	case SETTINGS_KIND_BOOL:
		snprintf(text, SETTINGS_BOUNDS_BYTES, "%s", key->number != 0 ? "yes" : "no");
		break;
	case SETTINGS_KIND_U16:
	case SETTINGS_KIND_U32:
	case SETTINGS_KIND_BYTES32:
	case SETTINGS_KIND_BYTES64:
		settings_key_number(key, key->number, text);
		break;
	default:
		snprintf(text, SETTINGS_BOUNDS_BYTES, "%s", key->text != NULL ? key->text : "");
	}
	return text;
}
