// SPDX-License-Identifier: BSD-3-Clause
// The client: one session with one to eight channels, held through a gateway over plain UDP.
//
// Messages arrive exactly once and in order on each channel, whatever the path does; when that is
// not possible the session is lost, says so, and hands back what was not acknowledged. Threads and
// callbacks: see holdfast/endpoint.h. A first client:
//
//	// first-client.c: says hello to the service "echo" and prints the answer
//	#include <holdfast/client.h>
//	#include <stdio.h>
//
//	int main(int argc, char **argv)
//	{
//		const char *gateway = argc > 1 ? argv[1] : "192.0.2.10", *service = "echo";
//		struct holdfast_client_options options;
//		char answer[64];
//
//		holdfast_client_options_init(&options, sizeof(options));
//		options.gateways = &gateway, options.gateways_count = 1;
//		options.services = &service, options.services_count = 1;
//		struct holdfast_client *client = holdfast_client_create(&options);
//		if (client == NULL || holdfast_client_connect_wait(client, 5000) != 0)
//			return 1;
//		holdfast_client_send(client, 0, "hello", 5, 0);
//		int len = holdfast_client_receive(client, NULL, answer, sizeof(answer), 5000);
//		printf("%.*s\n", len > 0 ? len : 0, answer);
//		holdfast_client_close_wait(client, 1000);
//		holdfast_client_destroy(client);
//		return len == 5 ? 0 : 1;
//	}
//
// In an event loop: wait until holdfast_client_fd() is readable or holdfast_client_timeout_ms() is
// over, then call holdfast_client_process(). Ask for the time-out again after every other call.
#pragma once

#include "holdfast/endpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

struct holdfast_client;

enum holdfast_client_state {
	HOLDFAST_CLIENT_IDLE,        // not started, or asleep
	HOLDFAST_CLIENT_BACKING_OFF, // waiting before the next attempt
	HOLDFAST_CLIENT_CONNECTING,  // proving this address to the gateway
	HOLDFAST_CLIENT_HANDSHAKING, // asking for the session, confirming the answer
	HOLDFAST_CLIENT_CONNECTED,   // a first frame has come under the session's handle
	HOLDFAST_CLIENT_CLOSED,      // for good
};

enum holdfast_client_event_kind {
	HOLDFAST_CLIENT_EVENT_CONNECTED,     // `resumed`, `gap_ms`
	HOLDFAST_CLIENT_EVENT_DISCONNECTED,  // `reason`; attempts begin
	HOLDFAST_CLIENT_EVENT_REFUSED,       // an attempt was refused with `code`; it goes on
	HOLDFAST_CLIENT_EVENT_EXHAUSTED,     // the reconnect budget is used up; it goes on, slowly
	HOLDFAST_CLIENT_EVENT_LOST,          // the session cannot go on: `code`. What was not
					     // acknowledged has been handed back. RENEWED
					     // follows, or CLOSED
	HOLDFAST_CLIENT_EVENT_RENEWED,       // a new session begins; what was sent since messages
					     // were handed back goes with it
	HOLDFAST_CLIENT_EVENT_CHANNEL_DOWN,  // the backend of `channel` is away
	HOLDFAST_CLIENT_EVENT_CHANNEL_UP,    // it is back
	HOLDFAST_CLIENT_EVENT_CHANNEL_RESET, // it lost its state; what was not acknowledged on
					     // `channel` has been handed back
	HOLDFAST_CLIENT_EVENT_DRAINING,      // the gateway will stop
	HOLDFAST_CLIENT_EVENT_WRITABLE,      // `channel` is below its soft mark again
	HOLDFAST_CLIENT_EVENT_SLEEPING,      // holdfast_client_sleep() is done
	HOLDFAST_CLIENT_EVENT_CLOSED,        // `code`; nothing follows
};

struct holdfast_client_event {
	enum holdfast_client_event_kind kind;
	uint8_t channel;
	uint16_t code;      // enum holdfast_code, or 0
	const char *reason; // for people; good during the callback, never NULL
	bool resumed;       // CONNECTED: the session went on, rather than began
	uint64_t gap_ms;    // CONNECTED: since the gateway was last heard before, 0 the first time
};

// Everything that a client is made from. Strings and arrays are copied by holdfast_client_create().
struct holdfast_client_options {
	size_t size; // set by holdfast_client_options_init(); do not touch

	// Numeric addresses of gateways: "192.0.2.10", "192.0.2.10:7400", "2001:db8::10",
	// "[2001:db8::10]:7400". Tried in turn; the one that worked is remembered. 1 to 16.
	const char *const *gateways;
	uint32_t gateways_count;
	// Names of the services, one for each channel. 1 to 8.
	const char *const *services;
	uint32_t services_count;

	const char *bind;   // numeric local address, or NULL: the system's choice
	const char *client; // label, at most 32 bytes, or NULL
	const void *token;  // proof of who this is, or NULL; as long as HELLO has room
	uint32_t token_bytes;
	const void *meta; // handed to the backends, at most 512 bytes, or NULL
	uint32_t meta_bytes;

	uint32_t timeout_ms; // wish: silence until the path counts as lost; 0: the gateway's choice
	int64_t grace_ms;    // wish: how long a lost path is waited for; -1: the gateway's choice
	uint32_t frame_max; // bytes of UDP payload in handshakes, and until a WELCOME tells another
	uint32_t window;    // frames of a channel that may wait for the application: 64 to 4096
	uint32_t message_max; // bytes of one message, both ways
	uint32_t soft_frames; // soft mark of a channel: so many frames, or
	uint64_t soft_bytes;  // so many bytes, not acknowledged
	uint32_t hard_factor; // hard limit: so many soft marks
	// After LOST begin a new session, rather than close, where the code lets it
	// (HOLDFAST_NEW_SESSION in errors.h).
	bool renew;

	void *context; // given to the callbacks
	// Each may be NULL.
	// Shows a message; return true to take it. After false the channel keeps it, acknowledges
	// nothing more, and waits for holdfast_client_continue(). Without this callback messages
	// wait for holdfast_client_peek() or holdfast_client_receive().
	bool (*on_message)(void *context, struct holdfast_client *client,
			   const struct holdfast_message *message);
	void (*on_datagram)(void *context, struct holdfast_client *client,
			    const struct holdfast_message *datagram);
	// Hands back a message that was not acknowledged: in the order of sending, channel by
	// channel, when the session is lost, its channel is reset, or the client closes.
	void (*on_returned)(void *context, struct holdfast_client *client,
			    const struct holdfast_returned *message);
	void (*on_event)(void *context, struct holdfast_client *client,
			 const struct holdfast_client_event *event);
	// A line about an attempt, a refusal, a change of path or a loss, without its end; a few in
	// a second at most. The one callback that must not use the client.
	void (*on_log)(void *context, enum holdfast_log_level level, const char *line);
};

// Fills in the defaults. size is sizeof(*options) of the caller.
HOLDFAST_API void holdfast_client_options_init(struct holdfast_client_options *options,
					       size_t size);

// Creates a client that does nothing yet. Opens one file descriptor, and a second while a path
// is used.
//
// Returns NULL with errno EINVAL (an option out of its bounds, an address that is none), ENOMEM,
// EMFILE or ENFILE. The caller owns it until holdfast_client_destroy().
HOLDFAST_API struct holdfast_client *
holdfast_client_create(const struct holdfast_client_options *options);

// Frees it at once, without a word to the gateway (whose session waits for its grace to end) and
// without handing anything back: see holdfast_client_close(). NULL is nothing.
HOLDFAST_API void holdfast_client_destroy(struct holdfast_client *client);

// Starts, or wakes after holdfast_client_sleep(). What comes of it is told by events.
//
// Returns 0 (also when it is started already) or -EPIPE (closing or closed).
HOLDFAST_API int holdfast_client_connect(struct holdfast_client *client);

// Event loop --------------------------------------------------------------------------------

// One file descriptor for the life of the client, readable when there is something to process.
// The client owns it: only wait on it.
HOLDFAST_API int holdfast_client_fd(const struct holdfast_client *client);

// Milliseconds until holdfast_client_process() wants to be called: 0 at once, HOLDFAST_FOREVER
// not before the file descriptor is readable.
HOLDFAST_API int holdfast_client_timeout_ms(const struct holdfast_client *client);

// Receives, delivers, sends, runs timers. Never waits.
HOLDFAST_API void holdfast_client_process(struct holdfast_client *client);

// Messages ----------------------------------------------------------------------------------

// Queues a copy of a message of len bytes (0 is a message too). It leaves with the next
// holdfast_client_process(), together with others: ask for the time-out again. Also while not
// connected. tag comes back if the message is handed back.
//
// Returns 0, or unchanged: -EINVAL (no such channel), -EMSGSIZE (longer than message_max), -EAGAIN
// (at the hard limit: wait for WRITABLE), -ENOMEM, -EPIPE (closing or closed).
HOLDFAST_API int holdfast_client_send(struct holdfast_client *client, uint8_t channel,
				      const void *bytes, uint32_t len, uint64_t tag);

// Whether the channel is below its soft mark. An application should pause while it is not; the
// event WRITABLE tells when it is again.
HOLDFAST_API bool holdfast_client_writable(const struct holdfast_client *client, uint8_t channel);

// Sends a datagram at once: unsequenced, at most once, never kept.
//
// Returns 0, -EINVAL, -EMSGSIZE (does not fit one frame), -ENOTCONN, or -EAGAIN (the socket is
// full).
HOLDFAST_API int holdfast_client_datagram(struct holdfast_client *client, uint8_t channel,
					  const void *bytes, uint32_t len);

// Shows the next message of any channel, without taking it; calling again shows the same one.
// Not for channels that on_message serves.
//
// Returns whether there is one. message->bytes is good until holdfast_client_consume(), connect,
// process, or destroy.
HOLDFAST_API bool holdfast_client_peek(struct holdfast_client *client,
				       struct holdfast_message *message);

// Takes the message that holdfast_client_peek() showed: only this acknowledges it.
//
// Returns 0, or -ENOMSG (none was shown).
HOLDFAST_API int holdfast_client_consume(struct holdfast_client *client);

// Goes on showing messages of a channel after on_message returned false.
HOLDFAST_API void holdfast_client_continue(struct holdfast_client *client, uint8_t channel);

// The session -------------------------------------------------------------------------------

// Takes a new socket, and with it a new source port, and resumes the session from there at once.
// bind, if not NULL, is the numeric local address to use from now on.
//
// Returns 0, -EINVAL (no address), or -EPIPE (closing or closed).
HOLDFAST_API int holdfast_client_move(struct holdfast_client *client, const char *bind);

// Tells the gateway that silence follows and the session shall wait. When that is told the client
// is IDLE, with the event SLEEPING; holdfast_client_connect() wakes it.
//
// Returns 0 or -ENOTCONN.
HOLDFAST_API int holdfast_client_sleep(struct holdfast_client *client);

// Gives the whole reconnect budget back and, if backing off, tries at once.
HOLDFAST_API void holdfast_client_retry(struct holdfast_client *client);

// Begins to close. What is queued still goes, for at most flush_ms, reconnecting if need be; then
// the gateway is told. The event CLOSED ends it; before that, what was not acknowledged is handed
// back. Calling again can only shorten the wait.
HOLDFAST_API void holdfast_client_close(struct holdfast_client *client, uint32_t flush_ms);

HOLDFAST_API enum holdfast_client_state holdfast_client_state(const struct holdfast_client *client);

// "CONNECTED"; "?" for a number that is no state. Static; any thread.
HOLDFAST_API const char *holdfast_client_state_name(enum holdfast_client_state state);

// The code that closed the client or lost its session last, or 0.
HOLDFAST_API uint16_t holdfast_client_code(const struct holdfast_client *client);

struct holdfast_client_stats {
	uint8_t session[WIRE_SESSION_ID_BYTES];
	uint64_t handle; // 0 before the first connection
	uint32_t epoch;  // of the last attempt
	enum holdfast_client_state state;
	uint64_t attempts;     // begun
	uint64_t connections;  // that succeeded
	uint64_t resumes;      // of these, of a session that existed
	uint64_t sessions;     // begun
	uint64_t gap_max_ms;   // longest time between two frames heard around a reconnect
	uint64_t handshake_us; // how long the last attempt that succeeded took
	uint64_t heard_ago_ms; // since anything valid was last heard, 0 before
	uint64_t queued_bytes; // of messages not acknowledged
	uint32_t queued_frames;
	uint32_t rtt_us; // smoothed, of channel 0; 0 = unknown
	struct holdfast_counters counters;
};

// Fills in as much as fits size bytes.
HOLDFAST_API void holdfast_client_stats(const struct holdfast_client *client,
					struct holdfast_client_stats *stats, size_t size);

// Blocking calls ----------------------------------------------------------------------------
// They run the client until they are done or timeout_ms (HOLDFAST_FOREVER: without end) is over.
// They return 0, or -ETIMEDOUT, or -EPIPE if the client is closed (holdfast_client_code() says
// why); what else is said below.

// Until something has been processed.
HOLDFAST_API int holdfast_client_wait(struct holdfast_client *client, int timeout_ms);

// holdfast_client_connect(), then until connected.
HOLDFAST_API int holdfast_client_connect_wait(struct holdfast_client *client, int timeout_ms);

// holdfast_client_send() as soon as the hard limit lets it; also returns what that returns.
HOLDFAST_API int holdfast_client_send_wait(struct holdfast_client *client, uint8_t channel,
					   const void *bytes, uint32_t len, uint64_t tag,
					   int timeout_ms);

// Copies the next message to bytes and takes it; channel may be NULL.
//
// Returns its bytes, or -EMSGSIZE: it does not fit room bytes, and waits to be received again.
HOLDFAST_API int holdfast_client_receive(struct holdfast_client *client, uint8_t *channel,
					 void *bytes, uint32_t room, int timeout_ms);

// Until everything sent was taken by the other endpoints.
HOLDFAST_API int holdfast_client_flush(struct holdfast_client *client, int timeout_ms);

// holdfast_client_close() with this time to flush, then until closed, which takes at most a second
// more.
//
// Returns 0 if everything was taken by the other endpoints, else -ETIMEDOUT; -EPIPE if the client
// was closed already, or the session ended otherwise.
HOLDFAST_API int holdfast_client_close_wait(struct holdfast_client *client, int timeout_ms);

#ifdef __cplusplus
}
#endif
