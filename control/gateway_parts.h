// SPDX-License-Identifier: BSD-3-Clause
// What a gateway is made of: for gateway.c, gateway_tick.c and gateway_view.c alone.
//
// Control thread.
#pragma once

#include <event2/event.h>

#include "control/admission.h"
#include "control/drain.h"
#include "control/endings.h"
#include "control/events.h"
#include "control/gateway.h"
#include "control/lanes.h"
#include "control/liveness_sweep.h"
#include "control/preload.h"
#include "control/publisher.h"
#include "control/registration.h"

enum {
	GATEWAY_SIGNALS = 3,
	GATEWAY_FRAMES_MAX = 1024, // that wait for the other notices of a tick
};

struct config;

struct gateway {
	const struct settings *settings;
	struct config *config; // NULL: settings never change
	struct dataplane *dataplane;
	struct event_base *base;
	struct event *tick;
	struct event *signals[GATEWAY_SIGNALS];
	uint64_t instance;
	uint64_t started_ms; // UTC
	uint64_t started_mono_ms;
	uint64_t now_ms; // of this tick
	uint32_t sessions;
	struct tally tally;
	struct histogram ticks;
	struct drain drain;
	struct ends *ends;
	struct events *events;
	enum gateway_state told; // the last state that was told as an event
	struct rates *rates;
	struct courier *courier;
	struct backends *backends;
	struct endings *endings;
	struct liveness_sweep *sweep;
	struct publisher publisher;
	struct admission admission;
	struct preload *preload;
	uint32_t frames_count;
	struct notice frames[GATEWAY_FRAMES_MAX];
};

// Tells every worker to let go of all its sessions.
void gateway_let_go(struct gateway *gateway);
