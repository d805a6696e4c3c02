// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_keys.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { FAR = INT_MAX / 4 };

static enum top_wish show(struct top_state *state, enum top_page page)
{
	state->view.page = page;
	return TOP_WISH_ASK;
}

static void session_open(struct top_state *state, uint64_t handle)
{
	if (state->view.open != handle) {
		state->data.session_known = false;
		state->data.session_gone = false;
	}
	state->view.open = handle;
	state->view.back = state->view.page;
}

static void sessions_from(struct top_state *state, uint64_t after, uint64_t before)
{
	top_state_sessions_forget(state);
	state->view.sessions_after = after;
	state->view.sessions_before = before;
}

static enum top_wish press_enter(struct top_state *state)
{
	struct top_view *view = &state->view;

	if (view->page == TOP_OVERVIEW && view->service_at[0] != '\0') {
		memcpy(view->service, view->service_at, sizeof(view->service));
		sessions_from(state, 0, 0);
		return show(state, TOP_SESSIONS);
	}
	if (view->page == TOP_SESSIONS && view->session_at != 0) {
		session_open(state, view->session_at);
		return show(state, TOP_SESSION);
	}
	return TOP_WISH_NOTHING;
}

static enum top_wish press_escape(struct top_state *state)
{
	struct top_view *view = &state->view;

	if (view->help) {
		view->help = false;
		return TOP_WISH_NOTHING;
	}
	if (view->page == TOP_SESSION)
		return show(state, view->back);
	if (view->page == TOP_SESSIONS && view->service[0] != '\0') {
		view->service[0] = '\0';
		sessions_from(state, 0, 0);
	}
	return show(state, TOP_OVERVIEW);
}

static enum top_wish press_tab(struct top_state *state)
{
	if (state->view.help || state->view.page == TOP_SESSION)
		return press_escape(state);
	return show(state, (enum top_page)((state->view.page + 1) % TOP_TABS));
}

// Sorts otherwise, and begins at the first row.
static void press_sort(struct top_state *state)
{
	struct top_view *view = &state->view;

	if (view->page == TOP_SESSIONS) {
		view->sessions_order = (view->sessions_order + 1) % TOP_SESSIONS_ORDERS;
		view->sessions_at = 0;
	} else if (view->page == TOP_DROPS) {
		view->drops_order = (view->drops_order + 1) % TOP_ORDERS;
		view->drops_at = 0;
	} else if (view->page == TOP_OVERVIEW) {
		view->services_order = (view->services_order + 1) % TOP_ORDERS;
		view->services_at = 0;
	}
	top_state_sort(state);
}

static enum top_wish press_next(struct top_state *state)
{
	struct top_view *view = &state->view;
	const uint64_t next = state->data.sessions_next;

	if (view->page != TOP_SESSIONS)
		return TOP_WISH_NOTHING;
	if (next == 0) {
		snprintf(view->message, sizeof(view->message), "these are the last sessions");
		return TOP_WISH_NOTHING;
	}
	sessions_from(state, next, view->sessions_before + state->data.sessions.count);
	return TOP_WISH_ASK;
}

static enum top_wish press_first(struct top_state *state)
{
	if (state->view.page != TOP_SESSIONS)
		return TOP_WISH_NOTHING;
	sessions_from(state, 0, 0);
	return TOP_WISH_ASK;
}

static void press_evict(struct top_state *state)
{
	struct top_view *view = &state->view;
	const struct top_data *data = &state->data;
	const struct top_session *session = NULL;

	if (view->page == TOP_SESSION && data->session_known && !data->session_gone)
		session = &data->session;
	else if (view->page == TOP_SESSIONS && data->sessions.count > 0)
		session = &data->sessions.rows[view->sessions_at];

	const char *refusal = session == NULL         ? "no session is selected"
			      : view->evict_forbidden ? "you may look, not evict"
			      : !data->connected      ? "no gateway is there"
						      : NULL;

	if (refusal != NULL) {
		snprintf(view->message, sizeof(view->message), "%s", refusal);
		return;
	}
	view->evict = session->handle;
	memcpy(view->evict_id, session->id, sizeof(view->evict_id));
	view->confirming = true;
}

static void press_move(struct top_state *state, int key)
{
	const int rows = state->view.page_rows > 1 ? state->view.page_rows : 1;
	const int moves[] = {
	    [TOP_KEY_UP - TOP_KEY_UP] = -1,         [TOP_KEY_DOWN - TOP_KEY_UP] = 1,
	    [TOP_KEY_PAGE_UP - TOP_KEY_UP] = -rows, [TOP_KEY_PAGE_DOWN - TOP_KEY_UP] = rows,
	    [TOP_KEY_HOME - TOP_KEY_UP] = -FAR,     [TOP_KEY_END - TOP_KEY_UP] = FAR};

	top_state_move(state, moves[key - TOP_KEY_UP]);
}

// Keys that only change what is shown.
static void press_other(struct top_state *state, int key)
{
	struct top_view *view = &state->view;

	if (key >= TOP_KEY_UP && key <= TOP_KEY_END)
		press_move(state, key);
	else if (key == 's')
		press_sort(state);
	else if (key == 'p')
		view->paused = !view->paused;
	else if (key == '?')
		view->help = !view->help;
	else if (key == 'e')
		press_evict(state);
}

enum top_wish top_keys_press(struct top_state *state, int key)
{
	struct top_view *view = &state->view;

	view->message[0] = '\0';
	if (view->confirming) {
		view->confirming = false;
		return key == 'y' || key == 'Y' ? TOP_WISH_EVICT : TOP_WISH_NOTHING;
	}
	switch (key) {
	case 'q':
		view->quit = true;
		return TOP_WISH_NOTHING;
	case TOP_KEY_ENTER:
		return view->help ? press_escape(state) : press_enter(state);
	case TOP_KEY_ESCAPE:
		return press_escape(state);
	case TOP_KEY_TAB:
		return press_tab(state);
	case '>':
		return press_next(state);
	case '<':
		return press_first(state);
	default:
		press_other(state, key);
		return TOP_WISH_NOTHING;
	}
}
