// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_redis.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

// One script for all verbs: KEYS[1]; ARGV: letter of the verb, life in ms ('0': as before), row,
// expected generation and owner. It answers a letter, followed by the row that stands there:
// (O)k, (N)ot found, (E)xists, (C)onflict, (M)alformed.
static const char script[] = "local key, verb, life = KEYS[1], ARGV[1], ARGV[2]\n"
			     "local old = redis.call('GET', key)\n"
			     "if old and (#old < 16 or #old > 4112) then return 'M' end\n"
			     "if not old then\n"
			     "  if verb == 'D' then return 'O' end\n"
			     "  if verb ~= 'C' then return 'N' end\n"
			     "elseif verb == 'C' then\n"
			     "  return 'E' .. old\n"
			     "elseif verb == 'L' then\n"
			     "  if life ~= '0' then redis.call('PEXPIRE', key, life) end\n"
			     "  return 'O' .. old\n"
			     "elseif verb ~= 'U' then\n"
			     "  if verb ~= 'D' and string.sub(old, 1, 8) ~= ARGV[4] or\n"
			     "     verb == 'I' and string.sub(old, 9, 16) ~= ARGV[5] then\n"
			     "    return 'C' .. old\n"
			     "  end\n"
			     "  if verb ~= 'S' then\n"
			     "    redis.call('DEL', key)\n"
			     "    return 'O'\n"
			     "  end\n"
			     "end\n"
			     "if life ~= '0' then\n"
			     "  redis.call('SET', key, ARGV[3], 'PX', life)\n"
			     "elseif old then\n"
			     "  redis.call('SET', key, ARGV[3], 'KEEPTTL')\n"
			     "else\n"
			     "  redis.call('SET', key, ARGV[3])\n"
			     "end\n"
			     "return 'O'\n";

static_assert(STORE_ROW_HEAD_BYTES == 16 && STORE_ROW_BYTES_MAX == 4112, "the script has these");

static const char verb_letters[STORE_VERBS] = {'C', 'U', 'L', 'S', 'D', 'I'};
static const char space_letters[STORE_SPACES] = {'s', 'b', 'e'};

static struct store_redis *redis_of(struct store *store)
{
	return STORE_CONTAINER(store, struct store_redis, store);
}

uint32_t store_redis_space(const struct store_redis *redis, enum store_space space,
			   uint8_t key[static STORE_REDIS_KEY_BYTES_MAX])
{
	memcpy(key, redis->prefix, redis->prefix_len);
	key[redis->prefix_len] = (uint8_t)space_letters[space];
	key[redis->prefix_len + 1] = ':';
	return redis->prefix_len + STORE_REDIS_SPACE_BYTES;
}

// ---- Answers -------------------------------------------------------------------------------

static bool begins(const struct redisReply *reply, const char *text)
{
	return strncmp(reply->str, text, strlen(text)) == 0;
}

void store_redis_error(struct store_redis *redis, const struct redisReply *reply)
{
	redis->store.tally.errors++;
	log_limited(&redis->limit, LOG_LEVEL_WARNING, "store: Redis answered: %s", reply->str);
	if (begins(reply, "READONLY") || begins(reply, "MASTERDOWN") || begins(reply, "LOADING") ||
	    strstr(reply->str, "-READONLY") != NULL)
		store_link_drop(redis->link);
}

void store_redis_malformed(struct store_redis *redis)
{
	if (!redis->malformed_told)
		log_line(LOG_LEVEL_WARNING,
			 "store: there are values under %s* that are no records: let nobody else "
			 "use that prefix",
			 redis->prefix);
	redis->malformed_told = true;
}

static enum store_result malformed(struct store_redis *redis, enum store_verb verb)
{
	store_redis_malformed(redis);
	return store_malformed(&redis->store.tally, verb);
}

// Another type than a string under the key; how that is said depends on the version.
static bool wrong_type(const struct redisReply *reply)
{
	return strstr(reply->str, "WRONGTYPE") != NULL;
}

static enum store_result result_of(struct store_redis *redis, enum store_verb verb,
				   const struct redisReply *reply, struct store_value *value)
{
	const uint8_t *row = (const uint8_t *)reply->str + 1;
	const bool carried = reply->type == REDIS_REPLY_STRING && reply->len > 1 &&
			     store_row_read(row, reply->len - 1, value);

	if (reply->type == REDIS_REPLY_ERROR && wrong_type(reply))
		return malformed(redis, verb);
	if (reply->type != REDIS_REPLY_STRING || reply->len == 0)
		return STORE_UNAVAILABLE;
	switch (reply->str[0]) {
	case 'O':
		return verb != STORE_LOAD || carried ? STORE_OK : STORE_UNAVAILABLE;
	case 'N':
		return STORE_NOT_FOUND;
	case 'E':
		return carried ? STORE_EXISTS : STORE_UNAVAILABLE;
	case 'C':
		return carried ? STORE_CONFLICT : STORE_UNAVAILABLE;
	case 'M':
		return malformed(redis, verb);
	default:
		return STORE_UNAVAILABLE;
	}
}

static int send_request(struct store_redis *redis, struct store_request *request, bool whole);

static void take_request(void *context, struct store_entry *entry, const struct redisReply *reply)
{
	struct store_redis *redis = context;
	struct store_request *request = store_request_of(entry);
	struct store_answer answer = {.result = STORE_UNAVAILABLE};

	if (reply != NULL && reply->type == REDIS_REPLY_ERROR && begins(reply, "NOSCRIPT")) {
		redis->store.tally.scripts_missing++;
		entry->begun_ms = store_now_ms();
		if (send_request(redis, request, true) == 0)
			return;
	} else if (reply != NULL) {
		answer.result = result_of(redis, request->verb, reply, &answer.value);
		if (reply->type == REDIS_REPLY_ERROR && !wrong_type(reply))
			store_redis_error(redis, reply);
	}
	store_finish(&redis->store, request, &answer);
}

static const struct store_link_taker request_taker = {.take = take_request};

// ---- Requests ------------------------------------------------------------------------------

// What a request turns into; lives until it is sent.
struct words {
	uint8_t key[STORE_REDIS_KEY_BYTES_MAX];
	uint8_t row[STORE_ROW_BYTES_MAX];
	uint8_t generation[8], owner[8];
	char life[24];
	uint32_t key_len;
	size_t row_len;
};

static void words_fill(struct words *words, const struct store_redis *redis,
		       const struct store_request *request)
{
	const struct store_value *value = &request->value;
	const bool writes = request->verb == STORE_CREATE || request->verb == STORE_UPDATE ||
			    request->verb == STORE_SWAP;

	words->key_len = store_redis_space(redis, request->key.space, words->key);
	memcpy(words->key + words->key_len, request->key.bytes, request->key.len);
	words->key_len += request->key.len;
	words->row_len = writes ? STORE_ROW_HEAD_BYTES + value->body_bytes : 0;
	if (writes)
		store_row_head(words->row, value);
	if (writes && value->body_bytes > 0)
		memcpy(words->row + STORE_ROW_HEAD_BYTES, value->body, value->body_bytes);
	bytes_write64(words->generation, request->expected_generation);
	bytes_write64(words->owner, request->expected_owner);
	snprintf(words->life, sizeof(words->life), "%" PRIu64, request->life_ms);
}

// whole: with the text of the script, which Redis remembers then.
static int send_request(struct store_redis *redis, struct store_request *request, bool whole)
{
	struct store_link_command command = {.count = 0};
	struct words words;

	words_fill(&words, redis, request);
	if (whole) {
		store_link_add(&command, "EVAL", 4);
		store_link_add(&command, script, sizeof(script) - 1);
	} else {
		store_link_add(&command, "EVALSHA", 7);
		store_link_add(&command, store_link_script(redis->link), 40);
	}
	store_link_add(&command, "1", 1);
	store_link_add(&command, words.key, words.key_len);
	store_link_add(&command, &verb_letters[request->verb], 1);
	store_link_add(&command, words.life, strlen(words.life));
	store_link_add(&command, words.row, words.row_len);
	store_link_add(&command, words.generation, sizeof(words.generation));
	store_link_add(&command, words.owner, sizeof(words.owner));
	return store_link_send(redis->link, &command, &request->entry, &request_taker);
}

static void redis_begin(struct store *store, struct store_request *request)
{
	struct store_redis *redis = redis_of(store);

	if (!store_link_up(redis->link) || send_request(redis, request, false) != 0)
		store_refuse(store, request);
}

static bool redis_available(const struct store *store)
{
	return store_link_up(STORE_CONTAINER(store, struct store_redis, store)->link);
}

static void redis_gauges(struct store *store)
{
}

// ---- Life ----------------------------------------------------------------------------------

static void redis_free(struct store_redis *redis)
{
	store_link_destroy(redis->link);
	if (redis->store.refuse != NULL)
		store_fini(&redis->store);
	free(redis);
}

static void redis_destroy(struct store *store)
{
	redis_free(redis_of(store));
}

static const struct store_ops redis_ops = {
    .begin = redis_begin,
    .scan = store_redis_scan,
    .available = redis_available,
    .gauges = redis_gauges,
    .destroy = redis_destroy,
};

static int settings_read(const struct store_settings *settings, struct store_url *url,
			 char error[static STORE_ERROR_BYTES])
{
	const char *wrong =
	    settings->url == NULL ? "there is none" : store_url_read(settings->url, url);

	if (wrong != NULL)
		snprintf(error, STORE_ERROR_BYTES, "store: the URL of Redis: %s", wrong);
	else if (settings->prefix == NULL || strlen(settings->prefix) > STORE_PREFIX_MAX)
		snprintf(error, STORE_ERROR_BYTES, "store: the prefix has at most %d bytes",
			 STORE_PREFIX_MAX);
	else if (settings->request_max_ms == 0 || settings->connect_max_ms == 0)
		snprintf(error, STORE_ERROR_BYTES, "store: let the time-outs be 1 ms at least");
	else
		return 0;
	return -1;
}

struct store *store_redis_create(const struct store_settings *settings, struct event_base *base,
				 char error[static STORE_ERROR_BYTES])
{
	struct store_redis *redis;
	struct store_url url;

	if (settings_read(settings, &url, error) != 0)
		return NULL;
	redis = calloc(1, sizeof(*redis));
	if (redis == NULL || store_init(&redis->store, &redis_ops, settings, base) != 0) {
		snprintf(error, STORE_ERROR_BYTES, "store: no memory");
		free(redis);
		return NULL;
	}
	redis->prefix_len = (uint32_t)strlen(settings->prefix);
	memcpy(redis->prefix, settings->prefix, redis->prefix_len);
	redis->link = store_link_create(
	    &(struct store_link_settings){
		.url = &url,
		.script = script,
		.connect_max_ms = settings->connect_max_ms,
		.request_max_ms = settings->request_max_ms,
		.tally = &redis->store.tally,
	    },
	    base, redis, error);
	if (redis->link == NULL) {
		redis_free(redis);
		return NULL;
	}
	return &redis->store;
}
