// SPDX-License-Identifier: BSD-3-Clause
// The data plane as the control thread sees it: start and stop, the directory, commands to
// workers, notices from them, and what may be read of sessions while workers run.
//
// Unless said otherwise: control thread only, which is registered with liburcu's QSBR flavour and
// goes offline around every wait. Nothing here waits for a worker, except dataplane_stop().
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/address.h"
#include "dataplane/counters.h"
#include "dataplane/directory.h"
#include "dataplane/histogram.h"
#include "holdfast/wire.h"
#include "protocol/liveness.h"
#include "protocol/session_state.h"

struct dataplane;
struct rte_mbuf;

enum {
	DATAPLANE_PORTS_MAX = 8,
	DATAPLANE_ADDRESSES_MAX = 64, // own addresses, over all ports
	DATAPLANE_ERROR_BYTES = 256,
	DATAPLANE_HANDLES_MAX = 28, // of one command
	DATAPLANE_COMMANDS_QUEUE = 4096,
	DATAPLANE_NOTICES_QUEUE = 16384,
};

enum dataplane_checksum { DATAPLANE_CHECKSUM_VERIFY, DATAPLANE_CHECKSUM_TRUST };

struct dataplane_address {
	uint8_t ip[16]; // as in struct address
	uint8_t prefix_bits;
	uint8_t port; // index of the port that it is on
};

struct dataplane_port_settings {
	char name[32];    // of the [port NAME] section
	char device[256]; // PCI address, or a vdev with its arguments
	uint16_t mtu;     // bytes; 0: the device's own
	uint16_t vlan;    // 0: none
	enum dataplane_checksum checksum;
};

struct dataplane_settings {
	uint32_t workers; // 1 to DIRECTORY_WORKERS_MAX
	uint32_t ports_count;
	uint32_t addresses_count;
	struct dataplane_port_settings ports[DATAPLANE_PORTS_MAX];
	struct dataplane_address addresses[DATAPLANE_ADDRESSES_MAX];
	uint16_t udp_port;     // host order
	uint32_t sessions_max; // in all; rounded up to a multiple of workers
	uint32_t sides_max;    // sessions that can have more than one channel
	uint32_t attempts_max; // pending handshakes, in all
	uint64_t replay_bytes; // of the replay cache, in all
	uint32_t frame_max;    // bytes of UDP payload
	bool yield_when_idle;  // workers that share a core give it away when they find nothing
	bool telemetry;        // DPDK's socket for it, where its directory can be written
	bool stepped;          // no lcore runs a worker: a test calls worker_poll() itself
	int eal_argc;          // further EAL arguments, from the command line
	char **eal_argv;
};

// Starts EAL, ports, tables and one worker on each of settings->workers lcores; the workers run
// once a first directory is published, unless they are stepped. Control is registered with RCU by
// this call. Takes hugepages where there are some, ordinary memory where there are none (*huge
// tells).
//
// Returns NULL with errno and one line in error that names the thing and what to do.
struct dataplane *dataplane_start(const struct dataplane_settings *settings, bool *huge,
				  char error[static DATAPLANE_ERROR_BYTES]);

// Stops the workers, joins them, waits for RCU, frees everything, closes ports and EAL. Bounded
// by some milliseconds a worker. Control owns no packet of this data plane any more.
void dataplane_stop(struct dataplane *dataplane);

// Publishes a directory (allocated by malloc, backends too; now owned by the data plane) and
// frees the one before after a grace period.
void dataplane_publish(struct dataplane *dataplane, struct directory *directory);

// The directory that stands. Good until the next dataplane_publish().
const struct directory *dataplane_directory(const struct dataplane *dataplane);

// ---- Commands: control to worker -----------------------------------------------------------

enum command_kind {
	// Open a new session for the HELLO in `packet`, towards `backends`. The worker creates it,
	// announces it by OPEN, answers WELCOME or REJECT. Where the session id has become known
	// meanwhile the HELLO is decided again. Takes the packet.
	COMMAND_CREATE,
	// Send the frame in `packet` (see dataplane_frame) to `path`. Takes the packet.
	COMMAND_SEND,
	// HEARTBEAT to the clients of these sessions. A session no longer the worker's is passed
	// on.
	COMMAND_HEARTBEAT,
	// HEARTBEAT over one lane of a backend's link.
	COMMAND_LANE_HEARTBEAT,
	// These sessions were silent for T: judge again, then CONNECTED -> DETACHED, and EVENT
	// peer_detached to the backends.
	COMMAND_DETACH,
	// End these sessions with code, for reason. SESSION_EXPIRED is judged again. Each handle is
	// answered by one NOTICE_CLOSING or NOTICE_REFUSED that carries token.
	COMMAND_END,
	// Let go of these sessions, answered the same way.
	COMMAND_LET_GO,
	// To all workers. The directory just published says what has become of this backend; the
	// worker walks its shard in slices and does what follows for each session of it:
	//   lost       EVENT channel_down to the client
	//   returned   OPEN again to the same instance, EVENT channel_up once accepted
	//   reset      EVENT channel_reset: a new instance, its numbers are gone
	COMMAND_BACKEND_LOST,
	COMMAND_BACKEND_RETURNED,
	COMMAND_BACKEND_RESET,
	// To all workers: EVENT draining to every client and backend, in slices.
	COMMAND_ANNOUNCE_DRAIN,
	// To all workers: let go of every session, in slices.
	COMMAND_LET_GO_ALL,
	// For load tests: add the session of `birth` without a handshake, CONNECTED at epoch 1, its
	// client at `path`, its channel bound to backends[0]. Answered by one NOTICE_PRELOADED that
	// carries token.
	COMMAND_PRELOAD,
};

// What a session that is preloaded begins with.
struct command_birth {
	uint8_t id[WIRE_SESSION_ID_BYTES];
	uint64_t first;   // number of the first frame, both ways; below 2^63
	uint16_t service; // index in the directory
};

struct command {
	uint8_t kind;                         // enum command_kind
	uint8_t reason;                       // enum session_reason
	uint16_t count;                       // of handles
	uint16_t code;                        // enum holdfast_code
	uint16_t backend;                     // index in the directory
	uint16_t lane;                        // index in its lanes
	uint16_t backends[WIRE_CHANNELS_MAX]; // CREATE: by channel, DIRECTORY_NONE where absent
	uint32_t token;
	struct path path;
	struct rte_mbuf *packet;
	union {
		uint64_t handles[DATAPLANE_HANDLES_MAX];
		struct command_birth birth; // PRELOAD
	};
};

// Puts a command into a worker's mailbox.
// Returns 0, or -EAGAIN: the mailbox is full; control keeps the command and offers it again.
int dataplane_command(struct dataplane *dataplane, uint32_t worker, const struct command *command);

// A packet to carry a frame of the caller's: *frame points to frame_max writable bytes. Set its
// length with dataplane_frame_set_bytes() before COMMAND_SEND.
// Returns NULL where there is no buffer left.
struct rte_mbuf *dataplane_frame(struct dataplane *dataplane, uint8_t **frame);
void dataplane_frame_set_bytes(struct rte_mbuf *packet, uint32_t bytes);

// Gives back a packet that came with a notice or from dataplane_frame().
void dataplane_packet_free(struct rte_mbuf *packet);

// ---- Notices: worker to control ------------------------------------------------------------

enum notice_kind {
	// A frame that control decides: HELLO of a client whose session is not known here, with a
	// good cookie and well-formed; HELLO of a backend, with a good cookie; CONFIRM, CLOSE,
	// EVENT_ACK or UNKNOWN from a lane of a backend's link. Control owns the packet.
	NOTICE_FRAME,
	NOTICE_CREATED,    // session opened: OPENING
	NOTICE_CONNECTED,  // confirmed for the first time: epoch
	NOTICE_RESUMED,    // confirmed again: epoch
	NOTICE_DETACHED,   // reason tells why
	NOTICE_END_WANTED, // by an endpoint's CLOSE or a fault: control answers COMMAND_END
	NOTICE_CLOSING,    // ends now: code, reason; token of the command, or 0
	// COMMAND_END or _LET_GO did nothing: not here, rescued, or ending already. code, reason
	// and token are the command's.
	NOTICE_REFUSED,
	NOTICE_GONE, // slot is free; reason SESSION_LET_GO, SESSION_ENDED, ...
	// COMMAND_PRELOAD was done: handle, token. Handle 0: no slot is left, or its id is known.
	NOTICE_PRELOADED,
};

struct notice {
	uint8_t kind;   // enum notice_kind
	uint8_t worker; // that tells
	uint8_t reason; // enum session_reason
	uint8_t pad;
	uint16_t code;
	uint16_t backend; // FRAME from a link: index in the directory, else DIRECTORY_NONE
	uint16_t lane;    // FRAME from a link: index in its lanes
	uint32_t token;
	uint32_t epoch;
	uint64_t handle;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	struct path path;        // FRAME: where it came from
	struct rte_mbuf *packet; // FRAME, else NULL
	const uint8_t *frame;    // FRAME: its bytes, good while the packet is owned
	uint32_t frame_bytes;
};

// Takes up to max notices, over all workers in turn. Returns how many.
uint32_t dataplane_notices(struct dataplane *dataplane, struct notice *notices, uint32_t max);

// ---- Reading while workers run -------------------------------------------------------------

// What control needs to judge a session; times of the owner's clock for the path's port, which
// stands still while the worker does not run or the port is down.
struct dataplane_judged {
	uint64_t handle;
	enum session_state state;
	uint8_t owner;
	uint32_t now_ms;
	struct liveness liveness;
	uint32_t timeout_ms;
	uint32_t grace_ms; // while DETACHED
	uint32_t detached_ms;
	uint8_t channels;
	uint16_t services[WIRE_CHANNELS_MAX]; // by channel: index in the directory
	uint16_t backends[WIRE_CHANNELS_MAX]; // by channel: index in the directory, or
					      // DIRECTORY_NONE
};

// Slots lie in [0, dataplane_slots()); those never used yet at the end of each worker's range are
// skipped by dataplane_slot_next().
uint32_t dataplane_slots(const struct dataplane *dataplane);
// Returns the next slot >= slot that may be in use, or dataplane_slots().
uint32_t dataplane_slot_next(const struct dataplane *dataplane, uint32_t slot);
// The same, and in *end the end of the run of such slots that begins there.
uint32_t dataplane_slot_run(const struct dataplane *dataplane, uint32_t slot, uint32_t *end);
// Reads a slot to judge it. Returns false where it is free. Control online. Words may be of two
// moments: the worker judges again.
bool dataplane_judge(const struct dataplane *dataplane, uint32_t slot,
		     struct dataplane_judged *judged);
// Asks memory for what that will read.
void dataplane_judge_prefetch(const struct dataplane *dataplane, uint32_t slot);

struct dataplane_direction_view {
	uint64_t acked;
	uint64_t next;
	uint32_t cached_frames;
	uint32_t cached_bytes;
};

struct dataplane_channel_view {
	uint16_t service; // index in the directory
	uint16_t backend; // index in the directory, or DIRECTORY_NONE
	struct dataplane_direction_view up, down;
};

struct dataplane_session_view {
	uint64_t handle;
	uint8_t id[WIRE_SESSION_ID_BYTES];
	enum session_state state;
	uint8_t owner;
	uint8_t channels_count;
	uint32_t epoch;
	uint32_t generation;
	char client[WIRE_CLIENT_LABEL_MAX + 1];
	struct path path;
	uint32_t timeout_ms, grace_ms;
	uint64_t age_ms;
	uint32_t heard_ms;    // ago
	uint32_t detached_ms; // ago, while DETACHED
	struct dataplane_channel_view channels[WIRE_CHANNELS_MAX];
};

// Copies all that is known of the session in a slot. Returns false where it is free. Any registered
// reader.
bool dataplane_session_view(const struct dataplane *dataplane, uint32_t slot,
			    struct dataplane_session_view *view);

// Handle of a session id, or 0 where it is not known here. Any registered reader.
uint64_t dataplane_find(const struct dataplane *dataplane,
			const uint8_t id[static WIRE_SESSION_ID_BYTES]);

// Lane of a backend's link, judged like a session over all workers that heard it.
void dataplane_judge_lane(const struct dataplane *dataplane, uint16_t backend, uint16_t lane,
			  uint32_t *now_ms, struct liveness *liveness);

// Starts a lane of a backend's link anew: just heard, over path. Before the lane is published.
void dataplane_lane_heard(struct dataplane *dataplane, uint16_t backend, uint16_t lane,
			  const struct path *path);

struct dataplane_gauges {
	uint32_t sessions[SESSION_STATES]; // by state
	uint32_t attempts;
	uint64_t chunks_used, chunks_max; // of the replay cache
	uint64_t chunk_bytes;             // of one chunk
	uint32_t packets_free, packets_max;
};

void dataplane_counters(const struct dataplane *dataplane, uint32_t worker,
			struct counters *counters);
void dataplane_gauges(const struct dataplane *dataplane, uint32_t worker,
		      struct dataplane_gauges *gauges);
// Adds a worker's histograms, by enum histogram_name, to sums. Any thread, like counters.
void dataplane_histograms(const struct dataplane *dataplane, uint32_t worker,
			  struct histogram sums[static HISTOGRAMS_COUNT]);

struct dataplane_port_view {
	char name[32];
	char driver[32];
	char device[256];
	uint8_t mac[6];
	uint16_t queues;
	bool link_up;
	bool checksum_receive, checksum_transmit; // done by the device
	uint32_t addresses_count;                 // own addresses on it
};

// Returns how many ports there are; fills the first max.
uint32_t dataplane_ports(const struct dataplane *dataplane, struct dataplane_port_view *views,
			 uint32_t max);

// Looks at link states, once a tick: a port that is down stands its clocks still.
void dataplane_tick(struct dataplane *dataplane);
