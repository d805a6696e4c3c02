// SPDX-License-Identifier: BSD-3-Clause
// The tick, in this order and for these reasons:
//   1. notices: what sessions became, before frames, so that a HELLO finds the end that came
//      before it
//   2. frames, and lanes: they change what the directory says
//   3. the directory is published, and only then what follows from it is sent
//   4. the sweep, on whatever stands now
//   5. the way to the end
//   6. the service manager, who so hears of whole ticks only
#include "control/gateway_parts.h"

#include <string.h>
#include <time.h>

#include "control/log.h"
#include "control/notify.h"

enum {
	NOTICES_BATCH = 64,
	NOTICES_TICK_MAX = 8192, // of one tick, so that none takes long
	ENDS_EXPIRE_MAX = 1024,  // of one tick
};

// ---- Notices -------------------------------------------------------------------------------

// Decides a HELLO. Returns whether the packet was taken.
static bool take_hello(struct gateway *gateway, const struct notice *notice,
		       const struct frame *frame, enum frame_fault fault)
{
	struct handshake hello;

	if (fault == FRAME_OK && handshake_decode(frame, &hello) == 0 &&
	    hello.role == WIRE_ROLE_BACKEND) {
		registration_hello(gateway->backends, notice, frame, fault, gateway->now_ms);
		return false;
	}
	// What cannot be read is refused in the same words whoever said it.
	return admission_hello(&gateway->admission, notice, frame, fault, gateway->now_ms);
}

static void take_frame(struct gateway *gateway, const struct notice *notice)
{
	struct frame frame = {.type = 0};
	const enum frame_fault fault = frame_decode(notice->frame, notice->frame_bytes, &frame);
	const bool link = notice->backend < DIRECTORY_BACKENDS_MAX;
	bool taken = false;

	if (fault == FRAME_OK && link)
		lanes_frame(gateway->backends, notice, &frame, gateway->now_ms);
	else if ((fault == FRAME_OK || fault == FRAME_VERSION) && !link && frame.type == WIRE_HELLO)
		taken = take_hello(gateway, notice, &frame, fault);
	else if (fault == FRAME_OK)
		gateway->tally.ignored++;
	else
		gateway->tally.malformed++;
	if (!taken)
		dataplane_packet_free(notice->packet);
}

static void take_frames(struct gateway *gateway)
{
	for (uint32_t i = 0; i < gateway->frames_count; i++)
		take_frame(gateway, &gateway->frames[i]);
	gateway->frames_count = 0;
}

static void tell_session(struct gateway *gateway, const struct notice *notice, enum event_kind kind)
{
	struct event_session session = {
	    .handle = notice->handle,
	    .epoch = notice->epoch,
	    .code = notice->code,
	    .reason = notice->reason,
	};

	memcpy(session.id, notice->id, sizeof(session.id));
	events_add_session(gateway->events, kind, &session);
}

static void tell_gone(struct gateway *gateway, const struct notice *notice)
{
	if (notice->reason == SESSION_LET_GO)
		tell_session(gateway, notice, EVENT_SESSION_LET_GO);
	else if (notice->reason != SESSION_ENDED) // which NOTICE_CLOSING has told
		tell_session(gateway, notice, EVENT_SESSION_ENDED);
}

// A session that never opened is over for its client: the backends that had opened it were told.
static void take_gone(struct gateway *gateway, const struct notice *notice)
{
	if (notice->reason != SESSION_TIMED_OUT)
		return;
	gateway->tally.ends_kept++;
	gateway->tally.ends_dropped +=
	    ends_add(gateway->ends, notice->id, HOLDFAST_STATE_MISMATCH,
		     gateway->now_ms + ENDS_KEEP_MIN_MS, gateway->now_ms);
}

static void take_notice(struct gateway *gateway, const struct notice *notice)
{
	switch ((enum notice_kind)notice->kind) {
	case NOTICE_FRAME:
		if (gateway->frames_count == GATEWAY_FRAMES_MAX)
			take_frames(gateway);
		gateway->frames[gateway->frames_count++] = *notice;
		break;
	case NOTICE_CONNECTED:
	case NOTICE_RESUMED:
		tell_session(gateway, notice,
			     notice->kind == NOTICE_CONNECTED ? EVENT_SESSION_CONNECTED
							      : EVENT_SESSION_RESUMED);
		if (!admission_claim_record(notice))
			gateway->tally.ignored++;
		break;
	case NOTICE_END_WANTED:
		endings_wanted(gateway->endings, notice);
		break;
	case NOTICE_CLOSING:
		tell_session(gateway, notice, EVENT_SESSION_ENDED);
		endings_closing(gateway->endings, notice, gateway->now_ms);
		break;
	case NOTICE_REFUSED:
		endings_refused(gateway->endings, notice);
		break;
	case NOTICE_GONE:
		tell_gone(gateway, notice);
		take_gone(gateway, notice);
		break;
	case NOTICE_CREATED:
		tell_session(gateway, notice, EVENT_SESSION_CREATED);
		break;
	case NOTICE_DETACHED:
		tell_session(gateway, notice, EVENT_SESSION_DETACHED);
		break;
	case NOTICE_PRELOADED:
		preload_notice(gateway->preload, notice);
		break;
	}
}

static void take_notices(struct gateway *gateway)
{
	struct notice notices[NOTICES_BATCH];
	uint32_t taken = 0;
	uint32_t count;

	do {
		count = dataplane_notices(gateway->dataplane, notices, NOTICES_BATCH);
		for (uint32_t i = 0; i < count; i++)
			take_notice(gateway, &notices[i]);
		taken += count;
	} while (count > 0 && taken < NOTICES_TICK_MAX);
	gateway->tally.notices += taken;
}

// ---- The tick ------------------------------------------------------------------------------

static void count_sessions(struct gateway *gateway)
{
	struct dataplane_gauges gauges;
	uint32_t sessions = 0;

	for (uint32_t worker = 0; worker < gateway->settings->gateway.workers; worker++) {
		dataplane_gauges(gateway->dataplane, worker, &gauges);
		for (uint32_t state = SESSION_OPENING; state < SESSION_STATES; state++)
			sessions += gauges.sessions[state];
	}
	gateway->sessions = sessions;
	gateway->admission.sessions = sessions;
}

void gateway_let_go(struct gateway *gateway)
{
	const struct command command = {.kind = COMMAND_LET_GO_ALL, .backend = DIRECTORY_NONE};

	courier_decide_all(gateway->courier, &command);
}

static void go_on_to_the_end(struct gateway *gateway)
{
	const enum gateway_state before = gateway->drain.state;
	const enum drain_step step = drain_tick(&gateway->drain, gateway->sessions,
						courier_waiting(gateway->courier), gateway->now_ms);

	if (step == DRAIN_LET_GO) {
		log_line(LOG_LEVEL_NOTICE, "stopping: %u sessions are let go", gateway->sessions);
		gateway_let_go(gateway);
	} else if (step == DRAIN_STOP && before != GATEWAY_STOPPED) {
		log_line(LOG_LEVEL_NOTICE, "stopped with %u sessions left", gateway->sessions);
	}
}

static void tell_manager(const struct gateway *gateway)
{
	struct gateway_gauges gauges;

	if (!notify_due(gateway->now_ms, gateway->drain.state))
		return;
	gateway_gauges(gateway, &gauges);
	notify_report(gateway->now_ms, gateway->drain.state, "%s, %u sessions, %u backends",
		      gateway_state_name(gateway->drain.state), gateway->sessions,
		      gauges.backends_connected);
}

static void tell_state(struct gateway *gateway)
{
	const struct event event = {.kind = EVENT_GATEWAY_STATE,
				    .state = gateway_state_name(gateway->drain.state)};

	if (gateway->told == gateway->drain.state)
		return;
	gateway->told = gateway->drain.state;
	events_add(gateway->events, &event);
}

static uint64_t utc_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void gateway_tick(struct gateway *gateway, uint64_t now_ms)
{
	static struct log_limit limit;

	gateway->now_ms = now_ms;
	events_clock(gateway->events, utc_ms(), now_ms);
	tell_state(gateway);
	dataplane_tick(gateway->dataplane);
	courier_hold(gateway->courier);
	count_sessions(gateway);
	take_notices(gateway);
	take_frames(gateway);
	lanes_tick(gateway->backends, now_ms);
	// What waits for a directory that could not be made waits on with it.
	if (publisher_tick(&gateway->publisher, now_ms) == 0)
		courier_release(gateway->courier);
	else
		log_limited(&limit, LOG_LEVEL_ERROR, "no memory for a new directory");
	preload_tick(gateway->preload);
	liveness_sweep_tick(gateway->sweep, now_ms);
	ends_expire(gateway->ends, now_ms, ENDS_EXPIRE_MAX);
	gateway->tally.sources_replaced = rates_replaced(gateway->rates);
	go_on_to_the_end(gateway);
	tell_state(gateway);
	tell_manager(gateway);
}
