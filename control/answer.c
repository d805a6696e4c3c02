// SPDX-License-Identifier: BSD-3-Clause
#include "control/answer.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

// Puts header and body into a packet of its own and sends it. body is written behind the header
// already.
static void send_frame(const struct answerer *answerer, const struct notice *notice,
		       struct rte_mbuf *packet, uint32_t bytes)
{
	const struct command command = {
	    .kind = COMMAND_SEND,
	    .path = notice->path,
	    .packet = packet,
	    .backend = DIRECTORY_NONE,
	};

	dataplane_frame_set_bytes(packet, bytes);
	if (courier_offer(answerer->courier, notice->worker, &command) != 0)
		dataplane_packet_free(packet);
}

static struct rte_mbuf *new_frame(const struct answerer *answerer, uint8_t type, uint8_t channel,
				  uint64_t handle, uint8_t **body)
{
	const struct frame frame = {.type = type, .channel = channel, .handle = handle};
	uint8_t *bytes;
	struct rte_mbuf *packet = dataplane_frame(answerer->dataplane, &bytes);

	if (packet == NULL) {
		answerer->tally->no_buffer++;
		return NULL;
	}
	frame_encode_header(&frame, bytes);
	*body = bytes + WIRE_HEADER_BYTES;
	return packet;
}

// Options behind used bytes of body. Returns the bytes of the whole frame.
static uint32_t end_with_options(const struct answerer *answerer, uint8_t *body, uint32_t used,
				 const struct options *options)
{
	const uint32_t room = answerer->frame_max - WIRE_HEADER_BYTES - used;
	const int written = options_encode(options, body + used, room);

	// What control says of itself always fits: names and texts are bounded.
	assert(written >= 0);
	return WIRE_HEADER_BYTES + used + (uint32_t)written;
}

void answer_refuse(const struct answerer *answerer, const struct notice *notice,
		   const struct handshake *hello, const struct answer_refusal *refusal)
{
	struct frame_reject reject = {
	    .epoch = hello->epoch,
	    .code = refusal->code,
	    .retriable = holdfast_code_retriable(refusal->code),
	    .retry_after_ms = refusal->retry_after_ms,
	    .epoch_standing = refusal->epoch_standing,
	};
	struct options options = {.present = OPTIONS_REASON};
	uint8_t *body;

	assert(refusal->code > HOLDFAST_OK && refusal->code < HOLDFAST_CODE_END);
	answerer->tally->refused[refusal->code]++;
	events_add_refusal(answerer->events, &notice->path.peer, refusal->code,
			   hello->role == WIRE_ROLE_BACKEND);
	struct rte_mbuf *packet = new_frame(answerer, WIRE_REJECT, 0, 0, &body);

	if (packet == NULL)
		return;
	memcpy(reject.session, hello->session, sizeof(reject.session));
	options.reason = options_text(refusal->reason != NULL ? refusal->reason
							      : holdfast_code_text(refusal->code));
	const uint32_t used = frame_encode_reject(&reject, body);

	send_frame(answerer, notice, packet, end_with_options(answerer, body, used, &options));
}

void answer_welcome(const struct answerer *answerer, const struct notice *notice,
		    const struct handshake *hello, uint64_t handle, const struct options *options)
{
	struct handshake welcome = {
	    .epoch = hello->epoch,
	    .role = WIRE_ROLE_BACKEND,
	    .lane = hello->lane,
	};
	uint8_t *body;
	struct rte_mbuf *packet = new_frame(answerer, WIRE_WELCOME, 0, handle, &body);

	if (packet == NULL)
		return;
	memcpy(welcome.session, hello->session, sizeof(welcome.session));
	const uint32_t used = handshake_encode(&welcome, body);

	send_frame(answerer, notice, packet, end_with_options(answerer, body, used, options));
}

void answer_bare(const struct answerer *answerer, const struct notice *notice, uint8_t type,
		 uint8_t channel, uint64_t handle)
{
	uint8_t *body;
	struct rte_mbuf *packet = new_frame(answerer, type, channel, handle, &body);

	if (packet != NULL)
		send_frame(answerer, notice, packet, WIRE_HEADER_BYTES);
}

uint32_t answer_spread_ms(uint32_t base_ms)
{
	return base_ms + randombytes_uniform(base_ms + 1);
}
