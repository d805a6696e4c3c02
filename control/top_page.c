// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_page.h"

#include <stdio.h>
#include <string.h>

#include "control/table.h"

static const char *const tabs[TOP_TABS] = {"overview", "sessions", "drops"};

int top_page_scroll(int selected, int count, int rows)
{
	int first = selected - rows / 2;

	if (first > count - rows)
		first = count - rows;
	return first < 0 ? 0 : first;
}

const char *top_page_order_name(enum top_order order)
{
	static const char *const names[TOP_ORDERS] = {
	    [TOP_BY_RATE] = "change", [TOP_BY_TOTAL] = "number", [TOP_BY_NAME] = "name"};

	return names[order];
}

static void draw_title(struct top_canvas *canvas, const struct top_state *state)
{
	const struct top_data *data = &state->data;
	const struct top_view *view = &state->view;
	char left[TOP_MESSAGE_BYTES], right[80], uptime[24];

	if (!data->info_known)
		snprintf(left, sizeof(left), " holdfast");
	else
		snprintf(left, sizeof(left), " %s  %s  up %s  %s", data->info.gateway,
			 data->connected ? data->info.state : "gone",
			 table_duration(data->info.uptime_ms, uptime), data->info.build);
	snprintf(right, sizeof(right), "%s%s  every %g s  %s ", view->paused ? "PAUSED  " : "",
		 view->page == TOP_SESSION ? "session" : tabs[view->page],
		 view->interval_ms / 1000.0, view->clock);

	const int end = canvas->columns - (int)strlen(right);

	top_canvas_text(canvas, 0, 0, end < 20 ? canvas->columns : end, TOP_TITLE, left);
	if (end >= 20)
		top_canvas_text(canvas, 0, end, canvas->columns - end, TOP_TITLE, right);
	top_canvas_style(canvas, 0, TOP_TITLE);
}

static const char *keys_of(const struct top_view *view, int columns)
{
	static const char *const wide[] = {
	    [TOP_OVERVIEW] = "q quit  Tab view  Enter sessions  s sort  p pause  ? help",
	    [TOP_SESSIONS] = "q quit  Tab view  Enter open  s sort  p pause  e evict  ? help",
	    [TOP_DROPS] = "q quit  Tab view  s sort  p pause  ? help",
	    [TOP_SESSION] = "q quit  Esc back  p pause  e evict  ? help",
	};

	if (view->help)
		return "Esc back  q quit";
	return columns < 72 ? "q quit  Tab view  Enter open  ? help" : wide[view->page];
}

static void draw_status(struct top_canvas *canvas, const struct top_state *state)
{
	const struct top_view *view = &state->view;
	const int row = canvas->rows - 1;

	if (view->confirming) {
		top_canvas_print(canvas, row, 1, TOP_ALARM, "evict %s? y evicts, any other key not",
				 view->evict_id);
	} else if (state->data.trouble[0] != '\0') {
		top_canvas_text(canvas, row, 1, canvas->columns - 1, TOP_ALARM,
				state->data.trouble);
	} else if (view->message[0] != '\0') {
		top_canvas_text(canvas, row, 1, canvas->columns - 1, TOP_BOLD, view->message);
	} else {
		top_canvas_text(canvas, row, 1, canvas->columns - 1, TOP_DIM,
				keys_of(view, canvas->columns));
	}
}

static void draw_help(struct top_canvas *canvas, int first, int last)
{
	static const char *const lines[] = {
	    "q         quit",
	    "Tab       next view: overview, sessions, drops",
	    "Up Down   select; PgUp PgDn by screens",
	    "Enter     open: sessions of a service, or one",
	    "Esc       back",
	    "s         sort by something else",
	    "p         pause, and go on",
	    "> <       next sessions, and the first again",
	    "e         evict the session, after a question",
	    "",
	    "busy      time in polls that found something to do",
	    "stalled   a worker did not run",
	    "red       drops that grow, workers that stall",
	    "change/s  sessions that came less those gone",
	};

	for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])) && first + i < last; i++)
		top_canvas_text(canvas, first + i, 1, canvas->columns - 1, TOP_PLAIN, lines[i]);
}

void top_page_draw(struct top_canvas *canvas, struct top_state *state)
{
	const int last = canvas->rows - 1;

	top_canvas_clear(canvas);
	if (canvas->rows < TOP_ROWS_MIN || canvas->columns < TOP_COLUMNS_MIN) {
		top_canvas_print(canvas, 0, 0, TOP_PLAIN, "too small: %dx%d,", canvas->columns,
				 canvas->rows);
		top_canvas_print(canvas, 1, 0, TOP_PLAIN, "%dx%d needed", TOP_COLUMNS_MIN,
				 TOP_ROWS_MIN);
		return;
	}
	draw_title(canvas, state);
	if (state->view.help)
		draw_help(canvas, 1, last);
	else if (state->view.page == TOP_SESSION)
		top_page_session(canvas, state, 1, last);
	else if (state->view.page == TOP_SESSIONS)
		top_page_sessions(canvas, state, 1, last);
	else if (state->view.page == TOP_DROPS)
		top_page_drops(canvas, state, 1, last);
	else
		top_page_overview(canvas, state, 1, last);
	draw_status(canvas, state);
}

int top_page_block(struct top_canvas *canvas, struct top_state *state)
{
	top_canvas_clear(canvas);
	draw_title(canvas, state);
	return top_page_overview(canvas, state, 1, canvas->rows);
}
