// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/cookie.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "protocol/bytes.h"

static_assert(crypto_shorthash_siphashx24_BYTES == WIRE_COOKIE_BYTES, "a cookie is one hash");
static_assert(crypto_shorthash_siphashx24_KEYBYTES ==
		  sizeof(((struct directory *)0)->cookie_keys[0]),
	      "a key is two words");

static void cookie_hash(const uint64_t key[2], const struct address *peer,
			const struct handshake *hello, uint8_t cookie[static WIRE_COOKIE_BYTES])
{
	uint8_t input[16 + 2 + WIRE_SESSION_ID_BYTES + 4];

	memcpy(input, peer->ip, 16);
	memcpy(input + 16, &peer->port, 2);
	memcpy(input + 18, hello->session, WIRE_SESSION_ID_BYTES);
	bytes_write32(input + 18 + WIRE_SESSION_ID_BYTES, hello->epoch);
	crypto_shorthash_siphashx24(cookie, input, sizeof(input), (const unsigned char *)key);
}

void cookie_make(const struct directory *directory, const struct address *peer,
		 const struct handshake *hello, uint8_t cookie[static WIRE_COOKIE_BYTES])
{
	cookie_hash(directory->cookie_keys[0], peer, hello, cookie);
}

bool cookie_good(const struct directory *directory, const struct address *peer,
		 const struct handshake *hello)
{
	for (uint32_t i = 0; i < DIRECTORY_COOKIE_KEYS; i++) {
		uint8_t cookie[WIRE_COOKIE_BYTES];

		cookie_hash(directory->cookie_keys[i], peer, hello, cookie);
		if (sodium_memcmp(cookie, hello->cookie, sizeof(cookie)) == 0)
			return true;
	}
	return false;
}
