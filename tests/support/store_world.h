// SPDX-License-Identifier: BSD-3-Clause
// A store of any kind in a folder of its own, with its loop; for Redis a server of its own on a
// Unix socket, which dies with the test.
//
// One thread. Every turn of the loop is measured: none may block.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/store.h"

enum { STORE_WORLD_PATH_BYTES = 96, STORE_WORLD_PATIENCE_MS = 20000 };

struct event_base;

struct store_world {
	struct store_settings settings;
	struct event_base *base;
	struct store *store; // NULL: none
	pid_t redis;         // 0: none
	char folder[STORE_WORLD_PATH_BYTES];
	char path[STORE_WORLD_PATH_BYTES];    // LMDB
	char socket[STORE_WORLD_PATH_BYTES];  // Redis
	char url[STORE_WORLD_PATH_BYTES + 8]; // Redis
	char error[STORE_ERROR_BYTES];
	uint32_t blocked;  // turns of the loop in which the thread slept, and that took over 10 ms
	double longest_ms; // processor time of a turn
};

// Whether a store of this kind can be tested here: there is a redis-server.
bool store_world_can(enum store_kind kind);

// Folder, loop and server; no store yet. Criterion's assertions end the test where it fails.
void store_world_init(struct store_world *world, enum store_kind kind);
void store_world_fini(struct store_world *world);

// A store by world->settings, and waits until it is available. Returns whether it could be opened.
bool store_world_open(struct store_world *world);
void store_world_close(struct store_world *world);

// The server, with more options. Waits until its socket is there.
void store_world_redis_start(struct store_world *world, const char *const *options);
void store_world_redis_stop(struct store_world *world);

// Turns the loop once; does not wait for anything but a millisecond at most.
void store_world_turn(struct store_world *world);

uint64_t store_world_now_ms(void);

// A request that keeps its own answer.
struct store_world_request {
	struct store_request request;
	struct store_world *world;
	bool done;
	uint32_t times; // that done() was called
	uint64_t done_ms;
	struct store_answer answer; // its body lies in body
	uint8_t body[STORE_BODY_BYTES_MAX];
};

// Key and body are borrowed until it is done.
void store_world_begin(struct store_world *world, struct store_world_request *request,
		       enum store_verb verb, const char *key);
void store_world_wait(struct store_world *world, const struct store_world_request *request);

// Both, with a body and a generation to write, which is also the one that is expected. Owner: 7.
enum store_result store_world_ask(struct store_world *world, struct store_world_request *request,
				  enum store_verb verb, const char *key, uint64_t generation,
				  const char *body);
