// SPDX-License-Identifier: BSD-3-Clause
// The backend: serves the channels that gateways open for a service, over plain UDP.
//
// It keeps a link to every gateway that it is given: registers, opens a socket for each of the
// gateway's workers, registers again whenever the link is lost. Each channel of a client's session
// that is bound to this backend is one struct holdfast_session here. Threads and callbacks: see
// holdfast/endpoint.h.
//
// In an event loop: wait until holdfast_backend_fd() is readable or holdfast_backend_timeout_ms()
// is over, then call holdfast_backend_process(). Ask for the time-out again after every other call.
#pragma once

#include "holdfast/endpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

struct holdfast_backend;

// One channel of a client's session. Owned by the backend; good from OPENED until the callback of
// its CLOSED has returned.
struct holdfast_session;

enum holdfast_session_event_kind {
	HOLDFAST_SESSION_EVENT_OPENED,   // the first of a session
	HOLDFAST_SESSION_EVENT_DETACHED, // its client is away; sending is still allowed
	HOLDFAST_SESSION_EVENT_RESUMED,  // its client is back
	HOLDFAST_SESSION_EVENT_WRITABLE, // it is below its soft mark again
	HOLDFAST_SESSION_EVENT_CLOSED,   // `code`; what was not acknowledged has been handed back,
					 // and the session is gone when the callback returns
};

struct holdfast_session_event {
	enum holdfast_session_event_kind kind;
	uint16_t code;      // enum holdfast_code, or 0
	const char *reason; // for people; good during the callback, never NULL
};

enum holdfast_link_event_kind {
	HOLDFAST_LINK_EVENT_REGISTERED, // a gateway sends sessions here
	HOLDFAST_LINK_EVENT_LANES,      // every worker of the gateway has a lane that can have one
	HOLDFAST_LINK_EVENT_LOST,       // the gateway was not heard, or has forgotten this backend
	HOLDFAST_LINK_EVENT_REFUSED,    // `code`; it goes on
	HOLDFAST_LINK_EVENT_EXHAUSTED,  // the reconnect budget is used up; it goes on, slowly
	HOLDFAST_LINK_EVENT_STOPPED,    // `code` forbids going on
};

struct holdfast_link_event {
	enum holdfast_link_event_kind kind;
	uint32_t gateway;   // index in the options' gateways
	uint16_t code;      // enum holdfast_code, or 0
	const char *reason; // for people; good during the callback, never NULL
	uint32_t lanes;     // live ones
	uint32_t workers;   // of the gateway, 0 = not known
};

// Everything that a backend is made from. Strings and arrays are copied by
// holdfast_backend_create().
struct holdfast_backend_options {
	size_t size; // set by holdfast_backend_options_init(); do not touch

	// Numeric addresses of gateways, as in client.h. A link to each of them. 1 to 16.
	const char *const *gateways;
	uint32_t gateways_count;
	const char *service; // 1 to 63 bytes
	const char *name;    // unique in the service, 1 to 63 bytes
	const char *bind;    // numeric local address, or NULL: the system's choice
	const void *token;   // proof of who this is, or NULL; as long as HELLO has room
	uint32_t token_bytes;
	uint64_t instance; // of this process; 0: random, which is right for nearly everyone
	uint32_t capacity; // sessions at a time; more are refused with OVERLOADED. 0: any number

	uint32_t frame_max; // bytes of UDP payload in handshakes, and until a WELCOME tells another
	uint32_t window;    // frames of a session that may wait for the application: 64 to 4096
	uint32_t message_max;  // bytes of one message, both ways
	uint32_t soft_frames;  // soft mark of a session: so many frames, or
	uint64_t soft_bytes;   // so many bytes, not acknowledged
	uint32_t hard_factor;  // hard limit: so many soft marks
	uint32_t socket_bytes; // buffer that is asked for on each socket and side; 0: the system's

	void *context; // given to the callbacks
	// Each may be NULL, but for on_message.
	// Shows a message; return true to take it. After false the session keeps it, acknowledges
	// nothing more, and waits for holdfast_backend_continue().
	bool (*on_message)(void *context, struct holdfast_session *session,
			   const struct holdfast_message *message);
	void (*on_datagram)(void *context, struct holdfast_session *session,
			    const struct holdfast_message *datagram);
	// Hands back a message that was not acknowledged, in the order of sending, before CLOSED.
	void (*on_returned)(void *context, struct holdfast_session *session,
			    const struct holdfast_returned *message);
	void (*on_session)(void *context, struct holdfast_session *session,
			   const struct holdfast_session_event *event);
	void (*on_link)(void *context, struct holdfast_backend *backend,
			const struct holdfast_link_event *event);
	// The backend has stopped after holdfast_backend_close(); nothing follows.
	void (*on_closed)(void *context, struct holdfast_backend *backend);
	// A line about an attempt, a refusal, a change of path or a loss, without its end; a few in
	// a second at most. The one callback that must not use the backend.
	void (*on_log)(void *context, enum holdfast_log_level level, const char *line);
};

// Fills in the defaults. size is sizeof(*options) of the caller.
HOLDFAST_API void holdfast_backend_options_init(struct holdfast_backend_options *options,
						size_t size);

// Creates a backend and starts it: the next holdfast_backend_process() begins to register.
//
// Returns NULL with errno EINVAL (an option out of its bounds, an address that is none), ENOMEM,
// EMFILE or ENFILE. The caller owns it until holdfast_backend_destroy().
HOLDFAST_API struct holdfast_backend *
holdfast_backend_create(const struct holdfast_backend_options *options);

// Frees it with all of its sessions at once, without a word to anyone: see
// holdfast_backend_close(). NULL is nothing.
HOLDFAST_API void holdfast_backend_destroy(struct holdfast_backend *backend);

// Event loop --------------------------------------------------------------------------------

// One file descriptor for the life of the backend, readable when there is something to process.
// The backend owns it: only wait on it.
HOLDFAST_API int holdfast_backend_fd(const struct holdfast_backend *backend);

// Milliseconds until holdfast_backend_process() wants to be called: 0 at once, HOLDFAST_FOREVER
// not before the file descriptor is readable.
HOLDFAST_API int holdfast_backend_timeout_ms(const struct holdfast_backend *backend);

// Receives, delivers, sends, runs timers. Never waits; its work is bounded, so that a busy backend
// wants to be called again at once.
HOLDFAST_API void holdfast_backend_process(struct holdfast_backend *backend);

// Runs the backend until something has been processed, or timeout_ms (HOLDFAST_FOREVER: without
// end) is over.
//
// Returns 0, -ETIMEDOUT, or -EPIPE if the backend is closed.
HOLDFAST_API int holdfast_backend_wait(struct holdfast_backend *backend, int timeout_ms);

// Stops: takes no more sessions, sends what is queued for at most flush_ms, tells the gateways,
// and calls on_closed. Sessions are not closed by this; what becomes of them is the gateways'
// policy for a lost backend. Calling again can only shorten the wait.
HOLDFAST_API void holdfast_backend_close(struct holdfast_backend *backend, uint32_t flush_ms);

// Whether on_closed has been, or would have been, called.
HOLDFAST_API bool holdfast_backend_closed(const struct holdfast_backend *backend);

// Tries all links that are backing off at once, with a full budget.
HOLDFAST_API void holdfast_backend_retry(struct holdfast_backend *backend);

// Sessions ----------------------------------------------------------------------------------

// Queues a copy of a message of len bytes (0 is a message too). It leaves with the next
// holdfast_backend_process(), or when the callback that this is called from has returned. Also
// while the client is away. tag comes back if the message is handed back.
//
// Returns 0, or unchanged: -EMSGSIZE (longer than message_max), -EAGAIN (at the hard limit: wait
// for WRITABLE), -ENOMEM, -EPIPE (closing or closed).
HOLDFAST_API int holdfast_backend_send(struct holdfast_session *session, const void *bytes,
				       uint32_t len, uint64_t tag);

// Whether the session is below its soft mark. An application should pause while it is not; the
// event WRITABLE tells when it is again.
HOLDFAST_API bool holdfast_backend_writable(const struct holdfast_session *session);

// Sends a datagram with what is sent next: unsequenced, at most once, never kept.
//
// Returns 0, -EMSGSIZE (does not fit one frame), or -ENOTCONN (its client is away).
HOLDFAST_API int holdfast_backend_datagram(struct holdfast_session *session, const void *bytes,
					   uint32_t len);

// Goes on showing messages after on_message returned false.
HOLDFAST_API void holdfast_backend_continue(struct holdfast_session *session);

// Begins to close the session with a code (HOLDFAST_NORMAL): what is queued still goes, for at
// most flush_ms; then the gateway is told. CLOSED ends it. Calling again can only shorten the wait.
HOLDFAST_API void holdfast_backend_end(struct holdfast_session *session, uint16_t code,
				       uint32_t flush_ms);

// The application's own pointer, NULL at first.
HOLDFAST_API void holdfast_backend_set_context(struct holdfast_session *session, void *context);
HOLDFAST_API void *holdfast_backend_context(const struct holdfast_session *session);

struct holdfast_session_info {
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint64_t handle;
	uint32_t epoch;
	uint8_t channel;
	bool detached;      // its client is away
	const char *client; // the client's label, "" if none; as long as the session
	const void *meta;   // what the client handed over; as long as the session
	uint32_t meta_bytes;
	uint32_t rtt_us; // smoothed; 0 = unknown
	uint32_t queued_frames;
	uint64_t queued_bytes; // of messages not acknowledged
	struct holdfast_backend *backend;
};

// Fills in as much as fits size bytes.
HOLDFAST_API void holdfast_backend_info(const struct holdfast_session *session,
					struct holdfast_session_info *info, size_t size);

struct holdfast_backend_stats {
	uint64_t sessions;          // now
	uint64_t sessions_detached; // of these, whose client is away
	uint64_t sessions_opened;
	uint64_t sessions_closed;  // by either side
	uint64_t sessions_expired; // never came back
	uint64_t opens_refused;
	uint64_t resumes; // OPENs of a higher epoch that were accepted
	uint32_t links;   // gateways where it is registered
	uint32_t lanes;   // live ones
	uint64_t registrations;
	uint64_t unknown_sent;
	struct holdfast_counters counters;
};

// Fills in as much as fits size bytes.
HOLDFAST_API void holdfast_backend_stats(const struct holdfast_backend *backend,
					 struct holdfast_backend_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif
