// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_verbs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

const uint8_t *store_verbs_keep(struct store_batch *batch, const uint8_t *bytes, uint32_t len)
{
	uint8_t *kept = batch->bytes + batch->bytes_used;

	assert(len <= sizeof(batch->bytes) - batch->bytes_used);
	if (len > 0)
		memcpy(kept, bytes, len);
	batch->bytes_used += len;
	return kept;
}

static void answer_carry(struct store_batch *batch, struct store_answer *answer,
			 enum store_result result, const struct store_value *value)
{
	answer->result = result;
	answer->value = *value;
	answer->value.body = store_verbs_keep(batch, value->body, value->body_bytes);
}

static int row_write(struct store_local *local, const struct store_request *request,
		     const struct store_row *old, struct store_answer *answer)
{
	struct store_row row = {.over_ms = STORE_NEVER_MS, .value = request->value};
	int rc;

	if (request->life_ms > 0)
		row.over_ms = local->now_ms + request->life_ms;
	else if (old != NULL)
		row.over_ms = old->over_ms;
	rc = local->table->put(local, &request->key, &row, old == NULL);
	answer->result = rc == -EDQUOT ? STORE_UNAVAILABLE : STORE_OK;
	local->counted.full += rc == -EDQUOT;
	return rc == -EDQUOT ? 0 : rc;
}

static int row_refresh(struct store_local *local, const struct store_request *request,
		       struct store_answer *answer)
{
	struct store_row row = {.over_ms = local->now_ms + request->life_ms,
				.value = answer->value};
	int rc;

	if (request->life_ms == 0)
		return 0;
	rc = local->table->put(local, &request->key, &row, false);
	if (rc == -EDQUOT)
		answer->result = STORE_UNAVAILABLE;
	return rc == -EDQUOT ? 0 : rc;
}

static int row_remove(struct store_local *local, const struct store_request *request,
		      struct store_answer *answer)
{
	answer->result = STORE_OK;
	return local->table->remove(local, &request->key);
}

static int apply_absent(struct store_local *local, const struct store_request *request,
			struct store_answer *answer)
{
	if (request->verb == STORE_CREATE)
		return row_write(local, request, NULL, answer);
	answer->result = request->verb == STORE_DELETE ? STORE_OK : STORE_NOT_FOUND;
	return 0;
}

static int apply_present(struct store_local *local, const struct store_request *request,
			 const struct store_row *row, struct store_answer *answer)
{
	const bool generation = row->value.generation == request->expected_generation;
	const bool owner = row->value.owner == request->expected_owner;

	switch (request->verb) {
	case STORE_CREATE:
		answer_carry(local->batch, answer, STORE_EXISTS, &row->value);
		return 0;
	case STORE_LOAD:
		answer_carry(local->batch, answer, STORE_OK, &row->value);
		return row_refresh(local, request, answer);
	case STORE_UPDATE:
		return row_write(local, request, row, answer);
	case STORE_SWAP:
		if (generation)
			return row_write(local, request, row, answer);
		break;
	case STORE_DELETE:
		return row_remove(local, request, answer);
	default:
		if (generation && owner)
			return row_remove(local, request, answer);
		break;
	}
	answer_carry(local->batch, answer, STORE_CONFLICT, &row->value);
	return 0;
}

int store_verbs_apply(struct store_local *local, const struct store_request *request,
		      struct store_answer *answer)
{
	struct store_row row;
	int rc = local->table->get(local, &request->key, &row);

	*answer = (struct store_answer){.result = STORE_UNAVAILABLE};
	if (rc == 0 && store_local_over(local, row.over_ms))
		rc = -ENOENT;
	if (rc == 0)
		return apply_present(local, request, &row, answer);
	if (rc == -ENOENT)
		return apply_absent(local, request, answer);
	if (rc != -EBADMSG)
		return rc;
	answer->result = store_malformed(&local->counted, request->verb);
	return 0;
}
