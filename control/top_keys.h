// SPDX-License-Identifier: BSD-3-Clause
// What each key does to the view of holdfastctl top. Pure.
#pragma once

#include "control/top_state.h"

// Printable characters are themselves.
enum {
	TOP_KEY_TAB = '\t',
	TOP_KEY_ENTER = '\n',
	TOP_KEY_ESCAPE = 27,
	TOP_KEY_UP = 0x110000, // beyond all characters
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
};

enum top_wish {
	TOP_WISH_NOTHING, // drawing it again is all
	TOP_WISH_ASK,     // the page needs what was not asked for
	TOP_WISH_EVICT,   // the session that the view names
};

enum top_wish top_keys_press(struct top_state *state, int key);
