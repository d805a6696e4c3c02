// SPDX-License-Identifier: BSD-3-Clause
// The methods about the configuration.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_pack.h"
#include "control/gateway_config.h"
#include "control/methods.h"

static void refuse(const struct methods_call *call, int rc, const char *error)
{
	const char *code = CONTROL_ERROR_INVALID_PARAMS;

	if (rc == -ENOENT)
		code = CONTROL_ERROR_NOT_FOUND;
	else if (rc == -EPERM)
		code = CONTROL_ERROR_RESTART_NEEDED;
	else if (rc == -ENOMEM || rc == -ENOTSUP || rc == -EBUSY)
		code = CONTROL_ERROR_UNAVAILABLE;
	rpc_error(call->packer, call->call->id, code, error);
}

// A copy of a text parameter, which the caller frees. NULL where it is absent, or after an answer
// with *refused set. A number does for a value, too.
static char *text_of(const struct methods_call *call, const char *name, bool *refused)
{
	const char *text;
	char *copy = NULL;
	uint32_t len;
	uint64_t number;
	const int rc = rpc_param_text(call->request, name, &text, &len);

	if (rc == 0 && memchr(text, '\0', len) == NULL)
		copy = strndup(text, len);
	else if (rc == -EINVAL && rpc_param_uint(call->request, name, 0, UINT64_MAX, &number) == 0)
		copy = asprintf(&copy, "%" PRIu64, number) >= 0 ? copy : NULL;
	*refused = copy == NULL && rc != -ENOENT;
	if (*refused)
		methods_invalid(call, name, "a text is wanted");
	return copy;
}

void methods_config_get(const struct methods_call *call)
{
	const struct config *config = gateway_config(call->methods->gateway);
	char error[SETTINGS_ERROR_BYTES] = "this gateway has no configuration file";
	msgpack_sbuffer keys;
	msgpack_packer packer;
	bool refused;
	char *key = text_of(call, "key", &refused);
	int rc = -ENOTSUP;

	if (refused)
		return;
	msgpack_sbuffer_init(&keys);
	msgpack_packer_init(&packer, &keys, msgpack_sbuffer_write);
	if (config != NULL)
		rc = config_pack_keys(config, key, &packer, error);
	if (rc == 0) {
		rpc_answer(call->packer, call->call->id);
		msgpack_pack_map(call->packer, 1);
		rpc_pack_text(call->packer, "keys");
		call->packer->callback(call->packer->data, keys.data, keys.size);
	} else {
		refuse(call, rc, error);
	}
	msgpack_sbuffer_destroy(&keys);
	free(key);
}

static void answer(const struct methods_call *call, struct config_report *report)
{
	rpc_answer(call->packer, call->call->id);
	msgpack_pack_map(call->packer, 2);
	rpc_pack_text(call->packer, "changed");
	config_pack_changes(&report->changed, call->packer);
	rpc_pack_text(call->packer, "pending");
	config_pack_changes(&report->pending, call->packer);
	config_report_fini(report);
}

void methods_config_set(const struct methods_call *call)
{
	char error[SETTINGS_ERROR_BYTES];
	struct config_report report;
	bool refused;
	char *key = text_of(call, "key", &refused);

	if (refused)
		return;
	char *value = text_of(call, "value", &refused);

	if (!refused && (key == NULL || value == NULL)) {
		methods_invalid(call, key == NULL ? "key" : "value", "is missing");
	} else if (!refused) {
		const int rc = gateway_set(call->methods->gateway, key, value, &report, error);

		if (rc == 0)
			answer(call, &report);
		else
			refuse(call, rc, error);
	}
	free(value);
	free(key);
}

void methods_config_reload(const struct methods_call *call)
{
	char error[SETTINGS_ERROR_BYTES];
	struct config_report report;
	const int rc = gateway_reload(call->methods->gateway, &report, error);

	if (rc == 0)
		answer(call, &report);
	else if (rc == -ENOMEM || rc == -ENOTSUP || rc == -EBUSY)
		refuse(call, rc, error);
	else
		rpc_error(call->packer, call->call->id, CONTROL_ERROR_INVALID_CONFIG, error);
}
