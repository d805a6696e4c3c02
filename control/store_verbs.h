// SPDX-License-Identifier: BSD-3-Clause
// What each verb does to a table of this process, and the batch in which it is done.
//
// Of whoever does the batch.
#pragma once

#include "control/store_local.h"

// What stands in one slice of a scan, copied.
struct store_found {
	struct store_key key;
	struct store_value value;
};

// What one job does. Bytes that answers and slices carry are copied: what a table tells is good
// until its transaction ends at most.
struct store_batch {
	uint32_t count;
	uint32_t bytes_used;
	uint32_t found_count;
	struct store_request *requests[STORE_BATCH_MAX];
	struct store_answer answers[STORE_BATCH_MAX];
	struct store_found found[STORE_SLICE_MAX];
	uint8_t bytes[STORE_BATCH_MAX * STORE_BODY_BYTES_MAX];
};

// Does one request within the table's transaction, and answers it.
// Returns 0, or an error of the table, which ends the transaction.
int store_verbs_apply(struct store_local *local, const struct store_request *request,
		      struct store_answer *answer);

// Copies bytes into the batch. Returns where they are.
const uint8_t *store_verbs_keep(struct store_batch *batch, const uint8_t *bytes, uint32_t len);
