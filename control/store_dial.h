// SPDX-License-Identifier: BSD-3-Clause
// Begins connections to a Redis: its name becomes an address, from the loop; of several addresses
// each gets its turn. Names are resolved by /etc/hosts and the servers of /etc/resolv.conf.
//
// Control thread.
#pragma once

#include "control/store.h"
#include "control/store_url.h"

struct redisAsyncContext;
struct store_dial;

// redis: a connection that has begun, attached to the loop, from now on of who gets it, who sets
// its callbacks. NULL: there is none, and why tells the reason.
typedef void store_dial_done(void *context, struct redisAsyncContext *redis, const char *why);

// url is borrowed. Returns NULL with one line in error.
struct store_dial *store_dial_create(const struct store_url *url, struct event_base *base,
				     store_dial_done *done, void *context,
				     char error[static STORE_ERROR_BYTES]);
void store_dial_destroy(struct store_dial *dial); // NULL is taken

// Begins; done() is called once, perhaps from within.
void store_dial_begin(struct store_dial *dial);

// Gives up what has begun and is not done: done() is not called.
void store_dial_end(struct store_dial *dial);
