// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_link.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <sodium.h>

#include "control/log.h"
#include "control/store_dial.h"

enum link_state {
	LINK_AWAY,       // a timer leads to the next attempt
	LINK_DIALLING,   // no context yet
	LINK_CONNECTING, // context is there
	LINK_PREPARING,  // AUTH, SELECT, SCRIPT LOAD are under way
	LINK_UP,
};

enum { PREPARATIONS = 3, SCRIPT_NAME_BYTES = 40 };

struct preparation {
	struct store_entry entry;
	struct store_link *link;
};

struct store_link {
	struct store_url url;
	char where[STORE_URL_TEXT_BYTES]; // for people
	const char *script;
	uint32_t connect_max_ms, request_max_ms;
	struct store_tally *tally;
	void *context;       // of take()
	struct event *timer; // AWAY: the next attempt; else: the watch
	struct store_dial *dial;
	redisAsyncContext *redis; // NULL: none, or none of ours any more
	enum link_state state;
	uint64_t pause_ms;
	uint64_t up_ms;          // since when it is up
	uint64_t answered_ms;    // when the last answer came
	struct store_queue sent; // without an answer yet, in order
	struct preparation preparations[PREPARATIONS];
	struct store_entry ping;
	char script_name[SCRIPT_NAME_BYTES + 1];
	struct log_limit limit;
};

// ---- Loss ----------------------------------------------------------------------------------

static void complain(struct store_link *link, const char *what)
{
	log_limited(&link->limit, LOG_LEVEL_WARNING, "store: %s: %s", link->where, what);
}

// What hiredis says, unless that is nothing: of TLS it tells an errno where there is none.
static const char *reason(const redisAsyncContext *redis)
{
	const bool known = redis->errstr != NULL && redis->errstr[0] != '\0' &&
			   strcmp(redis->errstr, strerror(0)) != 0;

	return known ? redis->errstr : "connection lost, or its certificate is not good";
}

// From here on nothing is sent; hiredis still ends what was.
static void link_lost(struct store_link *link, const char *why)
{
	const bool up = link->state == LINK_UP;

	if (link->state == LINK_AWAY)
		return;
	// Of attempts that fail one after the other only the first is told.
	if (up || link->pause_ms == 0)
		complain(link, why);
	if (up && store_now_ms() - link->up_ms >= STORE_LINK_STEADY_MS)
		link->pause_ms = 0;
	link->pause_ms = link->pause_ms == 0 ? STORE_LINK_PAUSE_MS : 2 * link->pause_ms;
	if (link->pause_ms > STORE_LINK_PAUSE_MAX_MS)
		link->pause_ms = STORE_LINK_PAUSE_MAX_MS;
	link->tally->lost += up;
	link->tally->connects_failed += !up;
	link->redis = NULL;
	link->state = LINK_AWAY;
	store_timer(link->timer,
		    link->pause_ms / 2 + randombytes_uniform((uint32_t)link->pause_ms));
}

static void link_give_up(struct store_link *link, const char *why)
{
	redisAsyncContext *redis = link->redis;

	link_lost(link, why);
	if (redis != NULL)
		redisAsyncFree(redis); // at the end of its callback, if this is one
}

void store_link_drop(struct store_link *link)
{
	link_give_up(link, "it is of no use");
}

// ---- Sending -------------------------------------------------------------------------------

static void on_reply(redisAsyncContext *redis, void *reply, void *privdata)
{
	const struct store_link_taker *taker = privdata;
	struct store_link *link = redis->data;
	struct store_entry *entry = store_queue_pop(&link->sent);

	assert(entry != NULL);
	if (reply == NULL && link->redis == redis)
		link_lost(link, reason(redis));
	link->answered_ms = reply != NULL ? store_now_ms() : link->answered_ms;
	taker->take(link->context, entry, reply);
}

static void watch_set(struct store_link *link)
{
	const uint64_t now_ms = store_now_ms();
	uint64_t in_ms =
	    link->request_max_ms < STORE_LINK_PING_MS ? link->request_max_ms : STORE_LINK_PING_MS;

	if (link->sent.head != NULL) {
		const uint64_t until_ms = link->sent.head->begun_ms + link->request_max_ms;

		in_ms = until_ms > now_ms ? until_ms - now_ms : 0;
	}
	store_timer(link->timer, in_ms);
}

void store_link_add(struct store_link_command *command, const void *argument, size_t len)
{
	assert(command->count < STORE_LINK_ARGUMENTS_MAX);
	command->arguments[command->count] = argument;
	command->lens[command->count] = len;
	command->count++;
}

static void add_text(struct store_link_command *command, const char *text)
{
	store_link_add(command, text, strlen(text));
}

static int send_now(struct store_link *link, const struct store_link_command *command,
		    struct store_entry *entry, const struct store_link_taker *taker)
{
	const bool first = link->sent.head == NULL;

	if (redisAsyncCommandArgv(link->redis, on_reply, (void *)taker, command->count,
				  (const char **)command->arguments, command->lens) != REDIS_OK)
		return -ENOTCONN;
	store_queue_push(&link->sent, entry);
	if (first && link->state == LINK_UP)
		watch_set(link);
	return 0;
}

int store_link_send(struct store_link *link, const struct store_link_command *command,
		    struct store_entry *entry, const struct store_link_taker *taker)
{
	return link->state == LINK_UP ? send_now(link, command, entry, taker) : -ENOTCONN;
}

// ---- Preparing -----------------------------------------------------------------------------

static void take_ping(void *context, struct store_entry *entry, const redisReply *reply)
{
	// That there is an answer is all that is wanted, be it an error.
}

// SCRIPT LOAD comes last, and has a string for an answer.
static void take_preparation(void *context, struct store_entry *entry, const redisReply *reply)
{
	struct store_link *link = STORE_CONTAINER(entry, struct preparation, entry)->link;

	if (reply == NULL || link->state != LINK_PREPARING)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		link_give_up(link, reply->str);
		return;
	}
	if (reply->type != REDIS_REPLY_STRING)
		return;
	if (reply->len != SCRIPT_NAME_BYTES) {
		link_give_up(link, "it answered SCRIPT LOAD with something else than a hash");
		return;
	}
	memcpy(link->script_name, reply->str, SCRIPT_NAME_BYTES);
	link->state = LINK_UP;
	link->up_ms = store_now_ms();
	link->tally->connects++;
	log_limited(&link->limit, LOG_LEVEL_INFO, "store: %s: connected", link->where);
	watch_set(link);
}

static const struct store_link_taker ping_taker = {.take = take_ping};
static const struct store_link_taker preparation_taker = {.take = take_preparation};

static bool prepare_one(struct store_link *link, uint32_t which,
			const struct store_link_command *command)
{
	struct preparation *preparation = &link->preparations[which];

	preparation->link = link;
	preparation->entry.begun_ms = store_now_ms();
	return send_now(link, command, &preparation->entry, &preparation_taker) == 0;
}

static bool prepare(struct store_link *link)
{
	struct store_link_command auth = {.count = 0}, choose = {.count = 0}, load = {.count = 0};
	char database[16];

	add_text(&auth, "AUTH");
	if (link->url.user[0] != '\0')
		add_text(&auth, link->url.user);
	add_text(&auth, link->url.password);
	snprintf(database, sizeof(database), "%u", link->url.database);
	add_text(&choose, "SELECT");
	add_text(&choose, database);
	add_text(&load, "SCRIPT");
	add_text(&load, "LOAD");
	add_text(&load, link->script);
	return (link->url.password[0] == '\0' || prepare_one(link, 0, &auth)) &&
	       (link->url.database == 0 || prepare_one(link, 1, &choose)) &&
	       prepare_one(link, 2, &load);
}

// ---- Connecting ----------------------------------------------------------------------------

static void on_connect(const redisAsyncContext *redis, int status)
{
	struct store_link *link = redis->data;

	if (link->redis != redis)
		return;
	if (status != REDIS_OK) {
		link_lost(link, reason(redis));
		return;
	}
	link->state = LINK_PREPARING;
	if (!prepare(link))
		link_give_up(link, "no connection");
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
	struct store_link *link = redis->data;

	if (link->redis == redis)
		link_lost(link, reason(redis));
}

static void on_dialled(void *context, redisAsyncContext *redis, const char *why)
{
	struct store_link *link = context;

	if (redis == NULL) {
		link_lost(link, why);
		return;
	}
	link->redis = redis;
	link->state = LINK_CONNECTING;
	redis->data = link;
	redisAsyncSetConnectCallback(redis, on_connect);
	redisAsyncSetDisconnectCallback(redis, on_disconnect);
}

static void attempt(struct store_link *link)
{
	link->state = LINK_DIALLING;
	store_timer(link->timer, link->connect_max_ms);
	store_dial_begin(link->dial);
}

// ---- The timer -----------------------------------------------------------------------------

static void ping(struct store_link *link)
{
	struct store_link_command command = {.count = 0};

	add_text(&command, "PING");
	link->ping.begun_ms = store_now_ms();
	if (send_now(link, &command, &link->ping, &ping_taker) != 0)
		link_give_up(link, "connection lost");
}

static void watch(struct store_link *link)
{
	const struct store_entry *oldest = link->sent.head;
	const uint64_t now_ms = store_now_ms();

	if (oldest != NULL && now_ms - oldest->begun_ms >= link->request_max_ms) {
		link->tally->timeouts++;
		link_give_up(link, "it did not answer in time");
	} else if (oldest == NULL && now_ms - link->answered_ms >= STORE_LINK_PING_MS) {
		ping(link);
	} else {
		watch_set(link);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct store_link *link = context;

	switch (link->state) {
	case LINK_AWAY:
		attempt(link);
		return;
	case LINK_UP:
		watch(link);
		return;
	default:
		store_dial_end(link->dial);
		link_give_up(link, "no connection in time");
	}
}

// ---- Life ----------------------------------------------------------------------------------

struct store_link *store_link_create(const struct store_link_settings *settings,
				     struct event_base *base, void *context,
				     char error[static STORE_ERROR_BYTES])
{
	struct store_link *link = calloc(1, sizeof(*link));

	snprintf(error, STORE_ERROR_BYTES, "store: no memory");
	if (link == NULL)
		return NULL;
	link->url = *settings->url;
	store_url_text(&link->url, link->where);
	link->script = settings->script;
	link->connect_max_ms = settings->connect_max_ms;
	link->request_max_ms = settings->request_max_ms;
	link->tally = settings->tally;
	link->context = context;
	link->timer = evtimer_new(base, on_timer, link);
	if (link->timer != NULL)
		link->dial = store_dial_create(&link->url, base, on_dialled, link, error);
	if (link->dial == NULL) {
		store_link_destroy(link);
		return NULL;
	}
	store_timer(link->timer, 0);
	return link;
}

void store_link_destroy(struct store_link *link)
{
	redisAsyncContext *redis;

	if (link == NULL)
		return;
	redis = link->redis;
	link->redis = NULL;
	link->state = LINK_AWAY;
	if (redis != NULL)
		redisAsyncFree(redis);
	store_dial_destroy(link->dial);
	if (link->timer != NULL)
		event_free(link->timer);
	sodium_memzero(&link->url, sizeof(link->url));
	free(link);
}

bool store_link_up(const struct store_link *link)
{
	return link->state == LINK_UP;
}

const char *store_link_script(const struct store_link *link)
{
	return link->script_name;
}
