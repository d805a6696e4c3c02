// SPDX-License-Identifier: BSD-3-Clause
// A toy of a gateway: opens, resumes, passes frames on between clients and one backend, keeps no
// copies. What it lacks the endpoints must repair themselves.
#pragma once

#include "protocol/frame.h"
#include "toy_net.h"

enum { TOY_SESSIONS_MAX = 64, TOY_LANES_MAX = 16, TOY_WINDOW = 256 };

// What the gateway knows of one direction of a session.
struct toy_direction {
	uint64_t acked;
	uint64_t next;
};

struct toy_session {
	bool used;
	bool connected; // confirmed by its client
	uint8_t opened; // bits of channels that the backend has accepted in this attempt
	uint8_t fresh;  // bits of channels without numbers: not opened yet, or reset
	uint32_t channels;
	bool detached;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint32_t epoch; // of the last attempt that was accepted
	int client;     // socket of the path, -1: none
	int attempt;    // socket of an attempt that waits for CONFIRM, -1: none
	uint64_t handle;
	uint32_t lane;                               // over which its frames go to the backend
	struct frame_triple told[WIRE_CHANNELS_MAX]; // numbers of its last HELLO
	struct toy_direction up[WIRE_CHANNELS_MAX], down[WIRE_CHANNELS_MAX];
	uint64_t repeat_us;    // OPEN goes again
	uint16_t client_event; // numbers of the last ones
	uint16_t backend_event;
};

struct toy_lane {
	bool used;
	bool live; // confirmed
	int socket;
	uint16_t number;
};

struct toy_gateway {
	struct toy_net *net;
	uint64_t instance;
	uint32_t workers;
	uint32_t timeout_ms, heartbeat_ms, grace_ms;
	uint32_t frame_max, window; // told in WELCOME
	uint64_t link_handle;
	uint32_t link_epoch;
	struct toy_lane lanes[TOY_LANES_MAX];
	struct toy_session sessions[TOY_SESSIONS_MAX];
	uint64_t heartbeat_us;
	uint64_t handles; // given so far
	uint16_t refuse;  // code for every HELLO of a client, 0: none
	// Of the last HELLO with a cookie.
	uint32_t client_token_bytes, backend_token_bytes;
	uint8_t client_token[64], backend_token[64];
	uint64_t client_event_acks, backend_event_acks;
	uint64_t open_acks, open_refusals, unknowns, closes;
};

// Plays the gateway of net.
void toy_gateway_init(struct toy_gateway *gateway, struct toy_net *net, uint32_t workers);

// It forgets everything, as one that was killed and started again.
void toy_gateway_restart(struct toy_gateway *gateway);

// The session of a client, or NULL.
struct toy_session *toy_gateway_find(struct toy_gateway *gateway, const uint8_t *id);

// Finds that a client was silent: tells the backend.
void toy_gateway_detach(struct toy_gateway *gateway, struct toy_session *session);

// Tells the client, or the backend, an event of a channel; again: with the number of the last one.
void toy_gateway_event(struct toy_gateway *gateway, struct toy_session *session, bool to_client,
		       const char *name, uint8_t channel, bool again);

// The process behind a channel has lost its numbers: it may CLOSE the channel, and opens it anew
// when its client comes with the next HELLO.
void toy_gateway_forget(struct toy_session *session, uint8_t channel);

// Ends a session with CLOSE to both sides.
void toy_gateway_close(struct toy_gateway *gateway, struct toy_session *session, uint16_t code);

// Inside of it ------------------------------------------------------------------------------

void toy_frame_send(struct toy_gateway *gateway, int socket, const struct frame *header,
		    const void *body, uint32_t len);

// A live lane for frames of a session to the backend. Returns whether there is one.
bool toy_lane_of(const struct toy_gateway *gateway, const struct toy_session *session, int *socket);

void toy_hello_take(struct toy_gateway *gateway, int socket, const struct frame *frame);
void toy_open_ack_take(struct toy_gateway *gateway, struct toy_session *session,
		       const struct frame *frame);

// Sends OPEN for the channels that the backend has not accepted yet.
void toy_open_send(struct toy_gateway *gateway, struct toy_session *session);
