// SPDX-License-Identifier: BSD-3-Clause
#include "control/rates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

// Tokens in thousandths, so that each millisecond adds a whole number of them.
enum { TOKEN = 1000, SECOND_MS = 1000 };

struct bucket {
	uint64_t filled_ms;
	uint64_t tokens;
};

struct source {
	uint8_t ip[16]; // masked; all zero while unused: no peer has that address
	struct bucket bucket;
};

struct rates {
	uint32_t in_all;
	uint32_t per_source;
	uint32_t mask; // of groups of RATES_WAYS
	uint64_t replaced;
	uint8_t key[crypto_shorthash_KEYBYTES];
	struct bucket all;
	struct source *sources;
};

struct rates *rates_create(uint32_t in_all, uint32_t per_source, uint32_t sources)
{
	if (sources < RATES_WAYS || (sources & (sources - 1)) != 0) {
		errno = EINVAL;
		return NULL;
	}
	struct rates *rates = calloc(1, sizeof(*rates));

	if (rates == NULL)
		return NULL;
	rates->sources = calloc(sources, sizeof(*rates->sources));
	if (rates->sources == NULL) {
		free(rates);
		errno = ENOMEM;
		return NULL;
	}
	rates->in_all = in_all;
	rates->per_source = per_source;
	rates->mask = sources / RATES_WAYS - 1;
	rates->all.tokens = (uint64_t)in_all * TOKEN;
	randombytes_buf(rates->key, sizeof(rates->key));
	return rates;
}

void rates_destroy(struct rates *rates)
{
	if (rates == NULL)
		return;
	free(rates->sources);
	free(rates);
}

void rates_limit(struct rates *rates, uint32_t in_all, uint32_t per_source)
{
	rates->in_all = in_all;
	rates->per_source = per_source;
}

// Tokens of a bucket at now_ms, for a rate a second that is also its burst.
static uint64_t bucket_tokens(const struct bucket *bucket, uint32_t rate, uint64_t now_ms)
{
	const uint64_t full = (uint64_t)rate * TOKEN;
	const uint64_t passed_ms = now_ms - bucket->filled_ms;

	if (passed_ms >= SECOND_MS)
		return full;
	const uint64_t tokens = bucket->tokens + passed_ms * rate;

	return tokens < full ? tokens : full;
}

static void bucket_set(struct bucket *bucket, uint64_t tokens, uint64_t now_ms)
{
	bucket->tokens = tokens;
	bucket->filled_ms = now_ms;
}

static struct source *group_of(struct rates *rates, const uint8_t *ip)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint32_t word;

	crypto_shorthash(hash, ip, 16, rates->key);
	memcpy(&word, hash, sizeof(word));
	return &rates->sources[(word & rates->mask) * RATES_WAYS];
}

// The bucket of a source; a new one takes the place of the one in its group that was quiet
// longest.
static struct bucket *source_bucket(struct rates *rates, const struct address *source,
				    uint64_t now_ms)
{
	uint8_t ip[16];

	memcpy(ip, source->ip, sizeof(ip));
	if (!address_is_ipv4(source))
		memset(ip + 8, 0, 8);
	struct source *group = group_of(rates, ip);
	struct source *oldest = group;

	for (uint32_t i = 0; i < RATES_WAYS; i++) {
		if (memcmp(group[i].ip, ip, sizeof(ip)) == 0)
			return &group[i].bucket;
		if (group[i].bucket.filled_ms < oldest->bucket.filled_ms)
			oldest = &group[i];
	}
	static const uint8_t unused[16];

	if (memcmp(oldest->ip, unused, sizeof(unused)) != 0 &&
	    bucket_tokens(&oldest->bucket, rates->per_source, now_ms) <
		(uint64_t)rates->per_source * TOKEN)
		rates->replaced++;
	memcpy(oldest->ip, ip, sizeof(ip));
	bucket_set(&oldest->bucket, (uint64_t)rates->per_source * TOKEN, now_ms);
	return &oldest->bucket;
}

enum rates_verdict rates_take(struct rates *rates, const struct address *source, uint64_t now_ms)
{
	struct bucket *bucket = NULL;
	uint64_t tokens = 0;

	if (rates->per_source > 0) {
		bucket = source_bucket(rates, source, now_ms);
		tokens = bucket_tokens(bucket, rates->per_source, now_ms);
		if (tokens < TOKEN)
			return RATES_SOURCE;
	}
	if (rates->in_all > 0) {
		const uint64_t all = bucket_tokens(&rates->all, rates->in_all, now_ms);

		if (all < TOKEN)
			return RATES_ALL;
		bucket_set(&rates->all, all - TOKEN, now_ms);
	}
	if (bucket != NULL)
		bucket_set(bucket, tokens - TOKEN, now_ms);
	return RATES_GOOD;
}

uint64_t rates_replaced(const struct rates *rates)
{
	return rates->replaced;
}
