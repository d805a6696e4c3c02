// SPDX-License-Identifier: BSD-3-Clause
#include "control/settings_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/one_line.h"

enum { ITEM_BYTES = 128 }; // of a list: an address with its bits, or a name

int settings_refuse(struct settings_reader *reader, const char *format, ...)
{
	va_list arguments;

	if (reader->message[0] != '\0')
		return 0;
	reader->line_refused = reader->line;
	va_start(arguments, format);
	vsnprintf(reader->message, sizeof(reader->message), format, arguments);
	va_end(arguments);
	// Parts of the file stand in it, and it is shown on terminals and in logs.
	one_line(reader->message, strlen(reader->message));
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

static bool number_good(const struct settings_key *key, uint64_t number)
{
	return (number == 0 && key->zero != NULL) || (number >= key->min && number <= key->max);
}

static void number_store(const struct settings_key *key, char *base, uint64_t number)
{
	char *place = base + key->offset;

	if (key->kind == SETTINGS_KIND_U16)
		*(uint16_t *)(void *)place = (uint16_t)number;
	else if (key->kind == SETTINGS_KIND_BYTES64)
		*(uint64_t *)(void *)place = number;
	else
		*(uint32_t *)(void *)place = (uint32_t)number;
}

static int number_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		      const char *value)
{
	const bool suffixed =
	    key->kind == SETTINGS_KIND_BYTES32 || key->kind == SETTINGS_KIND_BYTES64;
	char least[SETTINGS_BOUNDS_BYTES], most[SETTINGS_BOUNDS_BYTES];
	uint64_t number;

	if (!number_parse(value, suffixed, &number) || !number_good(key, number))
		return settings_refuse(
		    reader, "%s = %.40s: a whole number from %.24s to %.24s%s%s%s%s is wanted",
		    key->name, value, settings_key_number(key, key->min, least),
		    settings_key_number(key, key->max, most), key->zero != NULL ? ", or 0 (" : "",
		    key->zero != NULL ? key->zero : "", key->zero != NULL ? ")" : "",
		    suffixed ? " (K, M, G may follow)" : "");
	number_store(key, base, number);
	return 1;
}

static int choice_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		      const char *value)
{
	char allowed[SETTINGS_BOUNDS_BYTES];

	settings_key_bounds(key, allowed);
	for (const struct settings_word *word = key->words; word->text != NULL; word++) {
		if (strcmp(word->text, value) != 0)
			continue;
		if (word->missing)
			return settings_refuse(reader, "%s = %s is not in this build; use %s = %s",
					       key->name, value, key->name, allowed);
		memcpy(base + key->offset, &word->value, sizeof(word->value));
		return 1;
	}
	return settings_refuse(reader, "%s = %.40s: one of %s is wanted", key->name, value,
			       allowed);
}

static int bool_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		    const char *value)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return settings_refuse(reader, "%s = %.40s: yes or no is wanted", key->name, value);
	*(bool *)(base + key->offset) = value[0] == 'y';
	return 1;
}

static int text_set(struct settings_reader *reader, const struct settings_key *key, char *base,
		    const char *value)
{
	if (strlen(value) < key->min || strlen(value) > key->max)
		return settings_refuse(reader,
				       "%s: %" PRIu64 " to %" PRIu64 " characters are wanted",
				       key->name, key->min, key->max);
	for (const char *c = value; *c != '\0'; c++) {
		if (iscntrl((unsigned char)*c))
			return settings_refuse(reader, "%s: a control character in it", key->name);
	}
	strcpy(base + key->offset, value);
	return 1;
}

// What an IPv4 address begins with as one of IPv6.
static const uint8_t mapped_prefix[] = {[10] = 0xff, [11] = 0xff};
enum { MAPPED_BITS = 8 * sizeof(mapped_prefix) };

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
	memcpy(ip, mapped_prefix, sizeof(mapped_prefix));
	*family_bits = 32;
	return true;
}

// "ADDRESS/BITS"; *bits counts from the start of the 16 bytes where `mapped`, else from where the
// address of its family begins.
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
	number += family_bits == 32 ? MAPPED_BITS : 0;
	// An IPv4 address may be written as one of IPv6.
	if (!mapped && memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		if (number < MAPPED_BITS)
			return false;
		number -= MAPPED_BITS;
	}
	*bits = (uint8_t)number;
	return true;
}

typedef int (*item_handler)(struct settings_reader *reader, void *context, const char *item);

// Calls handler for each comma-separated item.
static int items_each(struct settings_reader *reader, const char *value, item_handler handler,
		      void *context)
{
	char item[ITEM_BYTES];

	while (*value != '\0') {
		value += strspn(value, ", \t");
		const size_t len = strcspn(value, ", \t");

		if (len >= sizeof(item))
			return settings_refuse(reader, "%.40s...: longer than any item", value);
		snprintf(item, sizeof(item), "%.*s", (int)len, value);
		if (len > 0 && handler(reader, context, item) == 0)
			return 0;
		value += len;
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

static void *base_of(struct settings *settings, struct settings_place place)
{
	if (strcmp(place.key->section, "port") == 0)
		return &settings->ports[place.index];
	if (strcmp(place.key->section, "service") == 0)
		return &settings->services[place.index];
	return settings;
}

int settings_value_set(struct settings_reader *reader, struct settings_place place,
		       const char *value)
{
	const struct settings_key *key = place.key;
	struct settings_backend *backend = &reader->settings->backend;
	void *base = base_of(reader->settings, place);

	if (key->missing != NULL)
		return settings_refuse(reader, "%s: %s; remove the key", key->name, key->missing);
	switch (key->kind) {
	case SETTINGS_KIND_TEXT:
		return text_set(reader, key, base, value);
	case SETTINGS_KIND_CHOICE:
		return choice_set(reader, key, base, value);
	case SETTINGS_KIND_BOOL:
		return bool_set(reader, key, base, value);
	case SETTINGS_KIND_ADDRESSES:
		return items_each(reader, value, address_add, base);
	case SETTINGS_KIND_LISTEN:
		return items_each(reader, value, listen_add, backend);
	case SETTINGS_KIND_PREFIXES:
		return items_each(reader, value, prefix_add, backend);
	case SETTINGS_KIND_NAMES:
		return items_each(reader, value, name_add, base);
	default:
		return number_set(reader, key, base, value);
	}
}

void settings_value_reset(struct settings *settings, struct settings_place place)
{
	const struct settings_key *key = place.key;
	char *base = base_of(settings, place);
	const int choice = (int)key->number;

	switch (key->kind) {
	case SETTINGS_KIND_TEXT:
		strcpy(base + key->offset, key->text != NULL ? key->text : "");
		break;
	case SETTINGS_KIND_CHOICE:
		memcpy(base + key->offset, &choice, sizeof(choice));
		break;
	case SETTINGS_KIND_BOOL:
		*(bool *)(base + key->offset) = key->number != 0;
		break;
	case SETTINGS_KIND_ADDRESSES:
		break; // never live, so never put back
	case SETTINGS_KIND_LISTEN:
		settings->backend.listen_count = 0;
		memset(settings->backend.listen, 0, sizeof(settings->backend.listen));
		break;
	case SETTINGS_KIND_PREFIXES:
		settings->backend.from_count = 0;
		memset(settings->backend.from, 0, sizeof(settings->backend.from));
		break;
	case SETTINGS_KIND_NAMES:
		settings->services[place.index].any = false;
		settings->services[place.index].names_count = 0;
		memset(settings->services[place.index].names, 0,
		       sizeof(settings->services[place.index].names));
		break;
	default:
		number_store(key, base, key->number);
	}
}
