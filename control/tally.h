// SPDX-License-Identifier: BSD-3-Clause
// What the control thread counts: one list from which come the fields, the names and the metrics.
//
// Written and read by the control thread alone. Names never change their meaning and are never
// renamed; docs/operations.md explains each.
#pragma once

#include <stdint.h>

#include "holdfast/errors.h"

// X(name, text)
#define TALLY(X)                                                                                   \
	X(notices, "notices taken from workers")                                                   \
	X(admitted, "new sessions handed to a worker to be created")                               \
	X(decided_again, "HELLO of a session that had become known meanwhile")                     \
	X(malformed, "frames for control that could not be read")                                  \
	X(ignored, "frames for control that fit nothing")                                          \
	X(no_buffer, "answers not sent: no packet buffer left")                                    \
	X(sources_replaced, "source addresses forgotten while their rate still counted")           \
	X(ends_kept, "ended sessions whose code was kept for a while")                             \
	X(ends_dropped, "ended sessions forgotten early: no room for one more")                    \
	X(ends_asked_again, "ends asked of another worker: the session had moved")                 \
	X(evicted, "sessions ended by an operator")                                                \
	X(commands_queued, "commands that waited because a mailbox was full")                      \
	X(commands_refused, "commands not queued: the queue of what may wait was full")            \
	X(sweeps, "whole turns over the sessions")                                                 \
	X(sweep_asked, "HEARTBEATs ordered")                                                       \
	X(sweep_paced, "HEARTBEATs put off: too many were due in one millisecond")                 \
	X(sweep_silent, "sessions found silent")                                                   \
	X(sweep_expired, "detached sessions whose grace was over")                                 \
	X(sweep_skipped, "sessions left for the next turn: their worker's mailbox was full")       \
	X(stalls, "times that the control thread itself did not run")                              \
	X(stalled_ms, "milliseconds in which the control thread did not run, added to grace")      \
	X(backends_registered, "backends registered for the first time")                           \
	X(backends_returned, "backends that came back with all they knew")                         \
	X(backends_reset, "backends that came back as another instance")                           \
	X(backends_lost, "backends lost: silent, closed or unknown to themselves")                 \
	X(backends_forgotten, "places of long lost backends given to others")                      \
	X(backends_removed, "backends removed by an operator")                                     \
	X(lanes_opened, "lanes of backends confirmed")                                             \
	X(lanes_lost, "lanes of backends lost")                                                    \
	X(lanes_expired, "lanes of backends that were never confirmed")                            \
	X(events, "events told")                                                                   \
	X(events_overwritten, "events overwritten by newer ones")                                  \
	X(socket_requests, "requests on the control socket")                                       \
	X(socket_forbidden, "requests for which the caller had not the right")                     \
	X(socket_refused, "control connections beyond the limit")                                  \
	X(socket_malformed, "control connections closed for what they sent")                       \
	X(socket_slow, "control connections closed because they did not read")                     \
	X(socket_half, "control connections closed because half a request stood too long")         \
	X(socket_idle, "control connections closed because nothing came for too long")             \
	X(subscriptions, "subscriptions to events and stats")                                      \
	X(subscriptions_refused, "subscriptions beyond the limits")                                \
	X(subscriptions_gaps, "gaps told to subscribers")                                          \
	X(subscriptions_missed, "stats left out because a subscriber did not read")                \
	X(notifications, "events and stats told to subscribers")                                   \
	X(snapshots, "directories published")                                                      \
	X(cookie_keys, "changes of the cookie key")                                                \
	X(scrapes_refused, "connections for metrics beyond those served at a time")

struct tally {
#define TALLY_FIELD(name, text) uint64_t name;
	TALLY(TALLY_FIELD)
#undef TALLY_FIELD
	uint64_t refused[HOLDFAST_CODE_END]; // HELLOs of clients and backends, by code
};
