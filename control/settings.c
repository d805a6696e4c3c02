// SPDX-License-Identifier: BSD-3-Clause
// Defaults of the settings, and what is asked of them. Reading the file is settings_file.c.
#include "control/settings.h"

#include <stdio.h>
#include <string.h>

#include "holdfast/control.h"
#include "protocol/liveness.h"

enum {
	DEFAULT_SESSIONS = 1000000,
	DEFAULT_REPLAY_MIB = 1024,
	DEFAULT_REPLAY_SESSION_KIB = 256,
	DEFAULT_OPERATIONS = 100000,
	DEFAULT_RESUMES_PER_SECOND = 500000,
	DEFAULT_NEW_PER_SECOND = 100000,
	DEFAULT_NEW_PER_SOURCE = 100,
	DEFAULT_OPENINGS = 65536,
	DEFAULT_EVENTS = 65536,
};

void settings_defaults(struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->gateway.workers = 1;
	settings->gateway.port = WIRE_PORT_DEFAULT;
	snprintf(settings->gateway.name, sizeof(settings->gateway.name), "gateway");
	snprintf(settings->gateway.control, sizeof(settings->gateway.control),
		 CONTROL_SOCKET_DEFAULT);
	settings->session.max = DEFAULT_SESSIONS;
	settings->session.timeout_ms = LIVENESS_TIMEOUT_DEFAULT_MS;
	settings->session.grace_ms = LIVENESS_GRACE_DEFAULT_MS;
	settings->session.window = WIRE_WINDOW_DEFAULT;
	settings->replay.memory_bytes = (uint64_t)DEFAULT_REPLAY_MIB << 20;
	settings->replay.per_session_bytes = DEFAULT_REPLAY_SESSION_KIB << 10;
	settings->store.kind = SETTINGS_STORE_MEMORY;
	settings->store.required = true;
	snprintf(settings->store.prefix, sizeof(settings->store.prefix), "holdfast:");
	settings->operation.max = DEFAULT_OPERATIONS;
	settings->limits.resumes_per_second = DEFAULT_RESUMES_PER_SECOND;
	settings->limits.new_per_second = DEFAULT_NEW_PER_SECOND;
	settings->limits.new_per_source = DEFAULT_NEW_PER_SOURCE;
	settings->limits.openings = DEFAULT_OPENINGS;
	settings->limits.events = DEFAULT_EVENTS;
}

static bool prefix_has(const struct settings_prefix *prefix, const uint8_t *ip)
{
	const uint32_t whole = prefix->bits / 8;
	const uint32_t rest = prefix->bits % 8;
	const uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(prefix->ip, ip, whole) == 0 &&
	       (rest == 0 || ((prefix->ip[whole] ^ ip[whole]) & mask) == 0);
}

bool settings_prefixes_have(const struct settings_prefix *prefixes, uint32_t count,
			    const uint8_t ip[static 16])
{
	for (uint32_t i = 0; i < count; i++) {
		if (prefix_has(&prefixes[i], ip))
			return true;
	}
	return false;
}
