// SPDX-License-Identifier: BSD-3-Clause
// How sessions end: what an endpoint, the sweep or an operator wants becomes COMMAND_END to the
// owner, and the owner's answer is remembered and told.
//
// Control thread. Destruction asks the record first, in endings_delete_record(): an end goes out
// only where the record could be removed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/courier.h"
#include "control/ends.h"
#include "control/gateway.h"
#include "control/tally.h"
#include "dataplane/dataplane.h"

struct endings;

// Everything is borrowed. Returns NULL with errno ENOMEM.
struct endings *endings_create(struct dataplane *dataplane, struct courier *courier,
			       struct ends *ends, struct tally *tally);

void endings_destroy(struct endings *endings);

// Evictions that still wait are told that they did not happen: the loop has ended.
void endings_give_up(struct endings *endings);

// Whether the record of a session could be removed. Records live nowhere but in the gateway's
// memory here, so it is done at once.
bool endings_delete_record(uint64_t handle);

// NOTICE_END_WANTED: an endpoint closed, or a fault.
void endings_wanted(struct endings *endings, const struct notice *notice);

// NOTICE_CLOSING: a session ends now.
void endings_closing(struct endings *endings, const struct notice *notice, uint64_t now_ms);

// NOTICE_REFUSED: an end did nothing. Where the session has merely moved to another worker, that
// one is asked.
void endings_refused(struct endings *endings, const struct notice *notice);

// See gateway_evict() and gateway_evict_forget(). Online for RCU.
int endings_evict(struct endings *endings, uint64_t handle, uint16_t code, gateway_evicted done,
		  void *context);
void endings_evict_forget(struct endings *endings, const void *context);
uint32_t endings_waiting(const struct endings *endings);
