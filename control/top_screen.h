// SPDX-License-Identifier: BSD-3-Clause
// The terminal of holdfastctl top, through ncurses: canvases out, keys in.
//
// One thread, one terminal: standard output and input. What the terminal was before comes back by
// top_screen_end(), which every way out of the program calls.
#pragma once

#include "control/top_canvas.h"

// Takes the terminal. Returns 0 or -ENOTTY: it cannot do what is needed, or TERM names none.
int top_screen_begin(void);
void top_screen_end(void);

// The terminal's size now; takes notice of a change.
void top_screen_size(int *rows, int *columns);

void top_screen_show(const struct top_canvas *canvas);

// The next key as top_keys_press() takes it, without waiting; 0: none.
int top_screen_key(void);
