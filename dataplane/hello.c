// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/hello.h"

#include <errno.h>
#include <string.h>

#include "dataplane/attempt.h"
#include "dataplane/cookie.h"
#include "dataplane/dataplane_state.h"
#include "dataplane/notice.h"
#include "dataplane/reply.h"
#include "dataplane/shared.h"
#include "dataplane/worker.h"
#include "holdfast/errors.h"
#include "protocol/bytes.h"
#include "protocol/liveness.h"

enum { OVERLOADED_RETRY_MS = 1000, OVERLOADED_SPREAD_MS = 1000 };

// A HELLO on its way through the decisions.
struct hello {
	struct worker *worker;
	struct rte_mbuf *mbuf;
	const struct frame *frame;
	struct handshake block;
	struct options options;
	uint16_t services[WIRE_CHANNELS_MAX]; // indexes in the directory
};

static const struct path *path_of(const struct hello *hello)
{
	return &packet_of(hello->mbuf)->path;
}

// Spread by the session id, which is random: what is refused together does not come back together.
static uint32_t overloaded_retry_ms(const struct hello *hello)
{
	return OVERLOADED_RETRY_MS + bytes_read16(hello->block.session) % OVERLOADED_SPREAD_MS;
}

static void reject(struct hello *hello, uint16_t code, uint32_t standing, const char *reason)
{
	reply_reject(hello->worker, path_of(hello), &hello->block, 0, code, standing,
		     code == HOLDFAST_OVERLOADED ? overloaded_retry_ms(hello) : 0, reason);
	packet_consume(hello->worker, hello->mbuf);
}

static void retry(struct hello *hello)
{
	uint8_t cookie[WIRE_COOKIE_BYTES];

	cookie_make(hello->worker->directory, &path_of(hello)->peer, &hello->block, cookie);
	reply_retry(hello->worker, path_of(hello), &hello->block, cookie);
	packet_consume(hello->worker, hello->mbuf);
}

static uint16_t service_index(const struct directory *directory, struct options_text name)
{
	for (uint32_t i = 0; i < directory->services_count; i++) {
		if (directory->services[i].used &&
		    options_text_equal(options_text(directory->services[i].name), name))
			return (uint16_t)i;
	}
	return DIRECTORY_NONE;
}

// Names and wishes of a client. Returns 0 or a code with a reason.
static uint16_t wishes_judge(struct hello *hello, const char **reason)
{
	const struct options *options = &hello->options;

	if (options->services_count != hello->block.count) {
		*reason = "one service for each channel is wanted";
		return HOLDFAST_MALFORMED;
	}
	if (hello->block.count > 1 && hello->worker->dataplane->settings.sides_max == 0) {
		*reason = "this gateway carries one channel per session";
		return HOLDFAST_MALFORMED;
	}
	for (uint32_t k = 0; k < hello->block.count; k++) {
		hello->services[k] = service_index(hello->worker->directory, options->services[k]);
		if (hello->services[k] == DIRECTORY_NONE)
			return HOLDFAST_UNKNOWN_SERVICE;
	}
	if ((options->present & OPTIONS_TIMEOUT_MS) != 0 &&
	    !liveness_timeout_valid(options->timeout_ms))
		return HOLDFAST_INVALID_TIMEOUT;
	return 0;
}

// Decodes block and options of a HELLO with a good cookie. Returns false after a REJECT.
static bool hello_read(struct hello *hello)
{
	if (handshake_decode(hello->frame, &hello->block) != 0) {
		reject(hello, HOLDFAST_MALFORMED, 0, "handshake block malformed");
		return false;
	}
	if (options_decode(hello->block.options, hello->block.options_bytes, &hello->options) !=
	    0) {
		reject(hello, HOLDFAST_MALFORMED, 0, "options malformed");
		return false;
	}
	if (hello->block.role == WIRE_ROLE_BACKEND)
		return true;

	const char *reason = NULL;
	const uint16_t code = wishes_judge(hello, &reason);

	if (code != 0)
		reject(hello, code, 0, reason);
	return code == 0;
}

static bool services_same(const struct hello *hello, uint32_t slot)
{
	const struct session_table *sessions = hello->worker->sessions;

	if (hello->block.count != sessions->hot[slot].channels)
		return false;
	for (uint32_t k = 0; k < hello->block.count; k++) {
		if (session_table_service(sessions, slot, k) != hello->services[k])
			return false;
	}
	return true;
}

// The backend's numbers of channel k as the gateway knows them.
static void backend_triple(const struct worker *worker, uint32_t slot, uint32_t k,
			   struct frame_triple *triple)
{
	const struct session_channel *channel = session_table_channel(worker->sessions, slot, k);

	triple->oldest = channel->down.acked;
	triple->next = channel->down.acked + channel->down.span;
	triple->expected = channel->up.acked;
}

static bool sequences_good(const struct hello *hello, uint32_t slot)
{
	for (uint32_t k = 0; k < hello->block.count; k++) {
		struct frame_triple backend;

		backend_triple(hello->worker, slot, k, &backend);
		if (handshake_check(&hello->block.triples[k], &backend) != HANDSHAKE_GOOD)
			return false;
	}
	return true;
}

// Makes the attempt stand for this HELLO and announces it to the backends.
static void attempt_begin(struct attempt *attempt, const struct hello *hello)
{
	struct worker *worker = hello->worker;
	struct session *session = &worker->sessions->hot[attempt->slot];

	if (!attempt->pending) // else it takes the place of one that was not confirmed
		attempt->heard_us = packet_of(hello->mbuf)->heard_us;
	attempt->pending = true;
	attempt->welcomed = false;
	attempt->epoch = attempt->open_epoch = hello->block.epoch;
	attempt->path = *path_of(hello);
	attempt->landed = packet_of(hello->mbuf)->landed;
	attempt->accepted = 0;
	attempt->open_wanted = 0;
	for (uint32_t k = 0; k < attempt->channels; k++) {
		if (session_table_backend(worker->sessions, attempt->slot, k) == DIRECTORY_NONE)
			continue;
		attempt->open_wanted |= (uint8_t)(1u << k);
		reply_open(worker, attempt, k);
	}
	session->announced = hello->block.epoch;
	attempt->repeat_ms = ATTEMPT_OPEN_REPEAT_MS;
	wheel_set(worker->wheel, &attempt->expiry, worker->directory->opening_timeout_ms);
	wheel_set(worker->wheel, &attempt->repeat, attempt->repeat_ms);
}

// Whether this second's share of resumes has one left for this worker.
static bool resume_allowed(struct worker *worker)
{
	const uint32_t limit = worker->directory->resumes_per_second;
	const uint64_t second = worker->now_us / 1000000;

	if (limit == 0)
		return true;
	if (worker->resumes_second != second) {
		worker->resumes_second = second;
		worker->resumes_left = RTE_MAX(limit / worker->workers, 1u);
	}
	if (worker->resumes_left == 0)
		return false;
	worker->resumes_left--;
	return true;
}

// An accepted resume: WELCOME at once, everything else on confirmation.
static void resume(struct hello *hello, uint32_t slot)
{
	struct worker *worker = hello->worker;
	struct attempt *attempt = attempt_of(worker, slot);

	if (!resume_allowed(worker)) {
		reject(hello, HOLDFAST_OVERLOADED, 0, "too many resumes a second");
		return;
	}
	if (attempt == NULL)
		attempt = attempt_take(worker, slot);
	if (attempt == NULL) {
		reject(hello, HOLDFAST_OVERLOADED, 0, "too many handshakes at a time");
		return;
	}
	attempt_keep_hello(attempt, &hello->block, hello->frame);
	attempt->resume = true;
	for (uint32_t k = 0; k < attempt->channels; k++)
		backend_triple(worker, slot, k, &attempt->backend[k]);
	attempt_begin(attempt, hello);
	reply_welcome(worker, attempt);
	packet_consume(worker, hello->mbuf);
}

// A session whose opening still goes on.
static void hello_opening(struct hello *hello, uint32_t slot)
{
	struct worker *worker = hello->worker;
	struct session *session = &worker->sessions->hot[slot];
	struct attempt *attempt = attempt_of(worker, slot);

	if (hello->block.epoch < session->announced) {
		reject(hello, HOLDFAST_STALE_EPOCH, session->announced, NULL);
		return;
	}
	if (hello->block.epoch == session->announced) {
		// Once WELCOME went out a repeat means that it was lost; before, patience.
		if (attempt->welcomed && address_equal(&path_of(hello)->peer, &attempt->path.peer))
			reply_welcome(worker, attempt);
		packet_consume(worker, hello->mbuf);
		return;
	}
	if (!services_same(hello, slot)) {
		reject(hello, HOLDFAST_STATE_MISMATCH, 0, "other services than before");
		return;
	}
	attempt_keep_hello(attempt, &hello->block, hello->frame);
	session_change_begin(session);
	__atomic_store_n(&session->epoch, hello->block.epoch, __ATOMIC_RELAXED);
	shared_store(&session->path, path_of(hello), sizeof(session->path));
	session_change_end(session);
	attempt_begin(attempt, hello);
	packet_consume(worker, hello->mbuf);
}

// A session that is CONNECTED or DETACHED.
static void hello_known(struct hello *hello, uint32_t slot)
{
	struct worker *worker = hello->worker;
	const struct session *session = &worker->sessions->hot[slot];
	struct attempt *attempt = attempt_of(worker, slot);
	const bool pending = attempt != NULL && attempt->pending;

	if (hello->block.epoch == session->announced) {
		const struct path *path = pending ? &attempt->path : &session->path;

		if (!address_equal(&path_of(hello)->peer, &path->peer)) {
			reject(hello, HOLDFAST_STALE_EPOCH, session->announced, NULL);
		} else {
			if (pending)
				reply_welcome(worker, attempt);
			packet_consume(worker, hello->mbuf);
		}
	} else if (hello->block.epoch < session->announced) {
		reject(hello, HOLDFAST_STALE_EPOCH, session->announced, NULL);
	} else if (!services_same(hello, slot)) {
		reject(hello, HOLDFAST_STATE_MISMATCH, 0, "other services than before");
	} else if (!sequences_good(hello, slot)) {
		reject(hello, HOLDFAST_STATE_MISMATCH, 0, "sequence numbers do not fit together");
	} else {
		resume(hello, slot);
	}
}

// Decides a sound client's HELLO, here or at the session's owner.
static void hello_decide(struct hello *hello)
{
	struct worker *worker = hello->worker;
	const uint64_t handle = session_table_find(worker->sessions, hello->block.session);
	const uint32_t slot = session_table_lookup(worker->sessions, handle);

	if (handle == 0 || slot == SESSION_NONE) {
		notice_frame(worker, hello->mbuf, DIRECTORY_NONE, 0);
		return;
	}

	const uint8_t owner = session_table_owner(worker->sessions, slot);

	if (owner != worker->index) {
		worker_hand_over(worker, hello->mbuf, owner);
		return;
	}
	switch (worker->sessions->hot[slot].state) {
	case SESSION_CLOSING:
		reject(hello, worker->sessions->cold[slot].end_code, 0, NULL);
		break;
	case SESSION_OPENING:
		hello_opening(hello, slot);
		break;
	default:
		hello_known(hello, slot);
	}
}

void hello_take(struct worker *worker, struct rte_mbuf *mbuf, const struct frame *frame,
		enum frame_fault fault)
{
	struct hello hello = {.worker = worker, .mbuf = mbuf, .frame = frame};

	counters_add(&worker->counters, COUNTER_hello_received, 1);
	if (packet_of(mbuf)->tries == 0) // not handed over
		packet_of(mbuf)->heard_us = worker->now_us;
	handshake_decode_fixed(frame, &hello.block);
	if (!cookie_good(worker->directory, &path_of(&hello)->peer, &hello.block)) {
		retry(&hello);
	} else if (fault == FRAME_VERSION) {
		reject(&hello, HOLDFAST_VERSION_MISMATCH, 0, "version 1 is spoken here");
	} else if (hello_read(&hello)) {
		if (hello.block.role == WIRE_ROLE_BACKEND)
			notice_frame(worker, mbuf, DIRECTORY_NONE, 0);
		else
			hello_decide(&hello);
	}
}

// Adds the session of an admitted HELLO. Returns 0, -EEXIST or -ENOSPC.
static int session_make(struct hello *hello, const struct command *command, uint32_t *slot)
{
	const struct directory *directory = hello->worker->directory;
	const struct options *options = &hello->options;
	struct session_birth birth = {
	    .id = hello->block.session,
	    .path = *path_of(hello),
	    .channels = hello->block.count,
	    .client = options->client.bytes != NULL ? options->client.bytes : "",
	    .client_len = options->client.len,
	    .epoch = hello->block.epoch,
	    .timeout_ms = directory->timeout_default_ms,
	    .grace_ms = directory->grace_default_ms,
	};

	if ((options->present & OPTIONS_TIMEOUT_MS) != 0)
		birth.timeout_ms = options->timeout_ms;
	if ((options->present & OPTIONS_GRACE_MS) != 0)
		birth.grace_ms = RTE_MIN(options->grace_ms, directory->grace_max_ms);
	memcpy(birth.services, hello->services, sizeof(birth.services));
	memcpy(birth.backends, command->backends, sizeof(birth.backends));
	return session_table_add(hello->worker, &birth, slot);
}

void hello_create(struct worker *worker, const struct command *command)
{
	struct frame frame;
	struct hello hello = {.worker = worker, .mbuf = command->packet, .frame = &frame};
	uint32_t slot;

	counters_add(&worker->counters, COUNTER_made, 1); // it comes from control
	frame_decode(packet_frame(hello.mbuf), hello.mbuf->data_len, &frame);
	if (!hello_read(&hello))
		return; // the directory has changed since it was admitted
	if (worker->attempts->free == SESSION_NONE) {
		reject(&hello, HOLDFAST_OVERLOADED, 0, "too many handshakes at a time");
		return;
	}

	const int rc = session_make(&hello, command, &slot);

	if (rc == -EEXIST) {
		hello_decide(&hello);
		return;
	}
	if (rc != 0) {
		reject(&hello, HOLDFAST_OVERLOADED, 0, "no room for one more session");
		return;
	}

	struct attempt *attempt = attempt_take(worker, slot);

	counters_add(&worker->counters, COUNTER_sessions_created, 1);
	attempt_keep_hello(attempt, &hello.block, &frame);
	attempt->opening = true;
	attempt->resume = (frame.flags & WIRE_FLAG_RESUME) != 0;
	attempt_begin(attempt, &hello);
	notice_session(worker, slot, NOTICE_CREATED, SESSION_ADMITTED);
	packet_consume(worker, hello.mbuf);
}
