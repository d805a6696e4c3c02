// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/rpc.h"
#include "control/top_sample.h"
#include "control/verbs.h"
#include "holdfast/control.h"

enum kind { ASKED_STATS, ASKED_INFO, ASKED_SERVICES, ASKED_SESSIONS, ASKED_SESSION, ASKED_EVICT };

enum { SILENT_US = 3000000, SILENT_INTERVALS = 3, US_PER_MS = 1000 };

// An answer, as its handler wants it.
struct arrival {
	struct top_feed *feed;
	uint64_t now_us;
};

static bool error_is(const msgpack_object *error, const char *code)
{
	uint32_t len;
	const char *text = caller_get_text(error, "code", &len);

	return strlen(code) == len && memcmp(text, code, len) == 0;
}

// The line that tells of an error.
static void error_tell(char *to, const msgpack_object *error)
{
	uint32_t code_len, text_len;
	const char *code = caller_get_text(error, "code", &code_len);
	const char *text = caller_get_text(error, "message", &text_len);

	snprintf(to, TOP_MESSAGE_BYTES, "%.*s: %.*s", (int)code_len, code, (int)text_len, text);
}

static void away(struct top_feed *feed, uint64_t now_us)
{
	struct top_data *data = &feed->state->data;

	top_link_close(&feed->link);
	snprintf(data->trouble, sizeof(data->trouble), "%s; trying again every second",
		 feed->link.error);
	data->connected = false;
	feed->retry_us = now_us + TOP_FEED_RETRY_US;
	feed->changed = true;
}

static void subscribe(struct top_feed *feed, uint64_t now_us)
{
	struct top_data *data = &feed->state->data;
	struct verbs_params params;

	// Another gateway may have come: what it counts has nothing to do with the last sample.
	if (data->sampled)
		top_sample_fini(&data->sample);
	data->sampled = false;
	data->connected = true;
	data->trouble[0] = '\0';
	feed->heard_us = now_us;
	feed->samples = 0;
	feed->changed = true;
	verbs_params_init(&params, 1);
	rpc_pack_key_uint(&params.packer, "interval_ms", feed->state->view.interval_ms);
	if (top_link_ask(&feed->link, ASKED_STATS, "stats.subscribe", &params.buffer) != 0)
		away(feed, now_us);
	msgpack_sbuffer_destroy(&params.buffer);
}

void top_feed_init(struct top_feed *feed, struct top_state *state, const char *path, int fd,
		   uint64_t now_us)
{
	*feed = (struct top_feed){.path = path, .state = state};
	top_link_init(&feed->link);
	if (top_link_adopt(&feed->link, fd) == 0)
		subscribe(feed, now_us);
	else
		away(feed, now_us);
}

void top_feed_fini(struct top_feed *feed)
{
	top_link_close(&feed->link);
}

// ---- Asking ------------------------------------------------------------------------------------

// A request that fails closes the link, which the next pump finds.
static void ask(struct top_feed *feed, enum kind kind, const char *method,
		const msgpack_sbuffer *params)
{
	if (!top_link_waits(&feed->link, (int)kind))
		top_link_ask(&feed->link, (int)kind, method, params);
}

static void ask_sessions(struct top_feed *feed)
{
	const struct top_view *view = &feed->state->view;
	struct verbs_params params;

	if (top_link_waits(&feed->link, ASKED_SESSIONS))
		return;
	feed->sessions_asked = view->sessions_version;
	verbs_params_init(&params, 2 + (view->service[0] != '\0'));
	rpc_pack_key_uint(&params.packer, "after", view->sessions_after);
	rpc_pack_key_uint(&params.packer, "limit", TOP_SESSIONS_MAX);
	if (view->service[0] != '\0')
		rpc_pack_key_text(&params.packer, "service", view->service);
	ask(feed, ASKED_SESSIONS, "session.list", &params.buffer);
	msgpack_sbuffer_destroy(&params.buffer);
}

static void ask_session(struct top_feed *feed)
{
	struct verbs_params params;

	if (top_link_waits(&feed->link, ASKED_SESSION))
		return;
	feed->session_asked = feed->state->view.open;
	verbs_params_init(&params, 1);
	rpc_pack_key_uint(&params.packer, "handle", feed->state->view.open);
	ask(feed, ASKED_SESSION, "session.get", &params.buffer);
	msgpack_sbuffer_destroy(&params.buffer);
}

void top_feed_ask(struct top_feed *feed, uint64_t now_us)
{
	const enum top_page page = feed->state->view.page;

	if (feed->link.fd < 0)
		return;
	feed->asked_us = now_us;
	ask(feed, ASKED_INFO, "gateway.info", NULL);
	if (page == TOP_OVERVIEW)
		ask(feed, ASKED_SERVICES, "service.list", NULL);
	else if (page == TOP_SESSIONS)
		ask_sessions(feed);
	else if (page == TOP_SESSION)
		ask_session(feed);
}

void top_feed_evict(struct top_feed *feed)
{
	struct verbs_params params;

	verbs_params_init(&params, 2);
	rpc_pack_key_uint(&params.packer, "handle", feed->state->view.evict);
	rpc_pack_key_text(&params.packer, "reason", "holdfastctl top");
	if (top_link_waits(&feed->link, ASKED_EVICT) ||
	    top_link_ask(&feed->link, ASKED_EVICT, "session.evict", &params.buffer) != 0)
		snprintf(feed->state->view.message, TOP_MESSAGE_BYTES,
			 "not asked: the last eviction has no answer yet, or no gateway is there");
	msgpack_sbuffer_destroy(&params.buffer);
}

// ---- Answers -----------------------------------------------------------------------------------

static void took_stats(struct top_feed *feed, const msgpack_object *map, uint64_t now_us)
{
	struct top_data *data = &feed->state->data;
	struct top_sample sample;

	if (caller_get(map, "counters") == NULL)
		return; // a gap: some were left out, the next one tells all the same
	feed->heard_us = now_us;
	data->trouble[0] = '\0';
	if (top_sample_read(&sample, map, now_us) != 0 ||
	    top_state_sample(feed->state, &sample) != 0) {
		snprintf(data->trouble, sizeof(data->trouble),
			 "the gateway's stats cannot be read");
		return;
	}
	feed->samples++;
	if (!feed->state->view.paused && now_us - feed->asked_us >= TOP_FEED_FRESH_US)
		top_feed_ask(feed, now_us);
}

static void took_services(struct top_feed *feed, const msgpack_object *map, uint64_t now_us)
{
	struct top_rows services;

	if (top_sample_services(&services, map) == 0)
		top_state_services(feed->state, &services, now_us);
}

static void took_sessions(struct top_feed *feed, const msgpack_object *map, uint64_t now_us)
{
	struct top_sessions sessions;
	uint64_t next;

	if (feed->sessions_asked != feed->state->view.sessions_version)
		top_feed_ask(feed, now_us); // others are wanted by now
	else if (top_sample_sessions(&sessions, map, &next) == 0)
		top_state_sessions(feed->state, &sessions, next, now_us);
}

static void took_session(struct top_feed *feed, const msgpack_object *map, uint64_t now_us)
{
	struct top_channel channels[TOP_CHANNELS_MAX];
	struct top_session session;

	if (feed->session_asked != feed->state->view.open)
		top_feed_ask(feed, now_us); // another is open by now
	else if (top_sample_session(&session, channels, map) == 0)
		top_state_session(feed->state, &session, channels, now_us);
}

static void took_evicted(struct top_feed *feed, const msgpack_object *map, uint64_t now_us)
{
	struct top_view *view = &feed->state->view;
	const msgpack_object *evicted = caller_get(map, "evicted");
	const bool done =
	    evicted != NULL && evicted->type == MSGPACK_OBJECT_BOOLEAN && evicted->via.boolean;

	snprintf(view->message, sizeof(view->message), "%s %s", view->evict_id,
		 done ? "is evicted" : "was not here, or ending already");
	top_feed_ask(feed, now_us);
}

static void took_error(struct top_feed *feed, int kind, const msgpack_object *error,
		       uint64_t now_us)
{
	struct top_view *view = &feed->state->view;

	if (kind == ASKED_SESSION && error_is(error, CONTROL_ERROR_NOT_FOUND)) {
		if (feed->session_asked == view->open)
			feed->state->data.session_gone = true;
		else
			top_feed_ask(feed, now_us);
		return;
	}
	if (kind == ASKED_STATS) {
		feed->refused = true;
		error_tell(feed->state->data.trouble, error);
		return;
	}
	if (kind == ASKED_EVICT && error_is(error, CONTROL_ERROR_FORBIDDEN))
		view->evict_forbidden = true;
	error_tell(view->message, error);
}

static void arrived(void *context, const struct top_link_message *message)
{
	static void (*const takers[])(struct top_feed *, const msgpack_object *, uint64_t) = {
	    [ASKED_STATS] = NULL,
	    [ASKED_INFO] = NULL,
	    [ASKED_SERVICES] = took_services,
	    [ASKED_SESSIONS] = took_sessions,
	    [ASKED_SESSION] = took_session,
	    [ASKED_EVICT] = took_evicted,
	};
	const struct arrival *arrival = context;
	struct top_feed *feed = arrival->feed;

	feed->changed = true;
	if (message->kind == TOP_LINK_NOTIFICATION)
		took_stats(feed, message->result, arrival->now_us);
	else if (message->error->type != MSGPACK_OBJECT_NIL)
		took_error(feed, message->kind, message->error, arrival->now_us);
	else if (message->kind == ASKED_INFO)
		feed->state->data.info_known =
		    top_sample_info(&feed->state->data.info, message->result) == 0;
	else if (takers[message->kind] != NULL)
		takers[message->kind](feed, message->result, arrival->now_us);
}

// ---- Being there -------------------------------------------------------------------------------

static void silence_tell(struct top_feed *feed, uint64_t now_us)
{
	struct top_data *data = &feed->state->data;
	const uint64_t intervals =
	    (uint64_t)feed->state->view.interval_ms * US_PER_MS * SILENT_INTERVALS;
	const uint64_t silent_us = now_us - feed->heard_us;

	if (silent_us < SILENT_US || silent_us < intervals)
		return;
	snprintf(data->trouble, sizeof(data->trouble), "the gateway has told nothing for %u s",
		 (unsigned)(silent_us / 1000000));
	feed->changed = true;
}

void top_feed_pump(struct top_feed *feed, uint64_t now_us)
{
	struct arrival arrival = {.feed = feed, .now_us = now_us};

	if (feed->refused)
		return;
	if (feed->link.fd < 0 && feed->state->data.connected) {
		away(feed, now_us); // a request found it closed
	} else if (feed->link.fd >= 0) {
		if (top_link_pump(&feed->link, arrived, &arrival) != 0)
			away(feed, now_us);
		else
			silence_tell(feed, now_us);
	} else if (now_us >= feed->retry_us) {
		if (top_link_connect(&feed->link, feed->path) == 0)
			subscribe(feed, now_us);
		else
			away(feed, now_us);
	}
}

bool top_feed_settled(const struct top_feed *feed)
{
	const struct top_data *data = &feed->state->data;

	return feed->link.fd >= 0 && data->figures_known && data->figures.rates &&
	       data->info_known && data->services_known &&
	       !top_link_waits(&feed->link, ASKED_INFO) &&
	       !top_link_waits(&feed->link, ASKED_SERVICES);
}
