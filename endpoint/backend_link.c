// SPDX-License-Identifier: BSD-3-Clause
// The backend's link to one gateway.
#include "endpoint/backend_state.h"

static const struct sockets_io *io_of(const struct backend_link *link)
{
	return &link->backend->io;
}

static void event_write(struct backend_link *link, const struct holdfast_link_event *event)
{
	static const struct {
		enum holdfast_log_level level;
		const char *text;
	} lines[] = {
	    [HOLDFAST_LINK_EVENT_REGISTERED] = {HOLDFAST_LOG_NOTICE, "registered"},
	    [HOLDFAST_LINK_EVENT_LANES] = {HOLDFAST_LOG_INFO, "lanes open"},
	    [HOLDFAST_LINK_EVENT_LOST] = {HOLDFAST_LOG_WARNING, "link lost"},
	    [HOLDFAST_LINK_EVENT_REFUSED] = {HOLDFAST_LOG_WARNING, "attempt refused"},
	    [HOLDFAST_LINK_EVENT_EXHAUSTED] = {HOLDFAST_LOG_WARNING, "slower attempts"},
	    [HOLDFAST_LINK_EVENT_STOPPED] = {HOLDFAST_LOG_ERROR, "refused for good"},
	};
	char gateway[PEER_ADDRESS_TEXT_BYTES];

	peer_address_format(&link->gateway, gateway);
	journal_write(&link->backend->journal, link->backend->now_us, lines[event->kind].level,
		      "%s: %s, code %u, epoch %u, %u of %u lanes%s%s", gateway,
		      lines[event->kind].text, event->code, link->epoch, event->lanes,
		      event->workers, event->reason[0] != '\0' ? ": " : "", event->reason);
}

static void attempt_write(struct backend_link *link)
{
	char gateway[PEER_ADDRESS_TEXT_BYTES];

	peer_address_format(&link->gateway, gateway);
	journal_write(&link->backend->journal, link->backend->now_us, HOLDFAST_LOG_INFO,
		      "%s: attempt %u", gateway, link->epoch);
}

static void tell(struct backend_link *link, enum holdfast_link_event_kind kind, uint16_t code,
		 const char *reason)
{
	struct holdfast_backend *backend = link->backend;
	struct holdfast_link_event event = {.kind = kind,
					    .gateway = link->index,
					    .code = code,
					    .reason = reason,
					    .workers = link->workers};

	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++)
		event.lanes += link->lanes[i].state == LANE_LIVE;
	event_write(link, &event);
	if (backend->options.on_link != NULL)
		backend->options.on_link(backend->options.context, backend, &event);
}

static void back_off(struct backend_link *link, uint64_t delay_us)
{
	backend_lanes_close(link);
	link->state = LINK_BACKING_OFF;
	link->attempt_us = link->backend->now_us + delay_us;
	link->lanes_told = false;
}

static void again(struct backend_link *link)
{
	const bool exhausted = reconnect_exhausted(&link->reconnect, link->backend->now_us);

	back_off(link, reconnect_delay_us(&link->reconnect, link->backend->now_us,
					  sockets_random32(io_of(link))));
	if (exhausted)
		tell(link, HOLDFAST_LINK_EVENT_EXHAUSTED, 0, "no answer");
}

static void lost(struct backend_link *link, const char *reason)
{
	const bool was = link->state == LINK_REGISTERED;

	again(link);
	if (!was)
		return;
	backend_sessions_detach(link);
	tell(link, HOLDFAST_LINK_EVENT_LOST, 0, reason);
}

// Registers, with the next epoch.
static void attempt(struct backend_link *link)
{
	reconnect_begin(&link->reconnect, link->backend->now_us);
	link->epoch++;
	link->last_number = 0;
	link->tries = 0;
	link->workers = 0;
	if (backend_lane_open(link, &link->lanes[0]) != 0) {
		reconnect_refund(&link->reconnect);
		back_off(link, reconnect_local_us(sockets_random32(io_of(link))));
		return;
	}
	link->state = LINK_REGISTERING;
	attempt_write(link);
}

void backend_link_start(struct backend_link *link)
{
	io_of(link)->ops->random(link->backend->io.sockets, link->id, sizeof(link->id));
	link->state = LINK_BACKING_OFF;
}

static bool all_served(const struct backend_link *link)
{
	for (uint32_t worker = 0; worker < link->workers; worker++) {
		if (!backend_lane_serves(link, worker))
			return false;
	}
	return true;
}

// One more lane where a worker has none, as long as tries are left and none is being opened.
static void lanes_extend(struct backend_link *link)
{
	struct backend_lane *free_lane = NULL;

	if (link->state != LINK_REGISTERED || link->lanes_told)
		return;
	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++) {
		if (link->lanes[i].state == LANE_OPENING)
			return;
		if (link->lanes[i].state == LANE_FREE && free_lane == NULL)
			free_lane = &link->lanes[i];
	}
	if (!all_served(link) && free_lane != NULL &&
	    link->tries < BACKEND_LANE_TRIES * link->workers &&
	    backend_lane_open(link, free_lane) == 0) {
		link->tries++;
		return;
	}
	link->lanes_told = true;
	tell(link, HOLDFAST_LINK_EVENT_LANES, 0, "");
}

static void welcome_take(struct backend_link *link, struct backend_lane *lane,
			 const struct options *options)
{
	const uint32_t interval_ms = options->heartbeat_ms != 0 ? options->heartbeat_ms : 2000;

	lane->worker = options->worker;
	link->workers = options->workers != 0 ? options->workers : 1;
	link->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : 10000;
	link->grace_ms = options->grace_ms;
	link->silence_us = ((uint64_t)link->timeout_ms + interval_ms) * 1000;
	link->window = options->window != 0 ? options->window : WIRE_WINDOW_DEFAULT;
	link->frame_max = options->frame_max != 0 ? options->frame_max : WIRE_FRAME_MAX_DEFAULT;
	link->handle = lane->greeting.handle;
	// A further lane on a worker that has one is of no use: not confirmed, it is forgotten.
	if (link->state == LINK_REGISTERED && backend_lane_serves(link, lane->worker))
		backend_lane_close(link, lane);
}

static void reject_take(struct backend_link *link, const struct frame_reject *reject)
{
	const char *reason = holdfast_code_text(reject->code);

	switch (holdfast_code_policy(reject->code)) {
	case HOLDFAST_GO_ON:
		if (reject->epoch_standing > link->epoch)
			link->epoch = reject->epoch_standing;
		again(link);
		break;
	case HOLDFAST_GO_ON_SLOW:
		back_off(link, reconnect_refused_us(&link->reconnect, reject->retry_after_ms,
						    sockets_random32(io_of(link))));
		break;
	case HOLDFAST_NEW_SESSION:
		link->handle = 0;
		io_of(link)->ops->random(link->backend->io.sockets, link->id, sizeof(link->id));
		link->epoch = 0;
		again(link);
		break;
	default:
		backend_lanes_close(link);
		link->state = LINK_STOPPED;
		tell(link, HOLDFAST_LINK_EVENT_STOPPED, reject->code, reason);
		return;
	}
	tell(link, HOLDFAST_LINK_EVENT_REFUSED, reject->code, reason);
}

static void lane_confirmed(struct backend_link *link, struct backend_lane *lane)
{
	greeting_end(&lane->greeting);
	lane->state = LANE_LIVE;
	reconnect_confirm(&link->reconnect, link->backend->now_us);
	if (link->state == LINK_REGISTERED)
		return;
	link->state = LINK_REGISTERED;
	link->backend->stats.registrations++;
	tell(link, HOLDFAST_LINK_EVENT_REGISTERED, 0, "");
}

static void link_frame(struct backend_link *link, uint32_t index, const struct frame *frame)
{
	const struct frame heartbeat = {
	    .type = WIRE_HEARTBEAT_ACK, .aux = frame->aux, .handle = link->handle};
	const struct frame event = {
	    .type = WIRE_EVENT_ACK, .aux = frame->aux, .handle = link->handle};
	const struct frame close = {.type = WIRE_CLOSE_ACK, .handle = link->handle};

	if (frame->type == WIRE_HEARTBEAT) {
		link->backend->stats.counters.heartbeats++;
		backend_say(link, index, &heartbeat, frame->body, frame->body_bytes);
	} else if (frame->type == WIRE_EVENT) {
		backend_say(link, index, &event, NULL, 0);
	} else if (frame->type == WIRE_CLOSE) {
		backend_say(link, index, &close, NULL, 0);
		lost(link, "the gateway closed the link");
	} else if (frame->type == WIRE_UNKNOWN) {
		lost(link, "the gateway has forgotten this backend");
	}
}

void backend_link_frame(struct backend_link *link, uint32_t index, const struct frame *frame)
{
	struct backend_lane *lane = &link->lanes[index];
	struct handshake welcome;
	struct frame_reject reject;
	struct options options;

	switch (greeting_receive(&lane->greeting, frame, &welcome, &reject, &options,
				 link->backend->now_us)) {
	case GREETING_WELCOMED:
		welcome_take(link, lane, &options);
		return;
	case GREETING_REJECTED:
		if (link->state == LINK_REGISTERED)
			backend_lane_close(link,
					   lane); // a further lane: the link stands without it
		else
			reject_take(link, &reject);
		return;
	case GREETING_RETRIED:
		return;
	case GREETING_IGNORED:
		break;
	}
	if (lane->state == LANE_OPENING && greeting_confirmed_by(&lane->greeting, frame))
		lane_confirmed(link, lane);
	if (lane->state != LANE_LIVE || frame->handle != link->handle)
		return;
	lane->heard_us = link->backend->now_us;
	link_frame(link, index, frame);
}

static uint32_t lanes_used(const struct backend_link *link)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++)
		used += link->lanes[i].state != LANE_FREE;
	return used;
}

void backend_link_poll(struct backend_link *link)
{
	if (link->state == LINK_BACKING_OFF && link->backend->now_us >= link->attempt_us &&
	    !link->backend->closing)
		attempt(link);
	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++) {
		if (link->lanes[i].state != LANE_FREE)
			backend_lane_poll(link, &link->lanes[i]);
	}
	if (link->state == LINK_REGISTERING && lanes_used(link) == 0) {
		reconnect_time_out(&link->reconnect);
		again(link);
	} else if (link->state == LINK_REGISTERED && lanes_used(link) == 0) {
		lost(link, "the gateway was silent");
	}
	lanes_extend(link);
	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++) {
		if (link->lanes[i].state != LANE_FREE)
			outgoing_flush(&link->lanes[i].outgoing, io_of(link),
				       link->lanes[i].socket);
	}
}

void backend_link_close(struct backend_link *link)
{
	const struct frame header = {.type = WIRE_CLOSE, .handle = link->handle};
	const struct frame_close close = {.code = HOLDFAST_NORMAL};
	uint8_t body[WIRE_CLOSE_BODY_BYTES];

	for (uint32_t i = 0; i < BACKEND_LANES_MAX && link->state == LINK_REGISTERED; i++) {
		if (link->lanes[i].state == LANE_LIVE) {
			backend_say(link, i, &header, body, frame_encode_close(&close, body));
			break;
		}
	}
	backend_lanes_close(link);
	link->state = LINK_STOPPED;
}

static uint64_t sooner(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

uint64_t backend_link_due_us(const struct backend_link *link)
{
	uint64_t due = link->state == LINK_BACKING_OFF ? link->attempt_us : HEAP_NEVER;

	for (uint32_t i = 0; i < BACKEND_LANES_MAX; i++) {
		const struct backend_lane *lane = &link->lanes[i];

		if (lane->state == LANE_OPENING)
			due =
			    sooner(due, sooner(lane->give_up_us, greeting_due_us(&lane->greeting)));
		else if (lane->state == LANE_LIVE)
			due = sooner(due, lane->heard_us + link->silence_us);
	}
	return due;
}
