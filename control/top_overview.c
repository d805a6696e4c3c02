// SPDX-License-Identifier: BSD-3-Clause
// The overview: traffic, sessions by state, workers, busiest services, drops.
#include "control/top_page.h"

#include <stdio.h>
#include <string.h>

#include "control/top_text.h"

enum {
	PACKETS_END = 24, // columns behind which numbers end
	MBIT_END = 35,
	SIZE_END = 49,
	SESSIONS_AT = 54,
	SESSIONS_WIDTH = 24,
	BESIDE_COLUMNS = SESSIONS_AT + SESSIONS_WIDTH,
	WIDE_COLUMNS = 132, // beyond it rows are too long to be read across
	ROOMY_ROWS = 16,    // of the body; below it only what matters most is shown
	ALL_ROWS = 60,      // from there on everything fits
};

// Where drawing is.
struct pen {
	struct top_canvas *canvas;
	int columns; // of what is drawn on
	int row, last;
};

static bool room(const struct pen *pen, int rows)
{
	return pen->row + rows <= pen->last;
}

static void count_right(struct pen *pen, int end, enum top_style style, uint64_t count)
{
	char text[TOP_TEXT_BYTES];

	top_canvas_right(pen->canvas, pen->row, end, TOP_TEXT_WIDTH + 2, style,
			 top_text_count(count, text));
}

static void number_right(struct pen *pen, int end, enum top_style style, double number)
{
	char text[TOP_TEXT_BYTES];

	top_canvas_right(pen->canvas, pen->row, end, TOP_TEXT_WIDTH + 2, style,
			 top_text_number(number, text));
}

// A rate, or a dash while there is none.
static void rate_right(struct pen *pen, const struct top_figures *figures, int end,
		       enum top_style style, double rate)
{
	if (figures->rates)
		number_right(pen, end, style, rate);
	else
		top_canvas_right(pen->canvas, pen->row, end, 1, TOP_DIM, "-");
}

static void traffic_bytes(struct pen *pen, const struct top_figures *figures, double packets,
			  double bytes)
{
	char text[TOP_TEXT_BYTES];

	if (!figures->rates)
		return;
	top_canvas_right(pen->canvas, pen->row, MBIT_END, 10, TOP_PLAIN,
			 top_text_mbit(bytes, text));
	if (packets > 0 && pen->columns >= SIZE_END)
		count_right(pen, SIZE_END, TOP_PLAIN, (uint64_t)(bytes / packets));
}

enum traffic { IN, OUT, DROPPED, HANDED_OVER, FORWARDED, REPLAYED, HEARTBEATS, TRAFFICS };

static void traffic_row(struct pen *pen, const struct top_figures *figures, enum traffic which)
{
	static const struct {
		const char *name;
		enum top_total total;
	} rows[TRAFFICS] = {
	    [IN] = {"in", TOP_received},
	    [OUT] = {"out", TOP_sent},
	    [DROPPED] = {"dropped", TOP_TOTALS_COUNT},
	    [HANDED_OVER] = {"handed over", TOP_handed_over},
	    [FORWARDED] = {"forwarded", TOP_forwarded},
	    [REPLAYED] = {"replayed", TOP_replayed},
	    [HEARTBEATS] = {"heartbeats", TOP_heartbeat_sent},
	};
	const double *per_second = figures->per_second;
	const double rate = which == DROPPED ? figures->drops_rate : per_second[rows[which].total];
	const enum top_style style = which == DROPPED && rate > 0 ? TOP_ALARM : TOP_PLAIN;
	char text[TOP_TEXT_BYTES];

	top_canvas_text(pen->canvas, pen->row, 2, 14, style, rows[which].name);
	rate_right(pen, figures, PACKETS_END, style, rate);
	if (which == IN)
		traffic_bytes(pen, figures, rate, per_second[TOP_received_bytes]);
	else if (which == OUT)
		traffic_bytes(pen, figures, rate, per_second[TOP_sent_bytes]);
	else if (which == HANDED_OVER && figures->rates)
		top_canvas_right(pen->canvas, pen->row, MBIT_END, 10, TOP_PLAIN,
				 top_text_share(figures->handed_over, text));
	pen->row++;
}

static void draw_traffic(struct pen *pen, const struct top_figures *figures, int rows)
{
	top_canvas_text(pen->canvas, pen->row, 1, 12, TOP_BOLD, "TRAFFIC");
	top_canvas_right(pen->canvas, pen->row, PACKETS_END, 11, TOP_BOLD, "packets/s");
	top_canvas_right(pen->canvas, pen->row, MBIT_END, 10, TOP_BOLD, "Mbit/s");
	if (pen->columns >= SIZE_END)
		top_canvas_right(pen->canvas, pen->row, SIZE_END, 13, TOP_BOLD, "bytes each");
	pen->row++;
	for (int i = 0; i < rows && room(pen, 1); i++)
		traffic_row(pen, figures, (enum traffic)i);
}

static const char *const states[TOP_STATES] = {"OPENING", "CONNECTED", "DETACHED", "CLOSING"};

static void draw_sessions(struct pen *pen, const struct top_figures *figures, int column)
{
	static const struct {
		const char *name;
		enum top_total total;
	} changes[] = {{"new", TOP_sessions_connected},
		       {"resumed", TOP_sessions_resumed},
		       {"ended", TOP_sessions_ended}};
	const int end = column + SESSIONS_WIDTH - 3;

	top_canvas_text(pen->canvas, pen->row, column, 10, TOP_BOLD, "SESSIONS");
	count_right(pen, end, TOP_BOLD, figures->sessions);
	pen->row++;
	for (int i = 0; i < TOP_STATES && room(pen, 1); i++, pen->row++) {
		top_canvas_text(pen->canvas, pen->row, column + 1, 12, TOP_PLAIN, states[i]);
		count_right(pen, end, TOP_PLAIN, figures->states[i]);
	}
	for (int i = 0; i < 3 && room(pen, 1); i++, pen->row++) {
		top_canvas_text(pen->canvas, pen->row, column + 1, 12, TOP_PLAIN, changes[i].name);
		rate_right(pen, figures, end, TOP_PLAIN, figures->per_second[changes[i].total]);
		top_canvas_text(pen->canvas, pen->row, end + 1, 2, TOP_PLAIN, "/s");
	}
}

static void draw_sessions_line(struct pen *pen, const struct top_figures *figures)
{
	char connected[TOP_TEXT_BYTES], detached[TOP_TEXT_BYTES];

	top_canvas_print(pen->canvas, pen->row++, 1, TOP_PLAIN, "SESSIONS %s up, %s detached",
			 top_text_count(figures->states[1], connected),
			 top_text_count(figures->states[2], detached));
}

// ---- Workers -----------------------------------------------------------------------------------

enum { WORKER_BAR_AT = 8, WORKER_SHARE = 9, WORKER_COLUMNS = 12 };

// The columns on the right, by how many there is room for.
static int worker_columns(const struct pen *pen)
{
	const int columns = (pen->columns - WORKER_BAR_AT - 12 - WORKER_SHARE) / WORKER_COLUMNS;

	return columns < 0 ? 0 : columns > 4 ? 4 : columns;
}

static void worker_row(struct pen *pen, const struct top_figures *figures, uint32_t number,
		       uint32_t interval_ms)
{
	const struct top_worker *worker = &figures->workers[number];
	const int columns = worker_columns(pen);
	const int bar_end = pen->columns - 1 - columns * WORKER_COLUMNS - WORKER_SHARE;
	const bool stalled =
	    figures->rates && (!worker->running || worker->stalled_ms * 2 >= interval_ms);
	int end = bar_end + WORKER_SHARE;
	char text[TOP_TEXT_BYTES];

	snprintf(text, sizeof(text), "%u", number);
	top_canvas_right(pen->canvas, pen->row, 7, 6, TOP_PLAIN, text);
	top_canvas_bar(pen->canvas, pen->row, WORKER_BAR_AT, bar_end - WORKER_BAR_AT, worker->busy);
	if (stalled)
		top_canvas_right(pen->canvas, pen->row, end, WORKER_SHARE, TOP_ALARM, "stalled");
	else if (figures->rates)
		top_canvas_right(pen->canvas, pen->row, end, WORKER_SHARE, TOP_PLAIN,
				 top_text_share(worker->busy, text));
	if (columns > 0)
		rate_right(pen, figures, end += WORKER_COLUMNS, TOP_PLAIN, worker->received);
	if (columns > 1)
		top_canvas_right(pen->canvas, pen->row, end += WORKER_COLUMNS, 10, TOP_PLAIN,
				 figures->rates ? top_text_share(worker->handed_over, text) : "-");
	if (columns > 2)
		count_right(pen, end += WORKER_COLUMNS, TOP_PLAIN, worker->sessions);
	if (columns > 3) {
		top_text_count(worker->stalled_ms, text);
		strcat(text, " ms");
		top_canvas_right(pen->canvas, pen->row, end + WORKER_COLUMNS, 11,
				 worker->stalled_ms > 0 ? TOP_BOLD : TOP_PLAIN, text);
	}
	pen->row++;
}

static void draw_workers(struct pen *pen, const struct top_state *state, int rows)
{
	static const char *const headings[] = {"packets/s", "handed over", "sessions", "stalled"};
	const struct top_figures *figures = &state->data.figures;
	const int columns = worker_columns(pen);
	int end = pen->columns - 1 - columns * WORKER_COLUMNS;

	top_canvas_text(pen->canvas, pen->row, 1, 7, TOP_BOLD, "WORKER");
	top_canvas_right(pen->canvas, pen->row, end, WORKER_SHARE, TOP_BOLD, "busy");
	for (int i = 0; i < columns; i++)
		top_canvas_right(pen->canvas, pen->row, end += WORKER_COLUMNS, WORKER_COLUMNS - 1,
				 TOP_BOLD, headings[i]);
	pen->row++;

	const int all = (int)figures->workers_count;
	const int shown = all <= rows ? all : rows - 1;

	for (int i = 0; i < shown && room(pen, 1); i++)
		worker_row(pen, figures, (uint32_t)i, state->view.interval_ms);
	if (shown < all && room(pen, 1))
		top_canvas_print(pen->canvas, pen->row++, 2, TOP_DIM, "and %d more", all - shown);
}

// ---- Services, drops ---------------------------------------------------------------------------

static void headings_right(struct pen *pen, int end, const char *const *headings)
{
	for (int i = 0; headings[i] != NULL; i++)
		top_canvas_right(pen->canvas, pen->row, end - 12 * i, 11, TOP_BOLD, headings[i]);
}

static void draw_services(struct pen *pen, struct top_state *state, int rows)
{
	static const char *const headings[] = {"backends", "sessions", NULL};
	static const char *const more[] = {"change/s", "backends", "sessions", NULL};
	const struct top_rows *services = &state->data.services;
	struct top_view *view = &state->view;
	const bool wide = pen->columns >= 56;
	const int right = pen->columns - 1;
	const int count = (int)services->count;
	const int first = top_page_scroll(view->services_at, count, rows);

	top_canvas_print(pen->canvas, pen->row, 1, TOP_BOLD, "SERVICE by %s",
			 top_page_order_name(view->services_order));
	headings_right(pen, right, wide ? more : headings);
	pen->row++;
	view->page_rows = rows;
	for (int i = first; i < count && i < first + rows && room(pen, 1); i++) {
		const struct top_row *row = &services->rows[i];
		int end = right;

		top_canvas_text(pen->canvas, pen->row, 2, right - (wide ? 38 : 26), TOP_PLAIN,
				row->name);
		if (wide) {
			number_right(pen, end, TOP_PLAIN, row->rate);
			end -= 12;
		}
		count_right(pen, end, TOP_PLAIN, row->backends);
		count_right(pen, end - 12, TOP_PLAIN, row->total);
		if (i == view->services_at)
			top_canvas_style(pen->canvas, pen->row, TOP_SELECTED);
		pen->row++;
	}
}

static void draw_drops(struct pen *pen, const struct top_state *state, int rows)
{
	static const char *const headings[] = {"total", "packets/s", NULL};
	const struct top_figures *figures = &state->data.figures;
	const int right = pen->columns - 1;
	int shown = 0;

	top_canvas_print(pen->canvas, pen->row, 1, TOP_BOLD, "DROP by %s",
			 top_page_order_name(state->view.drops_order));
	headings_right(pen, right, headings);
	pen->row++;
	for (uint32_t i = 0; i < figures->drops.count && shown < rows && room(pen, 1); i++) {
		const struct top_row *row = &figures->drops.rows[i];
		const enum top_style style = row->rate > 0 ? TOP_ALARM : TOP_PLAIN;

		if (row->total == 0)
			continue;
		top_canvas_text(pen->canvas, pen->row, 2, right - 26, style, row->name);
		count_right(pen, right, style, row->total);
		rate_right(pen, figures, right - 12, style, row->rate);
		pen->row++;
		shown++;
	}
	if (shown == 0 && room(pen, 1))
		top_canvas_text(pen->canvas, pen->row++, 2, 10, TOP_DIM, "none");
}

// ---- All of it ---------------------------------------------------------------------------------

// What matters most, for a small screen.
static void draw_compact(struct pen *pen, struct top_state *state)
{
	const struct top_figures *figures = &state->data.figures;
	const int workers = pen->last - pen->row - 6;

	draw_traffic(pen, figures, DROPPED + 1);
	draw_sessions_line(pen, figures);
	draw_workers(pen, state, workers);
	state->view.page_rows = 1;
	if (room(pen, 2))
		draw_services(pen, state, pen->last - pen->row - 1);
}

static void draw_roomy(struct pen *pen, struct top_state *state, bool all)
{
	const struct top_figures *figures = &state->data.figures;
	const int top = ++pen->row;

	draw_traffic(pen, figures, TRAFFICS);
	if (pen->columns >= BESIDE_COLUMNS) {
		struct pen beside = {
		    .canvas = pen->canvas, .columns = pen->columns, .row = top, .last = pen->row};

		draw_sessions(&beside, figures, SESSIONS_AT);
	} else {
		draw_sessions_line(pen, figures);
	}
	pen->row++;

	// Three headings and two blank lines. Workers come first; the lists share the rest, of
	// which each has a row at least.
	int left = pen->last - pen->row - 5;
	int workers = (int)figures->workers_count;

	if (!all && workers > left - 3)
		workers = left - 3;
	left -= workers;

	int services = (int)state->data.services.count;

	if (services > left / 2)
		services = left / 2;
	if (services < 1)
		services = 1;
	draw_workers(pen, state, workers);
	pen->row++;
	draw_services(pen, state, services);
	pen->row++;
	if (room(pen, 2))
		draw_drops(pen, state, all ? pen->last : left - services);
}

int top_page_overview(struct top_canvas *canvas, struct top_state *state, int first, int last)
{
	struct pen pen = {.canvas = canvas,
			  .columns =
			      canvas->columns < WIDE_COLUMNS ? canvas->columns : WIDE_COLUMNS,
			  .row = first,
			  .last = last};

	if (!state->data.figures_known) {
		top_canvas_text(canvas, first + 1, 2, canvas->columns - 2, TOP_DIM,
				"waiting for the gateway's figures");
		return first + 2;
	}
	if (last - first < ROOMY_ROWS)
		draw_compact(&pen, state);
	else
		draw_roomy(&pen, state, last - first >= ALL_ROWS);
	return pen.row;
}
