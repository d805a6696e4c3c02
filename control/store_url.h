// SPDX-License-Identifier: BSD-3-Clause
// Where a Redis is:
//   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]    rediss://... with TLS
//   unix:[[USER]:PASSWORD@]PATH[?db=DATABASE]
// HOST is a name, an IPv4 address or an IPv6 address in brackets. %XX stands for a byte in user,
// password and path.
//
// Pure. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	STORE_URL_HOST_BYTES = 256,
	STORE_URL_PATH_BYTES = 108, // as long as a Unix socket's path can be
	STORE_URL_USER_BYTES = 128,
	STORE_URL_PASSWORD_BYTES = 512,
	STORE_URL_TEXT_BYTES = STORE_URL_HOST_BYTES + 32,
	STORE_URL_DATABASE_MAX = 1 << 20,
	STORE_URL_PORT = 6379,
};

struct store_url {
	bool tls;
	uint16_t port;
	uint32_t database;
	char host[STORE_URL_HOST_BYTES]; // "": a Unix socket
	char path[STORE_URL_PATH_BYTES];
	char user[STORE_URL_USER_BYTES];         // "": none
	char password[STORE_URL_PASSWORD_BYTES]; // "": none
};

// Returns NULL, or what is wrong with text: words without any part of it, which may be secret.
const char *store_url_read(const char *text, struct store_url *url);

// The URL without user and password. Returns text.
const char *store_url_text(const struct store_url *url, char text[static STORE_URL_TEXT_BYTES]);
