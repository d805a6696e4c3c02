// SPDX-License-Identifier: BSD-3-Clause
// The whole control thread over a data plane of plain arrays, tick by tick.
#pragma once

#include "control/gateway_parts.h"
#include "tests/support/fake_dataplane.h"

enum { WORKERS = 2, SLOTS = 32 };

extern struct settings settings;
extern struct dataplane *dataplane;
extern struct gateway *gateway;
extern uint64_t now_ms; // of the last tick

extern const uint8_t backend_ip[4];
extern const uint8_t client_ip[4];
extern const uint8_t session_id[WIRE_SESSION_ID_BYTES];

// A gateway with the service echo, at which everybody may register.
void start(void);
void stop(void);

// A millisecond passes.
void tick(void);

// What a worker hands to control. The client asks for the service echo; the backend b1 offers it.
void say_hello(uint8_t worker, uint8_t flags);
void say_backend_hello(void);
void say_confirm(uint64_t handle);

// Registers b1, with a lane at worker 0.
void register_backend(void);
