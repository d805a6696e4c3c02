// SPDX-License-Identifier: BSD-3-Clause
#include "tests/sim/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/trace.h"

enum {
	TAKEN = 1,
	RETURNED_MAYBE = 2,
	RETURNED_NOT_SENT = 4,
};

static const uint32_t letter_magic = 0x74616c6b;

// What every message begins with.
struct letter {
	uint32_t magic;
	uint32_t line;
	uint32_t number;
};

void ledger_begin(struct ledger *ledger)
{
	*ledger = (struct ledger){.lines = malloc(LEDGER_LINES_MAX * sizeof(*ledger->lines))};
}

void ledger_end(struct ledger *ledger)
{
	free(ledger->lines);
}

uint32_t ledger_open(struct ledger *ledger, bool up, uint32_t sender, const uint8_t *session,
		     uint8_t channel)
{
	struct ledger_line *line = &ledger->lines[ledger->count];

	if (ledger->count == LEDGER_LINES_MAX) {
		trace_fail("the ledger is full: %u lines", ledger->count);
		return LEDGER_NONE;
	}
	memset(line, 0, sizeof(*line));
	line->up = up;
	line->sender = sender;
	line->channel = channel;
	memcpy(line->session, session, sizeof(line->session));
	return ledger->count++;
}

static uint32_t letter_bytes(uint32_t line, uint32_t number)
{
	static const uint32_t sizes[] = {12, 13, 40, 60, 200, 700, 1172, 1176, 1177, 3000, 7000};
	const uint32_t count = sizeof(sizes) / sizeof(sizes[0]);
	const uint32_t hash = (line * 31 + number) * UINT32_C(2654435761) >> 12;

	// Most are short.
	return hash % 4 != 0 ? sizes[hash / 4 % 5] : sizes[hash / 4 % count];
}

static uint8_t letter_byte(const struct letter *letter, uint32_t at)
{
	return (uint8_t)(letter->line * 3 + letter->number * 7 + at);
}

uint32_t ledger_write(const struct ledger *ledger, uint32_t line,
		      uint8_t bytes[static LEDGER_LETTER_MAX])
{
	const struct letter letter = {
	    .magic = letter_magic,
	    .line = line,
	    .number = line != LEDGER_NONE ? ledger->lines[line].sent : 0,
	};
	const uint32_t len = letter_bytes(line, letter.number);

	if (line == LEDGER_NONE || letter.number == LEDGER_MESSAGES_MAX)
		return 0;
	memcpy(bytes, &letter, sizeof(letter));
	for (uint32_t i = sizeof(letter); i < len; i++)
		bytes[i] = letter_byte(&letter, i);
	return len;
}

uint32_t ledger_sent(struct ledger *ledger, uint32_t line)
{
	return ledger->lines[line].sent++;
}

// ---- Taking ----------------------------------------------------------------------------------

static bool letter_whole(const struct letter *letter, const uint8_t *bytes, uint32_t len)
{
	if (len != letter_bytes(letter->line, letter->number))
		return false;
	for (uint32_t i = sizeof(*letter); i < len; i++) {
		if (bytes[i] != letter_byte(letter, i))
			return false;
	}
	return true;
}

static const char *side(bool up)
{
	return up ? "backend" : "client";
}

// Whether this receiver may take from this line.
static bool line_right(struct ledger *ledger, bool up, uint32_t *line, const uint8_t *session,
		       uint8_t channel, const struct letter *letter)
{
	struct ledger_line *from = &ledger->lines[letter->line];

	if (from->up != up || from->channel != channel ||
	    memcmp(from->session, session, sizeof(from->session)) != 0) {
		trace_fail("a %s takes message %u of line %u, which is of another session, "
			   "channel or direction",
			   side(up), letter->number, letter->line);
		return false;
	}
	if (*line == LEDGER_NONE && !from->taken_up) {
		from->taken_up = true;
		*line = letter->line;
	}
	if (*line == letter->line)
		return true;
	if (*line == LEDGER_NONE)
		trace_fail("line %u has a second receiver: the %s of its session was replaced "
			   "silently",
			   letter->line, side(up));
	else
		trace_fail("a %s that received line %u takes message %u of line %u without being "
			   "told of an end",
			   side(up), *line, letter->number, letter->line);
	return false;
}

void ledger_take(struct ledger *ledger, bool up, uint32_t *line, const uint8_t *session,
		 uint8_t channel, const uint8_t *bytes, uint32_t len)
{
	struct letter letter = {.magic = 0};
	struct ledger_line *from;

	if (len >= sizeof(letter))
		memcpy(&letter, bytes, sizeof(letter));
	if (letter.magic != letter_magic || letter.line >= ledger->count ||
	    letter.number >= ledger->lines[letter.line].sent ||
	    !letter_whole(&letter, bytes, len)) {
		trace_fail("a %s takes %u bytes that nobody sent", side(up), len);
		return;
	}
	if (!line_right(ledger, up, line, session, channel, &letter))
		return;
	from = &ledger->lines[letter.line];
	if (letter.number < from->delivered)
		trace_fail("message %u of line %u is delivered twice", letter.number, letter.line);
	else if (letter.number > from->delivered)
		trace_fail("message %u of line %u is delivered before message %u", letter.number,
			   letter.line, from->delivered);
	else
		from->delivered++;
	if ((from->marks[letter.number] & RETURNED_NOT_SENT) != 0)
		trace_fail("message %u of line %u is delivered, and was handed back as not sent",
			   letter.number, letter.line);
	from->marks[letter.number] |= TAKEN;
}

// ---- Handing back, and the end ---------------------------------------------------------------

void ledger_return(struct ledger *ledger, uint32_t line, uint64_t number, enum holdfast_mark mark)
{
	struct ledger_line *of;

	if (line == LEDGER_NONE || number >= ledger->lines[line].sent) {
		trace_fail("message %" PRIu64 " of line %u is handed back and was never sent",
			   number, line);
		return;
	}
	of = &ledger->lines[line];
	trace_line("message %" PRIu64 " of line %u is handed back: %s", number, line,
		   mark == HOLDFAST_NOT_SENT ? "not sent" : "maybe delivered");
	if (of->told || number < of->returned_next)
		trace_fail("message %" PRIu64 " of line %u is handed back %s", number, line,
			   of->told ? "after its end" : "out of order");
	if (mark == HOLDFAST_NOT_SENT && (of->marks[number] & TAKEN) != 0)
		trace_fail("message %" PRIu64 " of line %u is handed back as not sent, and was "
			   "delivered",
			   number, line);
	if (mark != HOLDFAST_NOT_SENT && of->returned_not_sent)
		trace_fail("message %" PRIu64 " of line %u was sent behind one that was not",
			   number, line);
	of->returned_not_sent |= mark == HOLDFAST_NOT_SENT;
	of->returned_next = (uint32_t)number + 1;
	of->returned++;
	of->marks[number] |= mark == HOLDFAST_NOT_SENT ? RETURNED_NOT_SENT : RETURNED_MAYBE;
}

void ledger_tell(struct ledger *ledger, uint32_t line)
{
	struct ledger_line *of;

	if (line == LEDGER_NONE)
		return;
	of = &ledger->lines[line];
	for (uint32_t i = of->delivered; i < of->sent; i++) {
		if (of->marks[i] != 0)
			continue;
		trace_fail("message %u of line %u was lost silently: neither delivered nor handed "
			   "back",
			   i, line);
		break;
	}
	of->told = true;
}

void ledger_forget(struct ledger *ledger, uint32_t line)
{
	if (line != LEDGER_NONE)
		ledger->lines[line].forgotten = true;
}

bool ledger_settled(const struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->count; i++) {
		const struct ledger_line *line = &ledger->lines[i];

		if (!line->told && !line->forgotten && line->delivered < line->sent)
			return false;
	}
	return true;
}

void ledger_check_over(const struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->count; i++) {
		const struct ledger_line *line = &ledger->lines[i];

		if (!line->told && !line->forgotten)
			trace_fail("line %u (%s, channel %u) was never told of its end", i,
				   line->up ? "up" : "down", line->channel);
	}
}
