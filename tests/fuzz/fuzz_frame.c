// SPDX-License-Identifier: BSD-3-Clause
// The frame codec: any bytes as a datagram.
//
// What decodes as a frame must encode to the same header, and its body to the same fields.
#include "protocol/bytes.h"
#include "protocol/frame.h"
#include "tests/fuzz/fuzz.h"

enum { BODY_BYTES_MAX = WIRE_NAK_PAIRS_MAX * WIRE_NAK_PAIR_BYTES };

static void header_again(const struct frame *frame, const uint8_t *bytes)
{
	uint8_t again[WIRE_HEADER_BYTES];

	frame_encode_header(frame, again);
	FUZZ_CHECK(memcmp(again, bytes, sizeof(again)) == 0, "another header");
}

// Bytes of a body that mean nothing are written as zero: only the others are compared.
static void retry_again(const struct frame *frame, uint8_t *again)
{
	struct frame_retry retry;

	frame_decode_retry(frame, &retry);
	FUZZ_CHECK(frame_encode_retry(&retry, again) == frame->body_bytes, "another length");
	FUZZ_CHECK(memcmp(again, frame->body, frame->body_bytes) == 0, "another RETRY");
}

static void reject_again(const struct frame *frame, uint8_t *again)
{
	struct frame_reject reject, twice;
	struct frame copy = *frame;

	frame_decode_reject(frame, &reject);
	copy.body = again;
	FUZZ_CHECK(frame_encode_reject(&reject, again) <= frame->body_bytes, "longer");
	frame_decode_reject(&copy, &twice);
	FUZZ_CHECK(memcmp(reject.session, twice.session, sizeof(reject.session)) == 0 &&
		       reject.epoch == twice.epoch && reject.code == twice.code &&
		       reject.retriable == twice.retriable &&
		       reject.retry_after_ms == twice.retry_after_ms &&
		       reject.epoch_standing == twice.epoch_standing,
		   "another REJECT");
}

static void open_ack_again(const struct frame *frame, uint8_t *again)
{
	struct frame_open_ack ack;

	frame_decode_open_ack(frame, &ack);
	FUZZ_CHECK(frame_encode_open_ack(&ack, again) == frame->body_bytes, "another length");
	FUZZ_CHECK(memcmp(again, frame->body, 2) == 0 &&
		       memcmp(again + 4, frame->body + 4, frame->body_bytes - 4) == 0,
		   "another OPEN_ACK");
}

static void close_again(const struct frame *frame, uint8_t *again)
{
	struct frame_close close;

	frame_decode_close(frame, &close);
	FUZZ_CHECK(frame_encode_close(&close, again) <= frame->body_bytes, "longer");
	FUZZ_CHECK(memcmp(again, frame->body, 2) == 0, "another CLOSE");
}

static void nak_again(const struct frame *frame, uint8_t *again)
{
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];
	const uint32_t count = frame_decode_nak(frame, pairs);

	FUZZ_CHECK(count >= 1 && count <= WIRE_NAK_PAIRS_MAX, "%u pairs", count);
	FUZZ_CHECK(frame_encode_nak(pairs, count, again) == frame->body_bytes, "another length");
	FUZZ_CHECK(memcmp(again, frame->body, frame->body_bytes) == 0, "another NAK");
}

static void body_again(const struct frame *frame)
{
	uint8_t again[BODY_BYTES_MAX];

	switch (frame->type) {
	case WIRE_RETRY:
		retry_again(frame, again);
		break;
	case WIRE_REJECT:
		reject_again(frame, again);
		break;
	case WIRE_OPEN_ACK:
		open_ack_again(frame, again);
		break;
	case WIRE_CLOSE:
		close_again(frame, again);
		break;
	case WIRE_NAK:
		nak_again(frame, again);
		break;
	case WIRE_CONFIRM:
		frame_encode_confirm(frame_decode_confirm(frame), again);
		FUZZ_CHECK(memcmp(again, frame->body, frame->body_bytes) == 0, "another CONFIRM");
		break;
	default: // the body is the application's, a handshake's, or none
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = fuzz_copy(data, size);
	struct frame frame;
	const enum frame_fault fault = frame_decode(bytes, (uint32_t)size, &frame);

	FUZZ_CHECK(fault <= FRAME_BODY, "no such fault");
	if (fault == FRAME_OK) {
		FUZZ_CHECK(frame.body == bytes + WIRE_HEADER_BYTES &&
			       frame.body_bytes == size - WIRE_HEADER_BYTES,
			   "another body");
		FUZZ_CHECK(frame_legal_from(frame.type, FRAME_FROM_CLIENT) ||
			       frame_legal_from(frame.type, FRAME_FROM_BACKEND) ||
			       frame_legal_from(frame.type, FRAME_FROM_GATEWAY),
			   "nobody may send it");
		header_again(&frame, bytes);
		body_again(&frame);
	}
	if (size >= WIRE_HEADER_BYTES)
		FUZZ_CHECK(strlen(frame_type_name(frame.type)) > 0, "a type without a name");
	free(bytes);
	return 0;
}
