// SPDX-License-Identifier: BSD-3-Clause
// The network, the two applications, and what they check.

#include "stream_pair.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/sequence.h"

enum {
	MESSAGE_BYTES_MAX = 65536,
	BIG_EVERY = 211, // one message in so many is of the largest size
	PATH_WINDOW = 256,
	SETTLE_SLICE_US = 10000,
};

// xorshift64*: the same on every machine.
static uint64_t random_next(struct stream_pair *pair)
{
	pair->random ^= pair->random >> 12;
	pair->random ^= pair->random << 25;
	pair->random ^= pair->random >> 27;
	return pair->random * UINT64_C(2685821657736338717);
}

static bool chance(struct stream_pair *pair, uint32_t permille)
{
	return random_next(pair) % 1000 < permille;
}

uint32_t pair_message_bytes(uint32_t side, uint32_t number)
{
	static const uint32_t edges[] = {0, 1, 1175, 1176, 1177, 2352, 2353};
	const uint32_t hash = (number * 2 + side) * UINT32_C(2654435761) >> 8;

	if (number % BIG_EVERY == BIG_EVERY - 1)
		return MESSAGE_BYTES_MAX;
	if (hash % 16 < sizeof(edges) / sizeof(edges[0]))
		return edges[hash % 16];
	return hash % 16 == 15 ? hash % 9000 : hash % 200;
}

static uint8_t message_byte(uint32_t side, uint32_t number, uint32_t i)
{
	return (uint8_t)(number * 31 + side * 17 + i * 7 + (i >> 8));
}

static void message_fill(uint32_t side, uint32_t number, uint8_t *bytes)
{
	const uint32_t len = pair_message_bytes(side, number);

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = message_byte(side, number, i);
}

static void side_thaw(struct stream_pair *pair, uint32_t side, uint64_t handle)
{
	const struct stream_path path = {.handle = handle, .window = PATH_WINDOW};
	struct frame_triple peer;

	stream_triple(pair->sides[!side].stream, &peer);
	cr_assert_eq(stream_thaw(pair->sides[side].stream, &path, &peer, pair->now_us), 0);
}

void pair_init(struct stream_pair *pair, const struct stream_settings *settings, uint64_t seed)
{
	struct stream_settings own;

	memset(pair, 0, sizeof(*pair));
	// Nothing kept: what is used after it was given back is seen by the address sanitizer.
	pool_init(&pair->pool, 0);
	stream_settings_default(&own, &pair->pool);
	if (settings) {
		own = *settings;
		own.pool = &pair->pool;
	}
	pair->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	pair->now_us = 1000000;
	pair->delay_us = 10000;
	for (uint32_t side = 0; side < PAIR_SIDES; side++) {
		pair->sides[side].stream = stream_create(&own);
		cr_assert(pair->sides[side].stream);
	}
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		side_thaw(pair, side, 1);
}

static void packets_drop(struct stream_pair *pair)
{
	while (pair->packets_count > 0)
		free(pair->packets[--pair->packets_count].bytes);
}

void pair_fini(struct stream_pair *pair)
{
	packets_drop(pair);
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		stream_destroy(pair->sides[side].stream);
	cr_assert_eq(pair->pool.out_bytes, 0);
	pool_fini(&pair->pool);
}

void pair_send(struct stream_pair *pair, uint32_t side, uint32_t count)
{
	static uint8_t bytes[MESSAGE_BYTES_MAX];

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t number = pair->sides[side].sent;

		message_fill(side, number, bytes);
		cr_assert_eq(stream_send(pair->sides[side].stream, bytes,
					 pair_message_bytes(side, number), number),
			     0);
		pair->sides[side].sent++;
	}
}

// What must hold for every frame, whoever sends it.
static void frame_check(struct stream_pair *pair, uint32_t from, const struct frame *frame)
{
	struct pair_side *side = &pair->sides[from];
	struct frame_triple own;
	struct frame_triple peer;

	stream_triple(side->stream, &own);
	stream_triple(pair->sides[!from].stream, &peer);
	cr_assert(frame_triple_valid(&own));
	if (frame->type == WIRE_DATA)
		cr_assert(sequence_extend(own.next, frame->seq) < own.next);
	if (frame->type == WIRE_ACK)
		cr_assert_eq(frame->seq, (uint32_t)own.next);

	const uint64_t ack = sequence_extend(own.expected, frame->ack);

	cr_assert(ack <= peer.next, "acknowledges what was never sent");
	if (frame->type == WIRE_NAK)
		return;
	cr_assert(ack + frame->window >= side->edge, "ack + window moved back");
	side->edge = ack + frame->window;
}

static void frame_count(struct pair_side *side, const struct frame *frame)
{
	if (frame->type == WIRE_DATA && side->data_seen++ == 0)
		side->first_seen = frame->seq;
	side->acks_seen += frame->type == WIRE_ACK;
	side->naks_seen += frame->type == WIRE_NAK;
}

static void packet_add(struct stream_pair *pair, uint32_t from, const uint8_t *bytes, uint32_t len)
{
	cr_assert(pair->packets_count < PAIR_PACKETS_MAX);

	struct pair_packet *packet = &pair->packets[pair->packets_count++];
	const uint64_t jitter_us = pair->jitter_us > 0 ? random_next(pair) % pair->jitter_us : 0;

	packet->at_us = pair->now_us + pair->delay_us + jitter_us;
	packet->to = !from;
	packet->len = len;
	packet->bytes = malloc(len); // exactly so large: reading beyond it is seen
	memcpy(packet->bytes, bytes, len);
}

static void network_take(struct stream_pair *pair, uint32_t from, const uint8_t *bytes,
			 uint32_t len)
{
	struct frame frame;

	cr_assert_eq(frame_decode(bytes, len, &frame), FRAME_OK);
	frame_check(pair, from, &frame);
	frame_count(&pair->sides[from], &frame);
	if (pair->cut || (pair->lose && pair->lose(pair, from, &frame)) ||
	    chance(pair, pair->loss_permille))
		return;
	packet_add(pair, from, bytes, len);
	if (chance(pair, pair->double_permille))
		packet_add(pair, from, bytes, len);
}

static void message_check(struct stream_pair *pair, uint32_t to, const uint8_t *bytes, uint32_t len)
{
	const uint32_t number = pair->sides[to].taken;

	cr_assert(number < pair->sides[!to].sent, "a message that was never sent");
	cr_assert_eq(len, pair_message_bytes(!to, number), "side %u message %u has %u bytes", to,
		     number, len);
	for (uint32_t i = 0; i < len; i++) {
		if (bytes[i] != message_byte(!to, number, i))
			cr_assert_fail("side %u message %u differs at %u", to, number, i);
	}
}

static void application_take(struct stream_pair *pair, uint32_t to)
{
	struct pair_side *side = &pair->sides[to];
	const uint8_t *bytes;
	uint32_t len;

	while (!side->deaf && pair->now_us >= side->busy_us &&
	       stream_next_message(side->stream, &bytes, &len)) {
		message_check(pair, to, bytes, len);
		cr_assert_eq(stream_take_message(side->stream, pair->now_us), 0);
		side->taken++;
		side->busy_us = pair->now_us + side->take_us;
	}
}

static void side_poll(struct stream_pair *pair, uint32_t from)
{
	static uint8_t bytes[WIRE_FRAME_MAX_LIMIT];
	uint32_t rounds = 0;
	uint32_t len;

	application_take(pair, from);
	while ((len = stream_transmit(pair->sides[from].stream, bytes, sizeof(bytes),
				      pair->now_us)) > 0) {
		network_take(pair, from, bytes, len);
		cr_assert(++rounds < PAIR_PACKETS_MAX, "does not come to rest");
	}
	cr_assert(stream_deadline_us(pair->sides[from].stream) > pair->now_us,
		  "wants to go and does not");
}

static void packets_deliver(struct stream_pair *pair)
{
	for (uint32_t i = 0; i < pair->packets_count;) {
		struct pair_packet packet = pair->packets[i];
		struct frame frame;

		if (packet.at_us > pair->now_us) {
			i++;
			continue;
		}
		memmove(&pair->packets[i], &pair->packets[i + 1],
			(--pair->packets_count - i) * sizeof(packet));
		cr_assert_eq(frame_decode(packet.bytes, packet.len, &frame), FRAME_OK);
		cr_assert_eq(stream_receive(pair->sides[packet.to].stream, &frame, pair->now_us),
			     0);
		free(packet.bytes);
	}
}

static uint64_t next_event_us(const struct stream_pair *pair)
{
	uint64_t at_us = STREAM_NEVER;

	for (uint32_t i = 0; i < pair->packets_count; i++) {
		if (pair->packets[i].at_us < at_us)
			at_us = pair->packets[i].at_us;
	}
	for (uint32_t i = 0; i < PAIR_SIDES; i++) {
		const struct pair_side *side = &pair->sides[i];
		const uint64_t due_us = stream_deadline_us(side->stream);

		if (due_us < at_us)
			at_us = due_us;
		if (side->busy_us > pair->now_us && side->busy_us < at_us)
			at_us = side->busy_us;
	}
	return at_us;
}

// One instant: what is due arrives, both sides act. Moves to the next event, or to at_us.
static void pair_step(struct stream_pair *pair, uint64_t at_us)
{
	packets_deliver(pair);
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		side_poll(pair, side);

	const uint64_t next_us = next_event_us(pair);

	pair->now_us = next_us < at_us ? next_us : at_us;
}

void pair_run_until(struct stream_pair *pair, uint64_t at_us)
{
	while (pair->now_us < at_us)
		pair_step(pair, at_us);
}

static bool settled(const struct stream_pair *pair)
{
	const struct pair_side *client = &pair->sides[PAIR_CLIENT];
	const struct pair_side *backend = &pair->sides[PAIR_BACKEND];

	return client->taken == backend->sent && backend->taken == client->sent &&
	       stream_flushed(client->stream) && stream_flushed(backend->stream);
}

void pair_settle(struct stream_pair *pair, uint64_t limit_us)
{
	const uint64_t at_us = pair->now_us + limit_us;

	while (!settled(pair) && pair->now_us < at_us)
		pair_step(pair, pair->now_us + SETTLE_SLICE_US);
	cr_assert(settled(pair), "after %lu us: client took %u of %u, backend %u of %u", limit_us,
		  pair->sides[0].taken, pair->sides[1].sent, pair->sides[1].taken,
		  pair->sides[0].sent);
}

void pair_reconnect(struct stream_pair *pair, uint64_t handle)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		stream_freeze(pair->sides[side].stream);
	packets_drop(pair);
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		side_thaw(pair, side, handle);
}

void pair_watch(struct stream_pair *pair)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++) {
		pair->sides[side].data_seen = 0;
		pair->sides[side].acks_seen = 0;
		pair->sides[side].naks_seen = 0;
	}
}
