// SPDX-License-Identifier: BSD-3-Clause
// A stream: one side (client or backend) of one channel of one session. It cuts messages into
// frames, keeps them until the other endpoint has taken them, finds and repairs losses, and gives
// what arrives to the application exactly once and in order.
//
// Pure: no socket, no clock; the caller brings frames, takes frames, and says what time it is
// (microseconds of any monotonic clock, never falling). Not thread-safe: one thread at a time.
//
// A stream starts frozen: it takes messages and sends nothing until stream_thaw() tells it the
// path. The caller's loop is: stream_receive() for each frame that arrived, stream_next_message()
// until there is none, stream_transmit() until it returns 0, sleep until stream_deadline_us().
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "endpoint/pool.h"
#include "protocol/frame.h"

#define STREAM_NEVER UINT64_MAX // a deadline that does not come

enum {
	STREAM_SOFT_FRAMES_DEFAULT = 1024,
	STREAM_SOFT_BYTES_DEFAULT = 4 << 20,
	STREAM_HARD_FACTOR_DEFAULT = 4, // hard limit in soft marks
};

struct stream;

struct stream_settings {
	struct pool *pool;       // borrowed for the life of the stream
	uint8_t channel;         // 0 to 7
	bool bundle;             // pack small waiting messages into one frame
	uint32_t frame_max;      // UDP payload, header included; until stream_thaw() tells another
	uint32_t window;         // frames that this side can hold beyond its ack: 64 to 4096
	uint32_t message_max;    // bytes, both ways
	uint32_t soft_frames;    // soft mark: so many frames, or
	uint64_t soft_bytes;     // so many bytes, not yet acknowledged
	uint32_t hard_factor;    // hard limit: so many soft marks
	uint64_t first_next;     // first number to give; 0 but in tests
	uint64_t first_expected; // first number wanted from the peer; 0 but in tests
};

// Fills in the defaults of the protocol: channel 0, bundling, numbers from 0.
void stream_settings_default(struct stream_settings *settings, struct pool *pool);

// Whether every setting is within its bounds.
bool stream_settings_valid(const struct stream_settings *settings);

// Creates a frozen, empty stream.
// Returns NULL with errno EINVAL (a setting out of its bounds) or ENOMEM.
struct stream *stream_create(const struct stream_settings *settings);

// Frees it with all that it holds; what was not acknowledged is gone (see stream_hand_back()).
void stream_destroy(struct stream *stream);

// Sending -----------------------------------------------------------------------------------

// Queues a copy of len bytes (0 is a message too) behind what waits already. tag is the
// application's own and comes back in stream_hand_back().
//
// Returns 0, -EMSGSIZE (len above message_max), -EAGAIN (at the hard limit) or -ENOMEM. Unless 0,
// nothing has changed: no number is given before a frame is first sent.
int stream_send(struct stream *stream, const void *bytes, uint32_t len, uint64_t tag);

// Whether the application should pause: as much is unacknowledged as the soft mark allows.
bool stream_above_soft_mark(const struct stream *stream);

// Whether nothing waits and everything sent has been acknowledged.
bool stream_flushed(const struct stream *stream);

// Receiving ---------------------------------------------------------------------------------

// Takes a DATA, ACK or NAK frame of this channel, decoded, from the path. Its body is not needed
// after return.
//
// Returns
//   0          taken, or a double, or one that cannot be taken now: both are acknowledged
//   -EBADMSG   nothing of it counts: another type, or it acknowledges what was never sent
//   -ENOTCONN  nothing of it counts: the stream is frozen
//   -EPROTO    the peer broke the protocol; the session must end with PROTOCOL_ERROR. Found when
//              all messages before have been taken; every later call says so again
int stream_receive(struct stream *stream, const struct frame *frame, uint64_t now_us);

// Shows the next message. *bytes stays good until stream_take_message(), stream_restart() or
// stream_destroy(); calling again shows the same one. Works while frozen, too.
//
// Returns whether there is one.
bool stream_next_message(struct stream *stream, const uint8_t **bytes, uint32_t *len);

// Says that the application has taken the message that stream_next_message() shows: it was
// returned by a receive call, or its handler has returned. Only this acknowledges it. There must
// be one.
//
// Returns 0, or -EPROTO as stream_receive() does, if what comes next breaks the protocol.
int stream_take_message(struct stream *stream, uint64_t now_us);

// Frames out --------------------------------------------------------------------------------

// Writes the next frame that wants to go, header included, into room bytes (at least frame_max,
// and never less than a frame already cut). It counts as sent.
//
// Returns its bytes, or 0 where nothing wants to go now.
uint32_t stream_transmit(struct stream *stream, uint8_t *bytes, uint32_t room, uint64_t now_us);

// When stream_transmit() wants to be called: 0 = at once, STREAM_NEVER = not before something
// arrives or is sent.
uint64_t stream_deadline_us(const struct stream *stream);

// The path ----------------------------------------------------------------------------------

struct stream_path {
	uint64_t handle;      // stands in every frame
	uint32_t window;      // frames that the gateway takes beyond what is acknowledged
	uint32_t peer_window; // frames that the peer takes beyond its ack (OPEN tells), 0 = unknown
	uint32_t frame_max;   // for frames not yet cut; 0 = as before
	uint32_t rtt_us;      // round trip seen in the handshake, 0 = unknown
};

// The path is gone, or a handshake has begun: nothing is sent or taken, no timer runs, no number
// is given. Messages can still be queued, and taken, so `expected` of stream_triple() can grow:
// the caller keeps the HELLO of an attempt as it is. Idempotent.
void stream_freeze(struct stream *stream);

// A handshake is done: forgets what the peer has taken, marks everything else that was sent to be
// sent again, oldest first and before anything new, 16 frames at first and then as acks free
// them. Round trip and congestion are learned anew. Works on a running stream as well.
//
// The caller has made the sequence check (handshake_check()); here only its two rules that hold
// even for an OPEN behind the frames around it are looked at. A peer->expected that is older than
// an ack already heard is ignored.
//
// Returns 0, or -EPROTO: the peer has forgotten what was never taken here, or claims what was
// never sent; or -EINVAL: no frame_max for these settings. Then nothing has changed.
int stream_thaw(struct stream *stream, const struct stream_path *path,
		const struct frame_triple *peer, uint64_t now_us);

// The peer is detached, the path to the gateway stands: what is new goes on up to the window, what
// arrived is acknowledged and what is asked for is answered, but nothing is probed for, asked for
// or told because time has passed. Nothing if frozen.
void stream_pause(struct stream *stream);

// The peer is back under the same handle (an OPEN of a higher epoch, or a frame from it): timers
// run again. Ends stream_pause(), and stream_freeze() if there has been a stream_thaw() before;
// nothing is marked to be sent again. Nothing if running.
void stream_wake(struct stream *stream, uint64_t now_us);

// Has an ACK sent, whatever there is to acknowledge. Nothing while frozen.
void stream_tell(struct stream *stream);

// This side's numbers, as HELLO and OPEN_ACK tell them.
void stream_triple(const struct stream *stream, struct frame_triple *triple);

// Handing back ------------------------------------------------------------------------------

enum stream_mark {
	STREAM_NOT_SENT,        // none of its frames was ever sent
	STREAM_MAYBE_DELIVERED, // some were; a lost acknowledgement looks like a lost message
};

struct stream_handed {
	const uint8_t *bytes; // good during the call
	uint32_t len;
	enum stream_mark mark;
	uint64_t tag; // of stream_send()
};

// Gives every message that is not acknowledged to give(arg, message), in the order of sending,
// and freezes the stream, whose outbox is then empty. For a session that ends for good; what
// arrived can still be taken. give must not use the stream.
//
// Returns how many there were.
uint64_t stream_hand_back(struct stream *stream,
			  void (*give)(void *arg, const struct stream_handed *message), void *arg);

// Makes the stream as stream_create() left it: numbers from the start, frozen, nothing to send,
// nothing to take. Counters stay. For a channel that was reset, or a new session. What was not
// acknowledged is then given as by stream_hand_back(), but give may use the stream: what it queues
// is the first of the new life.
//
// Returns how many were given.
uint64_t stream_restart(struct stream *stream,
			void (*give)(void *arg, const struct stream_handed *message), void *arg);

// Counters ----------------------------------------------------------------------------------

struct stream_counters {
	uint64_t messages_sent;     // taken over by stream_send()
	uint64_t messages_acked;    // taken by the other endpoint
	uint64_t messages_received; // taken by this application
	uint64_t frames_sent;       // DATA, first time
	uint64_t frames_resent;     // DATA, again
	uint64_t frames_received;   // DATA, first time
	uint64_t frames_doubled;    // DATA that was there already
	uint64_t frames_reordered;  // DATA that came before an earlier one
	uint64_t frames_refused;    // DATA that could not be taken: beyond the window, no memory
	uint64_t frames_ignored;    // any, while frozen or with an impossible ack
	uint64_t bundles_sent;
	uint64_t acks_sent;
	uint64_t acks_received; // ACK frames
	uint64_t asks_sent;     // ACKs that ask
	uint64_t naks_sent;
	uint64_t naks_received;
	uint64_t holes_asked; // numbers in NAKs sent
	uint64_t holes_told;  // numbers that NAKs found lost, and in the aux of ACKs
	uint64_t probes;      // probe time-outs
	uint64_t loss_events; // that made the congestion window smaller
};

// The counters, for reading, for the life of the stream.
const struct stream_counters *stream_counters(const struct stream *stream);

// What a person wants to see of a stream's state.
struct stream_view {
	uint32_t frames_queued; // not acknowledged, sent or not (messages not yet cut: estimated)
	uint64_t bytes_queued;
	uint32_t frames_in_flight;
	uint32_t congestion_frames; // congestion window
	uint32_t rtt_us;            // smoothed, 0 = not known
	bool frozen;
	bool paused;
};

void stream_view(const struct stream *stream, struct stream_view *view);
