// SPDX-License-Identifier: BSD-3-Clause
// The lists that have a page of their own: sessions, drops.
#include "control/top_page.h"

#include <stdio.h>
#include <string.h>

#include "control/table.h"
#include "control/top_text.h"
#include "dataplane/counters.h"

// ---- Sessions ----------------------------------------------------------------------------------

struct column {
	const char *heading;
	int width;
	int columns_min; // of the page, from which on it is shown
	bool right;
	void (*text)(const struct top_session *session, char cell[static TABLE_CELL_BYTES]);
};

static void cell_id(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%s", session->id);
}

static void cell_state(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%s", session->state);
}

static void cell_service(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%s", session->first.service);
}

static void cell_backend(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%s",
		 session->first.backend[0] != '\0' ? session->first.backend : "-");
}

static void cell_client(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%s", session->client);
}

static void cell_path(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	snprintf(cell, TABLE_CELL_BYTES, "%s", session->path);
}

static void cell_rate(const struct top_session *session, double rate,
		      char cell[static TABLE_CELL_BYTES])
{
	if (session->rated)
		top_text_number(rate, cell);
	else
		strcpy(cell, "-");
}

static void cell_up(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	cell_rate(session, session->up, cell);
}

static void cell_down(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	cell_rate(session, session->down, cell);
}

static void cell_cached(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	top_text_count(session->cached_bytes, cell);
}

static void cell_heard(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	table_duration(session->heard_ms, cell);
}

static void cell_age(const struct top_session *session, char cell[static TABLE_CELL_BYTES])
{
	table_duration(session->age_ms, cell);
}

// An id is known by its first digits where there is no room for all: it is random.
static const struct column columns[] = {
    {"SESSION", 9, 0, false, cell_id},        {"STATE", 9, 0, false, cell_state},
    {"SERVICE", 10, 62, false, cell_service}, {"BACKEND", 10, 73, false, cell_backend},
    {"UP/s", 7, 48, true, cell_up},           {"DOWN/s", 7, 48, true, cell_down},
    {"HEARD", 9, 0, true, cell_heard},        {"AGE", 9, 83, true, cell_age},
    {"CACHED B", 9, 94, true, cell_cached},   {"CLIENT", 20, 116, false, cell_client},
    {"PATH", 45, 162, false, cell_path},
};

static void session_cells(struct top_canvas *canvas, int row, const struct top_session *session)
{
	// What is left at the end goes to the id, as far as it needs it.
	int used = 1, spare;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		used += canvas->columns >= columns[i].columns_min ? columns[i].width + 1 : 0;
	spare = canvas->columns - used;
	if (spare > TOP_ID_BYTES - 1 - columns[0].width)
		spare = TOP_ID_BYTES - 1 - columns[0].width;

	int at = 1;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		const struct column *column = &columns[i];
		const int width = column->width + (i == 0 && spare > 0 ? spare : 0);
		char cell[TABLE_CELL_BYTES];

		if (canvas->columns < column->columns_min)
			continue;
		if (session != NULL)
			column->text(session, cell);
		else
			snprintf(cell, sizeof(cell), "%s", column->heading);
		if (column->right)
			top_canvas_right(canvas, row, at + width, width,
					 session == NULL ? TOP_BOLD : TOP_PLAIN, cell);
		else
			top_canvas_text(canvas, row, at, width,
					session == NULL ? TOP_BOLD : TOP_PLAIN, cell);
		at += width + 1;
	}
}

// Which sessions these are, of how many.
static void draw_which(struct top_canvas *canvas, const struct top_state *state, int row)
{
	const struct top_data *data = &state->data;
	const struct top_view *view = &state->view;
	char from[TOP_TEXT_BYTES], to[TOP_TEXT_BYTES], all[TOP_TEXT_BYTES];
	const uint64_t last = view->sessions_before + data->sessions.count;

	top_text_count(view->sessions_before + (data->sessions.count > 0), from);
	top_text_count(last, to);
	top_text_count(data->figures.sessions, all);
	if (view->service[0] != '\0')
		top_canvas_print(canvas, row, 1, TOP_PLAIN, "sessions %s to %s of %s, by %s%s",
				 from, to, view->service,
				 top_sessions_order_name(view->sessions_order),
				 data->sessions_next != 0 ? "; > for more" : "");
	else
		top_canvas_print(canvas, row, 1, TOP_PLAIN, "sessions %s to %s, of %s, by %s%s",
				 from, to, all, top_sessions_order_name(view->sessions_order),
				 data->sessions_next != 0 ? "; > for more" : "");
}

void top_page_sessions(struct top_canvas *canvas, struct top_state *state, int first, int last)
{
	const struct top_sessions *sessions = &state->data.sessions;
	struct top_view *view = &state->view;
	const int rows = last - first - 2, count = (int)sessions->count;
	const int top = top_page_scroll(view->sessions_at, count, rows);

	if (!state->data.sessions_known) {
		top_canvas_text(canvas, first, 1, canvas->columns - 1, TOP_DIM,
				"waiting for sessions");
		return;
	}
	draw_which(canvas, state, first);
	session_cells(canvas, first + 1, NULL);
	view->page_rows = rows;
	for (int i = top; i < count && i < top + rows; i++) {
		session_cells(canvas, first + 2 + i - top, &sessions->rows[i]);
		if (i == view->sessions_at)
			top_canvas_style(canvas, first + 2 + i - top, TOP_SELECTED);
	}
}

// ---- Drops -------------------------------------------------------------------------------------

const char *top_page_drop_text(const char *name)
{
#define DROP_TEXT(reason, because) {#reason, because},
	static const struct {
		const char *name;
		const char *text;
	} texts[] = {DROPS(DROP_TEXT)};
#undef DROP_TEXT

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].name, name) == 0)
			return texts[i].text;
	}
	return "";
}

enum { DROP_NAME = 16, DROP_RATE_END = 28, DROP_TOTAL_END = 39, DROP_TEXT_AT = 42 };

static void drop_row(struct top_canvas *canvas, int row, const struct top_figures *figures,
		     const struct top_row *drop)
{
	const enum top_style style = drop->rate > 0     ? TOP_ALARM
				     : drop->total == 0 ? TOP_DIM
							: TOP_PLAIN;
	char text[TOP_TEXT_BYTES];

	top_canvas_text(canvas, row, 2, DROP_NAME, style, drop->name);
	top_canvas_right(canvas, row, DROP_RATE_END, TOP_TEXT_WIDTH, style,
			 figures->rates ? top_text_number(drop->rate, text) : "-");
	top_canvas_right(canvas, row, DROP_TOTAL_END, TOP_TEXT_WIDTH, style,
			 top_text_count(drop->total, text));
	top_canvas_text(canvas, row, DROP_TEXT_AT, canvas->columns - DROP_TEXT_AT - 1, style,
			top_page_drop_text(drop->name));
}

void top_page_drops(struct top_canvas *canvas, struct top_state *state, int first, int last)
{
	const struct top_figures *figures = &state->data.figures;
	struct top_view *view = &state->view;
	const struct top_row all = {
	    .name = "all", .total = figures->drops_total, .rate = figures->drops_rate};
	const int rows = last - first - 2, count = (int)figures->drops.count;
	const int top = top_page_scroll(view->drops_at, count, rows);

	if (!state->data.figures_known) {
		top_canvas_text(canvas, first, 1, canvas->columns - 1, TOP_DIM,
				"waiting for the gateway's figures");
		return;
	}
	top_canvas_print(canvas, first, 1, TOP_BOLD, "DROP by %s",
			 top_page_order_name(view->drops_order));
	top_canvas_right(canvas, first, DROP_RATE_END, 9, TOP_BOLD, "packets/s");
	top_canvas_right(canvas, first, DROP_TOTAL_END, 9, TOP_BOLD, "total");
	top_canvas_text(canvas, first, DROP_TEXT_AT, 20, TOP_BOLD, "because");
	drop_row(canvas, first + 1, figures, &all);
	top_canvas_text(canvas, first + 1, DROP_TEXT_AT, canvas->columns - DROP_TEXT_AT - 1,
			TOP_DIM, "of any reason");
	view->page_rows = rows;
	for (int i = top; i < count && i < top + rows; i++) {
		drop_row(canvas, first + 2 + i - top, figures, &figures->drops.rows[i]);
		if (i == view->drops_at)
			top_canvas_style(canvas, first + 2 + i - top, TOP_SELECTED);
	}
}
