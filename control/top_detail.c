// SPDX-License-Identifier: BSD-3-Clause
// The page of one session: everything known of it.
#include "control/top_page.h"

#include <inttypes.h>
#include <stdio.h>

#include "control/table.h"
#include "control/top_text.h"

enum { LABEL = 11, VALUE_AT = 13, SECOND_AT = 42, TWO_COLUMNS = 76, FACTS = 14 };

struct fact {
	const char *name;
	char text[TABLE_CELL_BYTES];
};

static void facts_fill(struct fact facts[static FACTS], const struct top_session *session)
{
	struct fact *fact = facts;

#define FACT(label, ...)                                                                           \
	do {                                                                                       \
		fact->name = label;                                                                \
		snprintf(fact->text, sizeof(fact->text), __VA_ARGS__);                             \
		fact++;                                                                            \
	} while (0)
#define FACT_MS(label, ms)                                                                         \
	do {                                                                                       \
		fact->name = label;                                                                \
		table_duration(ms, fact->text);                                                    \
		fact++;                                                                            \
	} while (0)

	FACT("state", "%s", session->state);
	FACT("handle", "%" PRIu64, session->handle);
	FACT("client", "%s", session->client);
	FACT("owner", "worker %" PRIu64, session->owner);
	FACT("path", "%s", session->path);
	FACT("epoch", "%" PRIu64, session->epoch);
	FACT_MS("age", session->age_ms);
	FACT("generation", "%" PRIu64, session->generation);
	FACT_MS("heard", session->heard_ms);
	FACT_MS("time-out", session->timeout_ms);
	FACT_MS("detached", session->detached_ms);
	FACT_MS("heartbeat", session->heartbeat_ms);
	if (session->rated)
		FACT("up, down", "%.1f, %.1f frames/s", session->up, session->down);
	else
		FACT("up, down", "-");
	FACT_MS("grace", session->grace_ms);
#undef FACT_MS
#undef FACT
}

// In two columns where there is room, else in one. Returns the row behind.
static int draw_facts(struct top_canvas *canvas, const struct top_session *session, int row,
		      int last)
{
	const bool two = canvas->columns >= TWO_COLUMNS;
	struct fact facts[FACTS];

	facts_fill(facts, session);
	for (int i = 0; i < FACTS && row < last; i++) {
		const int at = two && i % 2 == 1 ? SECOND_AT : 0;
		const int width = two && i % 2 == 0 ? SECOND_AT - VALUE_AT - 1 : canvas->columns;

		top_canvas_text(canvas, row, at + 2, LABEL, TOP_DIM, facts[i].name);
		top_canvas_text(canvas, row, at + VALUE_AT, width, TOP_PLAIN, facts[i].text);
		if (!two || i % 2 == 1)
			row++;
	}
	return row;
}

static void direction_row(struct top_canvas *canvas, int row, const char *name,
			  const struct top_direction *direction)
{
	const uint64_t numbers[] = {direction->acked, direction->next, direction->cached_frames,
				    direction->cached_bytes};

	top_canvas_text(canvas, row, 3, 6, TOP_PLAIN, name);
	for (int i = 0; i < 4; i++) {
		char text[24];

		snprintf(text, sizeof(text), "%" PRIu64, numbers[i]);
		top_canvas_right(canvas, row, 20 + 14 * i, 13, TOP_PLAIN, text);
	}
}

static void draw_channels(struct top_canvas *canvas, const struct top_data *data, int row, int last)
{
	static const char *const headings[] = {"acked", "next", "cached frames", "cached bytes"};

	if (row + 1 >= last)
		return;
	top_canvas_text(canvas, row, 1, 8, TOP_BOLD, "CHANNEL");
	for (int i = 0; i < 4; i++)
		top_canvas_right(canvas, row, 20 + 14 * i, 13, TOP_BOLD, headings[i]);
	row++;
	for (uint32_t i = 0; i < data->session.channels_count && row + 2 < last; i++, row += 3) {
		const struct top_channel *channel = &data->channels[i];

		top_canvas_print(canvas, row, 2, TOP_PLAIN, "%u  %s at %s", i, channel->service,
				 channel->backend[0] != '\0' ? channel->backend : "no backend");
		direction_row(canvas, row + 1, "up", &channel->up);
		direction_row(canvas, row + 2, "down", &channel->down);
	}
}

void top_page_session(struct top_canvas *canvas, const struct top_state *state, int first, int last)
{
	const struct top_data *data = &state->data;

	if (!data->session_known) {
		top_canvas_text(canvas, first, 1, canvas->columns - 1, TOP_DIM,
				data->session_gone ? "no such session here"
						   : "waiting for the session");
		return;
	}
	const bool roomy = last - first >= 16;
	int row = first + roomy;

	top_canvas_print(canvas, row, 1, TOP_BOLD, "SESSION %s", data->session.id);
	if (data->session_gone)
		top_canvas_right(canvas, row, canvas->columns - 1, 20, TOP_ALARM,
				 "gone; as it was last");
	row += 1 + roomy;
	row = draw_facts(canvas, &data->session, row, last);
	draw_channels(canvas, data, row + roomy, last);
}
