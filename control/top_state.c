// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_state.h"

#include <stdio.h>
#include <string.h>

static const double US_PER_SECOND = 1e6;

void top_state_init(struct top_state *state, uint32_t interval_ms)
{
	memset(state, 0, sizeof(*state));
	state->view.interval_ms = interval_ms;
	state->view.services_order = TOP_BY_TOTAL;
}

void top_state_fini(struct top_state *state)
{
	top_sample_fini(&state->data.sample);
	top_figures_fini(&state->data.figures);
	top_rows_fini(&state->data.services);
	top_sessions_fini(&state->data.sessions);
}

int top_state_sample(struct top_state *state, struct top_sample *sample)
{
	struct top_data *data = &state->data;
	int rc = 0;

	if (!state->view.paused) {
		top_figures_fini(&data->figures);
		rc = top_figures_init(&data->figures, data->sampled ? &data->sample : NULL, sample);
		data->figures_known = rc == 0;
		if (rc == 0)
			top_rows_sort(&data->figures.drops, state->view.drops_order);
	}
	if (data->sampled)
		top_sample_fini(&data->sample);
	data->sample = *sample;
	data->sampled = true;
	return rc;
}

void top_state_services(struct top_state *state, struct top_rows *services, uint64_t now_us)
{
	struct top_data *data = &state->data;

	top_rows_sort(&data->services, TOP_BY_NAME);
	top_rows_rate(services, data->services_known ? &data->services : NULL,
		      (double)(now_us - data->services_us) / US_PER_SECOND);
	top_rows_fini(&data->services);
	data->services = *services;
	data->services_us = now_us;
	data->services_known = true;
	top_state_sort(state);
}

void top_state_sessions(struct top_state *state, struct top_sessions *sessions, uint64_t next,
			uint64_t now_us)
{
	struct top_data *data = &state->data;

	sessions->taken_us = now_us;
	top_sessions_rate(sessions, &data->sessions);
	top_sessions_fini(&data->sessions);
	data->sessions = *sessions;
	data->sessions_next = next;
	data->sessions_known = true;
	top_state_sort(state);
}

void top_state_session(struct top_state *state, const struct top_session *session,
		       const struct top_channel *channels, uint64_t now_us)
{
	struct top_data *data = &state->data;
	struct top_session now = *session;

	if (data->session_known)
		top_session_rate(&now, &data->session,
				 (double)(now_us - data->session_us) / US_PER_SECOND);
	data->session = now;
	data->session_us = now_us;
	data->session_known = true;
	data->session_gone = false;
	memcpy(data->channels, channels, session->channels_count * sizeof(*channels));
}

void top_state_sessions_forget(struct top_state *state)
{
	top_sessions_fini(&state->data.sessions);
	state->data.sessions_known = false;
	state->data.sessions_next = 0;
	state->view.sessions_version++;
	state->view.sessions_at = 0;
	state->view.session_at = 0;
}

static int within(int at, uint32_t count)
{
	if (at >= (int)count)
		at = (int)count - 1;
	return at < 0 ? 0 : at;
}

// Notes what is selected by what it is, not by where it stands.
static void selected_note(struct top_state *state)
{
	const struct top_data *data = &state->data;
	struct top_view *view = &state->view;

	view->services_at = within(view->services_at, data->services.count);
	view->sessions_at = within(view->sessions_at, data->sessions.count);
	view->drops_at = within(view->drops_at, data->figures.drops.count);
	view->service_at[0] = '\0';
	view->session_at = 0;
	if (data->services.count > 0)
		memcpy(view->service_at, data->services.rows[view->services_at].name,
		       sizeof(view->service_at));
	if (data->sessions.count > 0)
		view->session_at = data->sessions.rows[view->sessions_at].handle;
}

void top_state_sort(struct top_state *state)
{
	struct top_data *data = &state->data;
	struct top_view *view = &state->view;

	top_rows_sort(&data->services, view->services_order);
	top_sessions_sort(&data->sessions, view->sessions_order);
	top_rows_sort(&data->figures.drops, view->drops_order);

	// Nothing was selected by hand at the first row: it stays the first.
	const int session = top_sessions_find(&data->sessions, view->session_at);

	if (session >= 0 && view->sessions_at > 0)
		view->sessions_at = session;
	for (uint32_t i = 0; view->services_at > 0 && i < data->services.count; i++) {
		if (strcmp(data->services.rows[i].name, view->service_at) == 0) {
			view->services_at = (int)i;
			break;
		}
	}
	selected_note(state);
}

void top_state_move(struct top_state *state, int rows)
{
	struct top_view *view = &state->view;

	if (view->page == TOP_OVERVIEW)
		view->services_at += rows;
	else if (view->page == TOP_SESSIONS)
		view->sessions_at += rows;
	else if (view->page == TOP_DROPS)
		view->drops_at += rows;
	selected_note(state);
}
