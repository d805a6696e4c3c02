// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A part of the URL, not zero-terminated.
struct part {
	const char *bytes;
	size_t len;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Copies a part with its %XX read. Returns whether it is well written and has room.
static bool part_copy(struct part part, char *to, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < part.len; i++) {
		char byte = part.bytes[i];

		if (byte == '%') {
			if (i + 2 >= part.len || hex_digit(part.bytes[i + 1]) < 0 ||
			    hex_digit(part.bytes[i + 2]) < 0)
				return false;
			byte = (char)(hex_digit(part.bytes[i + 1]) << 4 |
				      hex_digit(part.bytes[i + 2]));
			i += 2;
		}
		if (byte == '\0' || len + 1 >= room)
			return false;
		to[len++] = byte;
	}
	to[len] = '\0';
	return true;
}

static bool number_read(struct part part, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;

	for (size_t i = 0; i < part.len; i++) {
		if (!isdigit((unsigned char)part.bytes[i]))
			return false;
		value = value * 10 + (uint64_t)(part.bytes[i] - '0');
		if (value > max)
			return false;
	}
	*number = (uint32_t)value;
	return part.len > 0;
}

// What is before and after the first (or last) such byte. Returns whether there is one.
static bool part_cut(struct part *part, char at, bool last, struct part *before)
{
	const char *found =
	    last ? memrchr(part->bytes, at, part->len) : memchr(part->bytes, at, part->len);

	if (found == NULL)
		return false;
	*before = (struct part){.bytes = part->bytes, .len = (size_t)(found - part->bytes)};
	part->len -= before->len + 1;
	part->bytes = found + 1;
	return true;
}

static const char *login_read(struct part login, struct store_url *url)
{
	struct part user;

	if (!part_cut(&login, ':', false, &user))
		return "in front of @ stands USER:PASSWORD, or :PASSWORD";
	if (!part_copy(user, url->user, sizeof(url->user)))
		return "the user is too long, or has a % that no two hex digits follow";
	if (!part_copy(login, url->password, sizeof(url->password)) || url->password[0] == '\0')
		return "the password is empty or too long, or has a % that no two hex digits "
		       "follow";
	return NULL;
}

static const char *place_read(struct part place, struct store_url *url)
{
	struct part host = place;
	uint32_t port = STORE_URL_PORT;

	if (place.len > 0 && place.bytes[0] == '[') {
		place.bytes++;
		place.len--;
		if (!part_cut(&place, ']', false, &host))
			return "an IPv6 address ends with ]";
		if (place.len > 0 && place.bytes[0] != ':')
			return "after ] stands :PORT or nothing";
		place.bytes += place.len > 0;
		if (place.len > 0 &&
		    (!number_read((struct part){place.bytes, place.len - 1}, UINT16_MAX, &port)))
			return "the port is a number from 1 to 65535";
	} else if (part_cut(&place, ':', false, &host) && !number_read(place, UINT16_MAX, &port)) {
		return "the port is a number from 1 to 65535";
	}
	if (port == 0)
		return "the port is a number from 1 to 65535";
	if (host.len == 0 || !part_copy(host, url->host, sizeof(url->host)))
		return "there is no host, or it is too long";
	url->port = (uint16_t)port;
	return NULL;
}

static const char *network_read(struct part rest, struct store_url *url)
{
	struct part place;

	if (!part_cut(&rest, '/', false, &place))
		return place_read(rest, url);
	if (rest.len > 0 && !number_read(rest, STORE_URL_DATABASE_MAX, &url->database))
		return "after the host stands /DATABASE, a number";
	return place_read(place, url);
}

static const char *unix_read(struct part rest, struct store_url *url)
{
	struct part path;

	if (part_cut(&rest, '?', true, &path)) {
		if (rest.len < 3 || memcmp(rest.bytes, "db=", 3) != 0 ||
		    !number_read((struct part){rest.bytes + 3, rest.len - 3},
				 STORE_URL_DATABASE_MAX, &url->database))
			return "after ? stands db=DATABASE, a number";
		rest = path;
	}
	if (rest.len >= 2 && memcmp(rest.bytes, "//", 2) == 0)
		rest = (struct part){rest.bytes + 2, rest.len - 2};
	if (rest.len == 0 || rest.bytes[0] != '/' || !part_copy(rest, url->path, sizeof(url->path)))
		return "the socket's path begins with / and has at most 107 bytes";
	return NULL;
}

const char *store_url_read(const char *text, struct store_url *url)
{
	struct part rest = {.bytes = text, .len = strlen(text)}, scheme, login;
	const char *wrong = NULL;
	bool local;

	*url = (struct store_url){.port = STORE_URL_PORT};
	if (!part_cut(&rest, ':', false, &scheme))
		return "it begins with redis://, rediss:// or unix:";
	local = scheme.len == 4 && memcmp(scheme.bytes, "unix", 4) == 0;
	url->tls = scheme.len == 6 && memcmp(scheme.bytes, "rediss", 6) == 0;
	if (!local && !url->tls && (scheme.len != 5 || memcmp(scheme.bytes, "redis", 5) != 0))
		return "it begins with redis://, rediss:// or unix:";
	if (!local) {
		if (rest.len < 2 || memcmp(rest.bytes, "//", 2) != 0)
			return "it begins with redis://, rediss:// or unix:";
		rest = (struct part){rest.bytes + 2, rest.len - 2};
	}
	if (part_cut(&rest, '@', true, &login))
		wrong = login_read(login, url);
	if (wrong == NULL)
		wrong = local ? unix_read(rest, url) : network_read(rest, url);
	return wrong;
}

const char *store_url_text(const struct store_url *url, char text[static STORE_URL_TEXT_BYTES])
{
	const bool brackets = strchr(url->host, ':') != NULL;

	if (url->host[0] == '\0')
		snprintf(text, STORE_URL_TEXT_BYTES, "unix:%s?db=%u", url->path, url->database);
	else
		snprintf(text, STORE_URL_TEXT_BYTES, "%s://%s%s%s:%u/%u",
			 url->tls ? "rediss" : "redis", brackets ? "[" : "", url->host,
			 brackets ? "]" : "", url->port, url->database);
	return text;
}
