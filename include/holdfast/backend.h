// SPDX-License-Identifier: BSD-3-Clause
// libholdfast, the backend: serves sessions that a gateway brings. Plain UDP sockets; no thread,
// no signal, nothing printed.
//
// One backend is a link to one gateway: a backend that serves several gateways makes one for each,
// with the same name. It is used by one thread at a time. In an event loop: wait until
// holdfast_backend_fd() is readable or holdfast_backend_timeout_ms() has passed, call
// holdfast_backend_process(); the callbacks run from there.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/errors.h"

#ifdef __cplusplus
extern "C" {
#endif

struct holdfast_backend;
struct holdfast_session; // one channel of a client's session

struct holdfast_backend_options {
	size_t size;         // of this struct as the caller knows it
	const char *gateway; // "192.0.2.10:7400"
	const char *service;
	const char *name;  // unique in the service
	const char *bind;  // own address, or NULL
	uint64_t instance; // random, of the process; 0: made here
	uint64_t capacity; // sessions; 0: no limit told

	// Each but on_message may be NULL. None may destroy the backend; on_message and on_opened
	// may send, and end the session.
	void (*on_opened)(void *context, struct holdfast_session *session);
	// A message: acknowledged to the client when this returns.
	void (*on_message)(void *context, struct holdfast_session *session, const void *bytes,
			   size_t len);
	// The session is over; it is freed after this returns.
	void (*on_closed)(void *context, struct holdfast_session *session, uint16_t code);
	// The link to the gateway came up (code 0) or was refused or lost (a code, or 0xffff:
	// silence).
	void (*on_link)(void *context, bool up, uint16_t code);
	void *context;
};

// Copies everything in options. Returns NULL with errno EINVAL or ENOMEM.
struct holdfast_backend *holdfast_backend_create(const struct holdfast_backend_options *options);

// Ends the link (CLOSE, once) and frees everything; sessions are not told.
void holdfast_backend_destroy(struct holdfast_backend *backend);

int holdfast_backend_fd(const struct holdfast_backend *backend);
int holdfast_backend_timeout_ms(const struct holdfast_backend *backend);
void holdfast_backend_process(struct holdfast_backend *backend);

// Whether it is registered.
bool holdfast_backend_linked(const struct holdfast_backend *backend);

// Queues a copy of a message to a session's client.
// Returns 0, -EMSGSIZE, -EAGAIN (hard limit), -EPIPE (ending) or -ENOMEM.
int holdfast_session_send(struct holdfast_session *session, const void *bytes, size_t len);
bool holdfast_session_should_pause(const struct holdfast_session *session);

// Ends the session's channel with a code (HOLDFAST_NORMAL, ...).
void holdfast_session_close(struct holdfast_session *session, uint16_t code);

// The application's own pointer.
void holdfast_session_set_context(struct holdfast_session *session, void *context);
void *holdfast_session_context(const struct holdfast_session *session);

// Session id, 16 bytes, and the client's label.
const uint8_t *holdfast_session_id(const struct holdfast_session *session);
const char *holdfast_session_client(const struct holdfast_session *session);

struct holdfast_backend_stats {
	uint64_t sessions;        // now
	uint64_t sessions_opened; // in all
	uint64_t sessions_ended;
	uint64_t messages_received, messages_sent;
	uint64_t registrations; // confirmed
	uint32_t lanes;
};

void holdfast_backend_stats(const struct holdfast_backend *backend,
			    struct holdfast_backend_stats *stats);

#ifdef __cplusplus
}
#endif
