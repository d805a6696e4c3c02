// SPDX-License-Identifier: BSD-3-Clause
// Pages and keys of holdfastctl top: what is drawn in which size, and what a key does.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/top_keys.h"
#include "control/top_page.h"
#include "control/top_text.h"

enum { SECOND_US = 1000000, LINE_BYTES = 4 * TOP_COLUMNS_MAX };

// A gateway with workers, drops and services, looked at for the first time and the second.
static void state_fill(struct top_state *state, uint32_t workers, uint32_t services)
{
	static const struct top_row drops[] = {{.name = "duplicate", .total = 7},
					       {.name = "not_ours", .total = 3}};

	top_state_init(state, 1000);
	for (uint64_t second = 1; second <= 2; second++) {
		struct top_sample sample = {.taken_us = second * SECOND_US,
					    .workers_count = workers};
		struct top_rows rows = {.count = services,
					.rows = calloc(services + 1, sizeof(struct top_row))};

		sample.totals[TOP_received] = 12345 * second;
		sample.totals[TOP_received_bytes] = 1250000 * second;
		sample.states[1] = 40;
		sample.drops.rows = calloc(2, sizeof(drops[0]));
		memcpy(sample.drops.rows, drops, sizeof(drops));
		sample.drops.rows[0].total += 5 * second;
		sample.drops.count = 2;
		for (uint32_t i = 0; i < workers; i++) {
			sample.workers[i].polls = 100 * second;
			sample.workers[i].busy_us = 500000 * second;
		}
		cr_assert_eq(top_state_sample(state, &sample), 0);
		for (uint32_t i = 0; i < services; i++) {
			snprintf(rows.rows[i].name, sizeof(rows.rows[i].name), "s%04u", i);
			rows.rows[i].total = i;
		}
		top_state_services(state, &rows, second * SECOND_US);
	}
	state->data.connected = true;
}

// A page of sessions whose handles are 1 to count and whose ids end in their handles.
static void sessions_fill(struct top_state *state, uint32_t count, uint64_t next)
{
	struct top_sessions sessions = {.count = count,
					.rows = calloc(count, sizeof(struct top_session))};

	for (uint32_t i = 0; i < count; i++) {
		sessions.rows[i].handle = i + 1;
		snprintf(sessions.rows[i].id, TOP_ID_BYTES, "%032x", i + 1);
		strcpy(sessions.rows[i].state, "CONNECTED");
	}
	top_state_sessions(state, &sessions, next, SECOND_US);
}

// One row as text, blanks at its end included.
static const char *line_of(const struct top_canvas *canvas, int row, char text[static LINE_BYTES])
{
	size_t at = 0;

	for (int i = 0; i < canvas->columns; i++)
		text[at++] = (char)canvas->cells[row * canvas->columns + i].character;
	text[at] = '\0';
	return text;
}

static bool shows(const struct top_canvas *canvas, const char *wanted)
{
	char text[LINE_BYTES];

	for (int row = 0; row < canvas->rows; row++) {
		if (strstr(line_of(canvas, row, text), wanted) != NULL)
			return true;
	}
	return false;
}

static void draw(struct top_canvas *canvas, struct top_state *state, int rows, int columns)
{
	cr_assert_eq(top_canvas_resize(canvas, rows, columns), 0);
	top_page_draw(canvas, state);
}

Test(top_page, every_page_fits_every_size)
{
	static const int sizes[][2] = {{1, 1},   {9, 80},  {10, 39},  {10, 40},   {16, 50},
				       {24, 80}, {25, 79}, {50, 200}, {500, 1000}};
	struct top_canvas canvas = {.ascii = true};
	struct top_state state;

	state_fill(&state, 16, 300);
	sessions_fill(&state, 1000, 5);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const bool small = sizes[i][0] < TOP_ROWS_MIN || sizes[i][1] < TOP_COLUMNS_MIN;

		for (int page = TOP_OVERVIEW; page <= TOP_SESSION; page++) {
			state.view.page = (enum top_page)page;
			draw(&canvas, &state, sizes[i][0], sizes[i][1]);
			cr_expect_eq(canvas.rows, sizes[i][0]);
			if (!small)
				cr_expect(shows(&canvas, "q quit"), "page %d size %zu", page, i);
			else if (sizes[i][1] >= 20)
				cr_expect(shows(&canvas, "too small"), "page %d size %zu", page, i);
		}
	}
	top_canvas_fini(&canvas);
	top_state_fini(&state);
}

Test(top_page, the_overview_of_80x24_shows_all_parts)
{
	static const char *const wanted[] = {"12 345 ",   " 10.0 ", "CONNECTED         40",
					     "50.0 %",    "s0299",  "duplicate",
					     "heartbeats"};
	struct top_canvas canvas = {.ascii = true};
	struct top_state state;

	state_fill(&state, 4, 300);
	draw(&canvas, &state, 24, 80);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		cr_expect(shows(&canvas, wanted[i]), "%s", wanted[i]);
	cr_expect(shows(&canvas, "      3 ######"), "the fourth worker");
	top_canvas_fini(&canvas);
	top_state_fini(&state);
}

Test(top_page, workers_that_do_not_fit_are_counted)
{
	struct top_canvas canvas = {.ascii = true};
	struct top_state state;

	state_fill(&state, 16, 1);
	draw(&canvas, &state, 24, 80);
	cr_expect(shows(&canvas, "and 13 more"));
	draw(&canvas, &state, 60, 80);
	cr_expect_not(shows(&canvas, "more"));
	top_canvas_fini(&canvas);
	top_state_fini(&state);
}

Test(top_page, drops_that_grow_are_an_alarm_and_others_not)
{
	struct top_canvas canvas = {.ascii = true};
	struct top_state state;
	char text[LINE_BYTES];
	int seen = 0;

	state_fill(&state, 1, 1);
	state.view.page = TOP_DROPS;
	state.view.drops_at = 1;
	draw(&canvas, &state, 24, 80);
	for (int row = 0; row < canvas.rows; row++) {
		const enum top_style style = canvas.cells[row * canvas.columns + 2].style;

		if (strstr(line_of(&canvas, row, text), "  duplicate ") != NULL) {
			cr_expect_eq(style, TOP_ALARM, "%s", text);
			seen++;
		}
		if (strstr(text, "  not_ours ") != NULL) {
			cr_expect_eq(style, TOP_SELECTED, "%s", text);
			seen++;
		}
	}
	cr_expect_eq(seen, 2);
	cr_expect(shows(&canvas, "below the window"));
	top_canvas_fini(&canvas);
	top_state_fini(&state);
}

Test(top_page, what_a_client_calls_itself_reaches_no_terminal_as_a_command)
{
	struct top_canvas canvas = {.ascii = true};
	char text[LINE_BYTES];

	cr_assert_eq(top_canvas_resize(&canvas, 1, 12), 0);
	top_canvas_text(&canvas, 0, 0, 12, TOP_PLAIN,
			"a\033[31mb\n\xff\x7f"
			"c");
	cr_expect_str_eq(line_of(&canvas, 0, text), "a?[31mb???c ");
	top_canvas_right(&canvas, 0, 12, 4, TOP_PLAIN, "12345");
	cr_expect_str_eq(line_of(&canvas, 0, text), "a?[31mb?1234");
	top_canvas_text(&canvas, 7, 0, 5, TOP_PLAIN, "below");
	top_canvas_text(&canvas, 0, -2, 5, TOP_PLAIN, "xyz");
	cr_expect_str_eq(line_of(&canvas, 0, text), "z?[31mb?1234");
	top_canvas_fini(&canvas);
}

Test(top_page, a_bar_shows_what_is_above_nothing)
{
	static const struct {
		double share;
		const char *bar;
	} cases[] = {{0, "...."}, {0.001, "#..."}, {0.5, "##.."}, {0.9, "####"}, {1, "####"}};
	struct top_canvas canvas = {.ascii = true};
	char text[LINE_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(top_canvas_resize(&canvas, 1, 4), 0);
		top_canvas_bar(&canvas, 0, 0, 4, cases[i].share);
		cr_expect_str_eq(line_of(&canvas, 0, text), cases[i].bar, "case %zu", i);
	}
	top_canvas_fini(&canvas);
}

Test(top_page, numbers_stay_within_their_column)
{
	static const struct {
		double number;
		const char *text;
	} cases[] = {
	    {0, "0"},
	    {0.04, "0"},
	    {0.4, "0.4"},
	    {9.94, "9.9"},
	    {9.96, "10"},
	    {1234, "1 234"},
	    {-2, "-2.0"},
	    {999999.4, "999 999"},
	    {9999999, "9 999 999"},
	    {12345678, "12.3 M"},
	    {4.56e9, "4.56 G"},
	    {-1e6, "-1.00 M"},
	    {1.8e19, "18.0 E"},
	    {1e300, "999 E"},
	};
	char text[TOP_TEXT_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_str_eq(top_text_number(cases[i].number, text), cases[i].text);
		cr_expect_leq(strlen(text), TOP_TEXT_WIDTH, "%s", text);
	}
	cr_expect_str_eq(top_text_count(7, text), "7");
	cr_expect_str_eq(top_text_count(UINT64_MAX, text), "18.4 E");
	cr_expect_str_eq(top_text_mbit(154250, text), "1.23");
	cr_expect_str_eq(top_text_mbit(2e9, text), "16 000");
	cr_expect_str_eq(top_text_share(0.3816, text), "38.2 %");
	cr_expect_str_eq(top_text_share(1.5, text), "100 %");
}

// ---- Keys --------------------------------------------------------------------------------------

Test(top_page, keys_lead_through_the_pages_and_back)
{
	struct top_state state;

	state_fill(&state, 1, 3);
	sessions_fill(&state, 20, 0);
	cr_expect_eq(top_keys_press(&state, TOP_KEY_TAB), TOP_WISH_ASK);
	cr_expect_eq(state.view.page, TOP_SESSIONS);
	top_keys_press(&state, TOP_KEY_DOWN);
	top_keys_press(&state, TOP_KEY_DOWN);
	cr_expect_eq(top_keys_press(&state, TOP_KEY_ENTER), TOP_WISH_ASK);
	cr_expect_eq(state.view.page, TOP_SESSION);
	cr_expect_eq(state.view.open, 3);
	top_keys_press(&state, TOP_KEY_ESCAPE);
	cr_expect_eq(state.view.page, TOP_SESSIONS);
	top_keys_press(&state, TOP_KEY_TAB);
	cr_expect_eq(state.view.page, TOP_DROPS);
	top_keys_press(&state, TOP_KEY_TAB);
	cr_expect_eq(state.view.page, TOP_OVERVIEW);
	top_keys_press(&state, TOP_KEY_ENTER);
	cr_expect_str_eq(state.view.service, "s0002");
	cr_expect_eq(state.view.page, TOP_SESSIONS);
	cr_expect_not(state.data.sessions_known, "those of all services are no answer");
	top_keys_press(&state, TOP_KEY_ESCAPE);
	cr_expect_str_empty(state.view.service);
	cr_expect_not(state.view.quit);
	top_keys_press(&state, 'q');
	cr_expect(state.view.quit);
	top_state_fini(&state);
}

Test(top_page, the_selection_stays_within_the_list_and_with_its_session)
{
	struct top_state state;

	state_fill(&state, 1, 1);
	state.view.page = TOP_SESSIONS;
	top_keys_press(&state, TOP_KEY_DOWN);
	cr_expect_eq(state.view.session_at, 0, "an empty list");
	cr_expect_eq(top_keys_press(&state, TOP_KEY_ENTER), TOP_WISH_NOTHING);
	sessions_fill(&state, 20, 0);
	top_keys_press(&state, TOP_KEY_END);
	cr_expect_eq(state.view.session_at, 20);
	top_keys_press(&state, TOP_KEY_PAGE_DOWN);
	cr_expect_eq(state.view.session_at, 20);
	top_keys_press(&state, TOP_KEY_UP);
	sessions_fill(&state, 40, 0);
	cr_expect_eq(state.view.session_at, 19);
	sessions_fill(&state, 5, 0);
	cr_expect_eq(state.view.session_at, 5, "19 is gone, and so are those near it");
	top_keys_press(&state, TOP_KEY_HOME);
	cr_expect_eq(state.view.session_at, 1);
	top_state_fini(&state);
}

Test(top_page, only_y_evicts_and_only_what_was_named)
{
	struct top_state state;

	state_fill(&state, 1, 1);
	sessions_fill(&state, 3, 0);
	state.view.page = TOP_SESSIONS;
	top_keys_press(&state, TOP_KEY_DOWN);
	cr_expect_eq(top_keys_press(&state, 'e'), TOP_WISH_NOTHING);
	cr_expect(state.view.confirming);
	cr_expect_eq(top_keys_press(&state, 'n'), TOP_WISH_NOTHING);
	cr_expect_not(state.view.confirming);
	cr_expect_eq(top_keys_press(&state, 'y'), TOP_WISH_NOTHING, "nothing was asked");
	top_keys_press(&state, 'e');
	cr_expect_eq(top_keys_press(&state, 'y'), TOP_WISH_EVICT);
	cr_expect_eq(state.view.evict, 2);
	state.view.evict_forbidden = true;
	top_keys_press(&state, 'e');
	cr_expect_not(state.view.confirming);
	cr_expect(strstr(state.view.message, "not evict") != NULL);
	top_state_fini(&state);
}

Test(top_page, further_sessions_are_asked_for_by_cursor)
{
	struct top_state state;

	state_fill(&state, 1, 1);
	sessions_fill(&state, 30, 77);
	state.view.page = TOP_SESSIONS;

	const uint32_t version = state.view.sessions_version;

	cr_expect_eq(top_keys_press(&state, '>'), TOP_WISH_ASK);
	cr_expect_eq(state.view.sessions_after, 77);
	cr_expect_eq(state.view.sessions_before, 30);
	cr_expect_gt(state.view.sessions_version, version);
	sessions_fill(&state, 4, 0);
	cr_expect_eq(top_keys_press(&state, '>'), TOP_WISH_NOTHING);
	cr_expect_eq(top_keys_press(&state, '<'), TOP_WISH_ASK);
	cr_expect_eq(state.view.sessions_after, 0);
	top_state_fini(&state);
}

Test(top_page, a_pause_keeps_figures_and_not_the_last_sample)
{
	struct top_sample sample = {.taken_us = 9 * SECOND_US, .workers_count = 1};
	struct top_state state;

	state_fill(&state, 1, 1);
	top_keys_press(&state, 'p');
	sample.totals[TOP_received] = 1000000;
	cr_assert_eq(top_state_sample(&state, &sample), 0);
	cr_expect_float_eq(state.data.figures.per_second[TOP_received], 12345, 1e-6);
	cr_expect_eq(state.data.sample.totals[TOP_received], 1000000);
	top_keys_press(&state, 'p');
	cr_expect_not(state.view.paused);
	top_state_fini(&state);
}
