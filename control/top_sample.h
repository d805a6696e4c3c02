// SPDX-License-Identifier: BSD-3-Clause
// What the gateway answers, read into what holdfastctl top works with.
//
// Pure but for memory: no socket, no clock. Each function leaves nothing to be released where it
// fails. What is absent reads as 0 or empty, so that an older or newer gateway can be watched;
// what has the wrong shape is -EBADMSG.
#pragma once

#include <msgpack.h>

#include "control/top_model.h"
#include "control/top_sessions.h"
#include "control/top_state.h"

// The map of a stats notification, or of stats.get. Returns 0, -EBADMSG or -ENOMEM.
int top_sample_read(struct top_sample *sample, const msgpack_object *map, uint64_t now_us);

// An answer of service.list, sorted by name. Returns 0, -EBADMSG or -ENOMEM.
int top_sample_services(struct top_rows *services, const msgpack_object *map);

// An answer of session.list; *next is its cursor, 0 at the end. At most TOP_SESSIONS_MAX of it.
// Returns 0, -EBADMSG or -ENOMEM.
int top_sample_sessions(struct top_sessions *sessions, const msgpack_object *map, uint64_t *next);

// An answer of session.get; channels has room for TOP_CHANNELS_MAX, or is NULL. Returns 0 or
// -EBADMSG.
int top_sample_session(struct top_session *session, struct top_channel *channels,
		       const msgpack_object *map);

// An answer of gateway.info. Returns 0 or -EBADMSG.
int top_sample_info(struct top_info *info, const msgpack_object *map);
