// SPDX-License-Identifier: BSD-3-Clause
// What the kinds of stores are made of. Only files named store_* include it.
//
// Control thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/store.h"

struct event;

#define STORE_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

// Entries in the order in which they came.
struct store_queue {
	struct store_entry *head, *tail;
};

struct store_ops {
	// Both end their argument later, from the loop, or by store_refuse().
	void (*begin)(struct store *store, struct store_request *request);
	void (*scan)(struct store *store, struct store_scan *scan);
	bool (*available)(const struct store *store);
	void (*gauges)(struct store *store); // fills in those of store->tally
	// Ends what is under way by store_finish() and store_scan_finish(), and frees the store.
	void (*destroy)(struct store *store);
};

// The first member of every kind.
struct store {
	const struct store_ops *ops;
	struct event_base *base;
	struct store_tally tally;
	uint32_t pending; // requests taken by the kind and not yet finished
	uint32_t pending_max;
	// To end with UNAVAILABLE in the next turn of the loop.
	struct store_queue refused, refused_scans;
	struct event *refuse;
	bool closing; // nothing may begin
};

// Returns 0 or -ENOMEM.
int store_init(struct store *store, const struct store_ops *ops,
	       const struct store_settings *settings, struct event_base *base);
// Ends what was refused. The kind has ended the rest.
void store_fini(struct store *store);

// Ends a request that the kind has taken: with UNAVAILABLE in the next turn, or now.
void store_refuse(struct store *store, struct store_request *request);
void store_finish(struct store *store, struct store_request *request,
		  const struct store_answer *answer);
void store_finish_unavailable(struct store *store, struct store_request *request);

// The same for a slice.
void store_scan_refuse(struct store *store, struct store_scan *scan);
void store_scan_finish(struct store *store, struct store_scan *scan, enum store_result result);

// What stands under a key is no record: counts it. A request neither reads it nor writes over it:
// returns what that means for the verb.
enum store_result store_malformed(struct store_tally *tally, enum store_verb verb);

void store_queue_push(struct store_queue *queue, struct store_entry *entry);
// Returns NULL where it is empty.
struct store_entry *store_queue_pop(struct store_queue *queue);

struct store_request *store_request_of(struct store_entry *entry);
struct store_scan *store_scan_of(struct store_entry *entry);

// Monotonic.
uint64_t store_now_ms(void);

// After this many milliseconds, or a few less: the loop's clock is coarse, and it counts from when
// it last looked at it. 0: in the next turn of the loop.
void store_timer(struct event *timer, uint64_t in_ms);

struct store *store_memory_create(const struct store_settings *settings, struct event_base *base,
				  char error[static STORE_ERROR_BYTES]);
struct store *store_lmdb_create(const struct store_settings *settings, struct event_base *base,
				char error[static STORE_ERROR_BYTES]);
struct store *store_redis_create(const struct store_settings *settings, struct event_base *base,
				 char error[static STORE_ERROR_BYTES]);
