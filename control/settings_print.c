// SPDX-License-Identifier: BSD-3-Clause
// Values as text, and the effective settings as a file that would give them.
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/settings_value.h"

// Bits by which an IPv4 prefix is longer when it is written as one of IPv6.
enum { MAPPED_BITS = 96 };

enum { COMMENT_COLUMN = 40, LINE_LEN = 120 };

// Lists can be longer than a line may be.
static const char next_item[] = ",\n\t";

static bool is_ipv4(const uint8_t *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

static void print_ip(FILE *out, const uint8_t *ip, bool ipv4)
{
	char text[INET6_ADDRSTRLEN];

	if (ipv4)
		inet_ntop(AF_INET, ip + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, ip, text, sizeof(text));
	fputs(text, out);
}

static void print_addresses(const struct settings *settings, uint32_t port, const char *between,
			    FILE *out)
{
	bool first = true;

	for (uint32_t i = 0; i < settings->addresses_count; i++) {
		if (settings->addresses[i].port != port)
			continue;
		fputs(first ? "" : between, out);
		print_ip(out, settings->addresses[i].ip, is_ipv4(settings->addresses[i].ip));
		fprintf(out, "/%u", settings->addresses[i].prefix_bits);
		first = false;
	}
}

static void print_listen(const struct settings_backend *backend, const char *between, FILE *out)
{
	for (uint32_t i = 0; i < backend->listen_count; i++) {
		fputs(i > 0 ? between : "", out);
		print_ip(out, backend->listen[i], is_ipv4(backend->listen[i]));
	}
}

static void print_prefixes(const struct settings_backend *backend, const char *between, FILE *out)
{
	for (uint32_t i = 0; i < backend->from_count; i++) {
		const struct settings_prefix *prefix = &backend->from[i];
		// A prefix that holds more than IPv4 is one of IPv6, wherever it begins.
		const bool ipv4 = is_ipv4(prefix->ip) && prefix->bits >= MAPPED_BITS;

		fputs(i > 0 ? between : "", out);
		print_ip(out, prefix->ip, ipv4);
		fprintf(out, "/%u", ipv4 ? prefix->bits - MAPPED_BITS : prefix->bits);
	}
}

static void print_names(const struct settings_service *service, const char *between, FILE *out)
{
	fputs(service->any ? "*" : "", out);
	for (uint32_t i = 0; i < service->names_count; i++)
		fprintf(out, "%s%s", i > 0 || service->any ? between : "", service->names[i]);
}

static const char *base_of(const struct settings *settings, struct settings_place place)
{
	if (strcmp(place.key->section, "port") == 0)
		return (const char *)&settings->ports[place.index];
	if (strcmp(place.key->section, "service") == 0)
		return (const char *)&settings->services[place.index];
	return (const char *)settings;
}

static void print_number(const struct settings_key *key, const char *at, FILE *out)
{
	char text[SETTINGS_BOUNDS_BYTES];
	uint64_t number;

	if (key->kind == SETTINGS_KIND_U16)
		number = *(const uint16_t *)(const void *)at;
	else if (key->kind == SETTINGS_KIND_BYTES64)
		number = *(const uint64_t *)(const void *)at;
	else
		number = *(const uint32_t *)(const void *)at;
	fputs(settings_key_number(key, number, text), out);
}

static void print_choice(const struct settings_key *key, const char *at, FILE *out)
{
	int value;

	memcpy(&value, at, sizeof(value));
	for (const struct settings_word *word = key->words; word->text != NULL; word++) {
		if (word->value == value)
			fputs(word->text, out);
	}
}

void settings_value_print(const struct settings *settings, struct settings_place place,
			  const char *between, FILE *out)
{
	const char *at = base_of(settings, place) + place.key->offset;

	switch (place.key->kind) {
	case SETTINGS_KIND_TEXT:
		fputs(at, out);
		break;
	case SETTINGS_KIND_CHOICE:
		print_choice(place.key, at, out);
		break;
	case SETTINGS_KIND_BOOL:
		fputs(*(const bool *)at ? "yes" : "no", out);
		break;
	case SETTINGS_KIND_ADDRESSES:
		print_addresses(settings, place.index, between, out);
		break;
	case SETTINGS_KIND_LISTEN:
		print_listen(&settings->backend, between, out);
		break;
	case SETTINGS_KIND_PREFIXES:
		print_prefixes(&settings->backend, between, out);
		break;
	case SETTINGS_KIND_NAMES:
		print_names(&settings->services[place.index], between, out);
		break;
	default:
		print_number(place.key, at, out);
	}
}

char *settings_value_text(const struct settings *settings, struct settings_place place)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL)
		return NULL;
	settings_value_print(settings, place, ", ", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void print_section(const struct settings *settings, struct settings_place place, FILE *out)
{
	const char *section = place.key->section;
	const char *name = settings_place_title(settings, place);

	fprintf(out, "%s[%s%s%s]\n", strcmp(section, "gateway") == 0 ? "" : "\n", section,
		name[0] != '\0' ? " " : "", name);
}

// The value and where it comes from, in one line where that is short.
static void print_line(const struct settings *settings, const struct settings_sources *sources,
		       struct settings_place place, FILE *out)
{
	char source[SETTINGS_SOURCE_BYTES] = "";
	char *value = settings_value_text(settings, place);
	const bool zero = place.key->zero != NULL && value != NULL && strcmp(value, "0") == 0;

	if (sources != NULL)
		settings_source_text(sources, place, source);
	if (value != NULL && strlen(value) + strlen(source) < LINE_LEN) {
		const int used = fprintf(out, "%s = %s", place.key->name, value);

		if (sources != NULL)
			fprintf(out, "%*s; %s%s%s",
				used < COMMENT_COLUMN ? COMMENT_COLUMN - used : 1, "", source,
				zero ? ": " : "", zero ? place.key->zero : "");
	} else {
		if (sources != NULL)
			fprintf(out, "; %s\n", source);
		fprintf(out, "%s = ", place.key->name);
		settings_value_print(settings, place, next_item, out);
	}
	fputs("\n", out);
	free(value);
}

void settings_print(const struct settings *settings, const struct settings_sources *sources,
		    FILE *out)
{
	struct settings_place place = {.key = NULL}, last = place;

	while (settings_place_next(settings, &place)) {
		if (last.key == NULL || strcmp(last.key->section, place.key->section) != 0 ||
		    last.index != place.index)
			print_section(settings, place, out);
		last = place;
		print_line(settings, sources, place, out);
	}
}
