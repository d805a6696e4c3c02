// SPDX-License-Identifier: BSD-3-Clause
// What the client's files share.
//
// Invariants:
//  C1  Streams run only while CONNECTED; before that they are frozen, or thawed and silent: until
//      the gateway has confirmed, nothing but HELLO and CONFIRM leaves.
//  C2  epoch only grows within a session id.
//  C3  A callback is never called while a stream is being changed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/greeting.h"
#include "endpoint/journal.h"
#include "endpoint/outgoing.h"
#include "endpoint/pool.h"
#include "endpoint/reconnect.h"
#include "endpoint/sockets.h"
#include "endpoint/stream.h"
#include "holdfast/client.h"

enum {
	CLIENT_REPEAT_US = 200000,    // CLOSE, SLEEP
	CLIENT_COURTESY_US = 1000000, // as long as they are repeated
	CLIENT_QUIET_US = 200000,     // without a valid frame before UNKNOWN counts
	CLIENT_UNKNOWN_US = 1000000,  // between resumes because of UNKNOWN
	CLIENT_STALE_MAX = 3,         // STALE_EPOCH in a row
	CLIENT_TIMEOUTS_OF_GATEWAY = 2,
};

struct client_channel {
	struct stream *stream;
	bool held;  // on_message said no
	bool above; // the soft mark; WRITABLE is owed
};

struct holdfast_client {
	struct holdfast_client_options options;
	struct peer_address gateways[HOLDFAST_GATEWAYS_MAX];
	struct peer_address local; // AF_UNSPEC: the system's choice
	char services[WIRE_CHANNELS_MAX][WIRE_NAME_MAX + 1];
	char label[WIRE_CLIENT_LABEL_MAX + 1];
	uint8_t meta[WIRE_META_MAX];
	uint8_t token[WIRE_OPTIONS_BYTES_MAX];
	uint32_t gateways_count, gateway;
	uint32_t channels_count;
	struct client_channel channels[WIRE_CHANNELS_MAX];
	struct pool pool;
	struct sockets sockets;
	struct sockets_io io;
	int socket; // -1: none
	struct outgoing outgoing;
	uint64_t now_us;
	struct journal journal;

	enum holdfast_client_state state;
	uint16_t code;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint32_t epoch;
	uint64_t handle;
	bool welcomed; // this session id, ever: RESUME
	struct greeting greeting;
	struct reconnect reconnect;
	uint64_t attempt_us; // when the next attempt begins, BACKING_OFF
	uint64_t give_up_us; // when this one is over
	uint32_t stale;
	uint32_t silent_attempts; // at this gateway
	bool fresh_socket;

	uint32_t frame_max;
	uint64_t heard_us;
	uint64_t silence_us;
	uint64_t unknown_us;
	uint16_t event;

	bool closing;    // no more messages are taken
	bool close_said; // CLOSE is being repeated
	uint16_t close_code;
	uint64_t flush_until_us;
	uint64_t courtesy_until_us, courtesy_us; // of CLOSE or SLEEP
	bool sleeping;
	bool processing;
	struct holdfast_client_stats stats;
};

// ---- the clockwork (client.c)
void client_deliver(struct holdfast_client *client);
// Whether everything sent was taken by the other endpoints.
bool client_flushed(const struct holdfast_client *client);
void client_sleep_say(struct holdfast_client *client);

// ---- what is told (client_event.c)
void client_event_tell(struct holdfast_client *client, const struct holdfast_client_event *event);
void client_event(struct holdfast_client *client, enum holdfast_client_event_kind kind,
		  uint8_t channel, uint16_t code, const char *reason);

// ---- attempts (client_attempt.c)
// Begins the greeting of the next attempt. Returns what greeting_begin() does.
int client_greet(struct holdfast_client *client);
void client_attempt(struct holdfast_client *client);
// The gateway in use does not answer, or will stop: the next attempt goes to another.
void client_next_gateway(struct holdfast_client *client);
void client_back_off(struct holdfast_client *client, uint64_t delay_us, const char *reason);
void client_reconnect(struct holdfast_client *client, const char *reason);
void client_streams_freeze(struct holdfast_client *client);
void client_socket_drop(struct holdfast_client *client);
// Sends a frame with this header and body; what finds no room is lost like any packet.
void client_say(struct holdfast_client *client, const struct frame *header, const uint8_t *body,
		uint32_t body_bytes);

// ---- the end (client_end.c)
// Hands back what was not acknowledged on a channel, whose numbers start from 0 again.
void client_channel_restart(struct holdfast_client *client, uint8_t channel);
void client_lost(struct holdfast_client *client, uint16_t code, const char *reason);
void client_over(struct holdfast_client *client, uint16_t code, const char *reason);

// ---- what the gateway says (client_session.c)
void client_frame(struct holdfast_client *client, const uint8_t *bytes, uint32_t len);
// The gateway has been told of the silence that follows.
void client_asleep(struct holdfast_client *client);
