// SPDX-License-Identifier: BSD-3-Clause
// A list that comes page by page, printed as it comes: a table, or one array of JSON.
#pragma once

#include "control/verbs.h"

struct listing {
	const char *const *headings; // of the table, with their marks
	uint32_t columns;
	const char *method;
	const char *key; // of the array in its result; `next` beside it is the cursor
	// Packs the parameters of a page: from a cursor on, `left` items at most. NULL: it has
	// none.
	void (*pack)(const struct command_line *line, uint64_t after, uint32_t left,
		     struct verbs_params *params);
	// Appends one item. Returns 0 or -ENOMEM.
	int (*row)(struct table *table, const msgpack_object *item);
};

// Prints at most limit items, each page as soon as it is there. Ends early, with EXIT_DONE, where
// nobody reads stdout any more. What was begun is not completed after a failure: JSON then lacks
// its end. Returns an exit code.
int listing_print(struct command_line *line, const struct listing *listing, uint32_t limit);
