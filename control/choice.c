// SPDX-License-Identifier: BSD-3-Clause
#include "control/choice.h"

#include <endian.h>
#include <string.h>

// Finalizer of SplitMix64: every bit of the input moves half of the bits of the output.
static uint64_t mix(uint64_t value)
{
	value ^= value >> 30;
	value *= UINT64_C(0xbf58476d1ce4e5b9);
	value ^= value >> 27;
	value *= UINT64_C(0x94d049bb133111eb);
	value ^= value >> 31;
	return value;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	// The terminating zero counts too, so that "a", "bc" and "ab", "c" differ.
	do
		hash = mix(hash ^ (uint8_t)*text) + UINT64_C(0x9e3779b97f4a7c15);
	while (*text++ != '\0');
	return hash;
}

uint64_t choice_seed(const char *service, const char *backend)
{
	return hash_text(hash_text(0, service), backend);
}

uint64_t choice_weight(uint64_t seed, const uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	uint64_t low, high;

	memcpy(&low, id, sizeof(low));
	memcpy(&high, id + sizeof(low), sizeof(high));
	return mix(mix(seed ^ le64toh(low)) ^ le64toh(high));
}
