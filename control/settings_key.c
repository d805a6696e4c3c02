// SPDX-License-Identifier: BSD-3-Clause
#include "control/settings_key.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "protocol/liveness.h"

enum kind {
	KIND_TEXT, // any text shorter than its place
	KIND_U16,
	KIND_U32,
	KIND_BYTES32, // number with K, M or G behind it
	KIND_BYTES64,
	KIND_CHOICE, // one of a list; stored as an enum (int)
	KIND_BOOL,   // yes or no
	KIND_ADDRESSES,
	KIND_LISTEN,
	KIND_PREFIXES,
	KIND_NAMES,
};

// A word of a choice that can be written but not be had in this build has `missing` set.
struct word {
	const char *text;
	int value;
	bool missing;
};

struct settings_key {
	const char *section;
	const char *name;
	enum kind kind;
	size_t offset;            // in struct settings, or in the port's or service's struct
	uint64_t min, max;        // numbers: bounds; KIND_TEXT: bytes of the place in max
	const struct word *words; // KIND_CHOICE: ended by a NULL text
	const char *missing;      // why a value other than the default cannot be had, or NULL
};

static const struct word checksum_words[] = {{"verify", DATAPLANE_CHECKSUM_VERIFY, false},
					     {"trust", DATAPLANE_CHECKSUM_TRUST, false},
					     {NULL, 0, false}};
static const struct word exception_words[] = {{"none", SETTINGS_EXCEPTION_NONE, false},
					      {"tap", SETTINGS_EXCEPTION_TAP, true},
					      {NULL, 0, false}};
static const struct word lost_words[] = {{"wait", SETTINGS_LOST_WAIT, false},
					 {"rebind", SETTINGS_LOST_REBIND, true},
					 {"close", SETTINGS_LOST_CLOSE, true},
					 {NULL, 0, false}};
static const struct word store_words[] = {{"memory", SETTINGS_STORE_MEMORY, false},
					  {"lmdb", SETTINGS_STORE_LMDB, true},
					  {"redis", SETTINGS_STORE_REDIS, true},
					  {NULL, 0, false}};

static const char no_store[] = "sessions are kept in memory only in this build";
static const char no_operations[] = "operations are not in this build";
static const char no_tokens[] = "tokens are not in this build";
static const char no_events[] = "event subscriptions are not in this build";
static const char no_readers[] = "read-only access is not in this build";

#define AT(member) offsetof(struct settings, member)
#define ROOM(type, member) sizeof(((struct type *)0)->member)

static const struct settings_key keys[] = {
    {"gateway", "name", KIND_TEXT, AT(gateway.name), 1, ROOM(settings, gateway.name), NULL, NULL},
    {"gateway", "workers", KIND_U32, AT(gateway.workers), 1, DIRECTORY_WORKERS_MAX, NULL, NULL},
    {"gateway", "port", KIND_U16, AT(gateway.port), 1, 65535, NULL, NULL},
    {"gateway", "control", KIND_TEXT, AT(gateway.control), 1, ROOM(settings, gateway.control), NULL,
     NULL},
    {"port", "device", KIND_TEXT, offsetof(struct settings_port, device), 1,
     ROOM(settings_port, device), NULL, NULL},
    {"port", "addresses", KIND_ADDRESSES, 0, 0, 0, NULL, NULL},
    {"port", "mtu", KIND_U16, offsetof(struct settings_port, mtu), 1280, 9216, NULL, NULL},
    {"port", "vlan", KIND_U16, offsetof(struct settings_port, vlan), 0, 4094, NULL, NULL},
    {"port", "exception", KIND_CHOICE, offsetof(struct settings_port, exception), 0, 0,
     exception_words, NULL},
    {"port", "checksum", KIND_CHOICE, offsetof(struct settings_port, checksum), 0, 0,
     checksum_words, NULL},
    {"backend", "listen", KIND_LISTEN, 0, 0, 0, NULL, NULL},
    {"backend", "from", KIND_PREFIXES, 0, 0, 0, NULL, NULL},
    {"session", "max", KIND_U32, AT(session.max), 1, 100000000, NULL, NULL},
    {"session", "timeout_ms", KIND_U32, AT(session.timeout_ms), 100, LIVENESS_TIMEOUT_MAX_MS, NULL,
     NULL},
    {"session", "heartbeat_ms", KIND_U32, AT(session.heartbeat_ms), 0, LIVENESS_TIMEOUT_MAX_MS,
     NULL, NULL},
    {"session", "grace_ms", KIND_U32, AT(session.grace_ms), 0, LIVENESS_GRACE_MAX_MS, NULL, NULL},
    {"session", "window", KIND_U32, AT(session.window), WIRE_WINDOW_MIN, WIRE_WINDOW_MAX, NULL,
     NULL},
    {"session", "client_max", KIND_U32, AT(session.client_max), 0, 0, NULL, no_tokens},
    {"replay", "memory", KIND_BYTES64, AT(replay.memory_bytes), 1 << 20, UINT64_C(1) << 40, NULL,
     NULL},
    {"replay", "per_session", KIND_BYTES32, AT(replay.per_session_bytes), 4096, 1 << 30, NULL,
     NULL},
    {"service", "lost", KIND_CHOICE, offsetof(struct settings_service, lost), 0, 0, lost_words,
     NULL},
    {"service", "backends", KIND_NAMES, 0, 0, 0, NULL, NULL},
    {"store", "kind", KIND_CHOICE, AT(store.kind), 0, 0, store_words, NULL},
    {"store", "path", KIND_TEXT, AT(store.path), 0, 0, NULL, no_store},
    {"store", "url", KIND_TEXT, AT(store.url), 0, 0, NULL, no_store},
    {"store", "prefix", KIND_TEXT, AT(store.prefix), 0, 0, NULL, no_store},
    {"store", "required", KIND_BOOL, AT(store.required), 0, 0, NULL, NULL},
    {"operation", "max", KIND_U32, AT(operation.max), 0, 0, NULL, no_operations},
    {"limits", "resumes_per_second", KIND_U32, AT(limits.resumes_per_second), 1, 100000000, NULL,
     NULL},
    {"limits", "new_per_second", KIND_U32, AT(limits.new_per_second), 1, 100000000, NULL, NULL},
    {"limits", "new_per_source", KIND_U32, AT(limits.new_per_source), 1, 100000000, NULL, NULL},
    {"limits", "openings", KIND_U32, AT(limits.openings), 1, 1 << 24, NULL, NULL},
    {"limits", "events", KIND_U32, AT(limits.events), 0, 0, NULL, no_events},
    {"control", "group", KIND_TEXT, AT(control.group), 0, ROOM(settings, control.group), NULL,
     NULL},
    {"control", "readers", KIND_TEXT, AT(control.readers), 0, 0, NULL, no_readers},
};

int settings_refuse(struct settings_reader *reader, const char *format, ...)
{
	va_list arguments;

	if (reader->message[0] != '\0')
		return 0;
	reader->line_refused = reader->line;
	va_start(arguments, format);
	vsnprintf(reader->message, sizeof(reader->message), format, arguments);
	va_end(arguments);
	return 0;
}

// Reads a whole number with an optional K, M or G. Returns false where it is none.
static bool number_parse(const char *text, bool suffixed, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno != 0)
		return false;

	const char *const suffixes = "KMG";
	const char *suffix = *end != '\0' ? strchr(suffixes, *end) : NULL;

	if (suffixed && suffix != NULL) {
		const uint32_t shift = 10 * (uint32_t)(suffix - suffixes + 1);

		if (*number > UINT64_MAX >> shift)
			return false;
		*number <<= shift;
		end++;
	}
	return *end == '\0';
}

static int number_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		      const char *value)
{
	const bool suffixed = key->kind == KIND_BYTES32 || key->kind == KIND_BYTES64;
	uint64_t number;

	if (!number_parse(value, suffixed, &number) || number < key->min || number > key->max)
		return settings_refuse(
		    reader, "%s = %s: a whole number from %" PRIu64 " to %" PRIu64 "%s is wanted",
		    key->name, value, key->min, key->max, suffixed ? " (K, M, G may follow)" : "");
	if (key->kind == KIND_U16)
		*(uint16_t *)(void *)(base + key->offset) = (uint16_t)number;
	else if (key->kind == KIND_BYTES64)
		*(uint64_t *)(void *)(base + key->offset) = number;
	else
		*(uint32_t *)(void *)(base + key->offset) = (uint32_t)number;
	return 1;
}

static int choice_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		      const char *value)
{
	char allowed[128] = "";

	for (const struct word *word = key->words; word->text != NULL; word++) {
		if (strcmp(word->text, value) == 0 && word->missing)
			return settings_refuse(reader, "%s = %s is not in this build; use %s = %s",
					       key->name, value, key->name, key->words[0].text);
		if (strcmp(word->text, value) == 0) {
			memcpy(base + key->offset, &word->value, sizeof(word->value));
			return 1;
		}
		snprintf(allowed + strlen(allowed), sizeof(allowed) - strlen(allowed), "%s%s",
			 word == key->words ? "" : ", ", word->text);
	}
	return settings_refuse(reader, "%s = %s: one of %s is wanted", key->name, value, allowed);
}

static int bool_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		    const char *value)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return settings_refuse(reader, "%s = %s: yes or no is wanted", key->name, value);
	*(bool *)(base + key->offset) = value[0] == 'y';
	return 1;
}

static int text_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		    const char *value)
{
	if (strlen(value) < key->min || strlen(value) >= key->max)
		return settings_refuse(reader,
				       "%s: %" PRIu64 " to %" PRIu64 " characters are wanted",
				       key->name, key->min, key->max - 1);
	strcpy(base + key->offset, value);
	return 1;
}

// "192.0.2.10" or "2001:db8::10" as 16 bytes; *family_bits is 32 or 128.
static bool ip_parse(const char *text, uint8_t ip[static 16], uint32_t *family_bits)
{
	memset(ip, 0, 16);
	if (inet_pton(AF_INET6, text, ip) == 1) {
		*family_bits = 128;
		return true;
	}
	if (inet_pton(AF_INET, text, ip + 12) != 1)
		return false;
	ip[10] = ip[11] = 0xff;
	*family_bits = 32;
	return true;
}

// "ADDRESS/BITS"; *bits counts from the start of the 16 bytes where `mapped`.
static bool prefix_parse(const char *text, uint8_t ip[static 16], uint8_t *bits, bool mapped)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	uint32_t family_bits;
	uint64_t number;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!ip_parse(address, ip, &family_bits) || !number_parse(slash + 1, false, &number) ||
	    number > family_bits)
		return false;
	*bits = (uint8_t)(number + (mapped && family_bits == 32 ? 96 : 0));
	return true;
}

typedef int (*item_handler)(struct settings_reader *reader, void *context, const char *item);

// Calls handler for each comma-separated item.
static int items_each(struct settings_reader *reader, const char *value, item_handler handler,
		      void *context)
{
	char copy[INI_MAX_LINE];
	char *rest = copy;
	char *item;

	snprintf(copy, sizeof(copy), "%s", value);
	while ((item = strsep(&rest, ",")) != NULL) {
		item += strspn(item, " \t");
		item[strcspn(item, " \t")] = '\0';
		if (item[0] == '\0')
			continue;
		if (handler(reader, context, item) == 0)
			return 0;
	}
	return 1;
}

static int address_add(struct settings_reader *reader, void *context, const char *item)
{
	struct settings *settings = reader->settings;
	const struct settings_port *port = context;
	struct dataplane_address *address = &settings->addresses[settings->addresses_count];

	if (settings->addresses_count == DATAPLANE_ADDRESSES_MAX)
		return settings_refuse(reader, "more than %d addresses", DATAPLANE_ADDRESSES_MAX);
	if (!prefix_parse(item, address->ip, &address->prefix_bits, false))
		return settings_refuse(
		    reader,
		    "addresses: %s: an address and its prefix length are wanted, "
		    "as in 192.0.2.10/24",
		    item);
	address->port = (uint8_t)(port - settings->ports);
	settings->addresses_count++;
	return 1;
}

static int listen_add(struct settings_reader *reader, void *context, const char *item)
{
	struct settings_backend *backend = context;
	uint32_t family_bits;

	if (backend->listen_count == SETTINGS_LISTEN_MAX)
		return settings_refuse(reader, "listen: more than %d addresses",
				       SETTINGS_LISTEN_MAX);
	if (!ip_parse(item, backend->listen[backend->listen_count], &family_bits))
		return settings_refuse(reader, "listen: %s: an address is wanted, as in 192.0.2.10",
				       item);
	backend->listen_count++;
	return 1;
}

static int prefix_add(struct settings_reader *reader, void *context, const char *item)
{
	struct settings_backend *backend = context;
	struct settings_prefix *prefix = &backend->from[backend->from_count];

	if (backend->from_count == SETTINGS_PREFIXES_MAX)
		return settings_refuse(reader, "from: more than %d prefixes",
				       SETTINGS_PREFIXES_MAX);
	if (!prefix_parse(item, prefix->ip, &prefix->bits, true))
		return settings_refuse(reader, "from: %s: a prefix is wanted, as in 10.0.0.0/8",
				       item);
	backend->from_count++;
	return 1;
}

static int name_add(struct settings_reader *reader, void *context, const char *item)
{
	struct settings_service *service = context;

	if (strcmp(item, "*") == 0) {
		service->any = true;
		return 1;
	}
	if (service->names_count == SETTINGS_NAMES_MAX)
		return settings_refuse(reader, "backends: more than %d names", SETTINGS_NAMES_MAX);
	if (strlen(item) > WIRE_NAME_MAX)
		return settings_refuse(reader, "backends: %s: at most %d characters", item,
				       WIRE_NAME_MAX);
	strcpy(service->names[service->names_count++], item);
	return 1;
}

int settings_key_set(struct settings_reader *reader, const struct settings_key *key, void *base,
		     const char *value)
{
	struct settings_backend *backend = &reader->settings->backend;

	if (key->missing != NULL)
		return settings_refuse(reader, "%s: %s; remove the key", key->name, key->missing);
	switch (key->kind) {
	case KIND_TEXT:
		return text_set(reader, key, base, value);
	case KIND_CHOICE:
		return choice_set(reader, key, base, value);
	case KIND_BOOL:
		return bool_set(reader, key, base, value);
	case KIND_ADDRESSES:
		return items_each(reader, value, address_add, base);
	case KIND_LISTEN:
		return items_each(reader, value, listen_add, backend);
	case KIND_PREFIXES:
		return items_each(reader, value, prefix_add, backend);
	case KIND_NAMES:
		return items_each(reader, value, name_add, base);
	default:
		return number_set(reader, key, base, value);
	}
}

bool settings_key_section(const char *section)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].section, section) == 0)
			return true;
	}
	return false;
}

const struct settings_key *settings_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

const char *settings_key_list(const char *section, char text[static 160])
{
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const size_t used = strlen(text);

		if (strcmp(keys[i].section, section) == 0)
			snprintf(text + used, 160 - used, "%s%s", used == 0 ? "" : ", ",
				 keys[i].name);
	}
	return text;
}
