// SPDX-License-Identifier: BSD-3-Clause
#include "control/config_pack.h"

#include <string.h>

static void pack_text(msgpack_packer *packer, const char *text)
{
	if (text == NULL)
		msgpack_pack_nil(packer);
	else
		msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void pack_pair(msgpack_packer *packer, const char *key, const char *text)
{
	pack_text(packer, key);
	pack_text(packer, text);
}

static void pack_true(msgpack_packer *packer, bool claim)
{
	if (claim)
		msgpack_pack_true(packer);
	else
		msgpack_pack_false(packer);
}

struct packing {
	uint32_t count;
	msgpack_packer packer;
};

static void pack_row(void *context, const struct config_row *row)
{
	struct packing *packing = context;
	msgpack_packer *packer = &packing->packer;

	packing->count++;
	msgpack_pack_map(packer, row->waits ? 6 : 5);
	pack_pair(packer, "key", row->key);
	pack_pair(packer, "value", row->value);
	pack_pair(packer, "default", row->usual);
	pack_pair(packer, "source", row->source);
	pack_text(packer, "live");
	pack_true(packer, row->live);
	if (row->waits)
		pack_pair(packer, "pending", row->pending);
}

int config_pack_keys(const struct config *config, const char *key, msgpack_packer *packer,
		     char error[static SETTINGS_ERROR_BYTES])
{
	struct packing packing = {.count = 0};
	msgpack_sbuffer rows;

	msgpack_sbuffer_init(&rows);
	msgpack_packer_init(&packing.packer, &rows, msgpack_sbuffer_write);
	const int rc = config_each(config, key, pack_row, &packing, error);

	if (rc == 0) {
		msgpack_pack_array(packer, packing.count);
		packer->callback(packer->data, rows.data, rows.size);
	}
	msgpack_sbuffer_destroy(&rows);
	return rc;
}

void config_pack_changes(const struct config_changes *changes, msgpack_packer *packer)
{
	msgpack_pack_array(packer, changes->count);
	for (uint32_t i = 0; i < changes->count; i++) {
		const struct config_change *change = &changes->items[i];

		msgpack_pack_map(packer, change->was_set ? 4 : 3);
		pack_pair(packer, "key", change->key);
		pack_pair(packer, "old", change->old);
		pack_pair(packer, "new", change->new);
		if (!change->was_set)
			continue;
		pack_text(packer, "was_set");
		pack_true(packer, true);
	}
}

void config_pack_warnings(const struct settings_warnings *warnings, msgpack_packer *packer)
{
	msgpack_pack_array(packer, warnings->count);
	for (uint32_t i = 0; i < warnings->count; i++)
		pack_text(packer, warnings->lines[i]);
}
