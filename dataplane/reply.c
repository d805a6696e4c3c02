// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/reply.h"

#include <string.h>

#include "dataplane/dataplane_state.h"
#include "dataplane/worker.h"
#include "holdfast/errors.h"
#include "protocol/liveness.h"

// A frame under construction.
struct building {
	struct rte_mbuf *mbuf;
	uint8_t *bytes;
	uint32_t len;
};

// Begins a frame with its header. Returns false where no packet is left.
static bool begin(struct worker *worker, struct building *building, const struct frame *frame)
{
	building->mbuf = packet_make(worker);
	if (building->mbuf == NULL)
		return false;
	building->bytes = rte_pktmbuf_mtod(building->mbuf, uint8_t *);
	building->len = WIRE_HEADER_BYTES;
	frame_encode_header(frame, building->bytes);
	return true;
}

static uint8_t *body_end(const struct building *building)
{
	return building->bytes + building->len;
}

// Appends options; what does not fit is left out: they inform, they decide nothing.
static void options_append(const struct worker *worker, struct building *building,
			   const struct options *options)
{
	const int bytes = options_encode(options, body_end(building),
					 worker->directory->frame_max - building->len);

	if (bytes > 0)
		building->len += (uint32_t)bytes;
}

static void finish(struct worker *worker, struct building *building, const struct path *path,
		   enum counter counter)
{
	rte_pktmbuf_append(building->mbuf, (uint16_t)building->len);
	if (counter != COUNTERS_COUNT)
		counters_add(&worker->counters, counter, 1);
	packet_send(worker, building->mbuf, path);
}

bool reply_backend_path(const struct worker *worker, uint16_t backend, struct path *path)
{
	if (backend == DIRECTORY_NONE)
		return false;

	const struct directory_backend *entry = &worker->directory->backends[backend];
	const uint8_t lane = entry->lane_of_worker[worker->index];

	if (!entry->used || lane == DIRECTORY_LANE_NONE)
		return false;

	const struct worker_lane *heard = worker_lane_of(worker, backend, lane);

	*path = entry->lanes[lane].path;
	if (__atomic_load_n(&heard->heard, __ATOMIC_RELAXED))
		memcpy(path->mac, heard->mac, sizeof(path->mac));
	return true;
}

// Path to one side of channel k of a session.
static bool side_path(const struct worker *worker, uint32_t slot, uint32_t k, enum frame_side to,
		      struct path *path)
{
	if (to == FRAME_FROM_BACKEND)
		return reply_backend_path(worker, session_table_backend(worker->sessions, slot, k),
					  path);
	*path = worker->sessions->hot[slot].path;
	return true;
}

static void client_sent(struct worker *worker, uint32_t slot, enum frame_side to)
{
	struct session *session = &worker->sessions->hot[slot];

	if (to == FRAME_FROM_CLIENT)
		__atomic_store_n(&session->sent_ms, worker_path_ms(worker, &session->path),
				 __ATOMIC_RELAXED);
}

void reply_retry(struct worker *worker, const struct path *path, const struct handshake *hello,
		 const uint8_t cookie[static WIRE_COOKIE_BYTES])
{
	const struct frame header = {.type = WIRE_RETRY};
	struct frame_retry retry = {.epoch = hello->epoch};
	struct building building;

	if (!begin(worker, &building, &header))
		return;
	memcpy(retry.session, hello->session, WIRE_SESSION_ID_BYTES);
	memcpy(retry.cookie, cookie, WIRE_COOKIE_BYTES);
	building.len += frame_encode_retry(&retry, body_end(&building));
	finish(worker, &building, path, COUNTER_retry_sent);
}

void reply_reject(struct worker *worker, const struct path *path, const struct handshake *hello,
		  uint64_t handle, uint16_t code, uint32_t standing, uint32_t retry_after_ms,
		  const char *reason)
{
	const struct frame header = {.type = WIRE_REJECT, .handle = handle};
	struct frame_reject reject = {
	    .epoch = hello->epoch,
	    .code = code,
	    .retriable = holdfast_code_retriable(code),
	    .retry_after_ms = retry_after_ms,
	    .epoch_standing = standing,
	};
	const struct options options = {
	    .present = OPTIONS_REASON,
	    .reason = options_text(reason != NULL ? reason : holdfast_code_text(code))};
	struct building building;

	if (!begin(worker, &building, &header))
		return;
	memcpy(reject.session, hello->session, WIRE_SESSION_ID_BYTES);
	building.len += frame_encode_reject(&reject, body_end(&building));
	options_append(worker, &building, &options);
	finish(worker, &building, path, COUNTER_reject_sent);
}

static void welcome_options(const struct worker *worker, const struct attempt *attempt,
			    struct options *options)
{
	const struct directory *directory = worker->directory;
	const struct session *session = &worker->sessions->hot[attempt->slot];

	*options = (struct options){
	    .present = OPTIONS_GATEWAY | OPTIONS_INSTANCE | OPTIONS_HEARTBEAT_MS |
		       OPTIONS_TIMEOUT_MS | OPTIONS_GRACE_MS | OPTIONS_WINDOW | OPTIONS_FRAME_MAX |
		       OPTIONS_GENERATION | OPTIONS_RESUMED | OPTIONS_BACKENDS,
	    .gateway = options_text(directory->gateway),
	    .instance = directory->instance,
	    .heartbeat_ms = liveness_interval_kept_ms(session->timeout_ms, directory->heartbeat_ms),
	    .timeout_ms = session->timeout_ms,
	    .grace_ms = worker->sessions->cold[attempt->slot].grace_ms,
	    .window = directory->window,
	    .frame_max = directory->frame_max,
	    .generation = 1,
	    .resumed = attempt->resume,
	    .backends_count = attempt->channels,
	};
	for (uint32_t k = 0; k < attempt->channels; k++) {
		const uint16_t backend = session_table_backend(worker->sessions, attempt->slot, k);

		if (backend != DIRECTORY_NONE)
			options->backends[k] = options_text(directory->backends[backend].name);
	}
}

void reply_welcome(struct worker *worker, struct attempt *attempt)
{
	const struct frame header = {
	    .type = WIRE_WELCOME, .handle = session_table_handle(worker->sessions, attempt->slot)};
	struct handshake welcome = {.epoch = attempt->epoch, .count = attempt->channels};
	struct options options;
	struct building building;

	attempt->welcomed = true;
	if (!begin(worker, &building, &header))
		return;
	memcpy(welcome.session, attempt_session_id(attempt), WIRE_SESSION_ID_BYTES);
	memcpy(welcome.triples, attempt->backend, sizeof(welcome.triples));
	building.len += handshake_encode(&welcome, body_end(&building));
	welcome_options(worker, attempt, &options);
	options_append(worker, &building, &options);
	finish(worker, &building, &attempt->path, COUNTER_welcome_sent);
}

// Sends an OPEN with these numbers and options.
static void open_send(struct worker *worker, uint32_t slot, uint32_t k, uint32_t epoch, bool resume,
		      const struct frame_triple *client, const struct options *options)
{
	struct session_cold *cold = &worker->sessions->cold[slot];
	const struct frame header = {.type = WIRE_OPEN,
				     .flags = resume ? WIRE_FLAG_RESUME : 0,
				     .channel = (uint8_t)k,
				     .handle = session_table_handle(worker->sessions, slot)};
	struct handshake block = {.epoch = epoch, .count = 1, .triples = {*client}};
	struct building building;
	struct path path;

	if (!side_path(worker, slot, k, FRAME_FROM_BACKEND, &path) ||
	    !begin(worker, &building, &header))
		return;
	memcpy(block.session, cold->id, WIRE_SESSION_ID_BYTES);
	building.len += handshake_encode(&block, body_end(&building));
	options_append(worker, &building, options);
	finish(worker, &building, &path, COUNTER_open_sent);
}

static void open_options(const struct worker *worker, uint32_t slot, uint32_t k, bool resumed,
			 struct options *options)
{
	const struct session *session = &worker->sessions->hot[slot];
	const struct session_cold *cold = &worker->sessions->cold[slot];
	const uint16_t service = session_table_service(worker->sessions, slot, k);

	*options = (struct options){
	    .present = OPTIONS_SERVICE | OPTIONS_CLIENT | OPTIONS_RESUMED | OPTIONS_TIMEOUT_MS |
		       OPTIONS_GRACE_MS,
	    .service = options_text(worker->directory->services[service].name),
	    .client = {cold->client, (uint32_t)strnlen(cold->client, sizeof(cold->client))},
	    .resumed = resumed,
	    .timeout_ms = session->timeout_ms,
	    .grace_ms = cold->grace_ms,
	};
}

void reply_open(struct worker *worker, const struct attempt *attempt, uint32_t k)
{
	struct options hello, options;

	attempt_options(attempt, &hello);
	open_options(worker, attempt->slot, k, attempt->resume, &options);
	if ((hello.present & OPTIONS_META) != 0) {
		options.present |= OPTIONS_META;
		options.meta = hello.meta;
	}
	open_send(worker, attempt->slot, k, attempt->open_epoch, attempt->resume,
		  &attempt->client[k], &options);
}

void reply_open_kept(struct worker *worker, uint32_t slot, uint32_t k)
{
	const struct session_channel *channel = session_table_channel(worker->sessions, slot, k);
	const struct session *session = &worker->sessions->hot[slot];
	const struct frame_triple client = {
	    .oldest = channel->up.acked,
	    .next = channel->up.acked + channel->up.span,
	    .expected = channel->down.acked,
	};
	struct options options;

	open_options(worker, slot, k, true, &options);
	open_send(worker, slot, k, session->announced, true, &client, &options);
}

void reply_ack(struct worker *worker, uint32_t slot, uint32_t k, enum frame_side to)
{
	const struct session_channel *channel = session_table_channel(worker->sessions, slot, k);
	const bool client = to == FRAME_FROM_CLIENT;
	const struct session_direction *theirs = client ? &channel->up : &channel->down;
	const struct session_direction *ours = client ? &channel->down : &channel->up;
	const struct frame header = {
	    .type = WIRE_ACK,
	    .channel = (uint8_t)k,
	    .window = (uint16_t)worker->directory->window,
	    .handle = session_table_handle(worker->sessions, slot),
	    .seq = (uint32_t)(ours->acked + ours->span),
	    .ack = (uint32_t)theirs->acked,
	};
	struct building building;
	struct path path;

	if (!side_path(worker, slot, k, to, &path) || !begin(worker, &building, &header))
		return;
	client_sent(worker, slot, to);
	finish(worker, &building, &path, COUNTERS_COUNT);
}

void reply_nak(struct worker *worker, uint32_t slot, uint32_t k, enum frame_side to,
	       const struct frame_nak_pair *pairs, uint32_t count)
{
	const struct session_channel *channel = session_table_channel(worker->sessions, slot, k);
	const struct session_direction *asked =
	    to == FRAME_FROM_CLIENT ? &channel->up : &channel->down;
	const struct frame header = {
	    .type = WIRE_NAK,
	    .channel = (uint8_t)k,
	    .handle = session_table_handle(worker->sessions, slot),
	    .ack = (uint32_t)asked->acked,
	};
	struct building building;
	struct path path;

	if (!side_path(worker, slot, k, to, &path) || !begin(worker, &building, &header))
		return;
	building.len += frame_encode_nak(pairs, count, body_end(&building));
	client_sent(worker, slot, to);
	finish(worker, &building, &path, COUNTERS_COUNT);
}

void reply_replayed(struct worker *worker, uint32_t slot, uint32_t k, enum frame_side to,
		    uint32_t first)
{
	const struct session_channel *channel = session_table_channel(worker->sessions, slot, k);
	const struct session_direction *opposite =
	    to == FRAME_FROM_CLIENT ? &channel->up : &channel->down;
	const struct replay_chunk *chunk = replay_chunk_of(worker->replay, first);
	const struct frame header = {
	    .type = WIRE_DATA,
	    .flags = (uint8_t)(chunk->flags | WIRE_FLAG_REPLAYED),
	    .channel = (uint8_t)k,
	    .window = (uint16_t)worker->directory->window,
	    .handle = session_table_handle(worker->sessions, slot),
	    .seq = chunk->seq,
	    .ack = (uint32_t)opposite->acked,
	};
	struct building building;
	struct path path;

	if (!side_path(worker, slot, k, to, &path) || !begin(worker, &building, &header))
		return;
	replay_cache_copy(worker->replay, first, body_end(&building));
	building.len += chunk->bytes;
	client_sent(worker, slot, to);
	finish(worker, &building, &path, COUNTER_replayed);
}

void reply_heartbeat(struct worker *worker, const struct path *path, uint64_t handle, uint16_t asks)
{
	const struct frame header = {.type = WIRE_HEARTBEAT, .aux = asks, .handle = handle};
	struct building building;

	if (!begin(worker, &building, &header))
		return;
	memcpy(body_end(&building), &worker->now_us, WIRE_HEARTBEAT_BODY_BYTES);
	building.len += WIRE_HEARTBEAT_BODY_BYTES;
	finish(worker, &building, path, COUNTER_heartbeat_sent);
}

void reply_close(struct worker *worker, const struct path *path, uint64_t handle, uint8_t channel,
		 uint16_t code)
{
	const struct frame header = {.type = WIRE_CLOSE, .channel = channel, .handle = handle};
	const struct frame_close close = {.code = code};
	const struct options options = {.present = OPTIONS_REASON,
					.reason = options_text(holdfast_code_text(code))};
	struct building building;

	if (!begin(worker, &building, &header))
		return;
	building.len += frame_encode_close(&close, body_end(&building));
	options_append(worker, &building, &options);
	finish(worker, &building, path, COUNTER_close_sent);
}

void reply_bare(struct worker *worker, const struct path *path, uint8_t type, uint64_t handle,
		uint8_t channel)
{
	const struct frame header = {.type = type, .channel = channel, .handle = handle};
	struct building building;

	if (!begin(worker, &building, &header))
		return;
	finish(worker, &building, path,
	       type == WIRE_UNKNOWN ? COUNTER_unknown_sent : COUNTERS_COUNT);
}

void reply_event(struct worker *worker, const struct path *path, uint64_t handle, uint16_t number,
		 const struct options *options)
{
	const struct frame header = {.type = WIRE_EVENT, .aux = number, .handle = handle};
	struct building building;

	if (!begin(worker, &building, &header))
		return;
	options_append(worker, &building, options);
	finish(worker, &building, path, COUNTER_event_sent);
}
