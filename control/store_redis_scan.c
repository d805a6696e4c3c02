// SPDX-License-Identifier: BSD-3-Clause
// A slice of a scan in Redis: a script that tells names and what stands under them, in one answer.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "control/store_redis.h"

// ARGV: cursor, pattern, count. It answers the next cursor, then name and value of each key that
// is still there; '' for what is no string.
static const char script[] =
    "local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])\n"
    "local out = {found[1]}\n"
    "for _, key in ipairs(found[2]) do\n"
    "  local row = redis.pcall('GET', key)\n"
    "  if row then\n"
    "    out[#out + 1] = key\n"
    "    out[#out + 1] = type(row) == 'string' and row or ''\n"
    "  end\n"
    "end\n"
    "return out\n";

enum { NUMBER_BYTES = 24 };

// The names of a space, for SCAN: what has a meaning in a pattern is said to have none.
struct pattern {
	char bytes[2 * (STORE_PREFIX_MAX + STORE_REDIS_SPACE_BYTES) + 1];
	size_t len;
};

static void pattern_fill(struct pattern *pattern, const struct store_redis *redis,
			 enum store_space space)
{
	uint8_t key[STORE_REDIS_KEY_BYTES_MAX];
	const uint32_t len = store_redis_space(redis, space, key);

	pattern->len = 0;
	for (uint32_t i = 0; i < len; i++) {
		if (strchr("*?[]^\\", key[i]) != NULL)
			pattern->bytes[pattern->len++] = '\\';
		pattern->bytes[pattern->len++] = (char)key[i];
	}
	pattern->bytes[pattern->len++] = '*';
}

// ---- Answers -------------------------------------------------------------------------------

static bool is_text(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING;
}

static void tell(struct store_redis *redis, struct store_scan *scan, const struct redisReply *name,
		 const struct redisReply *row)
{
	const uint32_t front = redis->prefix_len + STORE_REDIS_SPACE_BYTES;
	struct store_value value;
	struct store_key key = {.space = scan->space};

	if (name->len <= front || name->len - front > STORE_KEY_BYTES_MAX ||
	    !store_row_read((const uint8_t *)row->str, row->len, &value)) {
		redis->store.tally.malformed++;
		store_redis_malformed(redis);
		return;
	}
	key.bytes = (const uint8_t *)name->str + front;
	key.len = (uint32_t)(name->len - front);
	scan->found(scan, &key, &value);
}

// Whether it is what the script answers.
static bool answer_good(const struct redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 1)
		return false;
	for (size_t i = 0; i < reply->elements; i++) {
		if (!is_text(reply->element[i]))
			return false;
	}
	return true;
}

static void take_scan(void *context, struct store_entry *entry, const struct redisReply *reply)
{
	struct store_redis *redis = context;
	struct store_scan *scan = store_scan_of(entry);

	if (reply == NULL || !answer_good(reply)) {
		if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
			store_redis_error(redis, reply);
		store_scan_finish(&redis->store, scan, STORE_UNAVAILABLE);
		return;
	}
	for (size_t i = 1; i < reply->elements; i += 2)
		tell(redis, scan, reply->element[i], reply->element[i + 1]);
	scan->cursor = strtoull(reply->element[0]->str, NULL, 10);
	scan->over = scan->cursor == 0;
	store_scan_finish(&redis->store, scan, STORE_OK);
}

static const struct store_link_taker scan_taker = {.take = take_scan};

void store_redis_scan(struct store *store, struct store_scan *scan)
{
	struct store_redis *redis = STORE_CONTAINER(store, struct store_redis, store);
	struct store_link_command command = {.count = 0};
	struct pattern pattern;
	char cursor[NUMBER_BYTES], count[NUMBER_BYTES];

	pattern_fill(&pattern, redis, scan->space);
	snprintf(cursor, sizeof(cursor), "%" PRIu64, scan->cursor);
	snprintf(count, sizeof(count), "%" PRIu32, scan->max);
	store_link_add(&command, "EVAL", 4);
	store_link_add(&command, script, sizeof(script) - 1);
	store_link_add(&command, "0", 1);
	store_link_add(&command, cursor, strlen(cursor));
	store_link_add(&command, pattern.bytes, pattern.len);
	store_link_add(&command, count, strlen(count));
	if (!store_link_up(redis->link) ||
	    store_link_send(redis->link, &command, &scan->entry, &scan_taker) != 0)
		store_scan_refuse(store, scan);
}
