// SPDX-License-Identifier: BSD-3-Clause
// Counters and drop reasons: two lists from which come the enums, the names and the metrics.
//
// One struct for each worker, written by that worker alone with relaxed stores, read by anyone
// with relaxed loads. Names never change their meaning and are never renamed; docs/operations.md
// explains each.
//
// Conservation, over all workers at the end of a pass:
//   received + made = sent + consumed + sum(drops) + held
// where held is what waits in hand-over rings and transmit buffers (0 when quiet).
#pragma once

#include <stdint.h>

// X(name, text)
#define COUNTERS(X)                                                                                \
	X(received, "packets received from ports")                                                 \
	X(unmade, "packets that could not be made: no buffer left")                                \
	X(made, "packets made here")                                                               \
	X(sent, "packets given to ports")                                                          \
	X(consumed, "packets that ended here as intended")                                         \
	X(received_bytes, "bytes received, from the Ethernet header on")                           \
	X(sent_bytes, "bytes sent, from the Ethernet header on")                                   \
	X(forwarded, "frames forwarded")                                                           \
	X(replayed, "frames sent from the replay cache")                                           \
	X(handed_over, "packets given to the worker that owns their session")                      \
	X(to_control, "packets given to the control thread")                                       \
	X(arp_answered, "ARP requests answered")                                                   \
	X(nd_answered, "neighbour solicitations answered")                                         \
	X(echo_answered, "ICMP and ICMPv6 echo requests answered")                                 \
	X(hello_received, "HELLO frames received")                                                 \
	X(retry_sent, "RETRY frames sent")                                                         \
	X(welcome_sent, "WELCOME frames sent")                                                     \
	X(reject_sent, "REJECT frames sent")                                                       \
	X(open_sent, "OPEN frames sent")                                                           \
	X(unknown_sent, "UNKNOWN frames sent")                                                     \
	X(heartbeat_sent, "HEARTBEAT frames sent")                                                 \
	X(event_sent, "EVENT frames sent")                                                         \
	X(close_sent, "CLOSE frames sent")                                                         \
	X(nak_served, "frames asked for and sent from the replay cache")                           \
	X(nak_passed, "frames asked for that the replay cache lacked, passed on to their sender")  \
	X(cached, "frames copied into the replay cache")                                           \
	X(cache_refused_memory, "frames forwarded without a copy: the replay memory is full")      \
	X(cache_refused_session, "frames forwarded without a copy: the session's limit")           \
	X(cache_refused_order, "frames forwarded without a copy: too far out of order")            \
	X(sessions_created, "sessions created")                                                    \
	X(sessions_connected, "first confirmations of a session")                                  \
	X(sessions_resumed, "confirmed resumes")                                                   \
	X(sessions_detached, "sessions detached")                                                  \
	X(sessions_rescued, "verdicts withdrawn because a frame came first")                       \
	X(sessions_ended, "sessions ended")                                                        \
	X(sessions_let_go, "sessions let go")                                                      \
	X(sessions_moved, "changes of a session's owner")                                          \
	X(attempts_expired, "attempts that were never confirmed")                                  \
	X(events_lost, "events not sent: no memory for one more")                                  \
	X(notices_lost, "notices about sessions that control did not get: its mailbox was full")   \
	X(illegal_edges, "state changes asked for that no rule allows: a fault of the gateway")    \
	X(polls, "passes of the poll loop")                                                        \
	X(busy_us, "microseconds in passes that found something to do")                            \
	X(stalled_ms, "milliseconds in which the worker did not run, added to time-outs")

// X(name, text)
#define DROPS(X)                                                                                   \
	X(not_ip, "neither ARP, IPv4 nor IPv6")                                                    \
	X(bad_ip, "malformed IPv4, IPv6, UDP, ARP, ND or ICMP header")                             \
	X(bad_checksum, "IPv4, UDP or ICMP checksum wrong")                                        \
	X(fragment, "IP fragment")                                                                 \
	X(not_ours, "for another address, protocol or UDP port")                                   \
	X(bad_source, "source address or port that no peer can have")                              \
	X(vlan, "VLAN tag other than the configured one")                                          \
	X(segmented, "larger than one buffer")                                                     \
	X(frame_short, "no full frame header")                                                     \
	X(frame_version, "version not spoken here")                                                \
	X(frame_type, "no such frame type")                                                        \
	X(frame_flags, "flags that the type cannot carry")                                         \
	X(frame_channel, "channel that the type or session does not have")                         \
	X(frame_handle, "handle where there must be none, or none where there must be one")        \
	X(frame_body, "body that the type cannot have")                                            \
	X(wrong_side, "frame type not legal from its side")                                        \
	X(unknown_handle, "no session under this handle")                                          \
	X(not_on_path, "known session, from another address")                                      \
	X(unconfirmed, "from the path of an attempt that is not confirmed")                        \
	X(not_connected, "the session's state does not take this frame")                           \
	X(ack_beyond, "acknowledges what was never sent")                                          \
	X(duplicate, "below the window: already acknowledged")                                     \
	X(beyond_window, "above the window")                                                       \
	X(detached, "for a client that is away, and not to be kept")                               \
	X(no_backend, "the channel has no backend to go to")                                       \
	X(nak_limited, "NAK sooner than 5 ms after the last")                                      \
	X(hello_malformed, "HELLO or CONFIRM that fits no attempt")                                \
	X(no_lane, "for a backend that this worker has no lane to")                                \
	X(opening_stale, "OPEN_ACK that fits no attempt")                                          \
	X(ring_full, "hand-over ring full")                                                        \
	X(control_full, "mailbox to the control thread full")                                      \
	X(no_buffer, "no packet buffer left")                                                      \
	X(transmit_full, "transmit queue full")                                                    \
	X(link_down, "port is down")                                                               \
	X(stopped, "left over when the worker stopped")

#define COUNTERS_ENUM(name, text) COUNTER_##name,
enum counter { COUNTERS(COUNTERS_ENUM) COUNTERS_COUNT };
#undef COUNTERS_ENUM

#define DROPS_ENUM(name, text) DROP_##name,
enum drop { DROPS(DROPS_ENUM) DROPS_COUNT };
#undef DROPS_ENUM

// Writer: the worker it belongs to.
struct counters {
	uint64_t count[COUNTERS_COUNT];
	uint64_t drops[DROPS_COUNT];
};

static inline void counters_add(struct counters *counters, enum counter counter, uint64_t amount)
{
	__atomic_store_n(&counters->count[counter], counters->count[counter] + amount,
			 __ATOMIC_RELAXED);
}

static inline void counters_drop(struct counters *counters, enum drop reason, uint64_t amount)
{
	__atomic_store_n(&counters->drops[reason], counters->drops[reason] + amount,
			 __ATOMIC_RELAXED);
}

// Adds every counter of *from to *sum. Any thread.
void counters_sum(struct counters *sum, const struct counters *from);

// Static names and texts of the lists.
const char *counters_name(enum counter counter);
const char *counters_text(enum counter counter);
const char *counters_drop_name(enum drop reason);
const char *counters_drop_text(enum drop reason);
