// SPDX-License-Identifier: BSD-3-Clause
// What holdfastctl top knows of the gateway, and what its user looks at. Pages are drawn from here
// alone; keys change the view, answers change the data.
//
// One thread. Pure but for memory.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/top_model.h"
#include "control/top_sessions.h"

enum {
	TOP_ROWS_MIN = 10,
	TOP_COLUMNS_MIN = 40,
	TOP_MESSAGE_BYTES = 320,
	TOP_CLOCK_BYTES = 9,
};

struct top_info {
	char gateway[TOP_NAME_BYTES];
	char build[TOP_NAME_BYTES];
	char state[TOP_STATE_BYTES];
	uint64_t uptime_ms;
	uint64_t sessions_max;
};

// Each part is valid where its flag says so; what is valid stays while the gateway is away.
struct top_data {
	bool connected;
	char trouble[TOP_MESSAGE_BYTES]; // why not connected, or why nothing comes; else empty

	bool info_known, sampled, figures_known, services_known, sessions_known, session_known;
	struct top_info info;
	struct top_sample sample; // the last one, valid if sampled
	struct top_figures figures;
	struct top_rows services; // in the view's order
	uint64_t services_us;
	struct top_sessions sessions; // in the view's order
	uint64_t sessions_next;       // cursor behind them, 0: none
	struct top_session session;   // the open one
	uint64_t session_us;
	struct top_channel channels[TOP_CHANNELS_MAX];
	bool session_gone;
};

enum top_page { TOP_OVERVIEW, TOP_SESSIONS, TOP_DROPS, TOP_TABS, TOP_SESSION = TOP_TABS };

struct top_view {
	enum top_page page;
	bool help, paused;
	uint32_t interval_ms;
	char clock[TOP_CLOCK_BYTES];
	char message[TOP_MESSAGE_BYTES]; // of the last key; empty: none

	enum top_order services_order, drops_order;
	enum top_sessions_order sessions_order;
	int services_at, sessions_at, drops_at; // selected rows
	int page_rows;                          // rows of the list drawn last
	char service_at[TOP_NAME_BYTES];        // what is selected, so that it stays so when sorted
	uint64_t session_at;                    // its handle

	char service[TOP_NAME_BYTES]; // sessions of this service only; empty: all
	uint64_t sessions_after;      // cursor of the sessions shown
	uint64_t sessions_before;     // how many sessions stand before them
	uint32_t sessions_version;    // grows when other sessions are wanted: answers to older
				      // requests are late

	uint64_t open;      // handle of the open session
	enum top_page back; // where Esc leads from it
	bool confirming;    // waits for y
	uint64_t evict;     // handle of the session to be evicted then
	char evict_id[TOP_ID_BYTES];
	bool evict_forbidden; // the gateway said so
	bool quit;
};

struct top_state {
	struct top_data data;
	struct top_view view;
};

// All fresh but the interval.
void top_state_init(struct top_state *state, uint32_t interval_ms);
void top_state_fini(struct top_state *state);

// Takes over a sample. While paused only the sample is kept, so that rates go on afterwards.
// Returns 0 or -ENOMEM; the sample is taken in both cases.
int top_state_sample(struct top_state *state, struct top_sample *sample);

// Take over rows; they get rates since the last ones, and the view's order.
void top_state_services(struct top_state *state, struct top_rows *services, uint64_t now_us);
void top_state_sessions(struct top_state *state, struct top_sessions *sessions, uint64_t next,
			uint64_t now_us);

// Copies the open session, with its channels_count channels.
void top_state_session(struct top_state *state, const struct top_session *session,
		       const struct top_channel *channels, uint64_t now_us);

// Sorts what is shown by the view's orders, and keeps the selected rows selected.
void top_state_sort(struct top_state *state);

// Moves the selection of the page by so many rows, within its list.
void top_state_move(struct top_state *state, int rows);

// Forgets all of one list, for other sessions are wanted.
void top_state_sessions_forget(struct top_state *state);
