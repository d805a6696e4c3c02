// SPDX-License-Identifier: BSD-3-Clause
// libholdfast, the client: a session with services behind a gateway that survives lost packets,
// new addresses and restarts. Plain UDP sockets; no thread, no signal, nothing printed.
//
// A first client, blocking, in 20 lines:
//
//	#include <holdfast/client.h>
//	#include <stdio.h>
//
//	int main(void)
//	{
//		struct holdfast_client_options options = {.size = sizeof(options)};
//		struct holdfast_client *client;
//		const void *bytes;
//		size_t len;
//
//		options.gateways[0] = "192.0.2.10:7400";
//		options.services[0] = "echo";
//		client = holdfast_client_create(&options);
//		if (client == NULL || holdfast_client_connect(client, 5000) != 0)
//			return 1;
//		holdfast_client_send(client, 0, "hello", 5);
//		if (holdfast_client_wait(client, 0, &bytes, &len, 5000) == 0) {
//			printf("%.*s\n", (int)len, (const char *)bytes);
//			holdfast_client_take(client, 0);
//		}
//		holdfast_client_close(client, 1000);
//		holdfast_client_destroy(client);
//		return 0;
//	}
//
// In an event loop: wait until holdfast_client_fd() is readable or holdfast_client_timeout_ms()
// has passed, call holdfast_client_process(), take what has come.
//
// One client is used by one thread at a time; different clients by different threads at once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/errors.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOLDFAST_GATEWAYS_MAX = 8, HOLDFAST_SERVICES_MAX = 8 };

enum holdfast_state {
	HOLDFAST_IDLE,        // made, not started
	HOLDFAST_BACKING_OFF, // waits before the next attempt
	HOLDFAST_CONNECTING,  // HELLO sent
	HOLDFAST_HANDSHAKING, // welcomed, first frame of the gateway awaited
	HOLDFAST_CONNECTED,
	HOLDFAST_CLOSED, // for good; holdfast_client_code() tells why
};

struct holdfast_client;

// What a message that was not acknowledged has gone through; a lost acknowledgement cannot be
// told from a lost message.
enum holdfast_fate { HOLDFAST_NOT_SENT, HOLDFAST_MAYBE_DELIVERED };

struct holdfast_client_options {
	size_t size; // of this struct as the caller knows it
	// "192.0.2.10:7400", "[2001:db8::1]:7400"; the port may be left out. NULL ends the list.
	const char *gateways[HOLDFAST_GATEWAYS_MAX];
	const char *services[HOLDFAST_SERVICES_MAX]; // one for each channel; NULL ends the list
	const char *client;                          // label, at most 32 bytes, or NULL
	const char *bind;                            // own address, or NULL: the system's choice
	const void *meta;                            // handed to the backend, at most 512 bytes
	size_t meta_bytes;
	uint32_t timeout_ms; // wish, 2000 to 300000; 0: the gateway's
	uint32_t grace_ms;   // wish; 0: the gateway's
	bool renew;          // after the loss of the session open another by itself

	// Each may be NULL. They are called from within the functions below, never otherwise, and
	// must not destroy the client.
	void (*on_state)(void *context, enum holdfast_state state, uint16_t code);
	// The session is lost: each message that was not acknowledged, in the order of sending.
	void (*on_returned)(void *context, unsigned int channel, const void *bytes, size_t len,
			    enum holdfast_fate fate);
	void (*on_datagram)(void *context, unsigned int channel, const void *bytes, size_t len);
	void (*on_event)(void *context, const char *name);
	void *context;
};

// Copies everything in options. Returns NULL with errno EINVAL (an address, a name too long, no
// gateway, no service) or ENOMEM.
struct holdfast_client *holdfast_client_create(const struct holdfast_client_options *options);

// Frees it at once, without a word to the gateway.
void holdfast_client_destroy(struct holdfast_client *client);

// Begins to connect; does nothing where it has begun.
void holdfast_client_start(struct holdfast_client *client);

// Readable when there is something to process. Stays the same for the client's life.
int holdfast_client_fd(const struct holdfast_client *client);

// Milliseconds until holdfast_client_process() wants to be called, 0 at once, -1 never.
int holdfast_client_timeout_ms(const struct holdfast_client *client);

// Reads what has arrived, sends what is due. Never waits.
void holdfast_client_process(struct holdfast_client *client);

enum holdfast_state holdfast_client_state(const struct holdfast_client *client);

// Code of the last refusal or close, or 0.
uint16_t holdfast_client_code(const struct holdfast_client *client);

// Queues a copy of a message on a channel, connected or not.
// Returns 0, -EMSGSIZE (over 64 KiB), -EAGAIN (hard limit: process and try again), -EPIPE
// (closed or closing), -EINVAL (no such channel) or -ENOMEM.
int holdfast_client_send(struct holdfast_client *client, unsigned int channel, const void *bytes,
			 size_t len);

// Whether the application should pause sending on a channel (soft mark).
bool holdfast_client_should_pause(const struct holdfast_client *client, unsigned int channel);

// A message without number or acknowledgement: at most once, if connected. Returns 0, -EMSGSIZE,
// -ENOTCONN or -EINVAL.
int holdfast_client_datagram(struct holdfast_client *client, unsigned int channel,
			     const void *bytes, size_t len);

// Shows the next message of a channel; it is good until it is taken. Returns whether there is one.
bool holdfast_client_next(struct holdfast_client *client, unsigned int channel, const void **bytes,
			  size_t *len);

// The application has taken the message that holdfast_client_next() shows: only now it is
// acknowledged. There must be one.
void holdfast_client_take(struct holdfast_client *client, unsigned int channel);

// Tells the gateway to keep the session while the client goes silent (a laptop's lid closes).
void holdfast_client_sleep(struct holdfast_client *client);

// Goes to a fresh socket, from own address `bind` (NULL: as before), and resumes from there.
// Returns 0 or -EINVAL.
int holdfast_client_move(struct holdfast_client *client, const char *bind);

// Ends the session: sends what is queued for at most flush_ms, then CLOSE for at most a second.
// Does not wait: process until HOLDFAST_CLOSED. Idempotent.
void holdfast_client_shut(struct holdfast_client *client, uint32_t flush_ms);

// Blocking, for programs without a loop. Each returns 0, -ETIMEDOUT, or -EPIPE where the client
// has closed (holdfast_client_code() tells why).
int holdfast_client_connect(struct holdfast_client *client, uint32_t deadline_ms);
int holdfast_client_wait(struct holdfast_client *client, unsigned int channel, const void **bytes,
			 size_t *len, uint32_t deadline_ms);
int holdfast_client_close(struct holdfast_client *client, uint32_t flush_ms);

struct holdfast_client_stats {
	uint64_t attempts; // HELLO epochs begun
	uint64_t connects; // first connections of a session
	uint64_t resumes;  // confirmed ones after that
	uint64_t sessions_lost;
	uint64_t messages_sent, messages_acked, messages_received;
	uint64_t frames_sent, frames_resent, frames_received, frames_doubled;
	uint64_t longest_gap_us; // longest time not connected, once it had been
	uint64_t handshake_us;   // of the last attempt that was welcomed
	uint32_t rtt_us;
};

void holdfast_client_stats(const struct holdfast_client *client,
			   struct holdfast_client_stats *stats);

// "CONNECTED"; static.
const char *holdfast_state_name(enum holdfast_state state);

#ifdef __cplusplus
}
#endif
