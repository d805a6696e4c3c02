// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl metrics, info, version, drain, shutdown.
#include "control/verbs.h"

#include <stdio.h>

#include "control/rpc.h"
#include "holdfast/control.h"

int verbs_metrics(struct command_line *line)
{
	struct caller_result result;
	const int rc = verbs_call(line, "metrics.get", NULL, &result);
	uint32_t len;

	if (rc != EXIT_DONE)
		return rc;

	const char *text = caller_get_text(&result.result, "text", &len);

	if (line->json)
		verbs_json(&result.result);
	else
		fwrite(text, 1, len, stdout); // as it came: it is for one program
	caller_result_fini(&result);
	return EXIT_DONE;
}

int verbs_info(struct command_line *line)
{
	return verbs_show(line, "gateway.info", NULL);
}

// holdfastctl version asks no gateway.
int verbs_version(struct command_line *line)
{
	if (line->json)
		printf("{\"program\": \"holdfastctl %s\", \"version\": %d}\n", HOLDFAST_VERSION,
		       CONTROL_VERSION);
	else
		printf("holdfastctl %s, control interface %d\n", HOLDFAST_VERSION, CONTROL_VERSION);
	return EXIT_DONE;
}

static int stop(struct command_line *line, const char *method)
{
	struct verbs_params params;
	uint64_t deadline_ms;

	if (line->argc == 0)
		return verbs_show(line, method, NULL);
	if (!command_line_number(line->argv[0], 0, UINT32_MAX, &deadline_ms))
		return command_line_wrong(line, "the deadline is a number of milliseconds, not %s",
					  line->argv[0]);
	verbs_params_init(&params, 1);
	rpc_pack_key_uint(&params.packer, "deadline_ms", deadline_ms);

	const int rc = verbs_show(line, method, &params.buffer);

	msgpack_sbuffer_destroy(&params.buffer);
	return rc;
}

int verbs_drain(struct command_line *line)
{
	return stop(line, "gateway.drain");
}

int verbs_shutdown(struct command_line *line)
{
	return stop(line, "gateway.shutdown");
}
