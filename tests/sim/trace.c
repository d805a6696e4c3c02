// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "control/log.h"
#include "protocol/frame.h"
#include "protocol/handshake.h"
#include "tests/sim/instant.h"

enum { LINE_BYTES = 512, FLAGS_BYTES = 64 };

void __wrap_log_line(enum log_level level, const char *format, ...);
void __wrap_log_limited(struct log_limit *limit, enum log_level level, const char *format, ...);

static bool wanted;
static uint64_t start_us;
static char failure[LINE_BYTES];

void trace_begin(bool lines_wanted, uint64_t began_us)
{
	wanted = lines_wanted;
	start_us = began_us;
	failure[0] = '\0';
}

bool trace_wanted(void)
{
	return wanted;
}

static double seconds(void)
{
	return (double)(instant_us() - start_us) / 1e6;
}

static void line_print(const char *begin, const char *format, va_list arguments)
{
	printf("%10.4f  %s", seconds(), begin);
	vprintf(format, arguments);
	putchar('\n');
}

void trace_line(const char *format, ...)
{
	va_list arguments;

	if (!wanted)
		return;
	va_start(arguments, format);
	line_print("", format, arguments);
	va_end(arguments);
}

void trace_fail(const char *format, ...)
{
	char line[LINE_BYTES - 32];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	trace_line("WRONG: %s", line);
	if (failure[0] == '\0')
		snprintf(failure, sizeof(failure), "at %.4f s: %s", seconds(), line);
}

const char *trace_failure(void)
{
	return failure[0] != '\0' ? failure : NULL;
}

// ---- Frames --------------------------------------------------------------------------------

static const char *flags_text(uint8_t flags, char text[static FLAGS_BYTES])
{
	snprintf(text, FLAGS_BYTES, "%s%s%s%s", (flags & WIRE_FLAG_MORE) != 0 ? " more" : "",
		 (flags & WIRE_FLAG_BUNDLE) != 0 ? " bundle" : "",
		 (flags & WIRE_FLAG_REPLAYED) != 0 ? " replayed" : "",
		 (flags & WIRE_FLAG_RESUME) != 0 ? " resume" : "");
	return text;
}

static void triples_text(const struct handshake *block, char *text, size_t room)
{
	size_t used = (size_t)snprintf(text, room, " epoch %u", block->epoch);

	for (uint32_t i = 0; i < block->count && used < room; i++)
		used += (size_t)snprintf(
		    text + used, room - used, " [%" PRIu64 " %" PRIu64 " %" PRIu64 "]",
		    block->triples[i].oldest, block->triples[i].next, block->triples[i].expected);
}

static void body_text(const struct frame *frame, char *text, size_t room)
{
	struct handshake block;
	struct frame_open_ack ack;
	struct frame_reject reject;
	struct frame_nak_pair pairs[WIRE_NAK_PAIRS_MAX];

	text[0] = '\0';
	switch (frame->type) {
	case WIRE_HELLO:
	case WIRE_WELCOME:
	case WIRE_OPEN:
		if (handshake_decode(frame, &block) == 0)
			triples_text(&block, text, room);
		break;
	case WIRE_OPEN_ACK:
		frame_decode_open_ack(frame, &ack);
		snprintf(text, room, " code %u epoch %u [%" PRIu64 " %" PRIu64 " %" PRIu64 "]",
			 ack.code, ack.epoch, ack.triple.oldest, ack.triple.next,
			 ack.triple.expected);
		break;
	case WIRE_REJECT:
		frame_decode_reject(frame, &reject);
		snprintf(text, room, " code %u epoch %u standing %u after %u ms", reject.code,
			 reject.epoch, reject.epoch_standing, reject.retry_after_ms);
		break;
	case WIRE_NAK:
		frame_decode_nak(frame, pairs);
		snprintf(text, room, " first %u count %u", pairs[0].first, pairs[0].count);
		break;
	case WIRE_CONFIRM:
		snprintf(text, room, " epoch %u", frame_decode_confirm(frame));
		break;
	case WIRE_EVENT:
		snprintf(text, room, " %.*s",
			 (int)(frame->body_bytes > 40 ? 40 : frame->body_bytes),
			 frame->body_bytes > 8 ? (const char *)frame->body + 8 : "");
		break;
	default:
		snprintf(text, room, " %u bytes", frame->body_bytes);
	}
	for (char *at = text; *at != '\0'; at++)
		*at = *at < ' ' || *at > '~' ? '.' : *at;
}

void trace_frame(const char *from, const char *to, const uint8_t *bytes, uint32_t len,
		 const char *fate)
{
	char flags[FLAGS_BYTES], body[LINE_BYTES];
	struct frame frame;

	if (!wanted)
		return;
	if (frame_decode(bytes, len, &frame) != FRAME_OK) {
		trace_line("%-4s -> %-4s no frame, %u bytes%s", from, to, len, fate);
		return;
	}
	body_text(&frame, body, sizeof(body));
	trace_line("%-4s -> %-4s %-13s %016" PRIx64 " ch %u seq %u ack %u win %u aux %u%s%s%s",
		   from, to, frame_type_name(frame.type), frame.handle, frame.channel, frame.seq,
		   frame.ack, frame.window, frame.aux, flags_text(frame.flags, flags), body, fate);
}

// ---- What the control thread logs ------------------------------------------------------------

void __wrap_log_line(enum log_level level, const char *format, ...)
{
	va_list arguments;

	if (!wanted)
		return;
	va_start(arguments, format);
	line_print("log: ", format, arguments);
	va_end(arguments);
}

void __wrap_log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	va_list arguments;

	if (!wanted)
		return;
	va_start(arguments, format);
	line_print("log: ", format, arguments);
	va_end(arguments);
}
