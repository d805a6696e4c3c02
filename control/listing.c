// SPDX-License-Identifier: BSD-3-Clause
#include "control/listing.h"

#include <stdio.h>

#include "control/json.h"
#include "control/terminal.h"

struct progress {
	struct table *table;
	uint64_t after; // cursor of the next page; 0: there is none
	uint32_t left;  // items that may still be printed
	bool begun;     // a page was printed
	bool first;     // no item was printed
};

static int page_call(struct command_line *line, const struct listing *listing,
		     const struct progress *progress, struct caller_result *result)
{
	struct verbs_params params;

	if (listing->pack == NULL)
		return verbs_call(line, listing->method, NULL, result);
	listing->pack(line, progress->after, progress->left, &params);

	const int rc = verbs_call(line, listing->method, &params.buffer, result);

	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

// Returns 0 or -ENOMEM.
static int items_print(const struct command_line *line, const struct listing *listing,
		       const msgpack_object *items, struct progress *progress)
{
	const msgpack_object *item;

	for (uint32_t i = 0; progress->left > 0 && (item = verbs_item(items, i)) != NULL; i++) {
		progress->left--;
		if (line->json) {
			fputs(progress->first ? "" : ",\n", stdout);
			json_print(stdout, item);
		} else {
			const int rc = listing->row(progress->table, item);

			if (rc != 0)
				return rc;
		}
		progress->first = false;
	}
	if (!line->json)
		table_print(progress->table, stdout);
	return 0;
}

static int page_print(struct command_line *line, const struct listing *listing,
		      struct progress *progress)
{
	struct caller_result result;
	int rc = page_call(line, listing, progress, &result);

	if (rc != EXIT_DONE)
		return rc;
	if (line->json && !progress->begun)
		putchar('[');
	progress->begun = true;
	rc = items_print(line, listing, caller_get(&result.result, listing->key), progress);
	const uint64_t next = caller_get_uint(&result.result, "next");
	const bool goes_on = next == 0 || next > progress->after;

	progress->after = next;
	caller_result_fini(&result);
	if (!goes_on) {
		fputs("holdfastctl: the gateway goes back in its list: this is no gateway\n",
		      stderr);
		return EXIT_REFUSED;
	}
	if (rc == 0)
		return EXIT_DONE;
	fputs("holdfastctl: out of memory\n", stderr);
	return EXIT_REFUSED;
}

int listing_print(struct command_line *line, const struct listing *listing, uint32_t limit)
{
	struct progress progress = {
	    .table = table_create(listing->headings, listing->columns),
	    .left = limit,
	    .first = true,
	};
	int rc;

	if (progress.table == NULL) {
		fputs("holdfastctl: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	do {
		rc = page_print(line, listing, &progress);
	} while (rc == EXIT_DONE && progress.after != 0 && progress.left > 0 && terminal_flush());
	if (line->json && rc == EXIT_DONE)
		puts("]");
	table_destroy(progress.table);
	return rc;
}
