// SPDX-License-Identifier: BSD-3-Clause
// States of a session: every edge that there is, and none besides.
#include <criterion/criterion.h>

#include "protocol/session_state.h"

static const struct edge {
	enum session_state from, to;
	enum session_reason reason;
} edges[] = {
    {SESSION_FREE, SESSION_OPENING, SESSION_ADMITTED},
    {SESSION_OPENING, SESSION_CONNECTED, SESSION_CONFIRMED},
    {SESSION_OPENING, SESSION_FREE, SESSION_TIMED_OUT},
    {SESSION_OPENING, SESSION_FREE, SESSION_REFUSED},
    {SESSION_OPENING, SESSION_FREE, SESSION_LET_GO},
    {SESSION_CONNECTED, SESSION_DETACHED, SESSION_SILENT},
    {SESSION_CONNECTED, SESSION_DETACHED, SESSION_SLEEP},
    {SESSION_CONNECTED, SESSION_CLOSING, SESSION_CLOSED},
    {SESSION_CONNECTED, SESSION_CLOSING, SESSION_EVICTED},
    {SESSION_CONNECTED, SESSION_CLOSING, SESSION_SUPERSEDED},
    {SESSION_CONNECTED, SESSION_CLOSING, SESSION_BROKEN},
    {SESSION_CONNECTED, SESSION_FREE, SESSION_LET_GO},
    {SESSION_DETACHED, SESSION_CONNECTED, SESSION_CONFIRMED},
    {SESSION_DETACHED, SESSION_CLOSING, SESSION_CLOSED},
    {SESSION_DETACHED, SESSION_CLOSING, SESSION_EVICTED},
    {SESSION_DETACHED, SESSION_CLOSING, SESSION_EXPIRED},
    {SESSION_DETACHED, SESSION_CLOSING, SESSION_SUPERSEDED},
    {SESSION_DETACHED, SESSION_CLOSING, SESSION_BROKEN},
    {SESSION_DETACHED, SESSION_FREE, SESSION_LET_GO},
    {SESSION_CLOSING, SESSION_FREE, SESSION_ENDED},
    {SESSION_CLOSING, SESSION_FREE, SESSION_LET_GO},
};

enum { EDGES_COUNT = sizeof(edges) / sizeof(edges[0]) };

static bool listed(enum session_state from, enum session_state to, enum session_reason reason)
{
	for (uint32_t i = 0; i < EDGES_COUNT; i++) {
		if (edges[i].from == from && edges[i].to == to && edges[i].reason == reason)
			return true;
	}
	return false;
}

Test(session_state, each_edge_of_the_list_is_legal_and_no_other)
{
	uint32_t legal = 0;

	for (int from = 0; from < SESSION_STATES; from++) {
		for (int to = 0; to < SESSION_STATES; to++) {
			for (int reason = 0; reason < SESSION_REASONS; reason++) {
				legal += session_state_legal(from, to, reason);
				cr_expect_eq(session_state_legal(from, to, reason),
					     listed(from, to, reason), "%s -> %s: %s",
					     session_state_name(from), session_state_name(to),
					     session_reason_name(reason));
			}
		}
	}
	cr_expect_eq(legal, EDGES_COUNT);
}

Test(session_state, grace_ends_only_what_is_detached)
{
	cr_expect(session_state_legal(SESSION_DETACHED, SESSION_CLOSING, SESSION_EXPIRED));
	cr_expect_not(session_state_legal(SESSION_CONNECTED, SESSION_CLOSING, SESSION_EXPIRED));
}

Test(session_state, what_is_no_state_or_reason_has_no_edge)
{
	static const int beyond[] = {-1, SESSION_STATES, SESSION_STATES + 1, 31, 32, 255, 1 << 20};

	for (uint32_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		cr_expect_not(session_state_legal((enum session_state)beyond[i], SESSION_FREE,
						  SESSION_LET_GO));
		cr_expect_not(session_state_legal(SESSION_OPENING, (enum session_state)beyond[i],
						  SESSION_LET_GO));
	}
	for (int reason = SESSION_REASONS; reason < 100; reason++)
		cr_expect_not(session_state_legal(SESSION_CLOSING, SESSION_FREE,
						  (enum session_reason)reason));
	cr_expect_not(
	    session_state_legal(SESSION_CLOSING, SESSION_FREE, (enum session_reason) - 1));
}

Test(session_state, states_and_reasons_have_names)
{
	static const char *const states[] = {"FREE", "OPENING", "CONNECTED", "DETACHED", "CLOSING"};
	static const char *const reasons[] = {
	    "admitted", "confirmed", "timed out",  "refused", "silent", "sleep",  "closed",
	    "evicted",  "expired",   "superseded", "broken",  "ended",  "let go",
	};

	for (int i = 0; i < SESSION_STATES; i++)
		cr_expect_str_eq(session_state_name(i), states[i]);
	for (int i = 0; i < SESSION_REASONS; i++)
		cr_expect_str_eq(session_reason_name(i), reasons[i]);
	cr_expect_str_eq(session_state_name(SESSION_STATES), "?");
	cr_expect_str_eq(session_reason_name(SESSION_REASONS), "?");
	cr_expect_str_eq(session_state_name((enum session_state) - 1), "?");
	cr_expect_str_eq(session_reason_name((enum session_reason) - 1), "?");
}
