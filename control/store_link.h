// SPDX-License-Identifier: BSD-3-Clause
// The connection to a Redis: made, watched, given up and made again by itself.
//
// Control thread; nothing waits, names are resolved from the loop too. Commands are answered in the
// order in which they were sent. A command that is not answered in time means that the connection
// is of no use: it is given up, which ends all that were sent through it. Between two attempts
// there is a pause that doubles from STORE_LINK_PAUSE_MS to STORE_LINK_PAUSE_MAX_MS, with a random
// part.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/store_parts.h"
#include "control/store_url.h"

enum {
	STORE_LINK_PAUSE_MS = 50,
	STORE_LINK_PAUSE_MAX_MS = 2000,
	STORE_LINK_STEADY_MS = 5000, // a connection that lasted so long ends the doubling
	STORE_LINK_PING_MS = 1000,   // without an answer, and with nothing to be answered
	STORE_LINK_ARGUMENTS_MAX = 16,
};

struct redisReply;
struct store_link;

struct store_link_settings {
	const struct store_url *url;
	const char *script; // loaded into Redis on every connection; lives for ever
	uint32_t connect_max_ms, request_max_ms;
	struct store_tally *tally; // outlives the link
};

// Takes the answer to a command that was sent with entry; reply is NULL where the connection was
// lost, and good until it returns.
struct store_link_taker {
	void (*take)(void *context, struct store_entry *entry, const struct redisReply *reply);
};

// What is sent.
struct store_link_command {
	int count;
	const char *arguments[STORE_LINK_ARGUMENTS_MAX];
	size_t lens[STORE_LINK_ARGUMENTS_MAX];
};

void store_link_add(struct store_link_command *command, const void *argument, size_t len);

// The first attempt begins at once. context is what take() gets.
// Returns NULL with one line in error.
struct store_link *store_link_create(const struct store_link_settings *settings,
				     struct event_base *base, void *context,
				     char error[static STORE_ERROR_BYTES]);

// Gives the connection up. Not from within a take(). NULL is taken.
void store_link_destroy(struct store_link *link);

bool store_link_up(const struct store_link *link);

// Name of the script: 40 hex digits. The link is up.
const char *store_link_script(const struct store_link *link);

// Sends a command, of which everything is copied but entry and taker. The answer comes from the
// loop. Returns 0, or -ENOTCONN: nothing was sent.
int store_link_send(struct store_link *link, const struct store_link_command *command,
		    struct store_entry *entry, const struct store_link_taker *taker);

// Gives the connection up, as one that is of no use.
void store_link_drop(struct store_link *link);
