// SPDX-License-Identifier: BSD-3-Clause
// What the backend's files share.
//
// Invariants:
//  B1  A link has one session id and one instance; its lanes have the same epoch. A new epoch ends
//      the lanes of the old one.
//  B2  A session is one channel: it is found by link, handle and channel, and by id and channel; it
//  is in both tables from
//      its OPEN until it is freed. Its epoch only grows (F2).
//  B3  A session has one place in the heap of deadlines; room for it was made before it was added.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/greeting.h"
#include "endpoint/heap.h"
#include "endpoint/id_table.h"
#include "endpoint/journal.h"
#include "endpoint/outgoing.h"
#include "endpoint/pool.h"
#include "endpoint/reconnect.h"
#include "endpoint/sockets.h"
#include "endpoint/stream.h"
#include "holdfast/backend.h"

enum {
	BACKEND_LANES_MAX = 16,
	BACKEND_LANE_TRIES = 8, // for each worker
	BACKEND_REPEAT_US = 200000,
	BACKEND_CLOSE_US = 1000000,
	BACKEND_UNKNOWN_US = 100000, // between UNKNOWNs, in all
	BACKEND_ASK_US = 500000,     // between questions whether the link still stands
	BACKEND_QUIET_US = 60000000, // without a frame, after which a session is asked for
	BACKEND_ENDED = 4096,        // sessions that ended last, remembered
};

enum lane_state { LANE_FREE, LANE_OPENING, LANE_LIVE };

struct backend_lane {
	enum lane_state state;
	int socket;
	uint16_t number;
	uint32_t worker;
	struct outgoing outgoing;
	struct greeting greeting;
	uint64_t heard_us;
	uint64_t give_up_us;
};

enum link_state { LINK_BACKING_OFF, LINK_REGISTERING, LINK_REGISTERED, LINK_STOPPED };

struct backend_link {
	struct holdfast_backend *backend;
	struct peer_address gateway;
	uint32_t index;
	enum link_state state;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint32_t epoch;
	uint64_t handle;
	uint32_t workers; // of the gateway, 0: not known
	uint32_t tries;   // lanes opened since the link was registered
	uint16_t last_number;
	uint32_t timeout_ms, grace_ms;
	uint64_t silence_us;
	uint32_t window, frame_max;
	uint64_t attempt_us; // BACKING_OFF
	uint64_t asked_us;   // whether the link still stands
	uint32_t stale;
	bool lanes_told;
	struct reconnect reconnect;
	struct backend_lane lanes[BACKEND_LANES_MAX];
};

struct holdfast_session {
	struct heap_node timer;
	struct holdfast_backend *backend;
	struct backend_link *link;
	uint32_t lane; // on which it was last heard
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint8_t channel;
	uint64_t handle;
	uint32_t epoch;
	uint16_t event;             // last one acted on
	struct frame_triple answer; // of the OPEN that stands
	struct stream *stream;
	uint32_t timeout_ms, grace_ms;
	uint64_t expire_us; // while detached
	uint64_t heard_us;  // when a frame of it last came
	uint64_t quiet_us;  // when it is looked at whether that was long ago
	bool detached;
	bool held;  // on_message said no
	bool above; // the soft mark
	bool ending, close_said;
	uint16_t end_code;
	uint64_t flush_until_us, close_until_us, close_us;
	void *context;
	char client[WIRE_CLIENT_LABEL_MAX + 1];
	uint32_t meta_bytes;
	uint8_t meta[WIRE_META_MAX];
};

// A session that ended. Its place goes by its hash; a later one can take it.
struct backend_ended {
	uint64_t hash;
	uint32_t epoch;
};

struct holdfast_backend {
	struct holdfast_backend_options options;
	char service[WIRE_NAME_MAX + 1];
	char name[WIRE_NAME_MAX + 1];
	uint8_t token[WIRE_OPTIONS_BYTES_MAX];
	struct peer_address local;
	uint64_t instance;
	uint64_t secret[2];
	struct sockets sockets;
	struct sockets_io io;
	struct pool pool;
	struct heap timers;
	struct id_table by_handle, by_id;
	struct backend_ended ended[BACKEND_ENDED];
	uint32_t sessions_count;
	uint32_t links_count;
	struct backend_link links[HOLDFAST_GATEWAYS_MAX];
	uint64_t now_us;
	uint64_t unknown_us;
	struct journal journal;  // of the links
	struct journal sessions; // of sessions: many of them do not hide what a link says
	bool closing, closed;
	uint64_t close_until_us;
	struct holdfast_backend_stats stats;
};

// ---- links (backend_link.c)
void backend_link_start(struct backend_link *link);
void backend_link_poll(struct backend_link *link);
void backend_link_close(struct backend_link *link);
uint64_t backend_link_due_us(const struct backend_link *link);
// Takes a frame of the link itself; lane is where it came in.
void backend_link_frame(struct backend_link *link, uint32_t lane, const struct frame *frame);

// ---- lanes (backend_lane.c)
// Opens a socket and says HELLO with the next lane number. Returns 0 or -errno.
int backend_lane_open(struct backend_link *link, struct backend_lane *lane);
void backend_lane_close(struct backend_link *link, struct backend_lane *lane);
void backend_lanes_close(struct backend_link *link);
void backend_lane_poll(struct backend_link *link, struct backend_lane *lane);
// Whether a worker of the gateway has a live lane.
bool backend_lane_serves(const struct backend_link *link, uint32_t worker);
// Begins the greeting of a lane. Returns what greeting_begin() does.
int backend_greet(struct backend_link *link, struct backend_lane *lane);
// Sends over a lane; what finds no room is lost like any packet.
void backend_say(struct backend_link *link, uint32_t lane, const struct frame *header,
		 const uint8_t *body, uint32_t body_bytes);

// ---- how sessions are found (backend_table.c)
struct holdfast_session *backend_table_find(struct backend_link *link, uint64_t handle,
					    uint8_t channel);
struct holdfast_session *backend_table_find_id(struct holdfast_backend *backend, const uint8_t *id,
					       uint8_t channel);
// Makes room for one more (B3). Returns 0 or -ENOMEM.
int backend_table_reserve(struct holdfast_backend *backend);
void backend_table_insert(struct holdfast_session *session);
void backend_table_remove(struct holdfast_session *session);
// Remembers that a session has ended, and tells whether one has, at this epoch or a later one.
void backend_table_end(struct holdfast_session *session);
bool backend_table_ended(const struct holdfast_backend *backend, const uint8_t *id, uint8_t channel,
			 uint32_t epoch);
// The session has another handle from now on.
void backend_table_move(struct holdfast_session *session, struct backend_link *link,
			uint64_t handle);

// ---- OPEN (backend_open.c)
// The stream of a session's channel, as the backend's options want it.
void backend_stream_settings(struct holdfast_backend *backend, uint8_t channel,
			     struct stream_settings *settings);
void backend_session_open(struct backend_link *link, uint32_t lane, const struct frame *frame);

// ---- frames of sessions (backend_frame.c)
// Takes a frame under the handle of a session. Returns whether one has it.
bool backend_sessions_frame(struct backend_link *link, uint32_t lane, const struct frame *frame);

// ---- sessions (backend_session.c)
void backend_session_event(struct holdfast_session *session, enum holdfast_session_event_kind kind,
			   uint16_t code, const char *reason);
// The client is away.
void backend_session_detach(struct holdfast_session *session);
// Delivers, sends, sets the next deadline.
void backend_session_run(struct holdfast_session *session);
// The end of a session: hands back, tells, frees.
void backend_session_over(struct holdfast_session *session, uint16_t code, const char *reason);
void backend_session_free(struct holdfast_session *session);
// All sessions of a link lose their peer for now.
void backend_sessions_detach(struct backend_link *link);
