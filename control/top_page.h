// SPDX-License-Identifier: BSD-3-Clause
// The pages of holdfastctl top, drawn on a canvas of any size.
//
// Pure. Each draws at most what fits: rows of a list that do not are not looked at.
#pragma once

#include "control/top_canvas.h"
#include "control/top_state.h"

// The whole page that the view wants: title, body, status line. Below TOP_ROWS_MIN rows or
// TOP_COLUMNS_MIN columns it only says that it is too small. Notes in the view how many rows a
// list has.
void top_page_draw(struct top_canvas *canvas, struct top_state *state);

// One block of text: the overview without keys, with every worker, service and drop that moved or
// counts, as far as the canvas goes. Returns the rows used.
int top_page_block(struct top_canvas *canvas, struct top_state *state);

// Bodies, from row first to last - 1. top_page_overview() returns the row behind its last one.
int top_page_overview(struct top_canvas *canvas, struct top_state *state, int first, int last);
void top_page_sessions(struct top_canvas *canvas, struct top_state *state, int first, int last);
void top_page_drops(struct top_canvas *canvas, struct top_state *state, int first, int last);
void top_page_session(struct top_canvas *canvas, const struct top_state *state, int first,
		      int last);

// The first of count rows to show in `rows` rows, so that the selected one is among them.
int top_page_scroll(int selected, int count, int rows);

// What drops by this name mean; empty where it is not known here.
const char *top_page_drop_text(const char *name);

const char *top_page_order_name(enum top_order order);
