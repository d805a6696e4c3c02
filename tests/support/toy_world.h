// SPDX-License-Identifier: BSD-3-Clause
// A toy gateway with a backend that echoes and clients that count: what each sends must come back
// exactly once and in order, or be handed back.
#pragma once

#include "toy_gateway.h"

enum { TOY_CLIENTS_MAX = 8, TOY_MESSAGE_MAX = 4000 };

struct toy_world;

struct toy_caller {
	struct toy_world *world;
	struct holdfast_client *client;
	uint32_t sent;      // of this session
	uint32_t delivered; // echoes
	uint32_t returned_not_sent, returned_maybe;
	uint32_t returned_next; // tag that is handed back next, at least
	uint32_t connected, resumed, disconnected, refused, exhausted, lost, renewed, closed;
	uint32_t sleeping, datagrams, writable;
	uint32_t lost_returned; // handed back by the time of LOST
	bool send_again;        // what is handed back
	uint16_t code;          // of the last event that had one
	uint64_t gap_ms;
};

struct toy_world {
	struct toy_net net;
	struct toy_gateway gateway;
	struct holdfast_backend *backend;
	uint32_t callers_count;
	struct toy_caller callers[TOY_CLIENTS_MAX];
	uint32_t opened, detached, resumed, closed, registered, lanes_told, link_lost, taken;
	uint32_t backend_returned;
	bool hold;                                              // the backend takes no messages
	struct holdfast_session *last;                          // session opened last
	struct holdfast_session *of_channel[WIRE_CHANNELS_MAX]; // the same, channel by channel
	uint16_t closed_code;
};

// A world with a backend that has had time to register; loss can be set up afterwards.
struct toy_world *toy_world_start(uint64_t seed, uint32_t workers);

// Ends everything, and looks for what was left behind.
void toy_world_end(struct toy_world *world);

// Options of an echo client; the world fills in callbacks.
void toy_world_options(struct holdfast_client_options *options);

// One more client; it has not started. options may be NULL.
struct toy_caller *toy_world_caller(struct toy_world *world,
				    struct holdfast_client_options *options);

// Starts a client and runs until it is connected.
void toy_world_connect(struct toy_world *world, struct toy_caller *caller);

// Queues count more messages.
void toy_world_send(struct toy_world *world, struct toy_caller *caller, uint32_t count);

// Runs until every message of all callers has come back, or fails after so long.
void toy_world_settle(struct toy_world *world, uint64_t us);

struct toy_session *toy_world_session(struct toy_world *world, struct toy_caller *caller);
